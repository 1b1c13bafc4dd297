"""A layer made ready, run without limits: what its exact sums give, and what they reach.

One pass answers for every width of the registers (`hwsim.sweeps`): of each sample, the ranges of
all its partial sums, its codes, and what the requantizer lost of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.fast_lanes import CHAIN_LAST, CHAIN_PARTIAL, LAST, PARTIAL
from hwsim.array.fast_range import CHAIN_HI, CHAIN_LO
from hwsim.array.fast_tally import FAR
from hwsim.array.gemm import Ints
from hwsim.mapping.ready import ReadyLayer

ROWS = [PARTIAL, CHAIN_PARTIAL, CHAIN_LAST, LAST]  # of `Scratch.limits`, as `ExactPass.ends` is


@dataclass(frozen=True, eq=False)
class ExactPass:
    """Samples of one layer; an empty range has ``lo > hi``.

    Attributes
    ----------
    codes : ndarray of shape (S, G, M, N)
    ends : int64 ndarray of shape (8, S, G, N)
        Over the pixels of a sample: of the accumulator's partial sums, of the chain's, of the
        chain's final values, and of the accumulator's.
    levels : int64 ndarray of shape (S, 1, 2)
        The chain's partial sums, over all outputs.
    clipped, events : int64 ndarrays of shape (S, G, N)
        Outputs that the output format saturated, and those with an event of the requantizer.
    first : int64 ndarray of shape (S,)
        The first output with such an event, -1 where none has one.
    """

    codes: NDArray[Any]
    ends: Ints
    levels: Ints
    clipped: Ints
    events: Ints
    first: Ints


def exact_pass(ready: ReadyLayer, codes: NDArray[Any]) -> ExactPass:
    """Codes of shape (S, *shape) with unlimited registers; their widths are not looked at."""
    run, (groups, m, n) = ready.lane_run(limited=False), ready.columns
    samples = len(codes)
    found = ExactPass(
        codes=np.empty((samples, groups, m, n), ready.kind),
        ends=np.empty((len(ROWS), 2, samples, groups, n), np.int64),
        levels=np.empty((samples, 1, 2), np.int64),
        clipped=np.empty((samples, groups, n), np.int64),
        events=np.empty((samples, groups, n), np.int64),
        first=np.full(samples, -1),
    )
    for start in range(0, samples, ready.at_once):
        some = slice(start, min(start + ready.at_once, samples))
        exact, _ = ready.sums(some.stop - start)
        ready.images.place(codes[some])
        limits = run.by_sample(len(exact), exact.reshape(-1))
        limits = limits.transpose(1, 4, 0, 2, 3, 5).reshape(4, 2, len(exact), groups, -1)
        found.ends[:, :, some] = limits[ROWS, ..., :n]
        flags, *counts = ready.requantizer.by_sample(exact, found.codes[some])
        found.clipped[some], found.events[some] = counts
        happened = flags.reshape(len(exact), -1)
        with_events = np.flatnonzero(found.events[some].any(axis=(1, 2)))
        found.first[start + with_events] = happened[with_events].argmax(axis=1)
    ends = found.ends.reshape(-1, samples, groups, n)
    found.levels[:, 0, 0] = ends[CHAIN_LO].min(axis=(1, 2), initial=FAR)
    found.levels[:, 0, 1] = ends[CHAIN_HI].max(axis=(1, 2), initial=-FAR)
    return replace(found, ends=ends)
