"""The windowed kernels hold, after every clock, what the definition's registers hold."""

from dataclasses import replace

import numpy as np
import pytest
from oracles.small_layers import DATAFLOWS, draw, register

from hwsim.arith.overflow import Overflow, fit
from hwsim.array.cycle_clocks import COUNT, EXACT, HIGH, LOW, SUM, define_clocks, run_clocks
from hwsim.array.cycle_events import rule
from hwsim.array.cycle_fold import (
    lane_type,
    operands,
    rule_in_lanes,
    run_fold,
    stage,
)
from hwsim.array.cycle_steps import store_sums as store
from hwsim.array.cycle_tapes import late, tapes
from hwsim.array.cycle_tree import define_tree, node_table, run_tree
from hwsim.array.cycle_tree_fold import lane_rules, run_tree_fold
from hwsim.array.specification import LatencySpec

SYSTOLIC = DATAFLOWS[:3]


def layer(dataflow, seed, **latency):
    """A drawn layer's first fold: datapath, schedule, operands, register of the sums."""
    d, schedule = draw(dataflow, seed)
    schedule = replace(schedule, latency=LatencySpec(**latency))
    fold = next(iter(schedule.fold_list()), None)
    if fold is None:
        return None
    return d, schedule, *operands(d, schedule, 0, fold), (*d.chain, d.accumulator)[0]


