"""Sums of a narrow saturating register in pairs of steps of one sign, without a ledger.

Where ``a >= 0``, a product has its weight's sign. While weights of one sign run, a saturating sum
only rises or only falls, and saturating once after two steps is the same as after each::

    fit(fit(s + p0) + p1) = fit(s + p0 + p1)        where p0, p1 >= 0, or p0, p1 <= 0

Steps lie in pairs, ``k = 2 * q + i``. A channel's weights become *entries*, in the order of the
additions: one for a pair of one sign whose products fit 16 bits together, two where that is not so,
none for a pair of zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel, overload
from hwsim.arith.overflow import Overflow, fit
from hwsim.array.alignment import LINE
from hwsim.array.gemm import Ints
from hwsim.array.vector import pairs as vector

SATURATE = int(Overflow.SATURATE)
LARGEST = 128  # of |w0| + |w1| in one entry: 255 * 128 fits 16 bits
TOP = (1 << 15) - 1  # of a 16-bit lane
SIDE = vector.SIDE
LANES, TILE = vector.WIDE * vector.WIDTH, vector.NARROW * vector.WIDTH
"""Outputs that run together; where fewer are left: whole tiles of them are to be given."""


class Pairs(NamedTuple):
    """Weights of a layer in entries.

    Attributes
    ----------
    at : int32 ndarray of shape (entries,)
        The pair q of each.
    words : int8 ndarray of shape (entries, 4)
        Its weights ``w0, w1, w0, w1``; a step of another entry has 0.
    first : int64 ndarray of shape (channels + 1,)
        Entries ``first[n] <= j < first[n + 1]`` are channel n.
    """

    at: NDArray[np.int32]
    words: NDArray[np.int8]
    first: Ints


def lay_pairs(w: Ints, channels: int) -> Pairs:
    """Weights (K, N) of -128..127 in entries; channels from N to ``channels`` have none.

    >>> found = lay_pairs(np.array([[3, 0], [-2, 0], [100, -1], [28, -127], [-128, 5]]), 2)
    >>> found.words[:, :2].tolist()
    [[3, 0], [0, -2], [100, 28], [-128, 0], [-1, -127], [5, 0]]
    >>> found.at.tolist(), found.first.tolist()
    ([0, 0, 1, 2, 1, 2], [0, 4, 6])
    """
    at, words = np.zeros(w.size, np.int32), np.zeros((w.size, 4), np.int8)
    first = np.zeros(channels + 1, np.int64)
    entries = fill_pairs(np.asarray(w, np.int64), at, words, first)
    return Pairs(at[:entries].copy(), words[:entries].copy(), first)


@kernel
def fill_pairs(w, at, words, first):  # type: ignore[no-untyped-def]
    """Weights (K, N) to `Pairs`, whose words are 0; the number of entries."""
    steps, channels = w.shape
    entries = 0
    for n in range(first.size - 1):
        first[n] = entries
        for k in range(0, steps * (n < channels), 2):
            w0, w1 = w[k, n], w[k + 1, n] if k + 1 < steps else 0
            apart = w0 * w1 < 0 or abs(w0) + abs(w1) > LARGEST
            for i, weight in enumerate((w0, w1)):
                if weight == 0:
                    continue
                new = i == 0 or w0 == 0 or apart
                entries += new
                at[entries - 1] = k // 2
                words[entries - 1, i] = words[entries - 1, i + 2] = weight
    first[-1] = entries
    return entries


def lay_taps(taps: Ints) -> Ints:
    """Taps in whole pairs: behind an odd last one it stands again, whose weight is 0.

    >>> lay_taps(np.array([0, 1, 5])).tolist()
    [0, 1, 5, 5]
    """
    return np.pad(taps, (0, taps.size % 2), mode="edge") if taps.size % 2 else taps


def add_pairs(x, places, taps, at, words, first, start, late, register, out):  # type: ignore[no-untyped-def]
    """Every output's sum, entry by entry::

        total = start[0, n]
        total = fit(total + x[places[p] + taps[2 * q]] * w0 + x[places[p] + taps[2 * q + 1]] * w1)
        out[p, 0, n] = fit(total + late[0, n])

    ``x``: uint8 operands; ``places``: int64, the first of each output's taps; ``taps``: int64 of
    whole pairs (`lay_taps`); ``at``, ``words``, ``first``: of `Pairs`; ``start``, ``late``: int32
    of shape (1, channels), ``start`` in the register's range; ``register``: ``lo, hi`` of at most
    16 bits; ``out``: int32 of shape (places, 1, channels).
    """
    lo, hi = register
    for p in range(places.size):
        for n in range(start.shape[1]):
            total = int(start[0, n])
            for j in range(first[n], first[n + 1]):
                k = 2 * at[j]
                value = int(x[places[p] + taps[k]]) * int(words[j, 0])
                value += int(x[places[p] + taps[k + 1]]) * int(words[j, 1])
                total = fit(total + value, lo, hi, SATURATE, 0)
            out[p, 0, n] = fit(total + int(late[0, n]), lo, hi, SATURATE, 0)


@overload(add_pairs)
def _add_pairs(x, places, taps, at, words, first, start, late, register, out):  # type: ignore[no-untyped-def]
    """Vector code where the processor has it."""

    def in_vectors(x, places, taps, at, words, first, start, late, register, out):  # type: ignore[no-untyped-def]
        lo, hi = register
        move = TOP - hi
        begins = (start[0] + move).astype(np.int16)
        room = np.empty(LINE + taps.size * LANES, np.uint8)
        room = room[-room.ctypes.data % LINE :]  # vectors begin where cache lines do
        totals = np.empty(begins.size * LANES, np.int16)
        begin = 0
        while begin < places.size:
            lanes = LANES if places.size - begin >= LANES else TILE
            panel = room[: taps.size * lanes].reshape(taps.size // 2, lanes, 2)
            some = totals[: begins.size * lanes].reshape(begins.size, lanes)
            pack_pairs(x, places, taps, begin, panel)
            if lanes == LANES:
                vector.run_wide(panel, at, words, first, begins, lo + move, some)
            else:
                vector.run_narrow(panel, at, words, first, begins, lo + move, some)
            for lane in range(0, lanes, SIDE):
                for n in range(0, begins.size, SIDE):
                    vector.write_square(some, n, lane, late, move, lo, hi, out, begin)
            begin += lanes

    return in_vectors if vector.HAS_PAIRS else add_pairs


@kernel
def paired_sums(x, places, taps, at, words, first, start, late, register, out):  # type: ignore[no-untyped-def]
    """`add_pairs`, compiled: whole `TILE` s of places, and whole `SIDE` s of channels."""
    add_pairs(x, places, taps, at, words, first, start, late, register, out)  # type: ignore[no-untyped-call]


@kernel
def pack_pairs(x, places, taps, begin, panel):  # type: ignore[no-untyped-def]
    """``panel[q, i, s] = x[places[begin + i] + taps[2 * q + s]]``: squares of bytes side by side,
    else pairs of them, else one by one."""
    pairs, lanes = panel.shape[0], panel.shape[1]
    q = 0
    while q < pairs:
        k = 2 * q
        if q + SIDE <= pairs and side_by_side(taps[k : k + 2 * SIDE]):
            for lane in range(0, lanes, SIDE):
                vector.pack_square(x, places, lane, taps[k], panel, q, begin)
            q += SIDE
            continue
        if taps[k + 1] == taps[k] + 1:
            vector.pack_words(x, places, taps[k], panel, q, begin, lanes)
        else:
            vector.pack_bytes(x, places, taps[k], taps[k + 1], panel, q, begin, lanes)
        q += 1


@kernel
def side_by_side(taps):  # type: ignore[no-untyped-def]
    """Whether every tap is the next byte."""
    same = True
    for i in range(taps.size):
        same &= taps[i] == taps[0] + i
    return same
