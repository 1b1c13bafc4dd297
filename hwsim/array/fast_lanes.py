"""Outputs side by side: what the kernels of the fast engine are given, and what they find."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.array.fast_runs import Runs
from hwsim.array.gemm import Ints

ADDING, CHAIN, FINAL = range(3)  # rows of `Lanes.registers`
ACC, LINK, ENDS = range(3)  # accumulator, chain and sums of folds in `Scratch`
CODES, OUTPUT = range(2)  # rows of `Scratch.places`
PARTIAL, LAST, CHAIN_PARTIAL, CHAIN_LAST = range(4)  # rows of `Scratch.limits`


class Lanes(NamedTuple):
    """One layer. Its S * M pixels are lanes, in blocks of B; its channels lie in parts of R.

    Attributes
    ----------
    codes : int32 or int64 ndarray of one dimension
        Activations of all samples. What output (s, g, m) reads at step k lies at
        ``s * strides[0] + g * strides[1] + pixel[m] + step[k]``.
    strides : int64 ndarray of shape (2,)
    pixel, step : int64 ndarrays of shapes (M,) and (K,)
    w : ndarray of shape (G, parts, K, words, R)
        Weights; where lanes are laid out in pairs, the three words of
        `hwsim.array.vector.kernels`. Where ``by_runs``, none until a tile is run store by store.
    samples, pixels, channels : int
        S, M, N.
    start : ndarray of shape (G, parts, R)
        What is preloaded, else 0.
    factor, term : ndarrays of shapes (J, G, parts, R) and (J, G, S * M)
        ``factor * term`` is added after all products, J times.
    registers : int64 ndarray of shape (3, 5)
        ``lo hi wraps 1 halves`` of the accumulator while it adds, of the chain, of the last store.
        ``halves``: products and contents fit 16 bits.
    fold : int
        Reduction steps of one fold; all of them where there is no chain.
    chained : int
        1: every fold is added in the chain, and its sum to the accumulator. 0: there is no chain.
    final : int
        1: the accumulator is checked at its last store only.
    by_runs : int
        1: exact sums are added in runs (`hwsim.array.fast_runs`). 0: step by step.
    runs : `hwsim.array.fast_runs.Runs`
        Weights of shape (G, parts * R) channels; none where not ``by_runs``.
    """

    codes: Ints
    strides: Ints
    pixel: Ints
    step: Ints
    w: Ints
    samples: int
    pixels: int
    channels: int
    start: Ints
    factor: Ints
    term: Ints
    registers: Ints
    fold: int
    chained: int
    final: int
    by_runs: int
    runs: Runs


class Scratch(NamedTuple):
    """Memory of the tiles at work: of one tile, or, by runs, of one for every block.

    Attributes
    ----------
    panels : ndarray of shape (blocks at once, K, B)
        Activations of some blocks, of one group.
    quads : uint8 ndarray of shape (quads, blocks at once * B, 4)
        The same for runs; int8 and empty where there are none: the type chooses what is compiled.
    packed : int64 ndarray of shape (blocks at once,)
        Whether ``panels`` holds a block's activations, where ``quads`` do.
    lengths : int64 ndarray of shape (blocks at once,)
        Lanes in use; the others are 0 throughout.
    places : int64 ndarray of shape (blocks at once, 2, B)
        Of each lane in use: where its first step lies in ``codes``; its first channel's output.
    used : ndarray of shape (blocks at once, B)
        1 in lanes in use, else 0.
    addend : ndarray of shape (R, B)
        What is stored next.
    total : ndarray of shape (tiles, R, B)
        The accumulator's exact sum.
    spans : ndarray of shape (tiles, 3, 2, R, B)
        Extremes of the exact sums of accumulator, chain and folds.
    ends : ndarray of shape (tiles, F, R, B)
        Exact sums of folds.
    kept : ndarray of shape (2, 2, R, B)
        What accumulator and chain keep, and whether a store lost something.
    events : int64 ndarray of shape (2, R)
        Of accumulator and chain.
    classes : int64 ndarray of shape (2, R)
        Transient and persistent outputs of each channel.
    limits : int64 ndarray of shape (4, G, parts, 2, R)
        Ranges of each channel so far: of the accumulator's partial sums and its final values, of
        the chain's.
    left : int64 ndarray of shape (3,)
        Whether any sum of a tile left its register, by the rows of `Lanes.registers`.
    """

    panels: Ints
    quads: NDArray[np.uint8] | NDArray[np.int8]
    packed: Ints
    lengths: Ints
    places: Ints
    used: Ints
    addend: Ints
    total: Ints
    spans: Ints
    ends: Ints
    kept: Ints
    events: Ints
    classes: Ints
    limits: Ints
    left: Ints


class Found(NamedTuple):
    """Which outputs had an event, in order of (sample, group, m, n).

    Attributes
    ----------
    first : int64 ndarray of shape (2,)
        The least one, by register (`ACC`, `LINK`).
    hits : uint8 ndarray of shape (2, S * G * M * N), or (2, 0)
        Set at every one, where they are asked for.
    """

    first: Ints
    hits: NDArray[np.uint8]
