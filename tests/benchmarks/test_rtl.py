"""Simulated clocks per second: the cycle engine, and Verilator on the same array."""

import time

import numpy as np
import pytest
from vectors.cosim_cases import case

from hwsim.array.cycle import execute
from hwsim.errors import HwsimError
from hwsim.rtl import sources
from hwsim.vectors.bundle import write
from hwsim.vectors.cosim import Choice, cosim
from hwsim.vectors.cosim_verdict import STREAMS
from hwsim.vectors.golden import Bundle

SIDE = 16
PEERS = ["verilator"]  # Icarus takes minutes


@pytest.fixture(scope="module")
def layer():
    """A 16 x 16 weight-stationary array, one image of 256 pixels, 32 taps and 32 channels."""
    return case(runs=1, m=256, k=32, n=32, array__rows=SIDE, array__cols=SIDE)


@pytest.fixture(scope="module")
def bundle(layer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rtl") / "bundle"
    write(layer, folder)
    return Bundle.open(folder)


def engine_rate(layer):
    """Compute clocks per second of the cycle engine, ledger on."""
    run = layer.runs[0]
    execute(run.datapath, run.schedule)
    times = []
    for _ in range(11):
        start = time.perf_counter()
        execute(run.datapath, run.schedule)
        times.append(time.perf_counter() - start)
    return run.schedule.cycles / float(np.median(times))


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_the_cycle_engine_beside_a_simulator_of_its_rtl(name, layer, bundle, tmp_path, capsys):
    """Both rates of one array; the simulator's without its build, with its streams."""
    try:
        result = cosim(bundle, Choice(name, tuple(sources()), seconds=900), tmp_path)
    except HwsimError as error:
        pytest.skip(str(error))
    assert result.worst is None, result.worst
    check = next(one for one in result.checks if one.name == f"{STREAMS} seed 0")
    ours, theirs = engine_rate(layer), check.clocks / check.seconds
    with capsys.disabled():
        print(f"\n{SIDE} x {SIDE}: cycle engine {ours:,.0f}, {name} {theirs:,.0f} clocks/s, "
              f"ratio {ours / theirs:,.1f}")  # fmt: skip
    assert min(ours, theirs) > 0
