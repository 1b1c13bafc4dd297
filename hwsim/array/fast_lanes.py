"""Outputs side by side: two passes over one row of outputs in vector lanes.

The *range* pass adds without limits and keeps the extremes of every partial sum. Where they stay
inside every register, nothing can have happened: the registers hold the exact sums. Other rows are
run *stepwise*, store by store, and their events counted. Both take the additions of one output in
the same order as its plan (`hwsim.array.stepwise`); only outputs lie side by side.

Lanes are int32 where no value can leave it (fast.py proves that), else int64: one source, two
widths. A lane's register either wraps or saturates.
"""

from __future__ import annotations

from typing import NamedTuple

from hwsim._jit import kernel
from hwsim.array.fast_steps import EVENTS, HI, KEPT, LO, SUM, add, advance, extend, join, survey
from hwsim.array.gemm import Ints

ADDING, CHAIN, FINAL = range(3)  # rows of `Lanes.registers`
ACC, LINK = range(2)  # accumulator and chain in `Lanes.sums` and `Lanes.kept`


class Lanes(NamedTuple):
    """Units of outputs that share one operand; of a unit, rows run one by one, lanes together.

    Attributes
    ----------
    x : int32 or int64 ndarray of shape (U, R, K)
        The operand that is the same in all lanes of a row.
    v : as x, of shape (U / share, K, L)
        The operand of each lane; ``share`` neighbouring units have the same.
    share : int
    spread : int
        Where a lane's counters stand: 1 in a place of its own, 0 in one place for all lanes.
    start : as x, of shape (U, L)
        What is preloaded, else 0.
    after : as x, of shape (0..2, U, R, L)
        What is added after all products.
    registers : int64 ndarray of shape (3, 3)
        ``lo hi wraps`` of the accumulator while it adds, of the chain, of the last store.
    fold : int
        Reduction steps of one fold; all of them where there is no chain.
    chained : int
        1: every fold is added in the chain, and its sum to the accumulator. 0: there is no chain.
    sums : as x, of shape (2, 3, L)
        Scratch: the exact sum of accumulator and chain in one row, between its extremes.
    flat : as x, of shape (6 * L,)
        The same memory in one row.
    limits : as x, of shape (2, 6 * L)
        What ``flat`` must stay within for nothing to happen.
    hull : as x, of shape (2, 6 * L)
        Scratch: how far ``flat`` went in one unit.
    kept : as x, of shape (2, 2, L)
        Scratch: what accumulator and chain keep; how many stores changed their value.
    zero : as x, of shape (L,)
    folds : as x, of shape (folds, L)
        Scratch: the exact sum of each fold.
    fold_hull : as x, of shape (2, L)
        Scratch: the extremes of all folds of one unit.
    by_step : int64 ndarray of shape (2, K + 2)
        Events of accumulator and chain by step, as in `RegisterLedger`.
    far : int
        No value of this layer is farther from zero.
    """

    x: Ints
    v: Ints
    share: int
    spread: int
    start: Ints
    after: Ints
    registers: Ints
    fold: int
    chained: int
    sums: Ints
    flat: Ints
    limits: Ints
    hull: Ints
    kept: Ints
    zero: Ints
    folds: Ints
    fold_hull: Ints
    by_step: Ints
    far: int


