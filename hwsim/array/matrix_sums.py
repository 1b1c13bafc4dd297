"""Exact sums in matrix registers: how taps are packed for them, and how many outputs at once.

The taps of an output are S steps of four bytes, laid in one row: as few registers of up to 16 steps
as hold them, of ``depth`` steps each. Where that does not divide S, the last register begins at
S - depth, and codes of steps that were added before are 0 in it: a copy behind the row.

Rows are packed for so many outputs that they stay in a near cache (with fewer, registers wait for
what has just been written), and, where weights are many, that these are not read too often. A row
is an odd number of cache lines: sixteen rows are read at once, and lie in different sets.

Where sixteen outputs lie at equal distances, nothing need be packed: registers read the images, run
of taps by run, if equal registers hold a run and are not too many more (`in_runs`).
"""

from __future__ import annotations

import numpy as np

from hwsim._jit import kernel
from hwsim.array.vector.matrices import (
    CODES,
    DEPTH,
    GRIDS,
    LINE,
    SHORT,
    SIDE,
    WEIGHTS,
    cut_last,
    one_column,
    pack,
    pack_short,
    two_columns,
)

FOUR = 4  # bytes of one step
FEWEST = 12  # steps of a sum: below, packing and writing cost more than vectors take
NEAR = 1 << 17  # bytes of packed rows
FAR = 2048  # bytes: rows so far apart, or a multiple, share too few sets of the first cache
WORTH = 2  # lines packed, of an output, that a register more is worth, by block of channels
OF_WEIGHTS = 4  # a part of the weights' bytes: rows, where weights are many
PLACES = {columns * SIDE: lines * SIDE for columns, lines in GRIDS.items()}
"""Lanes of a block of channels: outputs of a grid of registers. No more lanes: the weights of a
block that lie farther apart share too few sets of the first cache."""
ONE_COLUMN, TWO_COLUMNS = PLACES[SIDE], PLACES[2 * SIDE]


@kernel
def form_of(depth):  # type: ignore[no-untyped-def]
    """The 64 bytes that say how large registers are: palette 1; bytes of a row as 16-bit numbers
    from byte 16 on, rows from byte 48 on.

    >>> form = form_of(9)
    >>> form[16:32].view(np.uint16).tolist(), form[48:56].tolist()
    ([64, 64, 64, 64, 36, 36, 64, 64], [16, 16, 16, 16, 16, 16, 9, 9])
    """
    form = np.zeros(64, np.uint8)
    form[0] = 1
    for register in range(8):
        codes = CODES <= register < WEIGHTS
        form[16 + 2 * register] = FOUR * depth if codes else LINE
        form[48 + register] = depth if register >= WEIGHTS else SIDE
    return form


@kernel
def row_of(steps):  # type: ignore[no-untyped-def]
    """Of a row of packed taps: registers, and steps of each; bytes that the last one does not add
    again; bytes from row to row.

    >>> row_of(48), row_of(42), row_of(41)  # the last register begins a step early
    ((3, 16, 0, 320), (3, 14, 0, 320), (3, 14, 4, 320))
    """
    registers = -(-steps // DEPTH)
    depth = -(-steps // registers)
    again = FOUR * (registers * depth - steps)
    lines = cut_at(steps) // LINE + 1
    return registers, depth, again, (lines + 1 - lines % 2) * LINE


@kernel
def cut_at(steps):  # type: ignore[no-untyped-def]
    """Where in a row the last register's codes lie once more, over what `pack` wrote too much."""
    return -(-FOUR * steps // LINE) * LINE


@kernel
def is_even(places):  # type: ignore[no-untyped-def]
    """Whether places lie at equal distances, and rows there in enough sets of the cache.

    >>> is_even(np.array([0, 3, 6])), is_even(np.array([0, 3, 7])), is_even(np.array([0, FAR]))
    (True, False, False)
    >>> is_even(np.array([5, 5, 5]))  # one row
    True
    """
    step = places[1] - places[0]
    for i in range(2, places.size):
        if places[i] - places[i - 1] != step:
            return False
    return step == 0 or step % FAR != 0


@kernel
def in_runs(w, places):  # type: ignore[no-untyped-def]
    """Registers of each run of taps, so that these may be read where they lie; 0 where packing is
    quicker, or where they do not divide a run's steps."""
    blocks, runs, each, _ = w.shape
    registers = -(-each // DEPTH)
    more = runs * registers - row_of(runs * each)[0]
    packing = runs * -(-FOUR * each // LINE)
    quicker = is_even(places[:SIDE]) and more * blocks <= WORTH * packing
    return registers if each % registers == 0 and quicker else 0


@kernel
def add_in_matrices(x, places, jump, w, start, out):  # type: ignore[no-untyped-def]
    """`hwsim.array.exact_sums.add_exact`, whole grids of places (`PLACES`).

    64 bytes may be read from any tap on.
    """
    blocks, runs, each, width = w.shape
    lanes, steps = start.shape[1], runs * each
    registers, depth, again, pitch = row_of(steps)
    of_run = in_runs(w, places)
    if of_run > 0:
        turns, depth, again = (runs, of_run), each // of_run, 0
    else:
        turns = (1, registers - (again > 0))
    last = (1, cut_at(steps)) if again > 0 else (0, 0)
    grid = ONE_COLUMN if lanes == SIDE else TWO_COLUMNS
    at_once = max(max(NEAR, w.size // OF_WEIGHTS) // pitch // grid, 1) * grid
    at_once = min(at_once, places.size)
    memory = np.empty(at_once * pitch + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    form, weights = form_of(depth), w.reshape(blocks, steps, width)
    lie = np.empty((at_once // SIDE, 3), np.int64)
    for begin in range(0, places.size, at_once):
        some, sums = places[begin : begin + at_once], out[begin : begin + at_once]
        rows = memory[first : first + some.size * pitch].reshape(some.size, pitch)
        of_some = lie[: some.size // SIDE]
        for i in range(len(of_some)):
            low, high = i * SIDE, (i + 1) * SIDE
            if of_run > 0 and is_even(some[low:high]):
                of_some[i, 0] = x.ctypes.data + some[low]
                of_some[i, 1], of_some[i, 2] = some[low + 1] - some[low], jump
                continue
            if FOUR * each <= SHORT:
                pack_short(x, some[low:high], jump, runs, FOUR * each, rows[low:high])
            else:
                pack(x, some[low:high], jump, runs, FOUR * each, rows[low:high])
            of_some[i, 0] = rows.ctypes.data + low * pitch
            of_some[i, 1], of_some[i, 2] = pitch, FOUR * each
        if again > 0:
            cut_last(rows, FOUR * (steps - depth), again, cut_at(steps))
        if lanes == SIDE:
            one_column(form, of_some, weights, start, sums, depth, *turns, *last)
        else:
            two_columns(form, of_some, weights, start, sums, depth, *turns, *last)
