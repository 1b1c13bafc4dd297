"""What the RTL must hold after every clock, from the cycle engine: registers, stores, codes.

A beat is COLS lanes side by side: outputs (m, n0 .. n0 + C - 1), or, where the input stays,
(m0 .. m0 + C - 1, n). With F the fold's first clock and t the element of its stream, the beat

    stands beside the array after clock   F + 2 R + C - 2 + t   (a tree: F + levels + t)
    is in the accumulator memory one clock later, its code (after the last K fold) two clocks later

and where sums stay, the shadow registers hold row i of a finished fold after clock F + fold + i,
its code stands one clock later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.array.cycle import Image, Layer, execute
from hwsim.array.cycle_clocks import SUM
from hwsim.array.dataflow import Fold, Schedule
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.requantizer import Requantizer
from hwsim.array.trace import RegisterTrace, TraceWindow, record


@dataclass(frozen=True, eq=False)
class Beat:
    """COLS sums that are stored together.

    Attributes
    ----------
    clock : int
        Compute clock after which ``stored`` is seen; the code is seen one clock later.
    group, m, n : int
        Output of lane 0.
    lanes : int
        Lanes that hold outputs.
    stored : list of int
        The accumulators after this store.
    last : bool
        No product is missing: stores after all products and the code follow.
    """

    clock: int
    group: int
    m: int
    n: int
    lanes: int
    stored: list[int]
    last: bool


@dataclass(frozen=True, eq=False)
class Expected:
    """One image.

    Attributes
    ----------
    trace : RegisterTrace
        Every register of the array after every clock.
    beats : list of Beat
        In order of clocks.
    final : int64 ndarray of shape (G, M, N)
        Accumulators after the last store.
    codes, lost, clipped : ndarray of shape (G, M, N)
        As `requantizer_stages.Requantized`; ``lost``: its events.
    cycles, latency : int
        `Schedule.cycles`, and clocks after the last of them until the last code.
    """

    trace: RegisterTrace
    beats: list[Beat]
    final: Ints
    codes: Ints
    lost: Ints
    clipped: Ints
    cycles: int
    latency: int


def expected(
    datapath: Datapath, schedule: Schedule, requantizer: Requantizer, sample: int
) -> Expected:
    """Everything that the RTL's clocks are compared with."""
    final = execute(datapath, schedule).accumulator
    codes = requantizer.apply(final)
    window = TraceWindow(sample, 0, schedule.cycles)
    return Expected(
        trace=record(datapath, schedule, window),
        beats=beats(datapath, schedule, sample),
        final=final[sample],
        codes=codes.codes[sample],
        lost=codes.events[sample].astype(np.int64),
        clipped=codes.clipped[sample].astype(np.int64),
        cycles=schedule.cycles,
        latency=schedule.latency_cycles,
    )


def beats(datapath: Datapath, schedule: Schedule, sample: int) -> list[Beat]:
    """Every store behind the array (or of a shadow register), in order of clocks."""
    layer = Layer(datapath, schedule, list_events=False)
    found: list[Beat] = []
    for group in range(datapath.shape[1]):
        image = Image(layer, sample, sample, group)
        if datapath.preload is not None:
            image.preload(datapath.preload[group])
        for fold in layer.folds[group]:
            if schedule.dataflow.reduction == "pe":
                image.accumulate_in_place(fold)
                found += in_place(schedule, fold, image.memory[SUM])
            else:
                image.accumulate_behind(fold)
                found += behind(schedule, fold, image.memory[SUM])
    return found


def behind(schedule: Schedule, fold: Fold, memory: Ints) -> list[Beat]:
    """Beats of one fold of a column or a tree; ``memory``: (M, N) after it."""
    flow = schedule.dataflow
    first = schedule.tree_levels
    if flow.reduction == "column":
        first = 2 * schedule.rows + schedule.cols - 2
    start = fold.number * schedule.fold_cycles + first + 1
    columns_are_n = flow.col == "n"
    sums = memory if columns_are_n else memory.T
    used = sums[:, fold.col_start : fold.col_start + schedule.cols]
    last = fold.row_start + schedule.rows >= schedule.k
    return [
        Beat(
            start + t, fold.group,
            t if columns_are_n else fold.col_start, fold.col_start if columns_are_n else t,
            used.shape[1], lane.tolist(), last,
        )
        for t, lane in enumerate(used)
    ]  # fmt: skip


def in_place(schedule: Schedule, fold: Fold, memory: Ints) -> list[Beat]:
    """Beats of one fold whose sums stay in the PEs; ``memory``: (M, N) after it."""
    start = (fold.number + 1) * schedule.fold_cycles
    rows = slice(fold.row_start, fold.row_start + schedule.rows)
    used = memory[rows, fold.col_start : fold.col_start + schedule.cols]
    return [
        Beat(start + i, fold.group, fold.row_start + i, fold.col_start, used.shape[1],
             lane.tolist(), True)
        for i, lane in enumerate(used)
    ]  # fmt: skip