@kernel
def range_row(lanes, u, r):  # type: ignore[no-untyped-def]
    """The exact sums of one row and their extremes, of every fold too."""
    sums, link, length = lanes.sums[ACC], lanes.sums[LINK, SUM], lanes.zero.shape[0]
    for i in range(length):
        sums[LO, i] = sums[SUM, i] = sums[HI, i] = lanes.start[u, i]
    for i in range(length * lanes.chained):
        lanes.sums[LINK, LO, i] = lanes.sums[LINK, HI, i] = 0
    for f in range(lanes.folds.shape[0]):
        k0, k1 = f * lanes.fold, min((f + 1) * lanes.fold, lanes.x.shape[2])
        for i in range(length * lanes.chained):
            link[i] = 0
        extend(lanes.x[u, r, k0:k1], lanes.v[u // lanes.share, k0:k1], lanes.sums[lanes.chained])
        if lanes.chained:
            join(link, sums)
            for i in range(length):
                lanes.folds[f, i] = link[i]
                lanes.fold_hull[0, i] = min(lanes.fold_hull[0, i], link[i])
                lanes.fold_hull[1, i] = max(lanes.fold_hull[1, i], link[i])
    for j in range(lanes.after.shape[0]):
        join(lanes.after[j, u, r], sums)


@kernel
def classify(exact, events, register, u, spread, tally, hit):  # type: ignore[no-untyped-def]
    """Count outputs (chain: of one fold) that had an event, by whether the final value fits."""
    for i in range(exact.shape[0]):
        if events[i] == 0:
            continue
        tally.events_by_channel[u, i * spread] += events[i]
        if register[0] <= exact[i] <= register[1]:
            tally.transient[u, i * spread] += 1
        else:
            tally.persistent[u, i * spread] += 1
        hit[i] = 1


@kernel
def store_row(lanes, u, r, chain, acc, chain_hit, acc_hit):  # type: ignore[no-untyped-def]
    """Run one row store by store: what the accumulator keeps, and every event counted."""
    steps, registers, acc_state = lanes.x.shape[2], lanes.registers, lanes.kept[ACC]
    register = registers[CHAIN] if lanes.chained else registers[ADDING]
    by_step, link_steps = lanes.by_step[ACC], lanes.by_step[lanes.chained]
    for i in range(lanes.zero.shape[0]):
        acc_state[KEPT, i] = acc_state[EVENTS, i] = 0
    by_step[0] += add(acc_state, lanes.start[u], registers[ADDING])
    for f in range(lanes.folds.shape[0]):
        k0, k1 = f * lanes.fold, min((f + 1) * lanes.fold, steps)
        for i in range(lanes.zero.shape[0] * lanes.chained):
            lanes.kept[LINK, KEPT, i] = lanes.kept[LINK, EVENTS, i] = 0
        state = lanes.kept[lanes.chained]
        x, v, by_k = (
            lanes.x[u, r, k0:k1],
            lanes.v[u // lanes.share, k0:k1],
            link_steps[k0 + 1 : k1 + 1],
        )
        advance(x, v, state, by_k, register)
        if lanes.chained:
            classify(lanes.folds[f], state[EVENTS], register, u, lanes.spread, chain, chain_hit)
            by_step[k1] += add(acc_state, state[KEPT], registers[ADDING])
    for j in range(lanes.after.shape[0]):
        by_step[steps + 1] += add(acc_state, lanes.after[j, u, r], registers[ADDING])
    by_step[steps + 1] += add(acc_state, lanes.zero, registers[FINAL])
    total, final = lanes.sums[ACC, SUM], registers[FINAL]
    classify(total, acc_state[EVENTS], final, u, lanes.spread, acc, acc_hit)


@kernel
def merge_hull(lanes, u, chain, acc):  # type: ignore[no-untyped-def]
    """Take the ranges of one unit into the counters."""
    length, low, high = lanes.zero.shape[0], lanes.hull[0], lanes.hull[1]
    for i in range(length):
        at = i * lanes.spread
        acc.partial_lo[u, at] = min(acc.partial_lo[u, at], low[LO * length + i])
        acc.partial_hi[u, at] = max(acc.partial_hi[u, at], high[HI * length + i])
        acc.final_lo[u, at] = min(acc.final_lo[u, at], low[SUM * length + i])
        acc.final_hi[u, at] = max(acc.final_hi[u, at], high[SUM * length + i])
        chain.partial_lo[u, at] = min(chain.partial_lo[u, at], low[(3 + LO) * length + i])
        chain.partial_hi[u, at] = max(chain.partial_hi[u, at], high[(3 + HI) * length + i])
        if lanes.folds.shape[0] > 0:
            chain.final_lo[u, at] = min(chain.final_lo[u, at], lanes.fold_hull[0, i])
            chain.final_hi[u, at] = max(chain.final_hi[u, at], lanes.fold_hull[1, i])


@kernel
def run_lanes(lanes, chain, acc, hits, out, exact):  # type: ignore[no-untyped-def]
    """Run every row of every unit.

    ``chain, acc`` : `Tally` with units and lanes in the place of groups and channels.
    ``hits`` : uint8 ndarray of shape (2, U, R, L), set where chain [0], accumulator [1] had events.
    ``out, exact`` : int64 ndarrays of shape (U, R, L).
    """
    length, total, kept = lanes.zero.shape[0], lanes.sums[ACC, SUM], lanes.kept[ACC, KEPT]
    for u in range(lanes.x.shape[0]):
        for i in range(6 * length):
            lanes.hull[0, i], lanes.hull[1, i] = lanes.far, -lanes.far
        for i in range(length):
            lanes.fold_hull[0, i], lanes.fold_hull[1, i] = lanes.far, -lanes.far
        for r in range(lanes.x.shape[1]):
            range_row(lanes, u, r)
            for i in range(length):
                out[u, r, i] = exact[u, r, i] = total[i]
            if survey(lanes.flat, lanes.limits, lanes.hull):
                store_row(lanes, u, r, chain, acc, hits[0, u, r], hits[1, u, r])
                for i in range(length):
                    out[u, r, i] = kept[i]
        if lanes.x.shape[1] > 0:
            merge_hull(lanes, u, chain, acc)
