"""The systolic array, clock by clock: every register of every PE, for all three systolic dataflows.

`define_clocks` is the readable definition, one PE at a time. `run_clocks` gives the same registers
faster: a bank of registers that all move by one PE is a window into a tape, and the bank's clock
edge is one step of the window (see `run_clocks`). Neither knows which output a register holds.
"""

from __future__ import annotations

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.overflow import Overflow, fit
from hwsim.arith.rounding import drop_low_bits
from hwsim.array.fast_steps import grow, step

SUM, EXACT, LOW, HIGH, COUNT, FIRST = range(6)  # what travels with a sum: rows of `sums`
MAX_LEVELS = 32  # of an adder tree
EVENT_COLUMNS = 5  # clock, row, col, presented, stored


@kernel
def define_clocks(  # type: ignore[no-untyped-def]
    a_edge, w_edge, a, w, sums, moving, register, drop_bits, rounding, first_clock, trace, events
):
    """The definition: two copies of every register, one PE after the other.

    ::

        a'   = a_in                               from the left neighbour, or the left edge
        w'   = w_in while weights shift, else w   from the upper neighbour, or the top edge
        sum' = fit(sum_in + product)      from the upper neighbour (0 at the top edge),
                                                  or the PE's own sum where sums stay

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
    clocks, found = 0, 0
    for t in range(a_edge.shape[0]):
        for r in range(rows):
            for c in range(cols):
                next_a[r, c] = a[r, c - 1] if c > 0 else a_edge[t, r]
                if t < w_edge.shape[0]:
                    next_w[r, c] = w[r - 1, c] if r > 0 else w_edge[t, c]
                above = sums[r - 1, c] if r > 0 else 0
                sum_in = above if moving else sums[r, c]
                v = sum_in + drop_low_bits(next_a[r, c] * next_w[r, c], drop_bits, rounding)
                next_sums[r, c] = fit(v, register[0], register[1], register[2], register[3])
                if next_sums[r, c] != v:
                    log_event(events, found, t, r, c, v, next_sums[r, c])
                    found += 1
        a[:], w[:], sums[:] = next_a, next_w, next_sums
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
def multiply(a, w, drop_bits, rounding, products):  # type: ignore[no-untyped-def]
    """The product of every PE."""
    for p in range(products.size):
        products[p] = a[p] * w[p]
    if drop_bits > 0:
        for p in range(products.size):
            products[p] = drop_low_bits(products[p], drop_bits, rounding)


@kernel
def store_sums(stored, products, presented, limits, overflow, wrap_bits):  # type: ignore[no-untyped-def]
    """``sum = fit(sum + product)`` in every PE; ``presented`` keeps what came before the fit.

    Saturating and plainly wrapping registers run in vector lanes.
    """
    lo, hi, kind = limits[0], limits[1], stored.dtype.type
    wraps = overflow == Overflow.WRAP and wrap_bits == 0
    if wraps or overflow == Overflow.SATURATE:
        for p in range(products.size):
            presented[p], stored[p] = step(stored[p], products[p], lo, hi, wraps, kind)
        return
    for p in range(products.size):
        presented[p] = stored[p] + products[p]
        stored[p] = fit(presented[p], lo, hi, overflow, wrap_bits)


@kernel
def clock_results(a, w, stored, limits, wraps):  # type: ignore[no-untyped-def]
    """Multiply and store in every PE, where registers saturate or plainly wrap: one vector loop."""
    kind = stored.dtype.type
    lo, hi = limits[0], limits[1]
    for p in range(stored.size):
        stored[p] = step(stored[p], a[p] * w[p], lo, hi, wraps, kind)[1]


@kernel
def clock_ledger(a, w, stored, exact, low, high, presented, limits, wraps):  # type: ignore[no-untyped-def]
    """The same with the exact sums beside; whether any store changed its value."""
    kind = stored.dtype.type
    lo, hi, lost = limits[0], limits[1], kind(0)
    for p in range(stored.size):
        addend = kind(a[p] * w[p])
        shown, kept = step(stored[p], addend, lo, hi, wraps, kind)
        presented[p], stored[p] = shown, kept
        lost |= shown ^ kept
        exact[p], low[p], high[p] = grow(exact[p], addend, low[p], high[p], kind)
    return lost != 0


@kernel
def follow_exact(exact, low, high, products):  # type: ignore[no-untyped-def]
    """The same sums without a limit, and the least and largest value that each has had."""
    for p in range(products.size):
        exact[p] += products[p]
        low[p] = min(low[p], exact[p])
        high[p] = max(high[p], exact[p])


@kernel
def count_events(stored, count, first, steps, presented, clocks_left):  # type: ignore[no-untyped-def]
    """One more event with every sum and every weight register whose store changed its value.

    ``first`` keeps the largest ``clocks_left`` at an event: the earliest one.
    """
    for p in range(presented.size):
        presented[p] = stored[p] != presented[p]
    for p in range(presented.size):
        count[p] += presented[p]
        steps[p] += presented[p]
    for p in range(presented.size):
        first[p] = max(first[p], presented[p] * clocks_left)


@kernel
def run_clocks(  # type: ignore[no-untyped-def]
    a_edge, a, w, steps, sums, moving, shifts, limits, overflow, wrap_bits, drop_bits, rounding
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

    Parameters
    ----------
    a_edge : ndarray of shape (clocks, rows)
    a : ndarray of shape (clocks - 1 + rows * cols,)
    w : ndarray of shape ((shifts + rows) * cols,)
    steps : ndarray like w
        Events counted in the PEs that a weight register has been in.
    sums : ndarray of shape (6, cells of the tape), or (1, ...) for results without a ledger
        Rows: stored sum, exact sum, its least and largest value, events, clocks left at the first.
    moving, shifts
        As in `define_clocks`.
    limits : ndarray of shape (2,)
        ``lo, hi`` of the sum.

    Notes
    -----
    All arrays are int32 or all are int64: lanes, wide enough for every exact sum
    (`cycle_fold.lane_type`).
    """
    clocks, rows = a_edge.shape
    cells = a.size - clocks + 1
    cols = cells // rows
    products = np.empty(cells, sums.dtype)
    presented = np.empty(cells, sums.dtype)
    ledger = sums.shape[0] > 1
    wraps = overflow == Overflow.WRAP and wrap_bits == 0
    plain = drop_bits == 0 and (wraps or overflow == Overflow.SATURATE)
    for t in range(clocks):
        x = clocks - 1 - t
        for r in range(rows):
            a[x + r * cols] = a_edge[t, r]
        y = (shifts - min(t + 1, shifts)) * cols
        q = x * cols * moving
        here, moved, other = slice(q, q + cells), a[x : x + cells], w[y : y + cells]
        stored, lost = sums[SUM, here], True
        if not plain:
            multiply(moved, other, drop_bits, rounding, products)
            store_sums(stored, products, presented, limits, overflow, wrap_bits)
        if not ledger:
            if plain:
                clock_results(moved, other, stored, limits, wraps)
            continue
        exact, low, high = sums[EXACT, here], sums[LOW, here], sums[HIGH, here]
        if plain:
            lost = clock_ledger(moved, other, stored, exact, low, high, presented, limits, wraps)
        else:
            follow_exact(exact, low, high, products)
        if lost:
            first, changed = sums[FIRST, here], steps[y : y + cells]
            count_events(stored, sums[COUNT, here], first, changed, presented, x + 1)
    return clocks
