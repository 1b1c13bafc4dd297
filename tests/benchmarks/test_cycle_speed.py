"""Speed of the register-transfer level, as a ratio to the numpy form in the same run.

Beside Verilator: `test_rtl`.
"""

import time
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.conftest import PLAIN
from benchmarks.workloads import RESNET_18, Product
from oracles.small_layers import plain, register, schedule_of

from hwsim.array.cycle import execute
from hwsim.array.cycle_clocks import SUM
from hwsim.array.cycle_fold import run_fold, stage
from hwsim.array.vector.instructions import CHOSEN

SIDE, SAMPLES, BITS = 16, 784, 20


def numpy_array(a_edge, w, lo, hi):
    """One clock = vector operations over all 256 PEs, saturating."""
    a, sums = np.zeros((2, SIDE, SIDE), np.int32)
    out = np.zeros((len(a_edge), SIDE), np.int32)
    for t in range(len(a_edge)):
        a[:, 1:] = a[:, :-1]
        a[:, 0] = a_edge[t]
        presented = w * a
        presented[1:] += sums[:-1]
        sums = np.clip(presented, lo, hi)
        out[t] = sums[-1]
    return out


def median_seconds(function, rounds):
    """Median time of one call, after one that compiles."""
    function()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


@pytest.fixture(scope="module")
def tile():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (SAMPLES, SIDE)).astype(np.int32)
    w = rng.integers(-127, 128, (SIDE, SIDE)).astype(np.int32)
    schedule = schedule_of("weight_stationary", SIDE, SIDE, 1, SAMPLES, SIDE, SIDE)
    return w, schedule, stage(schedule, x, w, np.int32)


@pytest.mark.parametrize(("ledger", "goal"), [(False, 50), (True, 22)])
def test_windowed_array_outruns_numpy(tile, ledger, goal, benchmark):
    """Floors are five eighths of the goals, 80 and 35: a noisy machine still shows them."""
    w, schedule, streams = tile
    r = register(BITS)
    a_edge = streams.a_edge[SIDE:]  # the peer starts with its weights in place

    def peer():
        return numpy_array(a_edge, w, np.int32(r.lo), np.int32(r.hi))

    def ours():
        return run_fold(streams, r, schedule, 0, 0, ledger=ledger)

    stored = ours()[0][SUM]
    skew = np.arange(SAMPLES)[:, None] + SIDE - 1 + np.arange(SIDE)
    assert np.array_equal(peer()[skew, np.arange(SIDE)], stored)
    ratio = max(median_seconds(peer, 3) / median_seconds(ours, 31) for _ in range(3))
    benchmark.extra_info["ratio"] = round(ratio, 1)
    benchmark.extra_info["kilocycles_per_second"] = round(
        schedule.fold_cycles / median_seconds(ours, 31) / 1e3
    )
    benchmark.pedantic(ours, rounds=20)
    assert ratio >= goal


def weight_stationary_layers(chain_bits):
    """ResNet-18's convolutions on a 16 x 16 array: datapath, schedule, times."""
    for seed, (image, channels, kernel, stride, out, times) in enumerate(RESNET_18):
        side = -(-image // stride)
        product = Product(side**2, channels * kernel**2, out)
        a, w = (x.astype(np.int32) for x in product.operands(seed))
        datapath = plain("weight_stationary", a[None, None], w[None], SIDE, bits=24)
        datapath = replace(datapath, chain=(register(chain_bits),))
        shape = product.m, product.k, product.n
        yield datapath, schedule_of("weight_stationary", SIDE, SIDE, 1, *shape), times


@pytest.mark.skipif(CHOSEN is None, reason="no vector instructions here")
@pytest.mark.parametrize(("chain_bits", "goal"), [(BITS, 685), (12, 150)])
def test_resnet_18_end_to_end_outruns_numpy(tile, chain_bits, goal, table, benchmark):
    """Every register of every fold, values and full ledger: without events, and with 134 million.

    PE-clocks per second beside those of the numpy form on one tile; floors are half of the goals:
    685 is 12e9 to 17.5e6 where both were measured alone.
    """
    w, _, streams = tile
    r, a_edge = register(BITS), streams.a_edge[SIDE:]
    peer = len(a_edge) / median_seconds(
        lambda: numpy_array(a_edge, w, np.int32(r.lo), np.int32(r.hi)), 5
    )
    seconds, clocks, events = 0.0, 0, 0
    for datapath, schedule, times in weight_stationary_layers(chain_bits):
        events += execute(datapath, schedule).chain.events
        seconds += times * median_seconds(lambda d=datapath, s=schedule: execute(d, s), 5)
        clocks += times * schedule.cycles
    assert (events > 0) == (chain_bits < BITS)
    floor = goal / 2 * (1 if CHOSEN.words == 16 else PLAIN)
    name = f"ResNet-18, 16x16 weight-stationary, chain of {chain_bits} bits"
    what = f"cycle engine, full ledger, {clocks * SIDE**2 / seconds / 1e9:.1f} G PE-clocks/s"
    benchmark.pedantic(lambda: execute(datapath, schedule), rounds=3)
    ratio = table.add(name, what, "numpy, clock by clock", (seconds, clocks / peer), goal)
    benchmark.extra_info["ratio"] = round(ratio)
    benchmark.extra_info["rate"] = what
    assert ratio >= floor
