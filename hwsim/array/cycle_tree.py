"""The dot-product unit, clock by clock: multipliers, and adder-tree registers level by level.

Level 0 holds products, exact; node i of level l holds ``fit(left + right)``, the nodes 2i and
2i + 1 of level l - 1 one clock before (``tree_stage`` clocks), an odd one out with 0. Nodes of all
levels lie in one list, leaves first.
"""

from __future__ import annotations

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.overflow import fit
from hwsim.arith.rounding import drop_low_bits
from hwsim.array.cycle_clocks import (
    COUNT,
    EXACT,
    FIRST,
    MAX_LEVELS,
    SUM,
    log_event,
)
from hwsim.array.cycle_steps import follow_exact, store_sums
from hwsim.array.gemm import Ints


def node_table(lanes: int) -> Ints:
    """Level, left and right child and last lane of every node, leaves first.

    Where there is no child: the number of nodes, an index that reads 0.

    >>> node_table(3).tolist()
    [[0, 6, 6, 0], [0, 6, 6, 1], [0, 6, 6, 2], [1, 0, 1, 1], [1, 2, 6, 2], [2, 3, 4, 2]]
    """
    rows = [(0, -1, -1, lane) for lane in range(lanes)]
    start, width, level = 0, lanes, 0
    while width > 1:
        level += 1
        for i in range((width + 1) // 2):
            left = start + 2 * i
            right = left + 1 if 2 * i + 1 < width else -1
            rows.append((level, left, right, min(((i + 1) << level), lanes) - 1))
        start, width = start + width, (width + 1) // 2
    table = np.array(rows, np.int64)
    table[table < 0] = len(table)
    return table


@kernel
def define_tree(  # type: ignore[no-untyped-def]
    a_edge, w, nodes, table, registers, drop_bits, rounding, multiplier, tree_stage, first_clock,
    trace, events,
):  # fmt: skip
    """The definition: two copies of every register, one node of one unit after the other.

    Parameters
    ----------
    a_edge : int64 ndarray of shape (clocks, lanes)
        One element of the stream a clock, the same for every unit.
    w : int64 ndarray of shape (lanes, units)
    nodes : int64 ndarray of shape (nodes, units)
        The registers; they hold their last content afterwards.
    table : int64 ndarray of shape (nodes, 4)
        See `node_table`.
    registers : int64 ndarray of shape (levels, 4)
        ``lo hi overflow wrap_bits``, leaves' parents first.
    multiplier, tree_stage : int
        As in `LatencySpec`.
    first_clock, trace : int, int64 ndarray of shape (traced clocks, nodes, units)
    events : int64 ndarray of shape (capacity, 5)
        Clock, node, unit, presented, stored.

    Returns
    -------
    tuple of int
        Clocks done, number of events.
    """
    count, units = nodes.shape
    after = nodes.copy()
    held = np.zeros((tree_stage, count, units), np.int64)  # by the nodes in the last clocks
    held[-1] = nodes
    clocks, found = 0, 0
    for t in range(a_edge.shape[0]):
        below, entered = held[t % tree_stage], t - multiplier + 1
        for i in range(count):
            level, left, right = table[i, 0], table[i, 1], table[i, 2]
            for c in range(units):
                if level == 0:
                    a = a_edge[entered, i] if entered >= 0 else 0
                    after[i, c] = drop_low_bits(a * w[i, c], drop_bits, rounding)
                    continue
                v = below[left, c] + (below[right, c] if right < count else 0)
                rule = registers[level - 1]
                after[i, c] = fit(v, rule[0], rule[1], rule[2], rule[3])
                if after[i, c] != v:
                    log_event(events, found, t, i, c, v, after[i, c])
                    found += 1
        nodes[:], below[:] = after, after
        if 0 <= t - first_clock < trace.shape[0]:
            trace[t - first_clock] = nodes
        clocks += 1
    return clocks, found


@kernel
def count_node(nodes, i, left, right, presented, events, mark):  # type: ignore[no-untyped-def]
    """Events of a node: its children's and its own; the largest mark is the earliest event's."""
    for c in range(presented.size):
        changed = (nodes[SUM, i, c] != presented[c]) * 1
        events[c] += changed
        nodes[COUNT, i, c] = nodes[COUNT, left, c] + nodes[COUNT, right, c] + changed
        earliest = max(nodes[FIRST, left, c], nodes[FIRST, right, c])
        nodes[FIRST, i, c] = max(earliest, changed * mark)


@kernel
def multiply_lane(a, w, nodes, lane, drop_bits, rounding):  # type: ignore[no-untyped-def]
    """One lane's product in every unit, stored and exact alike."""
    for field in range(min(nodes.shape[0], EXACT + 1)):
        for c in range(w.size):
            nodes[field, lane, c] = a * w[c]
        if drop_bits > 0:
            for c in range(w.size):
                nodes[field, lane, c] = drop_low_bits(a * w[c], drop_bits, rounding)


@kernel
def take(nodes, field, left, right, value, addend):  # type: ignore[no-untyped-def]
    """Both children of a node in every unit."""
    for c in range(value.size):
        value[c] = nodes[field, left, c]
        addend[c] = nodes[field, right, c]


@kernel
def run_tree(  # type: ignore[no-untyped-def]
    a_edge, w, banks, table, limits, overflow, wrap_bits, drop_bits, rounding, events, ranges, out
):
    """The same registers, all units at once; the root's level first, so that a node takes what its
    children held before this clock.

    Parameters
    ----------
    a_edge : ndarray of shape (clocks, lanes)
        ``multiplier - 1`` clocks late: as if the products' registers stood before the lanes.
    banks : ndarray of shape (tree_stage, 6 or 1, nodes + 1, units)
        Fields as in `cycle_clocks.run_clocks`; the last node is the constant 0. What is met in
        clock t was left in clock t - tree_stage: clock t moves bank ``t % tree_stage``.
    limits : ndarray of shape (levels + 1, 2)
        ``lo, hi`` of every level; of level 0 unused.
    events : ndarray of shape (nodes, units)
        Events of every node.
    ranges : ndarray of shape (2, levels + 1, units)
        Least and largest exact value of every level.
    out : ndarray of shape (6 or 1, clocks, units)
        The root after every clock.

    Returns
    -------
    int
        Clocks done.
    """
    count, units = events.shape
    presented, addend = np.empty(units, banks.dtype), np.empty(units, banks.dtype)
    for t in range(a_edge.shape[0]):
        nodes = banks[t % banks.shape[0]]
        for i in range(count - 1, -1, -1):
            level, left, right = table[i, 0], table[i, 1], table[i, 2]
            if level == 0:
                multiply_lane(a_edge[t, i], w[i], nodes, i, drop_bits, rounding)
                continue
            here = nodes[SUM, i]
            take(nodes, SUM, left, right, here, addend)
            store_sums(here, addend, presented, limits[level], overflow[level], wrap_bits[level])
            if nodes.shape[0] > 1:
                exact = nodes[EXACT, i]
                take(nodes, EXACT, left, right, exact, addend)
                follow_exact(exact, ranges[0, level], ranges[1, level], addend)
                mark = count * MAX_LEVELS - table[i, 3] * MAX_LEVELS - level
                count_node(nodes, i, left, right, presented, events[i], mark)
        for field in range(nodes.shape[0]):
            for c in range(units):
                out[field, t, c] = nodes[field, count - 1, c]
    return a_edge.shape[0]
