"""What the RTL must hold after every clock, from the cycle engine: registers, stores, codes.

A beat is COLS lanes side by side: outputs (m, n0 .. n0 + C - 1), or, where the input stays,
(m0 .. m0 + C - 1, n). With F the fold's first clock and t the element of its stream, the beat

    stands beside the array after clock   F + Schedule.store_clock of its last lane
                                          (2 R + C - 2 + t, a tree: levels + t, without latency)
    is in the accumulator memory one clock later

and where sums stay, the shadow registers hold row i of a finished fold after clock F + fold + i.
The code stands ``latency.requantize`` clocks after the last store.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.array.cycle import Image, Layer
from hwsim.array.cycle_clocks import COUNT, SUM
from hwsim.array.dataflow import Fold, Schedule
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.array.requantizer import Requantizer
from hwsim.array.trace import RegisterTrace, TraceWindow, record

CHAIN_OVERFLOW, ACCUMULATOR_OVERFLOW = 1, 2  # bits of `Expected.overflow`


@dataclass(frozen=True, eq=False)
class Beat:
    """COLS sums that are stored together.

    Attributes
    ----------
    clock, code_clock : int
        Compute clock after which ``stored`` is seen; after which the code is seen, where ``last``.
    fold, group, m, n : int
        `Fold.number`; output of lane 0.
    lanes : int
        Lanes that hold outputs.
    chain : list of int, or None
        What left the array and was added; None where sums stay in the PEs.
    stored : list of int
        The accumulators after this store.
    last : bool
        No product is missing: stores after all products and the code follow.
    """

    clock: int
    code_clock: int
    fold: int
    group: int
    m: int
    n: int
    lanes: int
    chain: list[int] | None
    stored: list[int]
    last: bool


@dataclass(frozen=True, eq=False)
class Stores:
    """What the accumulators of one image did.

    Attributes
    ----------
    beats : list of Beat
        In order of clocks.
    preload : int64 ndarray of shape (G, M, N), or None
        Accumulators after the bias store, where it is the first.
    final : int64 ndarray of shape (G, M, N)
        Accumulators after the last store.
    overflow : int64 ndarray of shape (G, M, N)
        CHAIN_OVERFLOW and ACCUMULATOR_OVERFLOW, where at least one store of the register changed
        its value.
    """

    beats: list[Beat]
    preload: Ints | None
    final: Ints
    overflow: Ints


@dataclass(frozen=True, eq=False)
class Expected:
    """One image.

    Attributes
    ----------
    trace : RegisterTrace, or None
        Every register of the array after every clock, or after the first clocks that were asked.
    stores : Stores
    requantized : int64 ndarray of shape (G, M, N)
        After the scheme, zero point added; before clamp and output format.
    codes, lost, clipped : ndarray of shape (G, M, N)
        As `requantizer_stages.Requantized`; ``lost``: its events.
    cycles, latency : int
        `Schedule.cycles`, and clocks after the last of them until the last code.
    """

    trace: RegisterTrace | None
    stores: Stores
    requantized: Ints
    codes: Ints
    lost: Ints
    clipped: Ints
    cycles: int
    latency: int


def expected(
    datapath: Datapath,
    schedule: Schedule,
    requantizer: Requantizer,
    sample: int,
    clocks: int | None = None,
) -> Expected:
    """Everything that the RTL is compared with; ``clocks``: how many are traced, None: all."""
    seen = stores(datapath, schedule, sample)
    traced = schedule.cycles if clocks is None else min(clocks, schedule.cycles)
    window = TraceWindow(sample, 0, traced)
    codes = requantizer.apply(seen.final[None])
    whole = replace(requantizer, clamp=(None, None), output=IntFormat(64))
    return Expected(
        trace=record(datapath, schedule, window) if traced else None,
        stores=seen,
        requantized=whole.apply(seen.final[None]).codes[0],
        codes=codes.codes[0],
        lost=codes.events[0].astype(np.int64),
        clipped=codes.clipped[0].astype(np.int64),
        cycles=schedule.cycles,
        latency=schedule.latency_cycles,
    )


def beats(datapath: Datapath, schedule: Schedule, sample: int) -> list[Beat]:
    """Every store behind the array (or of a shadow register), in order of clocks."""
    return stores(datapath, schedule, sample).beats


def stores(datapath: Datapath, schedule: Schedule, sample: int) -> Stores:
    """Clock one image and keep what its accumulators did."""
    layer = Layer(datapath, schedule, list_events=False)
    images = [ObservedImage(layer, sample, group) for group in range(datapath.shape[1])]
    for image in images:
        image.run()
    memory = np.stack([image.memory for image in images])
    chains = np.stack([image.chain_first for image in images])
    preload = None
    if datapath.preload is not None:
        preload = np.stack([image.preloaded for image in images])
    return Stores(
        beats=[beat for image in images for beat in image.beats],
        preload=preload,
        final=memory[:, SUM],
        overflow=CHAIN_OVERFLOW * (chains > 0) + ACCUMULATOR_OVERFLOW * (memory[:, COUNT] > 0),
    )


class ObservedImage(Image):
    """One image and group of the cycle engine; what is stored is kept beside."""

    def __init__(self, layer: Layer, sample: int, group: int) -> None:
        super().__init__(layer, sample, sample, group)
        self.beats: list[Beat] = []
        self.preloaded = self.added = self.memory[SUM].copy()

    def accumulate(self, addends: Ints, m: int, n: int, k: int, register: Register) -> None:
        """One store into the accumulators of a tile; k = -1: the bias, below K: chain results."""
        super().accumulate(addends, m, n, k, register)
        if k < 0:
            self.preloaded = self.memory[SUM].copy()
        elif k < self.k:
            self.added = addends[0]

    def accumulate_behind(self, fold: Fold) -> int:
        """A fold of a column or a tree."""
        clocks = super().accumulate_behind(fold)
        self.beats += behind(self.layer.schedule, fold, self.memory[SUM], self.added)
        return clocks

    def accumulate_in_place(self, fold: Fold) -> int:
        """A fold of an output-stationary array."""
        clocks = super().accumulate_in_place(fold)
        self.beats += in_place(self.layer.schedule, fold, self.memory[SUM])
        return clocks


def behind(schedule: Schedule, fold: Fold, memory: Ints, added: Ints) -> list[Beat]:
    """Beats of one fold of a column or a tree; ``memory``: (M, N) after it, ``added``: its tile."""
    first = schedule.store_clock(0, schedule.rows - 1, schedule.cols - 1, schedule.tree_levels)
    start = fold.number * schedule.fold_cycles + first + 1
    columns_are_n = schedule.dataflow.col == "n"
    sums, chains = (memory, added) if columns_are_n else (memory.T, added.T)
    used = sums[:, fold.col_start : fold.col_start + schedule.cols]
    last = fold.row_start + schedule.rows >= schedule.k
    return [
        Beat(
            start + t, start + t + schedule.latency.requantize, fold.number, fold.group,
            t if columns_are_n else fold.col_start, fold.col_start if columns_are_n else t,
            used.shape[1], chain.tolist(), lane.tolist(), last,
        )
        for t, (chain, lane) in enumerate(zip(chains, used, strict=True))
    ]  # fmt: skip


def in_place(schedule: Schedule, fold: Fold, memory: Ints) -> list[Beat]:
    """Beats of one fold whose sums stay in the PEs; ``memory``: (M, N) after it."""
    start = (fold.number + 1) * schedule.fold_cycles
    rows = slice(fold.row_start, fold.row_start + schedule.rows)
    used = memory[rows, fold.col_start : fold.col_start + schedule.cols]
    return [
        Beat(
            start + i, start + i + schedule.latency.requantize, fold.number, fold.group,
            fold.row_start + i, fold.col_start, used.shape[1], None, lane.tolist(), True,
        )
        for i, lane in enumerate(used)
    ]  # fmt: skip
