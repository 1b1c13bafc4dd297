"""Every stage of a layer as columns of numbers: what enters, what each register held, what leaves.

Expected values come from the cycle engine alone (`hwsim.rtl.expected`). All runs stand one after
the other; where each begins and ends, `RunSpans` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from hwsim.array.cycle_fold import operands, stage
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.requantizer_stages import narrowed
from hwsim.array.trace import TraceWindow, record
from hwsim.rtl.expected import Expected, expected
from hwsim.rtl.streams import record_fields
from hwsim.vectors.beats import BeatTable
from hwsim.vectors.case import LayerCase, Run
from hwsim.vectors.clocks import clock_bits, clocks_of
from hwsim.vectors.words import hex_text

MOST_CLOCK_BITS = 1 << 26  # of clocks.hex, all runs together
CHUNK = 256  # clocks that are packed at a time


@dataclass(frozen=True, eq=False)
class RunStages:
    """One run, executed.

    Attributes
    ----------
    run : Run
    result : Expected
        Traced as far as ``clocks`` of it are kept.
    table : BeatTable
    clocks, clock_width : int
        Words of ``clocks.hex``, and bits of one.
    """

    run: Run
    result: Expected
    table: BeatTable
    clocks: int
    clock_width: int

    @property
    def ends(self) -> Ints:
        """Indices of the beats whose codes leave: those of ``output``."""
        return np.flatnonzero(self.table.last[:-1])


def run_stages(case: LayerCase, values: Mapping[str, int]) -> list[RunStages]:
    """Execute every run; registers are kept for as many clocks as `MOST_CLOCK_BITS` allows."""
    found, left = [], MOST_CLOCK_BITS
    for run in case.runs:
        data, schedule = run.datapath, run.schedule
        result = expected(data, schedule, case.requantizer, 0, 1)
        table = BeatTable.of(result.stores.beats, values["COLS"], schedule.array.dataflow)
        width = clock_bits(result, table, values, 0, 1).shape[1]
        kept = min(clocks_of(result), left // width)
        left -= kept * width
        if kept:
            window = TraceWindow(0, 0, min(kept, result.cycles))
            result = replace(result, trace=record(data, schedule, window))
        found.append(RunStages(run, result, table, kept, width))
    return found


def clock_text(one: RunStages, values: Mapping[str, int]) -> Iterator[bytes]:
    """Lines of ``clocks.hex`` of one run, some at a time."""
    for first in range(0, one.clocks, CHUNK):
        stop = min(first + CHUNK, one.clocks)
        yield hex_text(clock_bits(one.result, one.table, values, first, stop))


def stores(one: RunStages) -> dict[str, Ints]:
    """What every store did, int64 of shape (beats, lanes)."""
    table, own = one.table, slice(0, len(one.table))
    places = np.stack([table.group, table.m, table.n], axis=1)
    found = {"partial": table.stored[own]}
    if one.run.schedule.dataflow.reduction != "pe":
        found["chain"] = table.chain[own]
    return {**found, "store_keep": table.keep[own], "store_place": places[own]}


def outputs(case: LayerCase, one: RunStages) -> dict[str, Ints]:
    """What every beat of codes went through, int64 of shape (beats, lanes)."""
    table, result, ends = one.table, one.result, one.ends

    def lanes(values: Ints) -> Ints:
        return table.lanes_of(values)[ends]

    found = {
        "output": lanes(result.codes),
        "output_keep": table.keep[ends],
        "output_place": np.stack([table.group, table.m, table.n], axis=1)[ends],
        "output_flags": lanes(result.clipped + 2 * result.lost),
        "output_cycle": table.code_clock[ends, None],
        "products": table.stored[ends],
        "accumulator": lanes(result.stores.final),
        "requantized": lanes(result.requantized),
        "overflow": lanes(result.stores.overflow),
    }
    if result.stores.preload is not None:
        found["preload"] = lanes(result.stores.preload)
    if case.requantizer.narrow is not None:
        values, lost = narrowed(result.stores.final, case.requantizer.narrow)
        found["narrowed"] = lanes(values)
        found["narrowed_lost"] = lanes(lost.astype(np.int64))
    return found


def operand_streams(case: LayerCase) -> dict[str, Ints]:
    """What enters, in the order in which `mac_array_top` takes it: int64 of shape (beats, 1),
    channel records of shape (G * N, fields)."""
    first = case.runs[0].datapath
    fields = record_fields(first, case.requantizer)
    rows = np.concatenate([run.datapath.a.ravel() for run in case.runs])
    return {
        "activations": rows.astype(np.int64)[:, None],
        "weights": first.w.astype(np.int64).reshape(-1, 1),
        "channel": fields,
        "bias": fields[:, :1],
    }


def edges(datapath: Datapath, schedule: Schedule, clocks: int) -> dict[str, Ints]:
    """What enters at the array's edges in its first compute clocks, skewed as the PEs take it.

    Returns
    -------
    left : int64 ndarray of shape (clocks, rows)
    top : int64 ndarray of shape (clocks, cols), or (folds, rows * cols) of a tree, whose tile
        enters whole in the fold's first clock
    """
    tree = schedule.dataflow.reduction == "tree"
    left = np.zeros((clocks, schedule.rows), np.int64)
    top = np.zeros((clocks, schedule.cols), np.int64)
    tiles = []
    for fold in schedule.fold_list():
        base = fold.number * schedule.fold_cycles
        if base >= clocks:
            break
        moving, other = operands(datapath, schedule, 0, fold)
        if tree:
            place(left, base, moving)
            tiles.append(other.ravel())
            continue
        streams = stage(schedule, moving, other, np.int64)
        place(left, base, streams.a_edge)
        place(top, base, streams.w_edge)
    return {
        "left": left,
        "top": np.array(tiles, np.int64).reshape(-1, schedule.rows * schedule.cols)
        if tree
        else top,
    }


def place(edge: Ints, first: int, block: Ints) -> None:
    """Write a block from row ``first`` on, as far as there are rows."""
    room = edge[first : first + len(block)]
    room[...] = block[: len(room)]
