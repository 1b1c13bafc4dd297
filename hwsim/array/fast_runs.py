"""Runs of one sign: the exact sums and extremes of outputs whose activations are not negative.

Where ``a >= 0``, a product has its weight's sign. While weights are positive a sum only rises,
while they are negative it only falls, and at a weight of 0 it stays: its extremes lie where runs of
one sign end. So a run is added at once, four products to a lane in one instruction, and compared
once::

    up:    total = total + sum of four products, weights >= 0;    hi = max(hi, total)
    down:  total = total + sum of four products, weights <= 0;    lo = min(lo, total)

Steps lie in *quads* of four, ``k = 4 * q + i``. A channel's weights become pairs of an up and a
down, each of one quad, in the order of the additions; a run that crosses quads has a down, or an
up, of nothing between. Every total that is compared is one that the register is presented, and none
that is not compared lies outside the extremes: `hwsim.array.fast_sums.add_products` gives the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel, overload
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.vector import runs as vector

QUAD_BITS = 2
QUAD = 1 << QUAD_BITS  # steps whose activations are the bytes of one word
UP, DOWN = range(2)  # of a pair
BYTE, LEAST_WEIGHT, LARGEST_WEIGHT = 255, -128, 127
BYTE_BITS = 3  # of its number of bits


class Runs(NamedTuple):
    """Weights of a layer in runs.

    Attributes
    ----------
    at : int32 ndarray of shape (pairs, 2)
        The quad of each up and down; of one without weights 0.
    words : int8 ndarray of shape (pairs, 2, 4)
        Its four weights; a step of another run has 0.
    first : int64 ndarray of shape (G, channels, F + 1), F at least 1
        Pairs ``first[g, n, f] <= j < first[g, n, f + 1]`` are fold f of a channel.
    """

    at: NDArray[np.int32]
    words: NDArray[np.int8]
    first: Ints


def in_runs(w: NDArray[np.signedinteger], channels: int, fold: int) -> Runs:
    """Weights of shape (G, K, N) in runs, each fold of so many steps for itself; channels from N to
    ``channels`` have none.

    >>> found = in_runs(np.array([[[3], [0], [1], [-2], [-1], [7]]]), 1, 6)
    >>> found.words.tolist()
    [[[3, 0, 1, 0], [0, 0, 0, -2]], [[0, 0, 0, 0], [-1, 0, 0, 0]], [[0, 7, 0, 0], [0, 0, 0, 0]]]
    >>> found.at.tolist(), found.first.tolist()
    ([[0, 0], [0, 1], [1, 0]], [[[0, 3]]])
    """
    groups, steps, _ = w.shape
    folds = max(-(-steps // fold), 1)  # one of nothing, where there are no steps
    most = 2 * (w.size + 1)  # what is not written takes no memory
    quads, words = (np.empty(most, np.int32) for _ in range(2))
    first = np.empty((groups, channels, folds + 1), np.int64)
    places = 2 * lay_runs(np.ascontiguousarray(w.transpose(0, 2, 1)), fold, quads, words, first)
    weights = words[:places].view(np.int8).reshape(-1, 2, QUAD)
    return Runs(quads[:places].reshape(-1, 2), weights, first)


def no_runs(groups: int) -> Runs:
    """Of a layer that does not go by runs."""
    at, words = np.zeros((0, 2), np.int32), np.zeros((0, 2, QUAD), np.int8)
    return Runs(at, words, np.zeros((groups, 0, 1), np.int64))


@kernel
def lay_runs(w, fold, quads, words, first):  # type: ignore[no-untyped-def]
    """Weights (G, N, K) to ``first`` of `Runs`, its quads, and its weights as words, the latter in
    one dimension, with room for a pair of every weight and one more; the number of pairs.

    Places for ups and downs alternate, ``place = 2 * pair + side``: a weight of the other sign goes
    to the next one, of the same sign in another quad to the one behind that. The place behind the
    last one is always zero, since it may be passed over.
    """
    groups, channels, steps = w.shape
    place, word = np.int64(-1), np.int32(0)
    for g in range(groups):
        for n in range(first.shape[1]):
            for f in range(first.shape[2] - 1):
                place |= 1  # a fold begins with a pair of its own, behind a down
                quads[np.uint64(place + 1)], words[np.uint64(place + 1)] = 0, 0
                first[g, n, f] = (place + 1) >> 1
                side, quad = np.int64(DOWN), np.int64(-1)
                for k in range(f * fold, min((f + 1) * fold, steps) * (n < channels)):
                    weight = w[g, n, k]
                    if weight != 0:
                        own, now = np.int64(weight < 0), np.int64(k >> QUAD_BITS)
                        step = np.int64(own != side) + 2 * np.int64((own == side) & (now != quad))
                        byte = (np.int32(weight) & BYTE) << np.int32((k & QUAD - 1) << BYTE_BITS)
                        word = byte if step else word | byte
                        place, side, quad = place + step, own, now
                        quads[np.uint64(place)], words[np.uint64(place)] = now, word
                        quads[np.uint64(place + 1)], words[np.uint64(place + 1)] = 0, 0
            first[g, n, -1] = (place + 2) >> 1
    return (place + 2) >> 1


def fits(datapath: Datapath) -> bool:
    """Whether a layer's operands are bytes, and none of its activations negative."""
    a, w = datapath.ranges or (ends(datapath.a), ends(datapath.w))
    if a[0] < 0 or a[1] > BYTE:
        return False
    return are_bytes(w) or are_bytes(ends(datapath.w))


