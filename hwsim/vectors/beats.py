"""Stores and codes of one run as columns: which outputs stand in which lanes, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.array.dataflow import DATAFLOWS
from hwsim.array.gemm import Ints
from hwsim.rtl.expected import Beat


@dataclass(frozen=True, eq=False)
class BeatTable:
    """Every beat of a run in order of clocks, and behind them a row of zeros: index -1.

    Attributes
    ----------
    clock, code_clock, fold, group, m, n : int64 ndarray of shape (beats + 1,)
        As in `Beat`.
    last : bool ndarray of shape (beats + 1,)
    keep : int64 ndarray of shape (beats + 1, COLS)
        1 where a lane holds an output.
    chain, stored : int64 ndarray of shape (beats + 1, COLS)
        0 where a lane holds nothing; ``chain`` is all 0 where there is none.
    lane_m, lane_n : int64 ndarray of shape (beats + 1, COLS)
        Output of each lane; that of lane 0 where it holds nothing.
    """

    clock: Ints
    code_clock: Ints
    fold: Ints
    group: Ints
    m: Ints
    n: Ints
    last: Ints
    keep: Ints
    chain: Ints
    stored: Ints
    lane_m: Ints
    lane_n: Ints

    @classmethod
    def of(cls, beats: Sequence[Beat], cols: int, dataflow: str) -> BeatTable:
        """From the cycle engine's beats; ``cols``: lanes."""
        names = ("clock", "code_clock", "fold", "group", "m", "n", "lanes", "last")
        rows = [tuple(getattr(beat, name) for name in names) for beat in beats]
        columns = np.array([*rows, (-1, -1, -1, 0, 0, 0, 0, 0)], np.int64).T
        clock, code_clock, fold, group, m, n, lanes, last = columns
        lane = np.arange(cols)
        keep = lane < lanes[:, None]
        step = lane * keep
        along_m = DATAFLOWS[dataflow].col == "m"
        return cls(
            clock, code_clock, fold, group, m, n, last > 0, keep.astype(np.int64),
            chain=filled([beat.chain or [] for beat in beats], keep),
            stored=filled([beat.stored for beat in beats], keep),
            lane_m=m[:, None] + step * along_m,
            lane_n=n[:, None] + step * (not along_m),
        )  # fmt: skip

    def __len__(self) -> int:
        """Beats."""
        return len(self.clock) - 1

    def at(self, clocks: Ints, seen: Ints, *, last: bool = False) -> Ints:
        """The beat that is seen after each of these clocks by the column ``seen``, -1 for none.

        ``last``: only beats whose code follows.
        """
        index = np.flatnonzero(self.last[:-1]) if last else np.arange(len(self))
        if len(np.unique(seen[index])) != len(index):
            raise AssertionError("two beats in one clock")
        found = np.full(max(int(clocks[-1]), int(seen.max())) + 1, -1)
        found[seen[index]] = index
        return found[clocks]

    def lanes_of(self, values: Ints | NDArray[np.bool_]) -> Ints:
        """``values`` of shape (G, M, N) in the lanes of every beat: (beats + 1, COLS)."""
        return values[self.group[:, None], self.lane_m, self.lane_n].astype(np.int64) * self.keep


def filled(lanes: Sequence[Sequence[int]], keep: Ints) -> Ints:
    """Rows of used lanes, zeros beside them and below: int64 ndarray of ``keep``'s shape."""
    full = np.zeros(keep.shape, np.int64)
    for row, used in zip(full, lanes, strict=False):
        row[: len(used)] = used
    return full
