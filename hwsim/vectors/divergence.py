"""The first place where a dump parts from a bundle, and everything that its differences show.

A dump is compared beat by beat in the order in which the stage leaves the array. Which output a
beat holds, in which fold, k tile and clock, is the bundle's to say (`divergence_stage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.errors import DataError
from hwsim.vectors.divergence_stage import StageBeats, stage_beats, values
from hwsim.vectors.dumps import Dump, Packing
from hwsim.vectors.golden import Golden


@dataclass(frozen=True)
class Place:
    """Where a value stands.

    ``fold``, ``k_tile``, ``k`` (first and last step of the sum at hand), ``cycle`` (compute clock
    after which it is seen) count from 0; ``seen``: None where bits were unknown or the beat is
    missing; ``seen_cycle``: where the dump has clocks.
    """

    run: str
    group: int
    m: int
    n: int
    fold: int
    k_tile: int
    k: tuple[int, int]
    beat: int
    lane: int
    cycle: int
    expected: int
    seen: int | None
    seen_cycle: int | None


@dataclass(frozen=True, eq=False)
class Differences:
    """One stage of a bundle beside a dump.

    Attributes
    ----------
    golden : Golden
    packing : Packing
        Of a beat.
    beats : StageBeats
    expected : int64 ndarray of shape (beats, lanes)
    dump : Dump
    """

    golden: Golden
    packing: Packing
    beats: StageBeats
    expected: Ints
    dump: Dump

    @property
    def stage(self) -> str:
        """Its name."""
        return self.beats.stage

    @property
    def common(self) -> int:
        """Beats that both have."""
        return min(len(self.expected), len(self.dump.values))

    @cached_property
    def seen(self) -> Ints:
        """The dump, as long as the expected beats; 0 where it has none."""
        found = np.zeros(self.expected.shape, np.int64)
        found[: self.common] = self.dump.values[: self.common]
        return found

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Lanes that hold a value that the dump has."""
        found = np.zeros(self.expected.shape, np.bool_)
        found[: self.common] = self.dump.known[: self.common]
        return self.beats.keep & found

    @cached_property
    def different(self) -> NDArray[np.bool_]:
        """Lanes that hold a value that the dump does not have, or has otherwise."""
        found: NDArray[np.bool_] = self.beats.keep & (~self.known | (self.seen != self.expected))
        return found

    @cached_property
    def late(self) -> Ints:
        """Clocks by which each common beat is late; empty where the dump has no clocks."""
        if self.dump.clock is None:
            return np.zeros(0, np.int64)
        return self.dump.clock[: self.common] - self.beats.clock[: self.common]

    @cached_property
    def sums(self) -> list[Ints]:
        """The true accumulators of every run, int64 of shape (G, M, N)."""
        golden = self.golden
        return [values("accumulator", one, golden.requantizer) for one in golden.products]

    @property
    def equal(self) -> bool:
        """The same beats, in the same clocks where the dump has clocks."""
        same = len(self.dump.values) == len(self.expected)
        return same and not self.different.any() and not self.late.any()

    @cached_property
    def first(self) -> Place | None:
        """The first value that differs, else the first that is late; None: none is."""
        at = np.argwhere(self.different)
        if not len(at):
            late = np.flatnonzero(self.late)
            at = np.array([[late[0], 0]]) if len(late) else at
        if not len(at):
            return None
        beat, lane = (int(i) for i in at[0])
        beats = self.beats
        run = int(beats.run[beat, lane])
        timed = beat < len(self.late)
        return Place(
            run=self.golden.products[run].name,
            group=int(beats.group[beat, lane]),
            m=int(beats.m[beat, lane]),
            n=int(beats.n[beat, lane]),
            fold=int(beats.fold[beat]),
            k_tile=int(beats.k_tile[beat]),
            k=self.steps(run, int(beats.k_tile[beat])),
            beat=beat,
            lane=lane,
            cycle=int(beats.clock[beat]),
            expected=int(self.expected[beat, lane]),
            seen=int(self.seen[beat, lane]) if self.known[beat, lane] else None,
            seen_cycle=int(beats.clock[beat] + self.late[beat]) if timed else None,
        )

    def steps(self, run: int, k_tile: int) -> tuple[int, int]:
        """First and last k step that a value of this stage holds."""
        schedule = self.golden.products[run].schedule
        first = k_tile * schedule.k_tile if self.stage == "chain" else 0
        return first, min((k_tile + 1) * schedule.k_tile, schedule.k) - 1


def differences(
    golden: Golden, stage: str, packing: Packing, dump: Dump, expected: Ints | None = None
) -> Differences:
    """A dump beside one stage.

    Parameters
    ----------
    golden : Golden
    stage : str
        One of `divergence_stage.STAGES`.
    packing : Packing
    dump : Dump
    expected : int64 ndarray of shape (beats, lanes), or None
        The bundle's own beats; None: computed.

    Raises
    ------
    DataError
        The bundle has other beats than this version of hwsim expects of its machine.
    """
    beats = stage_beats(stage, golden.products)
    if expected is None:
        runs = [values(stage, one, golden.requantizer) for one in golden.products]
        expected = beats.at(runs)
    if expected.shape != beats.keep.shape:
        must = f"must be {beats.keep.shape}, as this version of hwsim orders them"
        raise DataError.at(f"stage {stage}", "beats, lanes", expected.shape, must)
    return Differences(golden, packing, beats, np.where(beats.keep, expected, 0), dump)
