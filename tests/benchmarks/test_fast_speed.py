"""The fast engine against a numpy loop over K that clips and counts, on ResNet-8's layers.

Ratios of one process on one core; only they carry over to another machine. The engine's result is
the whole ledger: events by channel and step, both classes, ranges of every exact sum, the first
place. The peer only counts events. The goal is 10; what is reached stands in the README.
"""

import platform
import time

import numpy as np
import pytest
from benchmarks.moments import at_least, in_some_moment

from hwsim.array import fast
from hwsim.array.dataflow import Schedule
from hwsim.array.fast_tiles import run_tiles
from hwsim.array.gemm import Datapath, Register
from hwsim.array.specification import ArraySpec
from hwsim.array.vector.instructions import CHOSEN

SAMPLES = 4
RESNET_8 = [  # pixels, K, channels of every convolution, input 32 x 32 x 3
    (1024, 27, 16),
    *[(1024, 144, 16)] * 2,
    (256, 144, 32),
    (256, 288, 32),
    (256, 16, 32),
    (64, 288, 64),
    (64, 576, 64),
    (64, 32, 64),
]
WRAP, SATURATE = 0, 1


def register(bits, overflow):
    return Register(bits, -(1 << bits - 1), (1 << bits - 1) - 1, overflow, 0)


def schedule_of(flow, shape, rows=16):
    array = ArraySpec(dataflow=flow, rows=rows, cols=rows, k_order=["ky", "kx", "ic"])
    return Schedule(array, 1, *shape)


def datapath_of(shape, bits, *, chain=None, overflow=SATURATE, samples=SAMPLES):
    """Half-normal activations, 45 % of them zero, and normal weights."""
    m, k, n = shape
    rng = np.random.default_rng(m + k + n)
    a = np.minimum(np.abs(rng.normal(0, 60, (samples, 1, m, k))), 255).astype(np.int32)
    a[rng.random(a.shape) < 0.45] = 0
    a = np.ascontiguousarray(a.transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2)  # as im2col lays it
    return Datapath(
        a=a,
        w=np.clip(np.rint(rng.normal(0, 30, (1, k, n))), -127, 127).astype(np.int32),
        preload=None,
        row_sum=None,
        w_zero_point=np.zeros((1, n), np.int64),
        last=None,
        drop_bits=0,
        product_rounding=0,
        chain=() if chain is None else (register(chain, WRAP),),
        accumulator=register(bits, overflow),
        check_final=False,
        ranges=((0, 255), (-127, 127)),
    )


def numpy_loop(a, w, lo, hi):
    """The peer: one register, saturating, events counted; all pixels side by side."""
    acc = np.zeros((a.shape[0], w.shape[1]), np.int32)
    events = 0
    for k in range(a.shape[1]):
        presented = acc + a[:, k, None] * w[k]
        acc = np.clip(presented, lo, hi)
        events += np.count_nonzero(acc != presented)
    return acc, events


PLAIN = 0.35  # of every ratio, with less than 512-bit vectors
FLOORS = {  # least ratio: what a busy machine still shows, also where numpy is quick; measured
    # figures are in the README
    ("output_stationary", 20): 7,
    ("output_stationary", 16): 3.8,
    ("output_stationary", 12): 3.5,
    ("weight_stationary", 20): 6,
    ("weight_stationary", 16): 4,
    ("weight_stationary", 12): 3.7,
}


def interleaved(function, peer, rounds=7):
    """Least seconds of both, run in turn, so that what else runs here slows both."""
    function(), peer()
    times = np.empty((2, rounds))
    for i in range(rounds):
        for which, run in enumerate((function, peer)):
            start = time.process_time()
            run()
            times[which, i] = time.process_time() - start
    return times.min(axis=1)


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize(("flow", "bits"), FLOORS)
def test_full_ledger_is_several_times_as_fast_as_a_numpy_loop(benchmark, flow, bits):
    chain = 20 if flow == "weight_stationary" else None
    layers = [
        (datapath_of(shape, bits, chain=chain), schedule_of(flow, shape)) for shape in RESNET_8
    ]
    codes = [
        (d.a.reshape(-1, d.shape[3]), d.w[0], d.accumulator.lo, d.accumulator.hi) for d, _ in layers
    ]

    def execute():
        return [fast.execute(*layer) for layer in layers]

    full = CHOSEN is not None and CHOSEN.name == "avx512"
    floor = FLOORS[flow, bits] * (1 if full else PLAIN)
    own, peer = in_some_moment(
        lambda: interleaved(execute, lambda: [numpy_loop(*layer) for layer in codes]),
        at_least(floor),
    )
    benchmark.pedantic(execute, rounds=3)
    macs = SAMPLES * sum(m * k * n for m, k, n in RESNET_8)
    benchmark.extra_info["processor"] = platform.processor() or platform.machine()
    benchmark.extra_info["kernels"] = CHOSEN.name if CHOSEN else "plain"
    benchmark.extra_info["x_numpy_loop"] = peer / own
    benchmark.extra_info["gmac_per_s"] = macs / own / 1e9
    assert peer / own >= floor


def test_engine_and_peer_agree():
    datapath = datapath_of((64, 288, 64), 14, samples=1)
    out, events = numpy_loop(datapath.a[0, 0], datapath.w[0], -8192, 8191)
    execution = fast.execute(datapath, schedule_of("output_stationary", (64, 288, 64)))
    assert (execution.accumulator[0, 0] == out).all()
    assert execution.accumulator_ledger.events == events > 0


def test_width_sweep_compiles_nothing():
    shape = (16, 27, 16)
    schedule = schedule_of("weight_stationary", shape)
    fast.execute(datapath_of(shape, 12, chain=12, samples=1), schedule)
    before = len(run_tiles.nopython_signatures)
    for bits in range(8, 33):
        for overflow in (WRAP, SATURATE):
            datapath = datapath_of(shape, bits, chain=bits, overflow=overflow, samples=1)
            fast.execute(datapath, schedule)
    assert len(run_tiles.nopython_signatures) == before
