"""One fold on a systolic array: what enters its edges when, and what comes out where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from hwsim.arith.overflow import Overflow
from hwsim.array.cycle_clocks import COUNT, FIRST, run_clocks
from hwsim.array.cycle_tapes import Lanes, late, outlet, skewed, tapes
from hwsim.array.dataflow import Fold, Schedule
from hwsim.array.gemm import Codes, Datapath, Ints, Register

FIELDS = 6  # rows of `sums`, see cycle_clocks


@dataclass(frozen=True, eq=False)
class Streams:
    """What enters the array during one fold, clock by clock.

    Attributes
    ----------
    a_edge : ndarray of shape (clocks, rows)
        The operand that moves right, skewed: row r is ``r * pe`` clocks late.
    w_edge : ndarray of shape (shifts, cols)
        The operand that enters from above while weights shift: the tile, last row first, in the
        clocks before the stream (weight- and input-stationary), or a skewed stream.
    """

    a_edge: Lanes
    w_edge: Lanes


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one fold gives back, as int64.

    Attributes
    ----------
    sums : ndarray of shape (6, tile of m, tile of n)
        Stored and exact sums, their least and largest exact value, events; the last row is not
        used: see ``first``.
    first : ndarray of shape (2, tile of m, tile of n), or None without any event
        Step k of each output's first event, -1 where it has none, and the tree level (0 where
        there is no tree).
    steps : ndarray of shape (steps of the fold,)
        Events of each reduction step.
    clocks : int
        Clocks done.
    ranges : tuple of (int, int)
        Least and largest exact value of each tree level; empty where there is no tree.
    """

    sums: Ints
    first: Ints | None
    steps: Ints
    clocks: int
    ranges: tuple[tuple[int, int], ...] = ()


def lane_type(datapath: Datapath, steps: int) -> type[np.int32] | type[np.int64]:
    """int32 where ``steps`` products and the preload provably stay below 2**30, else int64.

    A store never grows a value (``|fit(x)| <= |x|`` for every rule), so that no stored sum leaves
    the bound of the exact ones.
    """
    largest = [int(np.abs(x, dtype=np.int64).max(initial=1)) for x in (datapath.a, datapath.w)]
    reach = steps * (largest[0] * largest[1] + (1 << datapath.drop_bits))
    if datapath.preload is not None:
        reach += int(np.abs(datapath.preload).max(initial=0))
    return np.int32 if reach < 1 << 30 else np.int64


def rule_in_lanes(register: Register, lanes: DTypeLike) -> tuple[Lanes, int, int]:
    """``limits, overflow, wrap_bits`` of a register; as wide as the lanes where it is wider.

    Sums stay below half the lanes' range, where a register of ``lane bits - 1`` never overflows:
    any rule will do. TRAP stores as SATURATE.
    """
    lane_bits = np.dtype(lanes).itemsize * 8
    half = 1 << (lane_bits - 2)
    if register.bits >= lane_bits - 1:
        return np.array([-half, half - 1], lanes), int(Overflow.SATURATE), 0
    overflow = Overflow.SATURATE if register.overflow == Overflow.TRAP else register.overflow
    return np.array([register.lo, register.hi], lanes), int(overflow), register.wrap_bits


def operands(
    datapath: Datapath, schedule: Schedule, sample: int, fold: Fold
) -> tuple[Codes, Codes]:
    """The fold's moving operand (stream, rows) and the other one: the tile that stays (rows, cols),
    or a stream (stream, cols); zeros fill edge tiles."""
    flow, (_, group, row, col) = schedule.dataflow, fold
    rows, cols = slice(row, row + schedule.rows), slice(col, col + schedule.cols)
    a, w = datapath.a[sample, group], datapath.w[group]
    if flow.stream == "k":
        moving, other = a[rows].T, w[:, cols]
    elif flow.stream == "m":
        moving, other = a[:, rows], w[rows, cols]
    else:
        moving, other = w[rows].T, a[cols, rows].T
    height = schedule.rows if flow.row == "k" else len(other)
    return filled(moving, len(moving), schedule.rows), filled(other, height, schedule.cols)


def filled(block: Codes, height: int, width: int) -> Codes:
    """The block in the upper left corner of zeros, row by row in memory."""
    if block.shape == (height, width):
        return np.ascontiguousarray(block)
    full = np.zeros((height, width), block.dtype)
    full[: block.shape[0], : block.shape[1]] = block
    return full