def ends(operands: NDArray[np.signedinteger]) -> tuple[int, int]:
    """The least and the largest of them and 0."""
    return int(operands.min(initial=0)), int(operands.max(initial=0))


def are_bytes(weights: tuple[int, int]) -> bool:
    """Whether all weights of this range are."""
    return weights[0] >= LEAST_WEIGHT and weights[1] <= LARGEST_WEIGHT


def pack_quads(codes, origin, step, quads, slot, width):  # type: ignore[no-untyped-def]
    """Lanes of a block to ``quads``: ``quads[k // 4, slot * width + i, k % 4]`` is step k of lane
    i, which lies at ``origin[i] + step[k]`` in ``codes``. Lanes without an origin are 0; bytes
    behind the last step hold anything: no weight is multiplied with them."""
    lanes = quads[:, slot * width : (slot + 1) * width]
    for i in range(origin.shape[0]):
        for k in range(step.shape[0]):
            lanes[k // QUAD, i, k % QUAD] = codes[origin[i] + step[k]]
    lanes[:, origin.shape[0] :] = 0


def add_runs(quads, at, words, first, start, used, r, slots, total, spans):  # type: ignore[no-untyped-def]
    """The exact sums of one channel in the lanes of the blocks at work, and their extremes.

    Parameters
    ----------
    quads : uint8 ndarray of shape (quads, slots * B, 4)
        Activations.
    at, words : of `Runs`
    first : int64 ndarray of shape (2,)
        The channel's pairs, ``first[0] <= j < first[1]``.
    start : int
    used : ndarray of shape (slots, B)
        A sum begins with ``start * used``.
    r : int
        The channel's row in ``total`` and ``spans``.
    slots : int
        How many blocks are at work; what belongs to others may be written or not.
    total : ndarray of shape (slots, R, B)
    spans : ndarray of shape (slots, 3, 2, R, B)
        Written: the least ``[:, 0, 0, r]`` and the largest sum ``[:, 0, 1, r]``.
    """
    width = total.shape[2]
    for s in range(slots):
        for i in range(width):
            value = lo = hi = start * used[s, i]
            for j in range(first[0], first[1]):
                value += four_products(words[j, UP], quads[at[j, UP], s * width + i])
                hi = max(hi, value)
                value += four_products(words[j, DOWN], quads[at[j, DOWN], s * width + i])
                lo = min(lo, value)
            total[s, r, i], spans[s, 0, 0, r, i], spans[s, 0, 1, r, i] = value, lo, hi


def add_fold_runs(quads, at, words, first, r, slots, ends, spans):  # type: ignore[no-untyped-def]
    """The same for a chain that begins every fold with 0.

    ``first`` : int64 of shape (F + 1,). ``ends`` : of shape (slots, F, R, B), written: the sum of
    each fold. ``spans`` : the least ``[:, 1, 0, r]`` and the largest ``[:, 1, 1, r]`` of all.
    """
    _, folds, _, width = ends.shape
    for s in range(slots):
        for i in range(width):
            lo = hi = 0
            for f in range(folds):
                value = 0
                for j in range(first[f], first[f + 1]):
                    value += four_products(words[j, UP], quads[at[j, UP], s * width + i])
                    hi = max(hi, value)
                    value += four_products(words[j, DOWN], quads[at[j, DOWN], s * width + i])
                    lo = min(lo, value)
                ends[s, f, r, i] = value
            spans[s, 1, 0, r, i], spans[s, 1, 1, r, i] = lo, hi


@overload(pack_quads)
def _pack_quads(codes, origin, step, quads, slot, width):  # type: ignore[no-untyped-def]
    """Vector code where the processor has it."""
    return vector.pack_quads if vector.HAS_RUNS else pack_quads


@overload(add_runs)
def _add_runs(quads, at, words, first, start, used, r, slots, total, spans):  # type: ignore[no-untyped-def]
    """Vector code where the processor has it."""

    def in_vectors(quads, at, words, first, start, used, r, slots, total, spans):  # type: ignore[no-untyped-def]
        if slots == len(total):
            vector.add_runs(quads, at, words, first, start, used, r, total, spans)
        else:
            vector.add_fewer_runs(quads, at, words, first, start, used, r, total, spans)

    return in_vectors if vector.HAS_RUNS else add_runs


@overload(add_fold_runs)
def _add_fold_runs(quads, at, words, first, r, slots, ends, spans):  # type: ignore[no-untyped-def]
    """Vector code where the processor has it."""

    def in_vectors(quads, at, words, first, r, slots, ends, spans):  # type: ignore[no-untyped-def]
        vector.add_fold_runs(quads, at, words, first, r, ends, spans)

    return in_vectors if vector.HAS_RUNS else add_fold_runs


@kernel
def four_products(weights, activations):  # type: ignore[no-untyped-def]
    """``sum of weights[i] * activations[i]``.

    >>> four_products(np.array([1, -2, 0, 3], np.int8), np.array([255, 1, 9, 2], np.uint8))
    259
    """
    total = 0
    for i in range(QUAD):
        total += int(weights[i]) * int(activations[i])
    return total
