"""Sums of a layer whose registers saturate at each addition, without a ledger.

Outputs are free to run side by side, and each one's additions keep their order. Operands lie as
16-bit integers, shifted left so that a 32-bit lane may saturate where the register does: products
are ``2**shift`` times what the register adds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.arith.overflow import Overflow, fit
from hwsim.array.alignment import aligned_copy
from hwsim.array.gemm import Ints
from hwsim.array.vector.saturating import tile_kernel

SATURATE = int(Overflow.SATURATE)


def add_saturating(x, places, taps, w, start, late, register, out):  # type: ignore[no-untyped-def]
    """Every output's sum, step by step::

        total = start[b, n]
        total = fit(total + (x[places[p] + taps[k]] * w[b, k, n] >> shift))    for every k
        out[p, b, n] = fit(total + late[b, n])

    ``x``: int16 codes; ``places``: int64, the first of each output's taps; ``taps``: int64, from
    there to the code of each step, in the array's order; ``w``: int16 of shape (blocks, K,
    lanes); ``start``, ``late``: int32 of shape (blocks, lanes), ``start`` in the register's range;
    ``register``: ``lo, hi, shift``, of at most 31 bits; ``out``: int32 of shape (places, blocks,
    lanes).
    """
    word = out.dtype.type  # says to the compiler what is known: sums fit 32 bits
    lo, hi, shift = word(register[0]), word(register[1]), register[2]
    blocks, lanes = start.shape
    for p in range(places.size):
        for b in range(blocks):
            total = out[p, b]
            total[:] = start[b]
            for k in range(taps.size):
                code, weights = word(x[places[p] + taps[k]]), w[b, k]
                for n in range(lanes):
                    product = word(word(code * weights[n]) >> shift)
                    total[n] = fit(word(total[n] + product), lo, hi, SATURATE, 0)
            for n in range(lanes):
                total[n] = fit(int(total[n]) + int(late[b, n]), lo, hi, SATURATE, 0)


def add_folds(x, places, taps, w, start, late, register, link, fold, out):  # type: ignore[no-untyped-def]
    """Every output's sum of a chain's sums, arrays as `add_saturating` has them::

        total = start[b, n]
        chain = 0; chain = fit_link(chain + product)       for every k of a fold of so many steps
        total = fit(total + chain)                         for every fold
        out[p, b, n] = fit(total + late[b, n])

    ``link``: ``lo, hi`` of the chain.
    """
    word = out.dtype.type
    lo, hi, shift = word(register[0]), word(register[1]), register[2]
    link_lo, link_hi = word(link[0]), word(link[1])
    blocks, lanes = start.shape
    chain = np.empty_like(start[0])
    for p in range(places.size):
        for b in range(blocks):
            total = out[p, b]
            total[:] = start[b]
            for first in range(0, taps.size, fold):
                chain[:] = 0
                for k in range(first, min(first + fold, taps.size)):
                    code, weights = word(x[places[p] + taps[k]]), w[b, k]
                    for n in range(lanes):
                        product = word(word(code * weights[n]) >> shift)
                        chain[n] = fit(word(chain[n] + product), link_lo, link_hi, SATURATE, 0)
                for n in range(lanes):
                    total[n] = fit(word(total[n] + chain[n]), lo, hi, SATURATE, 0)
            for n in range(lanes):
                total[n] = fit(int(total[n]) + int(late[b, n]), lo, hi, SATURATE, 0)


@cache
def saturating_sums(form: int, vectors: int) -> Callable[..., None]:
    """`add_saturating`, compiled as it stands where ``vectors`` is 0, else in vectors of a form
    (`hwsim.array.vector.saturating`): whole tiles of places, and weights as `lay_steps` puts
    them."""
    if not vectors:
        return kernel(add_saturating)
    add_tiles = tile_kernel(form, vectors, False)

    @kernel
    def in_vectors(x, places, taps, w, start, late, register, out):  # type: ignore[no-untyped-def]
        lo, hi, shift = register
        add_tiles(x, places, taps, w, start, late, lo, hi, lo, hi, shift, 1, out)

    return in_vectors


@cache
def folded_sums(form: int, vectors: int) -> Callable[..., None]:
    """`add_folds`, as `saturating_sums`; in 32-bit lanes."""
    if not vectors:
        return kernel(add_folds)
    add_tiles = tile_kernel(form, vectors, True)

    @kernel
    def folds_in_vectors(  # type: ignore[no-untyped-def]
        x, places, taps, w, start, late, register, link, fold, out
    ):
        lo, hi, shift = register
        link_lo, link_hi = link
        add_tiles(
            x, places, taps, w, start, late, link_lo, link_hi, lo, hi, shift, fold, out
        )  # fmt: skip

    return folds_in_vectors


def lay_steps(w: Ints, lanes: int, each: int) -> NDArray[np.int16]:
    """Weights (K, N) as int16 (blocks, K, lanes * each), ``each - 1`` zeros after every one; what
    is not there is 0.

    >>> lay_steps(np.arange(4).reshape(2, 2), 2, 2).tolist()
    [[[0, 0, 1, 0], [2, 0, 3, 0]]]
    """
    steps, n = w.shape
    blocks = -(-n // lanes)
    whole = np.zeros((steps, blocks * lanes, each), np.int16)
    whole[:, :n, 0] = w
    by_block = whole.reshape(steps, blocks, lanes * each).transpose(1, 0, 2)
    return aligned_copy(by_block)
