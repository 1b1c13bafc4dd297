"""Clocks: hand counts, the oracle's formulas, and each place against a walk of the folds."""

from itertools import product

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from oracles import clocks

from hwsim.analysis.summary import fold_entry
from hwsim.array.dataflow import DATAFLOWS, ONE_EACH, Schedule
from hwsim.array.specification import LatencySpec

sides, extents = st.integers(1, 9), st.integers(1, 20)
latencies = st.builds(clocks.Latency, *[st.integers(1, 4)] * 4)


def schedule(dataflow, rows, cols, groups, m, k, n, latency=ONE_EACH) -> Schedule:
    array = strategies.machine(dataflow, rows, cols).array
    return Schedule(array, groups, m, k, n, latency=latency)


@pytest.mark.parametrize(
    ("dataflow", "cycles"),
    [
        ("weight_stationary", 14),
        ("input_stationary", 14),
        ("output_stationary", 10),
        ("dot_product", 6),
    ],
)
def test_cycles_match_the_hand_count(dataflow, cycles):
    assert schedule(dataflow, 4, 4, 1, 4, 4, 4).cycles == cycles


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("empty", [(0, 4, 4), (4, 0, 4), (4, 4, 0)])
def test_nothing_to_add_costs_nothing(dataflow, empty):
    empty = schedule(dataflow, 4, 4, 1, *empty)
    assert (empty.cycles, empty.folds, empty.utilization, empty.latency_cycles) == (0, 0, 0.0, 0)


def test_a_runtime_has_no_cycles():
    runtime = Schedule(strategies.machine("none").array, 2, 3, 4, 5)
    assert (runtime.cycles, runtime.folds, runtime.utilization) == (0, 0, 0.0)
    place = runtime.place("accumulator", 0, 1, 2, 3, 3)
    assert (place.row, place.col, place.cycle) == (-1, -1, -1)


@given(
    st.sampled_from(list(DATAFLOWS)), sides, sides, st.integers(1, 3), extents, extents, extents,
    latencies,
)  # fmt: skip
def test_cycles_match_the_oracle(dataflow, rows, cols, groups, m, k, n, latency):
    words = LatencySpec(**latency._asdict())
    found = schedule(dataflow, rows, cols, groups, m, k, n, words)
    shape = clocks.Shape(groups, m, k, n)
    assert found.cycles == clocks.cycles(found.array, shape, latency)
    assert found.latency_cycles == clocks.latency_cycles(found.array, latency)
    assert found.folds == groups * clocks.folds(found.array, shape)
    assert found.utilization == groups * m * k * n / (rows * cols * found.cycles)
    assert found.utilization <= 1


@given(st.sampled_from(list(DATAFLOWS)), sides, sides, st.integers(1, 3), extents, extents, extents)
def test_every_mac_happens_in_one_listed_fold_at_its_place(dataflow, rows, cols, groups, m, k, n):
    found = schedule(dataflow, rows, cols, groups, m, k, n)
    flow = found.dataflow
    folds = list(found.fold_list())
    assert [fold.number for fold in folds] == list(range(found.folds))
    for group in range(groups):
        for at in product(range(m), range(n), range(k)):
            index = dict(zip("mnk", at, strict=True))
            fold = folds[found.fold_of(group, *at)]
            assert fold.group == group
            assert fold.row_start <= index[flow.row] < fold.row_start + rows
            assert fold.col_start <= index[flow.col] < fold.col_start + cols


def stores(dataflow, m, k, n, levels):
    """Every (stage, m, n, k, level) that an engine can ask a place for."""
    chained = dataflow != "output_stationary"
    for at in product(range(m), range(n), range(-1, k + 1)):
        yield "accumulator", *at, 0
        if chained and 0 <= at[2] < k:
            for level in range(1, max(levels, 1) + 1):
                yield "chain", *at, level


@given(
    st.sampled_from(list(DATAFLOWS)), st.integers(2, 6), st.integers(1, 6), st.integers(1, 2),
    st.integers(1, 7), st.integers(0, 9), st.integers(1, 7), latencies,
)  # fmt: skip
def test_places_match_the_oracle(dataflow, rows, cols, groups, m, k, n, latency):
    words = LatencySpec(**latency._asdict())
    found = schedule(dataflow, rows, cols, groups, m, k, n, words)
    shape = clocks.Shape(groups, m, k, n)
    for group in range(groups):
        for stage, *at, level in stores(dataflow, m, k, n, found.tree_levels):
            place = found.place(stage, 5, group, *at, level)
            assert (place.row, place.col, place.cycle) == clocks.place(
                found.array, shape, stage, group, *at, level, latency
            )
            assert (place.sample, place.group, place.m, place.n, place.k) == (5, group, *at)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_the_last_mac_is_in_the_last_clock(dataflow):
    """Full tiles: fill and drain are counted exactly, no clock more."""
    for latency in (ONE_EACH, LatencySpec(multiplier=3, pe=4, tree_stage=2, requantize=4)):
        found = schedule(dataflow, 4, 4, 2, 8, 8, 8, latency)
        last = found.place("accumulator", 0, 1, 7, 7, 7)
        assert last.cycle == found.cycles - 1


def test_dot_product_root_stands_at_its_fold_and_level():
    found = schedule("dot_product", 4, 2, 1, 3, 8, 4)
    place = found.place("accumulator", 0, 0, 2, 3, 7)
    assert (place.row, place.col, place.cycle) == (3, 1, 3 * found.fold_cycles + 2 + 2)


def test_bias_and_requantizer_have_no_pe():
    found = schedule("weight_stationary", 4, 4, 1, 4, 4, 4)
    for stage in ("bias", "requant"):
        place = found.place(stage, 0, 0, 0, 0, 4)
        assert (place.row, place.col) == (-1, -1)


@given(st.sampled_from(list(DATAFLOWS)), sides, sides, st.integers(1, 3), extents, extents, extents)
def test_a_folds_utilization_is_that_of_its_tile(dataflow, rows, cols, groups, m, k, n):
    found = schedule(dataflow, rows, cols, groups, m, k, n)
    extent, flow, share = {"m": m, "k": k, "n": n}, found.dataflow, found.fold_utilization()
    edges, total = 0, 0.0
    for fold in found.fold_list():
        used_rows = min(rows, extent[flow.row] - fold.row_start)
        used_cols = min(cols, extent[flow.col] - fold.col_start)
        macs = used_rows * used_cols * extent[flow.stream]
        own = share[fold.row_start // rows, fold.col_start // cols]
        assert own == macs / (rows * cols * found.fold_cycles)
        edges += used_rows < rows or used_cols < cols
        total += own
    assert total / found.folds == pytest.approx(found.utilization, rel=1e-12)  # a float64 mean
    entry = fold_entry(found)
    assert (entry["least"], entry["largest"]) == (share.min(), share.max())
    assert entry["edge_folds"] == edges
