"""All waves of a layer in one call: the arrays of `hwsim.array.vector.systolic`, fold by fold.

Columns lie in blocks of `LANES`, whatever the width of the array: no column knows another. A fold
is ``rows`` stores in a chain, then one behind the array; where sums stay, all stores are in place,
and a fold is some rows of them. A stretch of waves goes through the folds of one block of columns
after the other, so that a fold's weights and sums stay near.
"""

from __future__ import annotations

from hwsim._jit import kernel, overload
from hwsim.array.cycle_layout import (
    LANES,
    STRETCH,
    count_rows,
    lay_elements,
    lay_sums,
    lay_weights,
    write_waves,
)
from hwsim.array.vector import systolic
from hwsim.array.vector.systolic_registers import EXACT, STORED, WAVES


def waves(near, block, k, rows, chained, count, base, rules, factor, found):  # type: ignore[no-untyped-def]
    """A stretch of waves through all folds of a block; exists as vector code alone.

    Arguments of `run_waves`, of one group and block; ``near`` : `Near`; ``block``: of those there;
    ``count``: waves, the first of them number ``base``.
    """
    raise NotImplementedError


@overload(waves)
def _waves(near, block, k, rows, chained, count, base, rules, factor, found):  # type: ignore[no-untyped-def]
    """Fold after fold, then what comes after the last."""

    def in_vectors(near, block, k, rows, chained, count, base, rules, factor, found):  # type: ignore[no-untyped-def]
        groups = (count - 1) // WAVES + 1
        for fold in range(near.elements.shape[0]):
            x, w, events = near.elements[fold], near.tiles[block, fold], near.events[block, fold]
            pairs = (min(rows, k - fold * rows) + 1) // 2
            if chained:
                systolic.fold_behind(
                    x, w, pairs, groups, base, rules, near.valid, found, events, near.sums,
                    near.left, near.work, near.forms,
                )  # fmt: skip
            else:
                systolic.fold_in_place(
                    x, w, pairs, groups, base, rules, near.valid, found, events, near.sums,
                    near.left, near.work, near.forms,
                )  # fmt: skip
        systolic.finish(
            groups, base, rules, factor, near.terms, near.valid, found, near.late[block],
            near.sums, near.left, near.work,
        )  # fmt: skip

    return in_vectors


@kernel
def run_waves(  # type: ignore[no-untyped-def]
    x, w, rows, chained, start, rules, factor, term, found, near, by_channel, by_row, differs,
    stored, exact,
):  # fmt: skip
    """Every wave of every sample.

    Parameters
    ----------
    x : int32 ndarray of shape (S, G, M, K)
    w : int32 ndarray of shape (G, K, N)
    rows : int
        Stores of one fold; the last one may have fewer.
    chained : int
        0: sums stay, no store behind the array.
    start : int32 ndarray of shape (G, blocks, 3, LANES)
        What accumulators hold before: stored, exact, and the bits that differ.
    rules : int32 ndarray of shape (2 + J, 5)
        Of the chain, of the accumulator while it adds, and at each late store.
    factor, term : int32 ndarrays of shapes (G, blocks, J, LANES), (S, G, J, M)
        ``factor * term`` is stored after all products.
    found : int32 ndarray of shape (G, blocks, 2, 7, LANES)
        Ranges, classes and first waves (S * M of them) of chain and accumulator.
    near : Near
        0, for the blocks of columns that go through the array together.
    by_channel : int64 ndarray of shape (2, G, N)
        Events at products, and at stores behind the array.
    by_row : int64 ndarray of shape (K + F + J,)
        Events by row of the product, by fold where ``chained``, by late store.
    differs : bool ndarray of shape (G, blocks, stretches)
        False. Whether exact sums of a stretch differ from stored ones: else they are not written.
    stored, exact : int64 ndarrays of shape (S, G, M, N)
    """
    samples, groups, m, k = x.shape
    blocks, together = start.shape[1], near.tiles.shape[0]
    for g in range(groups):
        for first in range(0, blocks, together):
            last = min(first + together, blocks)
            lay_weights(w[g], first, last, rows, near.tiles)
            for begin in range(0, samples * m, STRETCH):
                count, stretch = min(STRETCH, samples * m - begin), begin // STRETCH
                lay_elements(x, g, begin, count, rows, term, near)
                for block in range(first, last):
                    lay_sums(start[g, block], near.sums, near.left)
                    waves(  # type: ignore[no-untyped-call]
                        near, block - first, k, rows, chained, count, begin, rules,
                        factor[g, block], found[g, block],
                    )  # fmt: skip
                    write_waves(near.sums[:, STORED], stored, g, begin, count, block * LANES)
                    for group in range(near.left.shape[0]):
                        differs[g, block, stretch] |= near.left[group] != 0
                    if differs[g, block, stretch]:
                        write_waves(near.sums[:, EXACT], exact, g, begin, count, block * LANES)
            for block in range(first, last):
                n, own, events = block * LANES, block - first, False
                for stretch in range(differs.shape[2]):
                    events |= differs[g, block, stretch]
                if events:
                    at = by_channel[:, g, n : n + LANES]
                    count_rows(near.events[own], near.late[own], rows, chained, at, by_row)