@pytest.mark.parametrize("lanes", [np.int32, np.int64])
@pytest.mark.parametrize(("multiplier", "pe"), [(1, 1), (3, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("dataflow", SYSTOLIC)
def test_windows_hold_the_registers_of_every_clock(dataflow, multiplier, pe, lanes):
    events = 0
    for seed in range(12):
        drawn = layer(dataflow, seed, multiplier=multiplier, pe=pe)
        if drawn is None:
            continue
        d, schedule, moving, other, r = drawn
        streams = stage(schedule, moving, other, np.int64)
        for clocks in range(1, schedule.fold_cycles + 1):
            events += compare(d, schedule, streams, r, clocks, lanes)
    assert events > 500


def compare(d, schedule, streams, r, clocks, lanes):
    """Both kernels for so many clocks; number of events."""
    rows, cols = schedule.rows, schedule.cols
    cells, moving = rows * cols, int(schedule.dataflow.reduction == "column")
    delay, pe = schedule.latency.multiplier - 1, schedule.latency.pe
    a_edge = streams.a_edge[:clocks]
    shifts = min(clocks, len(streams.w_edge))
    a, w, sums = np.zeros((3, rows, cols), np.int64)
    log = np.zeros((10_000, 5), np.int64)
    untraced = np.zeros((0, 3, rows, cols), np.int64)
    drop = d.drop_bits, d.product_rounding
    done, found = define_clocks(
        a_edge, streams.w_edge[:shifts], a, w, sums, moving, rule(r), *drop, delay + 1, pe, 0,
        untraced, log,
    )  # fmt: skip
    slots = -(-clocks // pe)
    a_tape = np.zeros((pe, slots - 1 + cells), lanes)
    w_edge = streams.w_edge[:shifts].astype(lanes)
    w_tape = tapes(w_edge if moving else late(w_edge, delay), 1 if moving else pe, rows)
    w_tape = w_tape.reshape(len(w_tape), -1)
    steps = np.zeros_like(w_tape)
    tape = np.zeros((pe if moving else 1, 6, cells + (slots - 1) * cols * moving), lanes)
    fast = run_clocks(
        late(a_edge.astype(lanes), delay), a_tape, w_tape, steps, tape, moving,
        *rule_in_lanes(r, lanes), *drop,
    )  # fmt: skip
    assert fast == done == clocks
    now = (clocks - 1) % pe
    if delay == 0:
        assert np.array_equal(a_tape[now, :cells], a.ravel())
    if delay == 0 or moving:
        assert np.array_equal(w_tape[now % len(w_tape), :cells], w.ravel())
    assert np.array_equal(tape[now % len(tape), SUM, :cells], sums.ravel())
    assert steps.sum() == tape[:, COUNT].sum() == found
    if schedule.dataflow.loads:
        by_pe = np.zeros((rows, cols), np.int64)
        np.add.at(by_pe, tuple(log[:found, 1:3].T), 1)
        assert np.array_equal(steps[0, :cells], by_pe.ravel())
    return found


@pytest.mark.parametrize("dataflow", SYSTOLIC)
def test_results_alone_equal_results_with_a_ledger(dataflow):
    for seed in range(10):
        drawn = layer(dataflow, seed)
        if drawn is None:
            continue
        d, schedule, moving, other, r = drawn
        streams = stage(schedule, moving, other, lane_type(d, schedule.k_tile))
        drop = d.drop_bits, d.product_rounding
        full, _, clocks = run_fold(streams, r, schedule, *drop)
        alone, _, same = run_fold(streams, r, schedule, *drop, ledger=False)
        assert alone.shape[0] == 1
        assert np.array_equal(alone[SUM], full[SUM])
        assert clocks == same == schedule.fold_cycles
        assert (full[LOW] <= full[EXACT]).all()
        assert (full[HIGH] >= full[EXACT]).all()


@pytest.mark.parametrize("lanes", [np.int32, np.int64])
@pytest.mark.parametrize(("multiplier", "tree_stage"), [(1, 1), (3, 1), (1, 3), (2, 2)])
def test_tree_holds_the_registers_of_every_clock(multiplier, tree_stage, lanes):
    events = 0
    for seed in range(16):
        drawn = layer("dot_product", seed, multiplier=multiplier, tree_stage=tree_stage)
        if drawn is None:
            continue
        d, schedule, stream, weights, _ = drawn
        events += compare_tree(d, schedule, stream, weights, lanes)
    assert events > 100


def compare_tree(d, schedule, stream, weights, lanes):
    """Both tree kernels, clock by clock; number of events."""
    table, units = node_table(schedule.rows), schedule.cols
    a_edge = np.zeros((schedule.fold_cycles, schedule.rows), np.int64)
    a_edge[: len(stream)] = stream
    weights = weights.astype(np.int64)
    rules = np.array([rule(r) for r in d.chain], np.int64).reshape(-1, 4)
    drop = d.drop_bits, d.product_rounding
    trace = np.zeros((len(a_edge), len(table), units), np.int64)
    log = np.zeros((10_000, 5), np.int64)
    nodes = np.zeros((len(table), units), np.int64)
    latency = schedule.latency
    delay, stages = latency.multiplier - 1, latency.tree_stage
    _, found = define_tree(
        a_edge, weights, nodes, table, rules, *drop, delay + 1, stages, 0, trace, log
    )
    for clocks in range(1, len(a_edge) + 1):
        banks = np.zeros((stages, 6, len(table) + 1, units), lanes)
        events = np.zeros((len(table), units), lanes)
        ranges = np.zeros((2, len(d.chain) + 1, units), lanes)
        done = run_tree(
            late(a_edge, delay)[:clocks].astype(lanes), weights.astype(lanes), banks, table,
            *lane_rules(d.chain, lanes), *drop, events, ranges, np.zeros((6, clocks, units), lanes),
        )  # fmt: skip
        assert done == clocks
        assert np.array_equal(banks[(clocks - 1) % stages, SUM, :-1], trace[clocks - 1])
        assert not banks[:, :, -1].any()  # the constant 0
    by_node = np.zeros((len(table), units), np.int64)
    np.add.at(by_node, tuple(log[:found, 1:3].T), 1)
    assert np.array_equal(events, by_node)
    alone, *_ = run_tree_fold(stream, weights, d.chain, *drop, lanes, latency, ledger=False)
    assert np.array_equal(alone[SUM], trace[delay + stages * len(d.chain) :, -1])
    return found


@pytest.mark.parametrize("lanes", [np.int32, np.int64])
@pytest.mark.parametrize("overflow", list(Overflow))
def test_vector_stores_equal_fit(overflow, lanes):
    for bits in (2, 5, 12, np.dtype(lanes).itemsize * 8 - 2):
        r = register(bits, overflow)
        ends = [r.lo, r.lo + 1, -1, 0, 1, r.hi - 1, r.hi]
        reach = 1 << (np.dtype(lanes).itemsize * 8 - 2)
        addends = [
            i * e + j for e in (r.lo, r.hi) for i in (-3, -2, -1, 0, 1, 2) for j in (-1, 0, 1)
        ]
        pairs = [(x, y) for x in ends for y in addends if max(abs(x + y), abs(y)) < reach]
        sums, products = (np.array(x, lanes) for x in zip(*pairs, strict=True))
        presented = np.zeros_like(sums)
        store(sums, products, presented, *rule_in_lanes(r, lanes))
        assert presented.tolist() == [x + y for x, y in pairs]
        changed = sums != presented
        assert changed.any()
        want = [fit(x + y, r.lo, r.hi, int(overflow), 0) for x, y in pairs]
        assert sums.tolist() == want


def test_lanes_hold_every_exact_sum():
    d, schedule = draw("weight_stationary", 3)
    assert lane_type(d, schedule.k_tile) is np.int32
    largest = int(np.abs(d.a).max()) * int(np.abs(d.w).max()) + (1 << d.drop_bits)
    most = (1 << 30) // largest
    preload = 0 if d.preload is None else int(np.abs(d.preload).max())
    assert lane_type(d, most - preload // largest - 1) is np.int32
    assert lane_type(d, most + 1) is np.int64


def test_a_register_wider_than_its_lanes_keeps_every_sum():
    limits, overflow, wrap_bits = rule_in_lanes(register(40, Overflow.WRAP), np.int32)
    assert limits.tolist() == [-(1 << 30), (1 << 30) - 1]
    assert (overflow, wrap_bits) == (Overflow.SATURATE, 0)
    limits, overflow, _ = rule_in_lanes(register(30, Overflow.WRAP), np.int32)
    assert limits.tolist() == [-(1 << 29), (1 << 29) - 1]
    assert overflow == Overflow.WRAP
