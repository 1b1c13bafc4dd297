"""What the vector code of the cycle engine reads and writes: laid out, and read back.

Columns lie in blocks of `LANES`; waves go through a block in stretches; weights and elements lie
fold by fold, so that a fold is in one place.
"""

from __future__ import annotations

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


def in_blocks(rows: Ints) -> Words:
    """Channels (G, R, N) in blocks (G, blocks, R, LANES); lanes not in use are 0."""
    groups, count, n = rows.shape
    blocks = -(-n // LANES)
    whole = np.zeros((groups, count, blocks * LANES), np.int32)
    whole[:, :, :n] = rows
    return np.ascontiguousarray(whole.reshape(groups, count, blocks, LANES).swapaxes(1, 2))


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
                tile[:] = 0
                for row in range(at, min(at + 2, beyond)):
                    for c in range(min(n - begin, LANES)):
                        tile[c] |= (w[row, begin + c] & LOW_HALF) << 16 * (row - at)


@kernel
def lay_elements(x, g, begin, count, rows, elements, term, terms, valid):  # type: ignore[no-untyped-def]
    """A stretch of waves, fold by fold; the last one again where it is short."""
    m = x.shape[2]
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
    left[:] = start[CHANGED].any()


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
def copy_others(differs, stored, exact):  # type: ignore[no-untyped-def]
    """Exact sums that are the stored ones."""
    samples, groups, m, n = stored.shape
    for g in range(groups):
        for wave in range(samples * m):
            s, pixel = divmod(wave, m)
            for c in range(n):
                if not differs[g, c // LANES, wave // STRETCH]:
                    exact[s, g, pixel, c] = stored[s, g, pixel, c]


@kernel
def count_rows(events, late, rows, chained, by_channel, by_row):  # type: ignore[no-untyped-def]
    """Events of one block, by column and by row; they are 0 again."""
    folds, even = events.shape[0], events.shape[1] - 1
    k = by_row.shape[0] - late.shape[0] - folds * chained
    for fold in range(folds):
        for r in range(even + 1):
            at = fold * rows + r if r < even else k + fold
            for c in range(by_channel.shape[1]):
                by_channel[(r == even) * 1, c] += events[fold, r, c]
            found = events[fold, r].sum()
            if found:
                by_row[at] += found
    for j in range(late.shape[0]):
        for c in range(by_channel.shape[1]):
            by_channel[1, c] += late[j, c]
        by_row[k + folds * chained + j] += late[j].sum()
    events[:], late[:] = 0, 0
