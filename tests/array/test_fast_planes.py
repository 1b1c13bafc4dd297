"""Depthwise layers in planes against the same layers in lanes: everything that a layer gives."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from oracles.executions import assert_same
from oracles.small_layers import plain, register, schedule_of

from hwsim.array import fast_planes, fast_run
from hwsim.array.fast import execute_by
from hwsim.array.fast_layout import lane_layout
from hwsim.array.fast_source import of_rows


def depthwise(seed, pixels, k, groups, *, samples=2, bits=20, chain=None, order=(0, 1, 2, 3)):
    """Activations of both signs, as they lie in memory in some order."""
    rng = np.random.default_rng(seed)
    shape = tuple(np.array((samples, groups, pixels, k))[list(order)])
    a = rng.integers(-255, 256, shape).astype(np.int32).transpose(np.argsort(order))
    w = rng.integers(-128, 128, (groups, k, 1)).astype(np.int32)
    dataflow = "output_stationary" if chain is None else "weight_stationary"
    datapath = plain(dataflow, a, w, 16, bits=bits)
    if chain is not None:
        datapath = replace(datapath, chain=(register(chain),))
    bias = {("preload", "last")[seed % 2]: rng.integers(-3000, 3000, (groups, 1))}
    schedule = schedule_of(dataflow, 16, 16, groups, pixels, k, 1)
    return replace(datapath, **bias), schedule


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 1, 3, 2)])
@pytest.mark.parametrize("chain", [None, 26, 17, 16])
@pytest.mark.parametrize("bits", [26, 18, 16])
@pytest.mark.parametrize("shape", [(100, 9, 3), (1, 9, 8), (37, 16, 2), (40, 0, 3), (700, 4, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_planes_and_lanes_give_the_same_ledger(seed, shape, bits, chain, order, monkeypatch):
    datapath, schedule = depthwise(seed, *shape, bits=bits, chain=chain, order=order)
    layout, called = lane_layout(datapath, schedule), []

    def spied(*arguments):
        called.append(fast_planes.plane_sums(*arguments))
        return called[-1]

    monkeypatch.setattr(fast_run, "plane_sums", spied)
    monkeypatch.setattr(fast_run, "WORTH_PLANES", 0)
    planes = execute_by(layout, datapath, schedule, 0, True)
    assert len(called) == 1
    monkeypatch.setattr(fast_run, "in_planes", lambda *_: None)
    lanes = execute_by(layout, datapath, schedule, 0, True)
    assert_same(planes, lanes)
    ledgers = [lanes.accumulator_ledger, *([] if lanes.chain is None else [lanes.chain])]
    assert called == [any(ledger.events for ledger in ledgers)]


@pytest.mark.parametrize("gap", [0, 1, fast_planes.GAP, fast_planes.GAP + 1])
@pytest.mark.parametrize("seed", range(4))
def test_sums_of_rows_are_those_of_each_pixel(seed, gap):
    """Rows with what must not be looked at between them."""
    rng = np.random.default_rng(seed)
    rows, width, groups, k, samples = 60, int(rng.integers(1, 40)), 3, 4, 2
    pixel = (np.arange(rows)[:, None] * (width + gap) + np.arange(width)).ravel()
    step = np.array([0, 1, width + gap, 7])
    size = int(pixel[-1] + step.max() + 1)
    codes = rng.integers(0, 256, samples * groups * size).astype(np.int32)
    w = rng.integers(-128, 128, (groups, k)).astype(np.int32)
    start, last = rng.integers(-99, 99, (2, groups)).astype(np.int32)
    stretches = fast_planes.stretches_of(pixel)
    datapath, schedule = depthwise(0, len(pixel), k, groups)
    planes = fast_planes.in_planes(lane_layout(datapath, schedule), datapath, pixel)
    planes = planes._replace(w=w, start=start, last=last)
    assert (planes.stretches == stretches).all()
    assert (len(stretches) < rows / 2) == (gap <= fast_planes.GAP)
    strides = np.array([groups * size, size])
    at = strides[0] * np.arange(samples)[:, None, None, None] + pixel[:, None] + step
    products = codes[at + strides[1] * np.arange(groups)[:, None, None]].astype(np.int64)
    products *= w[:, None]
    steps = [np.broadcast_to(b[:, None, None], (*products.shape[:3], 1)) for b in (start, last)]
    sums = np.cumsum(np.concatenate([steps[0], products, steps[1]], axis=3), axis=3)
    for most in (int(abs(sums).max()), int(abs(sums).max()) - 1):
        registers = np.array([[-most, most, 0, 1, 0]] * 3)
        limits = np.zeros((4, groups, 1, 2, 4), np.int64)
        limits[:, :, :, 0], limits[:, :, :, 1] = 1 << 40, -(1 << 40)
        exact = np.empty(samples * groups * len(pixel), np.int64)
        left = fast_planes.plane_sums(
            codes, strides, pixel, step, planes, planes.rows(), registers, 0, limits, samples, exact
        )
        assert bool(left) == (abs(sums).max() > most)
        assert (exact == sums[..., -1].ravel()).all()
        for row, found in ((0, sums), (1, sums[..., -1:])):
            assert (limits[row, :, 0, 0, 0] == found.min(axis=(0, 2, 3))).all()
            assert (limits[row, :, 0, 1, 0] == found.max(axis=(0, 2, 3))).all()


def test_threads_beside_one_another_share_nothing_that_is_written(monkeypatch):
    """The same layer, other activations, at the same time."""
    monkeypatch.setattr(fast_run, "WORTH_PLANES", 0)
    datapath, schedule = depthwise(0, 700, 9, 64, samples=8)
    layout = lane_layout(datapath, schedule)
    first = fast_run.LaneRun(layout, datapath)
    codes = first.lanes.codes
    runs = [first, first.beside(of_rows(datapath.a)._replace(codes=codes[::-1].copy()))]
    assert all(run.planes is not None for run in runs)
    sums = np.empty((2, 8 * 64 * 700), np.int64)

    def add(number):
        runs[number](8, sums[number], np.empty_like(sums[number]), alone=True)

    add(0), add(1)
    alone = sums.copy()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            sums[:] = 0
            list(pool.map(add, (0, 1)))
            assert (sums == alone).all()


def test_a_kernel_is_compiled_only_where_it_is_worth_it(monkeypatch):
    """Small layers take it where it was compiled before."""
    datapath, schedule = depthwise(0, 100, 9, 3)
    layout, called = lane_layout(datapath, schedule), []
    monkeypatch.setattr(fast_run, "plane_sums", lambda *_: called.append(1) or True)
    for worth, kept, taken in ((5400, False, 1), (5401, False, 0), (5401, True, 1)):
        monkeypatch.setattr(fast_run, "WORTH_PLANES", worth)
        monkeypatch.setattr(fast_run, "is_kept", lambda _, kept=kept: kept)
        called.clear()
        execute_by(layout, datapath, schedule, 0, False)
        assert len(called) == taken


def test_chains_of_several_folds_have_no_planes():
    for k in (16, 17):
        datapath, schedule = depthwise(0, 10, k, 3, chain=20)
        layout, pixel = lane_layout(datapath, schedule), of_rows(datapath.a).pixel
        assert (fast_planes.in_planes(layout, datapath, pixel) is None) == (k > 16)


def test_layers_of_several_channels_a_group_have_no_planes():
    for groups, n in ((1, 1), (2, 2)):
        datapath, schedule = depthwise(0, 10, 4, 2)
        datapath = replace(
            datapath, a=datapath.a[:, :groups], preload=None,
            w=np.ones((groups, 4, n), np.int32), w_zero_point=np.zeros((groups, n), np.int64),
        )  # fmt: skip
        schedule = schedule_of("output_stationary", 16, 16, groups, 10, 4, n)
        layout, pixel = lane_layout(datapath, schedule), of_rows(datapath.a).pixel
        assert fast_planes.in_planes(layout, datapath, pixel) is None