def stage(schedule: Schedule, moving: Codes, other: Codes, lanes: DTypeLike) -> Streams:
    """The edge operands of one fold."""
    clocks, hop = schedule.fold_cycles, schedule.latency.pe
    if schedule.dataflow.loads:
        w_edge = other[::-1].astype(lanes)
    else:
        w_edge = skewed(other, clocks, 0, lanes, hop)
    return Streams(skewed(moving, clocks, schedule.load_cycles, lanes, hop), w_edge)


def run_fold(
    streams: Streams,
    register: Register,
    schedule: Schedule,
    drop_bits: int,
    rounding: int,
    *,
    held: Lanes | None = None,
    sums: Ints | None = None,
    ledger: bool = True,
) -> tuple[Lanes, Lanes, int]:
    """Clock one fold through the array.

    Parameters
    ----------
    streams : Streams
    register : Register
        The chain, or the accumulator where sums stay in the PEs.
    held : ndarray of shape (rows, cols), or None
        What the weight registers hold before; None: zeros.
    sums : ndarray of shape (6, rows, cols), or None
        What the sums hold before, where they stay in the PEs.
    ledger : bool
        False: stored sums alone.

    Returns
    -------
    sums : ndarray of shape (6 or 1, stream, cols) or (6 or 1, rows, cols)
        Lane type; sums that left the last row, by element of the stream, or that stayed.
    steps : ndarray of shape (rows, cols) or (stream, cols)
        Events by weight.
    clocks : int
    """
    (clocks, rows), cols = streams.a_edge.shape, streams.w_edge.shape[1]
    lanes, cells, pe = streams.a_edge.dtype, rows * cols, schedule.latency.pe
    moving, delay = schedule.dataflow.reduction == "column", schedule.latency.multiplier - 1
    w = tapes(streams.w_edge if moving else late(streams.w_edge, delay), 1 if moving else pe, rows)
    if held is not None:
        w[:, -rows:] = held
    w = w.reshape(len(w), -1)
    steps, slots, fields = np.zeros_like(w), -(-clocks // pe), FIELDS if ledger else 1
    tape = np.zeros((pe if moving else 1, fields, cells + (slots - 1) * cols * moving), lanes)
    if sums is not None:
        tape[0] = sums[:fields].reshape(fields, cells)
    done = run_clocks(
        late(streams.a_edge, delay), np.zeros((pe, slots - 1 + cells), lanes), w, steps, tape,
        int(moving), *rule_in_lanes(register, lanes), drop_bits, rounding,
    )  # fmt: skip
    first = schedule.store_clock(0, 0, 0, 0)
    shape = schedule.extent(schedule.dataflow.stream), cols
    if moving:
        return outlet(tape, clocks, first, shape), steps[0, :cells].reshape(rows, cols), done
    return tape.reshape(fields, rows, cols), outlet(steps[:, None], clocks, first, shape)[0], done


def fold_result(
    schedule: Schedule, fold: Fold, sums: Lanes, steps: Lanes, clocks: int
) -> FoldResult:
    """Counters of PEs and sums, turned into those of steps and outputs (the dataflow table)."""
    flow, pe = schedule.dataflow, schedule.latency.pe
    used_rows = min(schedule.rows, schedule.extent(flow.row) - fold.row_start)
    used_cols = min(schedule.cols, schedule.extent(flow.col) - fold.col_start)
    inside = sums[:, :used_rows, :used_cols] if flow.reduction == "pe" else sums[:, :, :used_cols]
    tile, first = inside.astype(np.int64), None
    if tile[COUNT].any():
        i, j = np.ogrid[: tile.shape[1], : tile.shape[2]]
        since = clocks - tile[FIRST] - schedule.store_clock(0, 0, 0, 0)
        below, beside = fold.row_start + (since - i) // pe - j, since - pe * (i + j)
        step = below if flow.row == "k" else beside
        first = np.stack([np.where(tile[COUNT] > 0, step, -1), np.zeros_like(step)])
        first = first.transpose(0, 2, 1) if flow.col == "m" else first
    tile = tile.transpose(0, 2, 1) if flow.col == "m" else tile
    return FoldResult(tile, first, steps.sum(axis=1, dtype=np.int64), clocks)
