"""Outputs side by side: one channel of many pixels in vector lanes, in two passes.

The *range* pass adds without limits and keeps the extremes of every partial sum. Where they stay
inside every register, nothing can have happened: the registers hold the exact sums. Rows that left
a register are run *stepwise*, store by store, and their events counted. Both take the additions of
one output in the same order as its plan (`hwsim.array.stepwise`); only outputs lie side by side.

Lanes are int32 where no value can leave it (`hwsim.array.fast_layout` proves that), else int64:
one source, two widths. A lane's register either wraps or saturates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.array.fast_steps import (
    CHANGED,
    HI,
    KEPT,
    LO,
    SUM,
    advance,
    close_fold,
    extend,
    extremes,
    join,
    put,
)
from hwsim.array.gemm import Ints

ADDING, CHAIN, FINAL = range(3)  # rows of `Lanes.registers`
ACC, LINK = range(2)  # accumulator and chain in `Scratch.sums` and `Scratch.kept`
WIDTH = 64  # lanes are run in multiples of it, so that no compiler leaves some over


class Lanes(NamedTuple):
    """One layer, pixels of all samples laid out in blocks of B lanes.

    Attributes
    ----------
    x : int32 or int64 ndarray of shape (G, N, K)
        Weights: the operand that all lanes of a channel share.
    v : as x, of shape (blocks, G, K, B)
        Activations: the operand of each lane; zeros in lanes that are not in use.
    length : int64 ndarray of shape (blocks,)
        Lanes in use.
    used : as x, of shape (blocks, B)
        1 in lanes in use, else 0.
    image : int64 ndarray of shape (blocks, B)
        Of each lane: ``sample * G * M + pixel``.
    pixels : int
        M.
    start : as x, of shape (G, N)
        What is preloaded, else 0.
    factor, term : as x, of shapes (J, G, N) and (J, blocks, G, B)
        ``factor * term`` is added after all products, J times.
    registers : int64 ndarray of shape (3, 4)
        ``lo hi wraps 1`` of the accumulator while it adds, of the chain, of the last store.
    fold : int
        Reduction steps of one fold; all of them where there is no chain.
    folds : int
    chained : int
        1: every fold is added in the chain, and its sum to the accumulator. 0: there is no chain.
    """

    x: Ints
    v: Ints
    length: Ints
    used: Ints
    image: Ints
    pixels: int
    start: Ints
    factor: Ints
    term: Ints
    registers: Ints
    fold: int
    folds: int
    chained: int


class Scratch(NamedTuple):
    """Memory of one row of lanes (one channel of one block).

    Attributes
    ----------
    sums : ndarray of shape (2, 3, B)
        Least, current and largest exact sum of accumulator and chain.
    kept : ndarray of shape (2, 2, B)
        What they keep, and whether a store lost something.
    fold_sum : ndarray of shape (folds, B)
        The chain's exact final values.
    fold_range : int64 ndarray of shape (2,)
        Their extremes.
    """

    sums: Ints
    kept: Ints
    fold_sum: Ints
    fold_range: Ints


class Found(NamedTuple):
    """Which outputs had an event, in order of (sample, group, m, n).

    Attributes
    ----------
    first : int64 ndarray of shape (2,)
        The least one, by register (`ACC`, `LINK`).
    hits : uint8 ndarray of shape (2, S * G * M * N), or (2, 0)
        Set at every one, where they are asked for.
    """

    first: Ints
    hits: NDArray[np.uint8]


@kernel
def range_row(lanes, scratch, b, g, r):  # type: ignore[no-untyped-def]
    """The exact sums of one row, their extremes, and those of every fold."""
    sums, link, used = scratch.sums[ACC], scratch.sums[LINK], lanes.used[b]
    x, v, w = lanes.x[g, r], lanes.v[b, g], used.shape[0]
    for i in range(w):
        sums[LO, i] = sums[SUM, i] = sums[HI, i] = lanes.start[g, r] * used[i]
        link[LO, i] = link[HI, i] = 0
    for f in range(lanes.folds):
        k0, k1 = f * lanes.fold, min((f + 1) * lanes.fold, x.shape[0])
        for i in range(w * lanes.chained):
            link[SUM, i] = 0
        extend(x[k0:k1], v[k0:k1], scratch.sums[lanes.chained], w)
        if lanes.chained:
            lo, hi = close_fold(link[SUM], sums, scratch.fold_sum[f], lanes.length[b])
            scratch.fold_range[0] = min(lo, scratch.fold_range[0]) if f else lo
            scratch.fold_range[1] = max(hi, scratch.fold_range[1]) if f else hi
    for j in range(lanes.factor.shape[0]):
        join(lanes.factor[j, g, r], lanes.term[j, b, g], sums, w)


@kernel
def take_range(lanes, scratch, b, g, r, chain, acc, exact):  # type: ignore[no-untyped-def]
    """Take the ranges of one row into the counters, its sums into ``exact``; whether any left its
    register."""
    sums, link, registers = scratch.sums[ACC], scratch.sums[LINK], lanes.registers
    lo, hi, final_lo, final_hi = sums[LO, 0], sums[HI, 0], sums[SUM, 0], sums[SUM, 0]
    for i in range(lanes.length[b]):
        lo, hi = min(lo, sums[LO, i]), max(hi, sums[HI, i])
        final_lo, final_hi = min(final_lo, sums[SUM, i]), max(final_hi, sums[SUM, i])
        exact[i] = sums[SUM, i]
    acc.partial_lo[g, r] = min(acc.partial_lo[g, r], lo)
    acc.partial_hi[g, r] = max(acc.partial_hi[g, r], hi)
    acc.final_lo[g, r] = min(acc.final_lo[g, r], final_lo)
    acc.final_hi[g, r] = max(acc.final_hi[g, r], final_hi)
    left = lo < registers[ADDING, 0] or hi > registers[ADDING, 1]
    left |= final_lo < registers[FINAL, 0] or final_hi > registers[FINAL, 1]
    if lanes.chained and lanes.folds:
        lo, hi = extremes(link[LO], link[HI], lanes.length[b])
        chain.partial_lo[g, r] = min(chain.partial_lo[g, r], lo)
        chain.partial_hi[g, r] = max(chain.partial_hi[g, r], hi)
        chain.final_lo[g, r] = min(chain.final_lo[g, r], scratch.fold_range[0])
        chain.final_hi[g, r] = max(chain.final_hi[g, r], scratch.fold_range[1])
        left |= lo < registers[CHAIN, 0] or hi > registers[CHAIN, 1]
    return left


@kernel
def classify(lanes, b, g, r, register, exact, changed, tally, first, hits):  # type: ignore[no-untyped-def]
    """Count outputs (chain: of one fold) that had an event, by whether the final value fits."""
    kind = exact.dtype.type
    lo, hi, persistent, transient = kind(register[0]), kind(register[1]), kind(0), kind(0)
    for i in range(lanes.length[b]):
        hit, fits = changed[i] != 0, (exact[i] >= lo) & (exact[i] <= hi)
        transient += kind(hit & fits)
        persistent += kind(hit & (not fits))
    tally.transient[g, r] += transient
    tally.persistent[g, r] += persistent
    if persistent + transient > 0:
        mark(lanes, b, g, r, changed, first, hits)


@kernel
def mark(lanes, b, g, r, changed, first, hits):  # type: ignore[no-untyped-def]
    """The least output that had an event and, where they are asked for, every one."""
    for i in range(lanes.length[b]):
        if changed[i] != 0:
            output = (lanes.image[b, i] + g * lanes.pixels) * lanes.x.shape[1] + r
            first[0] = min(first[0], output)
            if hits.shape[0] == 0:
                return  # later lanes are later outputs
            hits[output] = 1


@kernel
def clear(state, n):  # type: ignore[no-untyped-def]
    """A register that holds 0 and lost nothing."""
    for i in range(n):
        state[KEPT, i] = state[CHANGED, i] = 0


@kernel
def store_row(lanes, scratch, b, g, r, chain, acc, found):  # type: ignore[no-untyped-def]
    """Run one row store by store: what the accumulator keeps, and every event counted."""
    x, v, used, registers = lanes.x[g, r], lanes.v[b, g], lanes.used[b], lanes.registers
    zero, one = lanes.x.dtype.type(0), lanes.x.dtype.type(1)
    w, steps, adding = used.shape[0], x.shape[0], registers[ADDING]
    state, link, by_step = scratch.kept[ACC], scratch.kept[LINK], acc.events_by_step
    clear(state, w)
    count = put(lanes.start[g, r], used, state, adding, w)
    by_step[0] += count
    events = 0 + count
    adder = CHAIN if lanes.chained else ADDING
    by_fold = (chain if lanes.chained else acc).events_by_step
    for f in range(lanes.folds):
        k0, k1 = f * lanes.fold, min((f + 1) * lanes.fold, steps)
        if lanes.chained:
            clear(link, w)
        target, by_k = scratch.kept[lanes.chained], by_fold[k0 + 1 : k1 + 1]
        count = advance(x[k0:k1], v[k0:k1], target, by_k, registers[adder], w)
        if lanes.chained:
            chain.events_by_channel[g, r] += count
            exact, first, hits = scratch.fold_sum[f], found.first[LINK:], found.hits[LINK]
            register, lost = registers[CHAIN], link[CHANGED]
            classify(lanes, b, g, r, register, exact, lost, chain, first, hits)
            count = put(one, link[KEPT], state, adding, w)
            by_step[k1] += count
        events += count
    terms = lanes.factor.shape[0]
    for t in range(terms + 1):
        last = t == terms  # under check: final the only store; elsewhere it adds nothing
        factor = zero if last else lanes.factor[t, g, r]
        term = used if last else lanes.term[t, b, g]
        count = put(factor, term, state, registers[FINAL if last else ADDING], w)
        by_step[steps + 1] += count
        events += count
    acc.events_by_channel[g, r] += events
    exact, first, hits = scratch.sums[ACC, SUM], found.first[ACC:], found.hits[ACC]
    register, lost = registers[FINAL], state[CHANGED]
    classify(lanes, b, g, r, register, exact, lost, acc, first, hits)


@kernel
def run_lanes(lanes, scratch, chain, acc, found, out, exact, stepped):  # type: ignore[no-untyped-def]
    """Run every channel of every block.

    ``out, exact`` : as x, of shape (blocks, G, N, B); rows of ``out`` are written where the bool
    ndarray ``stepped`` of shape (blocks, G, N) is set.
    """
    kept = scratch.kept[ACC, KEPT]
    for b in range(lanes.v.shape[0]):
        for g in range(lanes.x.shape[0]):
            for r in range(lanes.x.shape[1]):
                range_row(lanes, scratch, b, g, r)
                if take_range(lanes, scratch, b, g, r, chain, acc, exact[b, g, r]):
                    store_row(lanes, scratch, b, g, r, chain, acc, found)
                    stepped[b, g, r], out_row = True, out[b, g, r]
                    for i in range(lanes.length[b]):
                        out_row[i] = kept[i]
