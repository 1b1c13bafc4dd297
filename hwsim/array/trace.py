"""Full traces: every register of the array, every clock of a window.

Recorded by the definition of the cycle engine (`cycle_clocks.define_clocks`,
`cycle_tree.define_tree`). A trace replays: each clock follows from the one before by the rules of
`hwsim.arith` alone (a test does so).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hwsim.arith.formats import signed_bits
from hwsim.arith.overflow import fit
from hwsim.array.cycle_events import define_fold, define_tree_fold, rule
from hwsim.array.cycle_fold import filled, operands, stage
from hwsim.array.cycle_memory import adding_register
from hwsim.array.cycle_tree import node_table
from hwsim.array.dataflow import Fold, Schedule
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.errors import ConfigError

MAX_BYTES = 1 << 28  # of a trace in memory: 256 MiB
PART_BYTES = 1 << 26  # of a trace that is taken part by part


@dataclass(frozen=True)
class TraceWindow:
    """Compute clocks ``start <= clock < stop`` of one layer and sample.

    ``sample`` counts from the first sample of the batch at hand.
    """

    sample: int
    start: int
    stop: int

    @classmethod
    def of_folds(cls, schedule: Schedule, sample: int, first: int, last: int) -> TraceWindow:
        """All clocks of folds ``first`` to ``last``, both included."""
        return cls(sample, first * schedule.fold_cycles, (last + 1) * schedule.fold_cycles)


@dataclass(frozen=True, eq=False)
class RegisterTrace:
    """What every register holds after each clock.

    Attributes
    ----------
    dataflow : str
    window : TraceWindow
    clock : int64 ndarray of shape (clocks,)
        Compute clock since the layer's start.
    registers : dict of int64 ndarray of shape (clocks, rows, cols)
        Systolic arrays: ``a`` (the operand that moves right), ``w`` (the operand that stays, or
        moves down), ``psum`` or, where sums stay in the PEs, ``acc``. Dot product: ``a`` (the
        lanes' input, of shape (clocks, lanes, 1)), ``w`` (lanes, units), ``tree_0`` (products) to
        ``tree_<levels>`` (the root), each (clocks, nodes of the level, units).
    bits : dict of int
        Width of every register; of operands and products: the width that the window needs.
    """

    dataflow: str
    window: TraceWindow
    clock: Ints
    registers: dict[str, Ints]
    bits: dict[str, int]


def record(datapath: Datapath, schedule: Schedule, window: TraceWindow) -> RegisterTrace:
    """Trace a window, in memory.

    Raises
    ------
    ConfigError
        The window leaves the layer, or its trace would take more than 256 MiB.
    """
    check_window(datapath, schedule, window)
    check_size(schedule, window)
    parts = list(trace_parts(datapath, schedule, window))
    registers = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    clock = np.arange(window.start, window.stop, dtype=np.int64)
    ranges = {name: (int(x.min()), int(x.max())) for name, x in registers.items()}
    bits = widths(datapath, ranges)
    return RegisterTrace(schedule.array.dataflow, window, clock, registers, bits)


def trace_parts(
    datapath: Datapath, schedule: Schedule, window: TraceWindow
) -> Iterator[dict[str, Ints]]:
    """The registers of a window, some clocks of a fold at a time, at most 64 MiB of them."""
    most = max(1, PART_BYTES // trace_bytes(schedule, 1))
    held = np.zeros((schedule.rows, schedule.cols), np.int64)
    for fold in schedule.fold_list():
        base = fold.number * schedule.fold_cycles
        if base >= window.stop:
            break
        moving, other = operands(datapath, schedule, window.sample, fold)
        if base + schedule.fold_cycles > window.start:
            first = max(window.start - base, 0)
            last = min(window.stop - base, schedule.fold_cycles)
            operand = moving.astype(np.int64), other.astype(np.int64)
            for begin in range(first, last, most):
                end = min(begin + most, last)
                yield trace_fold(datapath, schedule, fold, operand, held, begin, end)
        if schedule.dataflow.loads:
            held = other.astype(np.int64)


def check_window(datapath: Datapath, schedule: Schedule, window: TraceWindow) -> None:
    """Refuse a window that is empty or out of the layer."""
    if not schedule.array.is_array:
        raise ConfigError.at("trace", "array.dataflow", "none", "a runtime has no registers")
    if not 0 <= window.sample < datapath.shape[0]:
        must = f"must be 0..{datapath.shape[0] - 1}"
        raise ConfigError.at("trace", "sample", window.sample, must)
    clocks = f"{window.start}..{window.stop}"
    if not 0 <= window.start < window.stop <= schedule.cycles:
        must = f"must not be empty, and lie in 0..{schedule.cycles}"
        raise ConfigError.at("trace", "clocks", clocks, must)


def trace_bytes(schedule: Schedule, clocks: int) -> int:
    """Bytes that the registers of so many clocks take."""
    return 8 * 3 * schedule.rows * schedule.cols * clocks


def check_size(schedule: Schedule, window: TraceWindow, most: int = MAX_BYTES) -> None:
    """Refuse a window whose registers take more than ``most`` bytes."""
    size = trace_bytes(schedule, window.stop - window.start)
    if size > most:
        must = f"must take at most {most} bytes of trace, not {size}"
        raise ConfigError.at("trace", "clocks", f"{window.start}..{window.stop}", must)


def trace_fold(
    datapath: Datapath,
    schedule: Schedule,
    fold: Fold,
    operand: tuple[Ints, Ints],
    held: Ints,
    first: int,
    last: int,
) -> dict[str, Ints]:
    """Registers after clocks ``first <= clock < last`` of one fold."""
    moving, other = operand
    if schedule.dataflow.reduction == "tree":
        return trace_tree(datapath, schedule, moving, other, first, last)
    trace = np.zeros((last - first, 3, schedule.rows, schedule.cols), np.int64)
    column = schedule.dataflow.reduction == "column"
    register = datapath.chain[0] if column else adding_register(datapath)
    define_fold(
        stage(schedule, moving, other, np.int64), held, fold_start(datapath, schedule, fold),
        datapath, register, schedule.latency, moving=column, trace=trace, first_clock=first,
    )  # fmt: skip
    return {"a": trace[:, 0], "w": trace[:, 1], "psum" if column else "acc": trace[:, 2]}


def trace_tree(
    datapath: Datapath, schedule: Schedule, stream: Ints, weights: Ints, first: int, last: int
) -> dict[str, Ints]:
    """Registers of a dot-product unit after clocks ``first <= clock < last`` of one fold."""
    table = node_table(stream.shape[1])
    trace = np.zeros((last - first, len(table), weights.shape[1]), np.int64)
    define_tree_fold(stream, weights, datapath, schedule.latency, trace=trace, first_clock=first)
    drain = np.zeros((schedule.fold_cycles - len(stream), stream.shape[1]), np.int64)
    lanes = np.concatenate([stream, drain])[first:last, :, None]
    registers = {"a": lanes, "w": np.broadcast_to(weights, (last - first, *weights.shape))}
    for level in range(len(datapath.chain) + 1):
        registers[f"tree_{level}"] = trace[:, table[:, 0] == level]
    return registers


def fold_start(datapath: Datapath, schedule: Schedule, fold: Fold) -> Ints:
    """What the sums of the PEs hold before a fold: 0, or the preloaded bias where sums stay."""
    blank = np.zeros((schedule.rows, schedule.cols), np.int64)
    if schedule.dataflow.reduction != "pe" or datapath.preload is None:
        return blank
    lo, hi, overflow, wrap_bits = (int(x) for x in rule(adding_register(datapath)))
    channels = datapath.preload[fold.group, fold.col_start : fold.col_start + schedule.cols]
    bias = np.array([fit(int(b), lo, hi, overflow, wrap_bits) for b in channels], np.int64)
    used_rows = min(schedule.rows, schedule.m - fold.row_start)
    return filled(np.tile(bias, (used_rows, 1)), *blank.shape).astype(np.int64)


def widths(datapath: Datapath, ranges: dict[str, tuple[int, int]]) -> dict[str, int]:
    """Bits of every register, by the least and largest value of each; those without a width of
    their own have what their values need."""
    sums: dict[str, Register] = {f"tree_{i + 1}": r for i, r in enumerate(datapath.chain)}
    sums["acc"] = adding_register(datapath)
    if datapath.chain:
        sums["psum"] = datapath.chain[0]
    return {
        name: sums[name].bits if name in sums else signed_bits(lo, hi)
        for name, (lo, hi) in ranges.items()
    }
