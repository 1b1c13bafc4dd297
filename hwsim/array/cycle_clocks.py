"""The systolic array, clock by clock: every register of every PE, for all three systolic dataflows.

`define_clocks` is the readable definition, one PE at a time. `run_clocks` gives the same registers
faster: a bank of registers that all move by one PE is a window into a tape, and the bank's clock
edge is one step of the window (see `run_clocks`; what a clock does in a window: `cycle_steps`).
Neither knows which output a register holds.
"""

from __future__ import annotations

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.overflow import Overflow, fit
from hwsim.arith.rounding import drop_low_bits
from hwsim.array.cycle_steps import (
    clock_ledger,
    clock_results,
    count_events,
    follow_exact,
    multiply,
    store_sums,
)

SUM, EXACT, LOW, HIGH, COUNT, FIRST = range(6)  # what travels with a sum: rows of `sums`
MAX_LEVELS = 32  # of an adder tree
EVENT_COLUMNS = 5  # clock, row, col, presented, stored


@kernel
def define_clocks(  # type: ignore[no-untyped-def]
    a_edge, w_edge, a, w, sums, moving, register, drop_bits, rounding, multiplier, pe, first_clock,
    trace, events,
):  # fmt: skip
    """The definition: two copies of every register, one PE after the other.

    ::

        a'   = a_in                               from the left neighbour, or the left edge
        w'   = w_in while weights shift, else w   from the upper neighbour, or the top edge
        sum' = fit(sum_in + product)              from the upper neighbour (0 at the top edge),
                                                  or the PE's own sum where sums stay

    ``pe - 1`` further registers lie between neighbours (not where a tile shifts in), so that what
    comes from one is what it held ``pe`` clocks before; ``multiplier - 1`` between product and sum.
    The adder has none: a sum that stays takes a product every clock.

    Parameters
    ----------
    a_edge : int64 ndarray of shape (clocks, rows)
    w_edge : int64 ndarray of shape (shifts, cols)
        Weights shift during the first ``shifts`` clocks, then they stay.
    a, w, sums : int64 ndarray of shape (rows, cols)
        The registers; they hold their last content afterwards.
    moving : int
        1: sums move down; 0: they stay.
    register : int64 ndarray of shape (4,)
        ``lo hi overflow wrap_bits`` of the sum.
    multiplier, pe : int
        As in `LatencySpec`.
    first_clock : int
        Clock of ``trace[0]``.
    trace : int64 ndarray of shape (traced clocks, 3, rows, cols)
        a, w and sum after each clock.
    events : int64 ndarray of shape (capacity, 5)
        Clock, row, column, presented, stored.

    Returns
    -------
    tuple of int
        Clocks done, number of events.
    """
    rows, cols = w.shape
    next_a, next_w, next_sums = a.copy(), w.copy(), sums.copy()
    held_a, held_sums = np.zeros((2, pe, rows, cols), np.int64)  # of the last clocks
    held_w = np.zeros((1 if moving else pe, rows, cols), np.int64)
    held_a[-1], held_w[-1], held_sums[-1] = a, w, sums
    products = np.zeros((multiplier, rows, cols), np.int64)
    clocks, found = 0, 0
    for t in range(a_edge.shape[0]):
        left, up, above = held_a[t % pe], held_w[t % len(held_w)], held_sums[t % pe]
        newest, due = products[t % multiplier], products[(t + 1) % multiplier]
        for r in range(rows):
            for c in range(cols):
                next_a[r, c] = left[r, c - 1] if c > 0 else a_edge[t, r]
                if t < w_edge.shape[0]:
                    next_w[r, c] = up[r - 1, c] if r > 0 else w_edge[t, c]
                newest[r, c] = drop_low_bits(next_a[r, c] * next_w[r, c], drop_bits, rounding)
                from_above = above[r - 1, c] if r > 0 else 0
                v = (from_above if moving else sums[r, c]) + due[r, c]
                next_sums[r, c] = fit(v, register[0], register[1], register[2], register[3])
                if next_sums[r, c] != v:
                    log_event(events, found, t, r, c, v, next_sums[r, c])
                    found += 1
        a[:], w[:], sums[:] = next_a, next_w, next_sums
        left[:], up[:], above[:] = a, w, sums
        if 0 <= t - first_clock < trace.shape[0]:
            trace[t - first_clock, 0] = a
            trace[t - first_clock, 1] = w
            trace[t - first_clock, 2] = sums
        clocks += 1
    return clocks, found


