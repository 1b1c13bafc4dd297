"""All waves of a layer in one call: the arrays of `hwsim.array.vector.systolic`, fold by fold.

Columns lie in blocks of `LANES`, whatever the width of the array: no column knows another. A fold
is ``rows`` stores in a chain, then one behind the array; where sums stay, all stores are in place,
and a fold is some rows of them. A stretch of waves goes through the folds of one block of columns
after the other, so that a fold's weights and sums stay near.
"""

from __future__ import annotations

import numpy as np

from hwsim._jit import kernel, overload
from hwsim.array.cycle_layout import (
    FIELDS,
    LANES,
    STRETCH,
    copy_others,
    count_rows,
    lay_elements,
    lay_sums,
    lay_weights,
    write_waves,
)
from hwsim.array.vector import systolic
from hwsim.array.vector.systolic_registers import EXACT, STORED, WAVES


def waves(  # type: ignore[no-untyped-def]
    x, w, k, rows, chained, groups, base, rules, factor, term, valid, found, events,
    late, sums, left, work,
):  # fmt: skip
    """A stretch of waves through all folds of a block; exists as vector code alone.

    Parameters
    ----------
    x : int32 ndarray of shape (folds, STRETCH, even)
        Elements by fold, wave and row; ``even``: rows of a fold, or one more: filled with 0.
    w : int32 ndarray of shape (folds, even / 2, LANES)
        Weights, two rows to a pair.
    groups : int
        Of `WAVES` waves each; what is over in the last one is a copy of the last wave.
    base : int
        Number of the first wave.
    valid : int32 ndarray of shape (STRETCH,)
        0 of copies, else 1.
    found : int32 ndarray of shape (2, 7, LANES)
    events : int32 ndarray of shape (folds, even + 1, LANES)
        By row of the product; the last one: at the store behind the array.
    late : int32 ndarray of shape (J, LANES)
        Events at late stores.
    sums : int32 ndarray of shape (STRETCH, FIELDS, LANES)
        As `systolic_sums` lists them.
    left : int32 ndarray of shape (STRETCH / WAVES,)
        Not 0 where a sum of a group has left a register: until then the exact sums are what is
        stored.
    work : int32 ndarray of shape (WAVES, FIELDS, LANES)
    """
    raise NotImplementedError


@overload(waves)
def _waves(  # type: ignore[no-untyped-def]
    x, w, k, rows, chained, groups, base, rules, factor, term, valid, found, events,
    late, sums, left, work,
):  # fmt: skip
    """Fold after fold, then what comes after the last."""

    def in_vectors(  # type: ignore[no-untyped-def]
        x, w, k, rows, chained, groups, base, rules, factor, term, valid, found, events,
        late, sums, left, work,
    ):  # fmt: skip
        for fold in range(x.shape[0]):
            pairs = (min(rows, k - fold * rows) + 1) // 2
            if chained:
                systolic.fold_behind(
                    x[fold], w[fold], pairs, groups, base, rules, valid, found,
                    events[fold], sums, left, work,
                )  # fmt: skip
            else:
                systolic.fold_in_place(
                    x[fold], w[fold], pairs, groups, base, rules, valid, found,
                    events[fold], sums, left, work,
                )  # fmt: skip
        systolic.finish(
            groups, base, rules, factor, term, valid, found, late, sums, left, work
        )  # fmt: skip

    return in_vectors


@kernel
def run_waves(  # type: ignore[no-untyped-def]
    x, w, rows, chained, start, rules, factor, term, found, events, late, by_channel, by_row,
    stored, exact,
):  # fmt: skip
    """Every wave of every sample; whether ``exact`` differs from ``stored``, else it is not
    written.

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
    events, late : int32 ndarrays of shapes (together, folds, even + 1, LANES), (together, J, LANES)
        0, for the blocks of columns that go through the array together.
    by_channel : int64 ndarray of shape (2, G, N)
        Events at products, and at stores behind the array.
    by_row : int64 ndarray of shape (K + F + J,)
        Events by row of the product, by fold where ``chained``, by late store.
    stored, exact : int64 ndarrays of shape (S, G, M, N)
    """
    samples, groups, m, k = x.shape
    blocks, together, folds, even = (
        start.shape[1],
        events.shape[0],
        events.shape[1],
        events.shape[2] - 1,
    )
    tiles = np.empty((together, folds, even // 2, LANES), np.int32)
    elements = np.zeros((folds, STRETCH, even), np.int32)
    terms = np.zeros((late.shape[1], STRETCH), np.int32)
    sums = np.zeros((STRETCH, FIELDS, LANES), np.int32)
    work = np.zeros((WAVES, FIELDS, LANES), np.int32)
    left, valid = np.zeros(STRETCH // WAVES, np.int32), np.zeros(STRETCH, np.int32)
    differs = np.zeros((groups, blocks, (samples * m - 1) // STRETCH + 1), np.bool_)
    for g in range(groups):
        for first in range(0, blocks, together):
            last = min(first + together, blocks)
            lay_weights(w[g], first, last, rows, tiles)
            for begin in range(0, samples * m, STRETCH):
                count = min(STRETCH, samples * m - begin)
                lay_elements(x, g, begin, count, rows, elements, term, terms, valid)
                for block in range(first, last):
                    near = block - first
                    lay_sums(start[g, block], sums, left)
                    waves(  # type: ignore[no-untyped-call]
                        elements, tiles[near], k, rows, chained,
                        (count - 1) // WAVES + 1, begin, rules, factor[g, block], terms, valid,
                        found[g, block], events[near],
                        late[near], sums, left, work,
                    )  # fmt: skip
                    write_waves(sums[:, STORED], stored, g, begin, count, block * LANES)
                    if left.any():
                        write_waves(sums[:, EXACT], exact, g, begin, count, block * LANES)
                        differs[g, block, begin // STRETCH] = True
            for block in range(first, last):
                if differs[g, block].any():
                    n, near = block * LANES, block - first
                    at = by_channel[:, g, n : n + LANES]
                    count_rows(events[near], late[near], rows, chained, at, by_row)
    if differs.any():
        copy_others(differs, stored, exact)
    return differs.any()
