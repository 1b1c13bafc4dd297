"""One fold on a dot-product unit: what enters, and what its counters say."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from hwsim.array.cycle_clocks import COUNT, FIRST, HIGH, LOW, MAX_LEVELS
from hwsim.array.cycle_fold import FIELDS, FoldResult, rule_in_lanes
from hwsim.array.cycle_tapes import Lanes
from hwsim.array.cycle_tree import node_table, run_tree
from hwsim.array.dataflow import Fold, Schedule
from hwsim.array.gemm import Codes, Ints, Register
from hwsim.array.specification import LatencySpec


def lane_rules(chain: tuple[Register, ...], lanes: DTypeLike) -> tuple[Lanes, Ints, Ints]:
    """``limits, overflow, wrap_bits`` of every level; level 0 has no register to overflow."""
    rules = [rule_in_lanes(register, lanes) for register in (chain[:1] + chain)]
    limits = np.array([rule[0] for rule in rules], lanes).reshape(len(rules), 2)
    overflow, wrap_bits = (np.array([rule[i] for rule in rules], np.int64) for i in (1, 2))
    return limits, overflow, wrap_bits


def run_tree_fold(
    stream: Codes,
    weights: Codes,
    chain: tuple[Register, ...],
    drop_bits: int,
    rounding: int,
    lanes: DTypeLike,
    latency: LatencySpec,
    *,
    ledger: bool = True,
) -> tuple[Lanes, Lanes, Lanes, int]:
    """Clock one fold through the units.

    Parameters
    ----------
    stream : ndarray of shape (elements, lanes)
    weights : ndarray of shape (lanes, units)
    chain : tuple of Register
        One for each level.
    lanes : dtype
        int32 or int64, see `cycle_fold.lane_type`.
    latency : LatencySpec

    Returns
    -------
    roots : ndarray of shape (6 or 1, elements, units)
    events : ndarray of shape (nodes, units)
    ranges : ndarray of shape (2, levels + 1, units)
    clocks : int
    """
    (length, width), units, levels = stream.shape, weights.shape[1], len(chain)
    delay = latency.multiplier - 1
    drain = delay + latency.tree_stage * levels
    table = node_table(width)
    fields = FIELDS if ledger else 1
    a_edge = np.zeros((length + drain, width), lanes)
    a_edge[delay : delay + length] = stream
    out = np.zeros((fields, length + drain, units), lanes)
    events = np.zeros((len(table), units), lanes)
    ranges = np.zeros((2, levels + 1, units), lanes)
    clocks = run_tree(
        a_edge, np.ascontiguousarray(weights, lanes),
        np.zeros((latency.tree_stage, fields, len(table) + 1, units), lanes), table,
        *lane_rules(chain, lanes), drop_bits, rounding, events, ranges, out,
    )  # fmt: skip
    return out[:, drain:], events, ranges, clocks


def tree_result(
    schedule: Schedule, fold: Fold, roots: Lanes, events: Lanes, ranges: Lanes, clocks: int
) -> FoldResult:
    """Counters of nodes and roots, turned into those of steps and outputs."""
    table = node_table(schedule.rows)
    used_steps = min(schedule.rows, schedule.k - fold.row_start)
    used_cols = min(schedule.cols, schedule.n - fold.col_start)
    tile = roots[:, :, :used_cols].astype(np.int64)
    tile[LOW] = ranges[0, :, :used_cols].min(axis=0)
    tile[HIGH] = ranges[1, :, :used_cols].max(axis=0)
    first = None
    if tile[COUNT].any():
        order = len(table) * MAX_LEVELS - tile[FIRST]
        step = fold.row_start + np.minimum(order // MAX_LEVELS, used_steps - 1)
        affected = tile[COUNT] > 0
        first = np.stack([np.where(affected, step, -1), np.where(affected, order % MAX_LEVELS, 0)])
    by_step = np.zeros(used_steps, np.int64)
    np.add.at(by_step, np.minimum(table[:, 3], used_steps - 1), events.sum(axis=1, dtype=np.int64))
    return FoldResult(
        sums=tile,
        first=first,
        steps=by_step,
        clocks=clocks,
        ranges=tuple(
            (int(low.min()), int(high.max()))
            for low, high in zip(*ranges[:, 1:, :used_cols], strict=True)
        ),
    )
