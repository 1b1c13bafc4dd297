"""The cycle engine beside SCALE-Sim on one layer: the same clocks, and how long each takes.

SCALE-Sim 3.0.0 needs an older numpy, so that it lives in an environment of its own: name its Python
in ``HWSIM_SCALESIM_PYTHON`` (``python3 -m venv S && S/bin/pip install scalesim "numpy<2.4"``).
"""

import os
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.workloads import Product
from oracles.small_layers import plain, register, schedule_of

from hwsim.array.cycle import execute

LAYER = Product(m=49, k=256, n=512)  # ResNet-18's 1 x 1 layer of 512 channels
SIDE, BITS = 16, 20
CONFIGURATION = """\
[general]
run_name = one
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
[architecture_presets]
ArrayHeight: 16
ArrayWidth: 16
IfmapSramSzkB: 64
FilterSramSzkB: 64
OfmapSramSzkB: 64
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Dataflow: ws
Bandwidth: 10
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
IfmapCustomLayout: False
FilterCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
"""
PROGRAM = """
import time
from scalesim.scale_sim import scalesim
start = time.perf_counter()
files = {"config": "c.cfg", "topology": "t.csv", "layout": "l.csv"}
one = scalesim(save_disk_space=True, verbose=False, input_type_gemm=True, **files)
one.run_scale(top_path="out")
print(time.perf_counter() - start)
"""


@pytest.fixture
def scalesim(table, tmp_path):
    """Cycles and seconds that it gives for the layer."""
    python = os.environ.get("HWSIM_SCALESIM_PYTHON")
    if not python:
        table.missing("SCALE-Sim", "HWSIM_SCALESIM_PYTHON names no Python that has it")
        pytest.skip("HWSIM_SCALESIM_PYTHON names no Python with SCALE-Sim")
    (tmp_path / "c.cfg").write_text(CONFIGURATION)
    (tmp_path / "t.csv").write_text(f"Layer,M,N,K,\nconv,{LAYER.m},{LAYER.n},{LAYER.k},\n")
    (tmp_path / "l.csv").write_text("Layer," + "x," * 20 + "\nconv," + "1," * 20 + "\n")
    said = subprocess.run(
        [python, "-c", PROGRAM], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    report = (tmp_path / "out/one/COMPUTE_REPORT.csv").read_text().splitlines()[1]
    return int(report.split(",")[2]), float(said.split()[-1])


def test_one_layer_beside_scalesim(table, scalesim, benchmark):
    """SCALE-Sim makes addresses alone; ours makes every sum of every PE, and its ledger."""
    cycles, theirs = scalesim
    a, w = (x.astype(np.int32) for x in LAYER.operands())
    datapath = plain("weight_stationary", a[None, None], w[None], SIDE, bits=24)
    datapath = replace(datapath, chain=(register(BITS),))
    schedule = schedule_of("weight_stationary", SIDE, SIDE, 1, LAYER.m, LAYER.k, LAYER.n)
    assert schedule.cycles == cycles + 1
    times = []

    def ours():
        start = time.perf_counter()
        execute(datapath, schedule)
        times.append(time.perf_counter() - start)

    ours()
    benchmark.pedantic(ours, rounds=9)
    name = f"layer {LAYER.n}x{LAYER.k}x{LAYER.m}, 16x16 weight-stationary"
    seconds = float(np.median(times[1:])), theirs
    ratio = table.add(name, "cycle engine, full ledger", "SCALE-Sim, no values", seconds)
    assert ratio >= 100