@kernel
def log_event(events, found, t, row, col, presented, stored):  # type: ignore[no-untyped-def]
    """Row ``found`` of a list of events, where there is room for it."""
    if found < events.shape[0]:
        events[found, 0] = t
        events[found, 1] = row
        events[found, 2] = col
        events[found, 3] = presented
        events[found, 4] = stored


@kernel
def run_clocks(  # type: ignore[no-untyped-def]
    a_edge, a, w, steps, sums, moving, limits, overflow, wrap_bits, drop_bits, rounding
):
    """Clock the array ``a_edge.shape[0]`` times; returns the number of clocks done.

    PE (r, c) is cell ``p = r * cols + c``. Each bank of registers lies in a tape, and cell p of
    the bank is ``tape[base + p]``::

        a     base falls by 1 a clock: every PE takes its left neighbour's; the left edge is
              written to cell (r, 0)
        w     base falls by ``cols`` while weights shift: every PE takes its upper neighbour's; the
              cells that enter above are the top edge, already in the tape
        sums  base falls by ``cols`` a clock where sums move down, zeros enter above, and what
              has left the last row stays behind in the tape, in order of time

    With ``pe`` registers from PE to PE, what is met in clock t was left in clock t - pe: a bank
    has ``pe`` tapes, clock t moves tape ``t % pe``.

    Parameters
    ----------
    a_edge : ndarray of shape (clocks, rows)
        ``multiplier - 1`` clocks late: as if the product's registers stood before the array.
    a : ndarray of shape (pe, slots - 1 + rows * cols)
        ``slots``: ceil(clocks / pe), moves of the first tape.
    w : ndarray of shape (pe, (slots + rows) * cols), or (1, (rows + rows) * cols) where a tile
        shifts in
    steps : ndarray like w
        Events counted in the PEs that a weight register has been in.
    sums : ndarray of shape (pe, 6, cells of the tape), (1, ...) where sums stay, (..., 1, ...) for
        results without a ledger
        Rows: stored sum, exact sum, its least and largest value, events, clocks left at the first.
    moving
        As in `define_clocks`.
    limits : ndarray of shape (2,)
        ``lo, hi`` of the sum.

    Notes
    -----
    All arrays are int32 or all are int64: lanes, wide enough for every exact sum
    (`cycle_fold.lane_type`).
    """
    clocks, rows = a_edge.shape
    pe = a.shape[0]
    slots = -(-clocks // pe)
    cells = a.shape[1] - slots + 1
    cols = cells // rows
    shifts = w.shape[1] // cols - rows
    products = np.empty(cells, sums.dtype)
    presented = np.empty(cells, sums.dtype)
    ledger = sums.shape[1] > 1
    wraps = overflow == Overflow.WRAP and wrap_bits == 0
    plain = drop_bits == 0 and (wraps or overflow == Overflow.SATURATE)
    for t in range(clocks):
        x, tape = slots - 1 - t // pe, t % pe
        for r in range(rows):
            a[tape, x + r * cols] = a_edge[t, r]
        y = (shifts - min(t // w.shape[0] + 1, shifts)) * cols
        q = x * cols * moving
        here, there = slice(q, q + cells), slice(y, y + cells)
        moved, other = a[tape, x : x + cells], w[t % w.shape[0], there]
        bank, lost = sums[t % sums.shape[0]], True
        stored = bank[SUM, here]
        if not plain:
            multiply(moved, other, drop_bits, rounding, products)
            store_sums(stored, products, presented, limits, overflow, wrap_bits)
        if not ledger:
            if plain:
                clock_results(moved, other, stored, limits, wraps)
            continue
        exact, low, high = bank[EXACT, here], bank[LOW, here], bank[HIGH, here]
        if plain:
            lost = clock_ledger(moved, other, stored, exact, low, high, presented, limits, wraps)
        else:
            follow_exact(exact, low, high, products)
        if lost:
            first, changed = bank[FIRST, here], steps[t % w.shape[0], there]
            count_events(stored, bank[COUNT, here], first, changed, presented, clocks - t)
    return clocks
