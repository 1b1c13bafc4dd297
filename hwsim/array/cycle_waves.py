"""All waves of a layer in one call: the arrays of `hwsim.array.vector.systolic`, block by block.

Columns lie in blocks of `LANES`, whatever the width of the array: no column knows another. A fold
is ``rows`` stores in a chain, then one behind the array; where sums stay, all stores are in place.
"""

from __future__ import annotations

import numpy as np

from hwsim._jit import kernel, overload
from hwsim.array.vector import systolic
from hwsim.array.vector.emission import WORDS
from hwsim.array.vector.systolic import WAVES

LANES = WORDS  # columns of a block
STRETCH = 8 * WAVES  # waves that go through one block of columns after the other
PANEL = 1 << 17  # words of weights at once, where one block has fewer
LOW_HALF = 0xFFFF  # of a pair: the other half of a weight is 0


def waves(  # type: ignore[no-untyped-def]
    x, w, rows, chained, start, rules, factor, term, begin, end, base, found, events, work, out
):
    """Waves ``begin`` to ``end`` of one sample and block; exists as vector code alone.

    Arrays of `run_waves`, of one sample, group and block; ``w`` : int32 of shape (K, LANES), low
    halves of pairs; ``events`` : int32 of shape (K + F + J, LANES), by row of the product, by fold
    and by late store; ``out`` : int32 of shape (2, STRETCH, LANES), stored and exact sums;
    ``base`` : number of the sample's first wave; ``work`` : int32 of shape (3, WAVES, LANES).
    """
    raise NotImplementedError


@overload(waves)
def _waves(  # type: ignore[no-untyped-def]
    x, w, rows, chained, start, rules, factor, term, begin, end, base, found, events, work, out
):
    """Blocks of waves, then what is left one by one."""

    def in_vectors(  # type: ignore[no-untyped-def]
        x, w, rows, chained, start, rules, factor, term, begin, end, base, found, events, work, out
    ):
        whole = begin + (end - begin) // WAVES * WAVES
        systolic.some_waves(
            x, w, rows, chained, start, rules, factor, term, begin, whole, begin, base, found,
            events, work, out,
        )  # fmt: skip
        systolic.one_wave(
            x, w, rows, chained, start, rules, factor, term, whole, end, begin, base, found,
            events, work, out,
        )  # fmt: skip

    return in_vectors


@kernel
def run_waves(  # type: ignore[no-untyped-def]
    x, w, rows, chained, start, rules, factor, term, found, by_channel, by_row, stored, exact
):
    """Every wave of every sample.

    Parameters
    ----------
    x : int32 ndarray of shape (S, G, M, K)
    w : int32 ndarray of shape (G, K, N)
    rows : int
        Stores of one fold, where ``chained``; the last fold of K may have fewer.
    start : int32 ndarray of shape (G, blocks, 3, LANES)
        What accumulators hold before: stored, exact, and the bits that differ.
    rules : int32 ndarray of shape (2 + J, 5)
        Of the chain, of the accumulator while it adds, and at each late store.
    factor, term : int32 ndarrays of shapes (G, blocks, J, LANES), (S, G, J, M)
        ``factor * term`` is stored after all products.
    found : int32 ndarray of shape (G, blocks, 2, 7, LANES)
        Ranges, classes and first waves (S * M of them) of chain and accumulator.
    by_channel : int64 ndarray of shape (2, G, N)
        Events at products, and at stores behind the array.
    by_row : int64 ndarray of shape (K + F + J,)
        Events by row of the product, by fold, by late store.
    stored, exact : int64 ndarrays of shape (S, G, M, N)
    """
    samples, groups, m, k = x.shape
    blocks = start.shape[1]
    together = min(max(PANEL // (k * LANES), 1), blocks)
    tiles = np.zeros((together, k, LANES), np.int32)
    events = np.empty((together, len(by_row), LANES), np.int32)
    work, out = np.zeros((3, WAVES, LANES), np.int32), np.empty((2, STRETCH, LANES), np.int32)
    for g in range(groups):
        for first in range(0, blocks, together):
            last = min(first + together, blocks)
            for block in range(first, last):
                lay_tile(w[g], block * LANES, tiles[block - first])
            events[:] = 0
            for s in range(samples):
                for begin in range(0, m, STRETCH):
                    end = min(begin + STRETCH, m)
                    for block in range(first, last):
                        waves(  # type: ignore[no-untyped-call]
                            x[s, g], tiles[block - first], rows, chained, start[g, block], rules,
                            factor[g, block], term[s, g], begin, end, s * m, found[g, block],
                            events[block - first], work, out,
                        )  # fmt: skip
                        write_waves(out, stored[s, g], exact[s, g], begin, end, block * LANES)
            for block in range(first, last):
                n = block * LANES
                count_rows(events[block - first], k, by_channel[:, g, n : n + LANES], by_row)


@kernel
def lay_tile(w, n, tile):  # type: ignore[no-untyped-def]
    """One block of columns, as low halves of pairs."""
    used = min(w.shape[1] - n, tile.shape[1])
    if used < tile.shape[1]:
        tile[:] = 0
    for k in range(tile.shape[0]):
        for c in range(used):
            tile[k, c] = w[k, n + c] & LOW_HALF


@kernel
def write_waves(out, stored, exact, begin, end, n):  # type: ignore[no-untyped-def]
    """The sums of some waves, where the columns in use belong."""
    used = min(stored.shape[1] - n, out.shape[2])
    for m in range(begin, end):
        for c in range(used):
            stored[m, n + c] = out[0, m - begin, c]
        for c in range(used):
            exact[m, n + c] = out[1, m - begin, c]


@kernel
def count_rows(events, k, by_channel, by_row):  # type: ignore[no-untyped-def]
    """Events of one block, by column and by row."""
    for row in range(events.shape[0]):
        for c in range(by_channel.shape[1]):
            by_channel[(row >= k) * 1, c] += events[row, c]
            by_row[row] += events[row, c]
