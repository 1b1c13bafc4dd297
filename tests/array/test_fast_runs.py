"""Runs of one sign against sums step by step: the same totals, the same extremes."""

from dataclasses import replace

import numpy as np
import pytest
from oracles.executions import assert_same
from oracles.small_layers import plain, register, schedule_of

from hwsim.arith.overflow import Overflow
from hwsim.array import fast_layout, fast_runs
from hwsim.array.fast import execute_by
from hwsim.array.fast_layout import lane_layout
from hwsim.array.fast_range import exact_sums
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.runs import HAS_RUNS

needs_runs = pytest.mark.skipif(not HAS_RUNS, reason="runs need AVX-512 with VNNI")


def layer(seed, pixels, k, n, fold, samples=1, groups=1, bits=20, chain=None):
    """Activations of bytes, weights with long and short runs of one sign and zeros."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (samples, groups, pixels, k)).astype(np.int32)
    w = np.clip(np.rint(rng.normal(0, 30, (groups, k, n))), -128, 127).astype(np.int32)
    w[rng.random(w.shape) < 0.2] = 0
    w[:, : k // 3] = abs(w[:, : k // 3])  # one long run
    w[rng.random(w.shape) < 0.02] = -128
    dataflow = "weight_stationary" if fold else "output_stationary"
    datapath = plain(dataflow, a, w, fold or 16, bits=bits)
    if fold:
        datapath = replace(datapath, chain=(register(chain or bits - 2),))
    bias = {("preload", "last")[seed % 2]: rng.integers(-3000, 3000, (groups, n))}
    schedule = schedule_of(dataflow, fold or 16, 16, groups, pixels, k, n)
    return replace(datapath, **bias), schedule


@pytest.mark.parametrize("seed", range(6))
def test_every_prefix_lies_between_the_ends_of_runs(seed):
    """Definition against the sums themselves, step by step, in plain Python."""
    rng = np.random.default_rng(seed)
    k, fold = int(rng.integers(1, 40)), int(rng.integers(1, 12))
    w = rng.integers(-128, 128, (1, k, 2))
    w[rng.random(w.shape) < 0.3] = 0
    a = rng.integers(0, 256, (8, k))
    quads = np.zeros((-(-k // 4), 8, 4), np.uint8)
    fast_runs.pack_quads(a.reshape(-1), np.arange(8) * k, np.arange(k), quads, 0, 8)
    used = np.ones((2, 4), np.int64)
    total, spans = np.zeros((2, 2, 4), np.int64), np.zeros((2, 3, 2, 2, 4), np.int64)
    ends = np.zeros((2, -(-k // fold), 2, 4), np.int64)
    whole, folded = fast_runs.in_runs(w, 2, k), fast_runs.in_runs(w, 2, fold)
    for r, start in ((0, -700), (1, 4000)):
        fast_runs.add_runs(
            quads, whole.at, whole.words, whole.first[0, r], start, used, r, 2, total, spans
        )
        fast_runs.add_fold_runs(
            quads, folded.at, folded.words, folded.first[0, r], r, 2, ends, spans
        )
        products = a * w[0, :, r]
        sums = np.cumsum(np.hstack([np.full((8, 1), start), products]), axis=1)
        assert total[:, r].ravel().tolist() == sums[:, -1].tolist()
        assert spans[:, 0, 0, r].ravel().tolist() == sums.min(axis=1).tolist()
        assert spans[:, 0, 1, r].ravel().tolist() == sums.max(axis=1).tolist()
        chains = [np.cumsum(products[:, f : f + fold], axis=1) for f in range(0, k, fold)]
        assert ends[:, :, r].transpose(0, 2, 1).reshape(8, -1).tolist() == [
            [int(chain[i, -1]) for chain in chains] for i in range(8)
        ]
        all_sums = np.hstack([np.zeros((8, 1), np.int64), *chains])
        assert spans[:, 1, 0, r].ravel().tolist() == all_sums.min(axis=1).tolist()
        assert spans[:, 1, 1, r].ravel().tolist() == all_sums.max(axis=1).tolist()


SHAPES = [  # pixels, K, N, fold, samples, groups
    (100, 36, 5, 0, 1, 1),
    (128, 27, 4, 9, 1, 1),
    (65, 9, 1, 0, 2, 3),
    (333, 70, 9, 16, 1, 1),
    (70, 50, 6, 7, 2, 1),
    (97, 1, 2, 0, 1, 1),
    (3, 30, 6, 8, 1, 1),
    (40, 0, 2, 0, 1, 2),
    (40, 0, 2, 4, 1, 2),
    (0, 5, 2, 4, 1, 1),
    (140, 300, 4, 100, 1, 1),
]


@pytest.mark.parametrize("fold", [50, 12, 7])
def test_nothing_of_what_lay_in_memory_before_is_in_a_run(fold, monkeypatch):
    w, given = np.random.default_rng(fold).integers(-2, 3, (2, 50, 37)), np.empty
    clean = fast_runs.in_runs(w, 40, fold)
    monkeypatch.setattr(np, "empty", lambda *how: given(*how) * 0 + 0x7777)
    found = fast_runs.in_runs(w, 40, fold)
    assert all((a == b).all() for a, b in zip(found, clean, strict=True))
    assert ((found.words != 0).sum(axis=(0, 1, 2)) == (w != 0).sum()).all()
    assert (found.at[(found.words == 0).all(axis=2)] == 0).all()  # nothing is read there


@pytest.mark.parametrize("fold", [50, 12])
def test_runs_of_many_channels_are_those_of_each_alone(fold):
    w = np.random.default_rng(fold).integers(-9, 10, (2, 50, 37))
    found = fast_runs.in_runs(w, 40, fold)
    for g in range(2):
        for n in range(40):
            alone = fast_runs.in_runs(w[g : g + 1, :, n : n + 1], 1, fold)
            first, last = found.first[g, n, [0, -1]]
            assert (found.words[first:last] == alone.words).all()
            assert (found.at[first:last] == alone.at).all()
            assert (found.first[g, n] - first == alone.first[0, 0]).all()


@needs_runs
@pytest.mark.parametrize("chain", [None, 26])
@pytest.mark.parametrize("bits", [26, 17, 15, 12])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_runs_and_single_steps_give_the_same_ledger(shape, bits, chain):
    """Everything that a layer gives, in registers that hold all of it, some and little."""
    pixels, k, n, fold, samples, groups = shape
    datapath, schedule = layer(sum(shape), pixels, k, n, fold, samples, groups, bits, chain)
    layout = lane_layout(datapath, schedule)
    assert layout.by_runs
    runs, steps = (
        execute_by(replace(layout, by_runs=way), datapath, schedule, 0, True)
        for way in (True, False)
    )
    assert_same(runs, steps)


@pytest.mark.parametrize("rule", [Overflow.SATURATE, Overflow.WRAP])
@pytest.mark.parametrize("most", [(1 << 31) - 1, 1 << 31])
@pytest.mark.parametrize("bits", [24, 31])
def test_sums_that_reach_the_last_value_of_32_bits_are_those_of_the_plan(bits, most, rule):
    """A bias of a channel that is dead in the float network is often as far as that."""
    datapath, schedule = layer(0, 100, 16, 4, 0)
    a, w = np.full_like(datapath.a, 255), np.full_like(datapath.w, 127)
    bias = most - 16 * 255 * 127
    datapath = replace(
        datapath, a=a, w=w * np.array([1, 1, -1, -1], np.int32),
        preload=np.array([[bias, -bias, bias, -bias]]),
        ranges=((0, 255), (-127, 127)), accumulator=register(bits, rule),
    )  # fmt: skip
    layout = lane_layout(datapath, schedule)
    assert layout.dtype == (np.int32 if most < 1 << 31 and CHOSEN else np.int64)
    found, wanted = (execute_by(way, datapath, schedule, 0, True) for way in (layout, None))
    assert_same(found, wanted)
    assert abs(found.exact).max() == most


@needs_runs
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_runs_and_single_steps_give_the_same_ends_of_every_output(shape, monkeypatch):
    pixels, k, n, fold, samples, groups = shape
    datapath, schedule = layer(7 + sum(shape), pixels, k, n, fold, samples, groups)
    found = exact_sums(datapath, schedule)
    monkeypatch.setattr(fast_layout, "HAS_RUNS", False)
    wanted = exact_sums(datapath, schedule)
    for name in ("exact", "ends", "levels"):
        assert (getattr(found, name) == getattr(wanted, name)).all()


@needs_runs
def test_no_layer_with_a_negative_activation_or_a_wide_operand_goes_by_runs():
    datapath, schedule = layer(0, 100, 20, 4, 0)
    assert lane_layout(datapath, schedule).by_runs
    for a, w in ((-1, 1), (256, 1), (0, 128), (0, -129)):
        activations, weights = datapath.a.copy(), datapath.w.copy()
        activations[0, 0, 99, 19], weights[0, 19, 3] = a, w
        other = replace(datapath, a=activations, w=weights)
        assert not lane_layout(other, schedule).by_runs
    for a_range, w_range, by_runs in (
        ((-1, 255), (-128, 127), False),
        ((0, 256), (-128, 127), False),
        ((0, 255), (-137, 118), True),  # a zero point was subtracted: the weights decide
    ):
        known = replace(datapath, ranges=(a_range, w_range))
        assert lane_layout(known, schedule).by_runs == by_runs
