"""Peak memory: of a network's full ledger, and of one image more."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LEDGER = 300  # MB: ResNet-18, one image, full ledger, no trace
IMAGE = 0.5  # MB: one image more of ResNet-8; its codes, a byte each, are 0.13

RESNET_18 = """
import numpy as np
from benchmarks.workloads import resnet_18
from hwsim.importers import hardware
from hwsim.network import run
graph = resnet_18()
x = np.random.default_rng(0).integers(0, 256, (1, *graph.tensors["x"].shape))
found = run.run(graph, hardware.load("edge_os_16x16"), {"x": x})
assert sum(layer.macs for layer in found.layers.values()) == 1_813_561_344
"""
RESNET_8 = """
import sys
import numpy as np
import hwsim
graph = hwsim.load_model(sys.argv[1]).graph
x = np.random.default_rng(0).integers(-128, 128, (int(sys.argv[2]), 32, 32, 3))
hwsim.simulate(graph, "edge_os_16x16", x)
"""
PEAK = """
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
LAUNCHER = """
import subprocess, sys
done = subprocess.run([sys.executable, *sys.argv[1:]], check=True, capture_output=True)
print(done.stdout.decode())
"""  # a child's peak begins with the size of the process that forked it


def peak_mb(program, *words):
    """Of a process of its own."""
    command = [sys.executable, "-c", LAUNCHER, "-c", program + PEAK, *words]
    said = subprocess.run(command, cwd=TESTS, check=True, capture_output=True, text=True).stdout
    return int(said) / (1e6 if sys.platform == "darwin" else 1e3)


def test_full_ledger_of_resnet_18_is_lean(table, benchmark):
    peaks = [peak_mb(RESNET_18)]  # compiles what is not in the kernel cache
    benchmark.pedantic(lambda: peaks.append(peak_mb(RESNET_18)), rounds=1)
    table.note("peak memory, ResNet-18, full ledger", f"{peaks[-1]:.0f} MB", f"{LEDGER} MB")
    assert peaks[-1] < LEDGER


@pytest.mark.slow
def test_memory_grows_by_the_codes_of_an_image_alone(table, benchmark, shared):
    path = str(shared / "data" / "models" / "ic_resnet8_int8.tflite")
    few, many, peaks = 96, 288, []
    peak_mb(RESNET_8, path, str(few))  # compiles what is not in the kernel cache
    benchmark.pedantic(
        lambda: peaks.extend(peak_mb(RESNET_8, path, str(n)) for n in (few, many)), rounds=1
    )
    growth = (peaks[-1] - peaks[-2]) / (many - few)
    what = "memory of one image more, ResNet-8, simulate"
    table.note(what, f"{growth:.2f} MB", f"{IMAGE} MB")
    assert growth < IMAGE
