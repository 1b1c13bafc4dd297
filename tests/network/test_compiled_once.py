"""A first run compiles no kernel twice for types that differ in what it need not know."""

import os
import subprocess
import sys
from pathlib import Path

RUNS = """
import gc, re
from numba.core.registry import CPUDispatcher
from hwsim import models
from hwsim.importers import hardware
from hwsim.network import run

graph, data = models.load("digits")
columns = hardware.load("edge_ws_16x16", ["accumulator.bits=14", "chain.bits=13"])
for machine in (columns, hardware.load("edge_os_16x16", ["accumulator.bits=14"])):
    for images in (3, 1):
        for way in ({}, {"list_events": True}):
            run.run(graph, machine, {"image": data.X[:images]}, **way)
order = re.compile(r"readonly |, '?[ACF]'?(?=[,)])|, (?:True|False)(?=,)")
kernels = [one for one in gc.get_objects() if type(one) is CPUDispatcher and one.signatures]
assert len(kernels) > 8, len(kernels)
for one in kernels:
    types = [order.sub("", str(signature)) for signature in one.signatures]
    for twice in sorted({each for each in types if types.count(each) > 1}):
        print(one.py_func.__module__, one.py_func.__name__, twice)
"""


def test_no_kernel_is_compiled_twice_for_an_order_in_memory():
    """A view beside a copy, or an array that nobody may write: it was a second of cold runs."""
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "NUMBA_DISABLE_JIT": "0"}
    run = subprocess.run(
        [sys.executable, "-c", RUNS], env=os.environ | environment, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.stdout == ""
