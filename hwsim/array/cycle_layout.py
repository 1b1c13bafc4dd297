"""What the vector code of the cycle engine reads and writes: laid out, and read back.

Columns lie in blocks of `LANES`; waves go through a block in stretches; weights and elements lie
fold by fold, so that a fold is in one place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.array.gemm import Ints
from hwsim.array.vector.emission import WORDS
from hwsim.array.vector.systolic_registers import CHANGED, HIGHEST, WAVES

LANES = WORDS  # columns of a block
STRETCH = 8 * WAVES  # waves that go through one block of columns after the other
FIELDS = HIGHEST + 1  # of the sums of a wave
ROWS_IN_PLACE = 32  # where sums stay: rows at once
LOW_HALF = 0xFFFF  # of a pair: a weight of the first row
Words = NDArray[np.int32]


class Near(NamedTuple):
    """What is at hand while a stretch of waves goes through some blocks of columns: int32 ndarrays.

    Attributes
    ----------
    tiles : of shape (blocks, folds, even / 2, LANES)
        Weights, two rows to a pair; ``even``: rows of a fold, or one more, filled with 0.
    elements : of shape (folds, STRETCH, even)
        The stream.
    terms : of shape (J, STRETCH)
        Of each wave, for J stores after all folds.
    valid : of shape (STRETCH,)
        0 of waves that are copies of the last one, else 1.
    sums : of shape (STRETCH, FIELDS, LANES)
        As `systolic_registers` lists them.
    left : of shape (STRETCH / WAVES,)
        Not 0 where a sum of a group of waves has left a register: until then the exact sums are
        what is stored.
    work : of shape (WAVES, FIELDS, LANES)
    events : of shape (blocks, folds, even + 1, LANES)
        By row of the product; the last one: at the store behind the array.
    late : of shape (blocks, J, LANES)
        Events at late stores.
    """

    tiles: Words
    elements: Words
    terms: Words
    valid: Words
    sums: Words
    left: Words
    work: Words
    events: Words
    late: Words

    @classmethod
    def of(cls, blocks: int, folds: int, rows: int, late: int) -> Near:
        """All 0."""
        even = rows + rows % 2
        shapes = (
            (blocks, folds, even // 2, LANES),
            (folds, STRETCH, even),
            (late, STRETCH),
            (STRETCH,),
            (STRETCH, FIELDS, LANES),
            (STRETCH // WAVES,),
            (WAVES, FIELDS, LANES),
            (blocks, folds, even + 1, LANES),
            (blocks, late, LANES),
        )
        return cls(*(np.zeros(shape, np.int32) for shape in shapes))


def in_blocks(rows: Ints) -> Words:
    """Channels (G, R, N) in blocks (G, blocks, R, LANES); lanes not in use are 0."""
    groups, count, n = rows.shape
    blocks = -(-n // LANES)
    whole = np.zeros((groups, count, blocks * LANES), np.int32)
    whole[:, :, :n] = rows
    return np.ascontiguousarray(whole.reshape(groups, count, blocks, LANES).swapaxes(1, 2))


def copy_others(differs: NDArray[np.bool_], stored: Ints, exact: Ints) -> Ints:
    """Exact sums (S, G, M, N), where those of some stretches (G, blocks, stretches) are written:
    all others are the stored ones, and so is the array where none differs."""
    if not differs.any():
        return stored
    samples, groups, m, n = stored.shape
    of_wave = differs.repeat(LANES, 1)[:, :n].repeat(STRETCH, 2)[:, :, : samples * m]
    of_output = of_wave.reshape(groups, n, samples, m).transpose(2, 0, 3, 1)
    np.copyto(exact, stored, where=~of_output)
    return exact


@kernel
def lay_weights(w, first, last, rows, tiles):  # type: ignore[no-untyped-def]
    """Some blocks of columns, fold by fold, two rows to a pair."""
    k, n = w.shape
    for fold in range(tiles.shape[1]):
        for pair in range(tiles.shape[2]):
            at, beyond = fold * rows + 2 * pair, min((fold + 1) * rows, k)
            for block in range(first, last):
                tile, begin = tiles[block - first, fold, pair], block * LANES
                if at + 1 < beyond and begin + LANES <= n:
                    for c in range(LANES):
                        tile[c] = w[at, begin + c] & LOW_HALF | w[at + 1, begin + c] << 16
                    continue
                for c in range(LANES):
                    tile[c] = 0
                for row in range(at, min(at + 2, beyond)):
                    for c in range(min(n - begin, LANES)):
                        tile[c] |= (w[row, begin + c] & LOW_HALF) << 16 * (row - at)


@kernel
def lay_elements(x, g, begin, count, rows, term, near):  # type: ignore[no-untyped-def]
    """A stretch of waves, fold by fold; the last one again where it is short."""
    m, elements, terms, valid = x.shape[2], near.elements, near.terms, near.valid
    for i in range(valid.shape[0]):
        valid[i] = i < count
        s, pixel = divmod(begin + min(i, count - 1), m)
        row = x[s, g, pixel]
        for fold in range(elements.shape[0]):
            source, target = row[fold * rows : (fold + 1) * rows], elements[fold, i]
            for r in range(source.shape[0]):
                target[r] = source[r]
        for j in range(terms.shape[0]):
            terms[j, i] = term[s, g, j, pixel]


@kernel
def lay_sums(start, sums, left):  # type: ignore[no-untyped-def]
    """What accumulators hold before the products."""
    for i in range(sums.shape[0]):
        for field in range(CHANGED + 1):
            for c in range(LANES):
                sums[i, field, c] = start[field, c]
    differ = 0
    for c in range(LANES):
        differ |= start[CHANGED, c]
    for group in range(left.shape[0]):
        left[group] = differ != 0


@kernel
def write_waves(sums, out, g, begin, count, n):  # type: ignore[no-untyped-def]
    """The sums of some waves, where the columns in use belong."""
    for i in range(count):
        s, m = divmod(begin + i, out.shape[2])
        at = out[s, g, m, n : n + LANES]
        if at.shape[0] == LANES:
            for c in range(LANES):
                at[c] = sums[i, c]
        else:
            for c in range(at.shape[0]):
                at[c] = sums[i, c]


@kernel
def count_rows(events, late, rows, chained, by_channel, by_row):  # type: ignore[no-untyped-def]
    """Events of one block, by column and by row; they are 0 again."""
    folds, even = events.shape[0], events.shape[1] - 1
    k = by_row.shape[0] - late.shape[0] - folds * chained
    for fold in range(folds):
        for r in range(even + 1):
            found, at = 0, fold * rows + r if r < even else k + fold
            for c in range(LANES):
                found += events[fold, r, c]
            if found:
                take(events[fold, r], by_channel[(r == even) * 1])
                by_row[at] += found
    for j in range(late.shape[0]):
        for c in range(LANES):
            by_row[k + folds * chained + j] += late[j, c]
        take(late[j], by_channel[1])


@kernel
def take(events, total):  # type: ignore[no-untyped-def]
    """Add events to the columns in use."""
    for c in range(LANES):
        if c < total.shape[0]:
            total[c] += events[c]
        events[c] = 0
