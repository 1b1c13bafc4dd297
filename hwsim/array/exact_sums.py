"""Sums of a layer that cannot overflow, in whatever order is quickest.

Where bounds prove that every register of a layer holds every partial sum (`array/bounds.py`), the
order of its additions is free: integers. Activations lie as bytes, images row by row, and taps are
read where they lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import inlined, kernel, overload
from hwsim.arith.overflow import Overflow, fit, wrap
from hwsim.array.alignment import aligned_copy
from hwsim.array.gemm import Ints
from hwsim.array.matrix_sums import FEWEST, PLACES, add_in_matrices
from hwsim.array.vector import exact
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.matrices import HAS_MATRICES

WRAP = int(Overflow.WRAP)
FOUR = 4  # bytes of one step
TILES = {exact.LANES * vectors: pixels for vectors, pixels in exact.SHAPES.items()}
"""Lanes of a block of channels: outputs of a tile, in vectors."""


def add_exact(x, places, jump, w, start, out):  # type: ignore[no-untyped-def]
    """``out[p, b, n] = start[b, n] + sum over runs r, steps l and four bytes i of
    x[places[p] + r * jump + 4 * l + i] * w[b, r, l, 4 * n + i]``.

    ``x``: uint8 codes, 64 bytes of them from any tap on; ``places``: int64, the first byte of each
    output's taps, whole tiles of them (`tile_of`); ``w``: int8 of shape (blocks, runs, steps, 4 *
    lanes); ``start``: int32 of shape (blocks, lanes); ``out``: int32 of shape (places, blocks,
    lanes).
    """
    blocks, runs, steps, _ = w.shape
    for p in range(places.size):
        for b in range(blocks):
            row = out[p, b]
            row[:] = start[b]
            for r in range(runs):
                for step in range(steps):
                    at = places[p] + r * jump + FOUR * step
                    x0, x1 = np.int32(x[at]), np.int32(x[at + 1])
                    x2, x3 = np.int32(x[at + 2]), np.int32(x[at + 3])
                    words = w[b, r, step]
                    for n in range(row.size):
                        i = FOUR * n
                        low = np.int32(x0 * words[i]) + np.int32(x1 * words[i + 1])
                        high = np.int32(x2 * words[i + 2]) + np.int32(x3 * words[i + 3])
                        row[n] += np.int32(low + high)


@inlined
def add_in_vectors(x, places, jump, w, start, out):  # type: ignore[no-untyped-def]
    """`add_exact` by the kernel of so many lanes."""
    lanes = start.shape[1]
    if lanes == exact.LANES:
        exact.one_block(x, places, jump, w, start, out)
    elif lanes == 2 * exact.LANES:
        exact.two_blocks(x, places, jump, w, start, out)
    else:
        exact.four_blocks(x, places, jump, w, start, out)


@overload(add_exact)
def _add_exact(x, places, jump, w, start, out):  # type: ignore[no-untyped-def]
    """Matrix registers or vectors where the processor has them."""

    def in_vectors(x, places, jump, w, start, out):  # type: ignore[no-untyped-def]
        add_in_vectors(x, places, jump, w, start, out)

    def in_matrices_or_vectors(x, places, jump, w, start, out):  # type: ignore[no-untyped-def]
        if w.shape[1] * w.shape[2] >= FEWEST:
            add_in_matrices(x, places, jump, w, start, out)
        else:
            add_in_vectors(x, places, jump, w, start, out)

    if CHOSEN is None:
        return add_exact
    return in_matrices_or_vectors if HAS_MATRICES else in_vectors


@kernel
def exact_sums(x, places, jump, w, start, out):  # type: ignore[no-untyped-def]
    """`add_exact`, compiled."""
    add_exact(x, places, jump, w, start, out)  # type: ignore[no-untyped-call]


@kernel
def store_once(sums, lo, hi, overflow, wrap_bits):  # type: ignore[no-untyped-def]
    """Every sum as a register keeps it."""
    if overflow == WRAP and wrap_bits == 0:
        for i in range(sums.size):
            sums[i] = wrap(int(sums[i]), lo, hi)
    else:
        for i in range(sums.size):
            sums[i] = fit(int(sums[i]), lo, hi, overflow, wrap_bits)


def lanes_of(channels: int, steps: int) -> int:
    """Lanes of a block that leave the fewest unused, for sums of so many steps of four bytes.

    >>> [lanes_of(channels, 3) for channels in (10, 32, 48, 256)]
    [16, 32, 16, 64]
    """
    shapes = PLACES if in_matrices(steps) else TILES
    return min(shapes, key=lambda lanes: (-(-channels // lanes) * lanes, -lanes))


def tile_of(lanes: int, steps: int) -> int:
    """Outputs of a tile, with so many lanes of a block of channels, and steps of four bytes."""
    return PLACES[lanes] if in_matrices(steps) else TILES[lanes]


def in_matrices(steps: int) -> bool:
    """Whether sums of so many steps run in matrix registers."""
    return HAS_MATRICES and steps >= FEWEST


def lay_blocks(w: Ints, lanes: int) -> NDArray[np.int8]:
    """Weights (runs, length, N) in the order of `add_exact`; what is not there is 0.

    >>> lay_blocks(np.arange(8).reshape(1, 4, 2), 16)[0, 0, 0, :8].tolist()
    [0, 2, 4, 6, 1, 3, 5, 7]
    """
    runs, length, n = w.shape
    steps, blocks = -(-length // FOUR), -(-n // lanes)
    whole = np.zeros((runs, steps * FOUR, blocks * lanes), np.int8)
    whole[:, :length, :n] = w
    by_step = whole.reshape(runs, steps, FOUR, blocks, lanes).transpose(3, 0, 1, 4, 2)
    return aligned_copy(by_step).reshape(blocks, runs, steps, lanes * FOUR)
