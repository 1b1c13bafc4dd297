"""Memory that stalls: SRAM buffers beside the array, one bus to DRAM, in closed form.

A layer is a sequence of **slots**: a fold, or a piece of one where a streamed tile is larger than
its buffer. Slot i computes C_i clocks, needs F_i bytes fetched before it starts, and makes W_i
bytes of outputs. The bus moves B bytes a clock. Layers do not overlap::

    double-buffered   ceil(F_0 / B) + sum_i max(C_i, X_i) + ceil(W_last / B)
                      where X_i = ceil((F_(i+1) + W_(i-1)) / B)
    single            sum_i ceil(F_i / B) + C_i + ceil(W_i / B)
    stall             that - the clocks of the folds

Double-buffered, a buffer has two halves that swap between slots: one computes, the bus fills and
empties the other. What is fetched:

- an operand of one group that fits its whole buffer: each of its bytes once;
- else a tile when it is not the one before, and no more bytes than the operand has, so that taps
  that overlap are not counted twice;
- a tile that streams and does not fit its (half) buffer comes in pieces, each time anew.

Partial sums stay in the accumulator memory behind the array; only output codes leave. Where
``sram_bytes_per_cycle`` is narrower than what both edges take in a clock, every clock of the array
takes as many clocks as the port needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Ints
from hwsim.array.memory_tiles import BYTE, Traffic, fetches, half, resident, share, tiles
from hwsim.array.specification import MemorySpec
from hwsim.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Slots:
    """One entry a slot, int64 arrays: array clocks, bytes fetched before, bytes written after.

    ``fold``: the fold that a slot is of; ``slowdown``: clocks that one clock of the array takes.
    """

    clocks: Ints
    fetched: Ints
    written: Ints
    fold: Ints
    slowdown: int


@dataclass(frozen=True, eq=False)
class MemoryTiming:
    """Clocks and bytes of one layer and image.

    Attributes
    ----------
    stall_cycles : int
    stalls : int64 ndarray of shape (folds,)
        By fold; the first fetch counts to the first fold, the last write to the last.
    fetched_bytes, written_bytes : int
        From and to DRAM.
    bound : {"compute", "bandwidth"}
        Which of the two alone would take longer: the array's clocks, or the bus's.
    """

    stall_cycles: int
    stalls: Ints
    fetched_bytes: int
    written_bytes: int
    bound: Literal["compute", "bandwidth"]


def memory_timing(
    schedule: Schedule, traffic: Traffic, memory: MemorySpec, where: str
) -> MemoryTiming:
    """Clocks that one layer and image waits for its memory.

    Raises
    ------
    ConfigError
        A tile that stays does not fit its buffer.

    Examples
    --------
    >>> from hwsim.array.specification import ArraySpec
    >>> ws = ArraySpec(dataflow="weight_stationary", rows=4, cols=4, k_order=["ky", "kx", "ic"])
    >>> four = Schedule(ws, groups=1, m=4, k=4, n=4)  # one fold of 14 clocks
    >>> sram = dict(activation_kib=1, weight_kib=1, output_kib=1, double_buffered=True)
    >>> wide = MemorySpec(bytes_per_cycle=16, **sram)  # 32 bytes in, 16 bytes out
    >>> memory_timing(four, Traffic(8, 8, 8, activations=16), wide, "fc").stall_cycles
    3
    """
    made = slots(schedule, traffic, memory, where)
    bus = memory.bytes_per_cycle
    work = made.clocks * made.slowdown
    if not work.size:
        return MemoryTiming(0, np.zeros(0, np.int64), 0, 0, "compute")
    if memory.double_buffered:
        next_in, last_out = np.roll(made.fetched, -1), np.roll(made.written, 1)
        next_in[-1], last_out[0] = 0, 0
        spent = np.maximum(work, -(-(next_in + last_out) // bus))
        spent[0] += -(-made.fetched[0] // bus)
        spent[-1] += -(-made.written[-1] // bus)
    else:
        spent = work - (-made.fetched // bus) - (-made.written // bus)
    stalls = np.bincount(made.fold, weights=spent - made.clocks).astype(np.int64)
    fetched, written = int(made.fetched.sum()), int(made.written.sum())
    on_bus = -(-(fetched + written) // bus)
    bound: Literal["compute", "bandwidth"] = "bandwidth" if on_bus > work.sum() else "compute"
    return MemoryTiming(int(stalls.sum()), stalls, fetched, written, bound)


def slots(schedule: Schedule, traffic: Traffic, memory: MemorySpec, where: str) -> Slots:
    """Every slot of one layer and image, in order."""
    if not schedule.folds:
        empty = np.zeros(0, np.int64)
        return Slots(empty, empty, empty, empty, 1)
    operands, outputs = tiles(schedule, traffic, memory)
    pieces = np.ones(outputs.elements.size, np.int64)
    for operand in (*operands, outputs):
        room = half(operand.kib, memory)
        size = operand.bytes_of(operand.elements)
        if not operand.streams and size.max() > room:
            must = f"must hold a tile of {size.max()} bytes"
            must += " in each half" if memory.double_buffered else ""
            raise ConfigError.at(where, f"memory.{operand.name}_kib", operand.kib, must)
        if operand.streams and not resident(operand):
            pieces = np.maximum(pieces, -(-size // room))
    a, w = (fetches(operand, half(operand.kib, memory)) for operand in operands)
    fetched = a + w
    written = outputs.bytes_of(outputs.elements)
    length = schedule.extent(schedule.dataflow.stream)
    pieces = np.minimum(pieces, length)
    first = np.cumsum(pieces) - pieces
    part = np.arange(pieces.sum()) - np.repeat(first, pieces)
    parts = np.repeat(pieces, pieces)
    clocks = share(np.repeat(np.full_like(pieces, length), pieces), part, parts)
    in_bytes = share(np.repeat(fetched, pieces), part, parts)
    out_bytes = share(np.repeat(written, pieces), part, parts)
    clocks[first] += schedule.fold_cycles - length
    if not outputs.streams:  # sums that stay leave when the fold is done
        out_bytes[:] = 0
        out_bytes[first + pieces - 1] = written
    number = np.repeat(np.arange(pieces.size), pieces)
    groups, folds = schedule.groups, pieces.size
    return Slots(
        np.tile(clocks, groups),
        np.tile(in_bytes, groups),
        np.tile(out_bytes, groups),
        (np.arange(groups)[:, None] * folds + number).ravel(),
        slowdown(schedule, traffic, memory),
    )


def slowdown(schedule: Schedule, traffic: Traffic, memory: MemorySpec) -> int:
    """Clocks that the SRAM port needs for what both edges take in one clock of the array."""
    if memory.sram_bytes_per_cycle is None:
        return 1
    lanes = {"m": schedule.rows * traffic.activation_bits, "n": schedule.rows * traffic.weight_bits}
    lanes["k"] = lanes["m"] + schedule.cols * traffic.weight_bits
    demand = lanes[schedule.dataflow.stream]
    return max(1, -(-demand // (BYTE * memory.sram_bytes_per_cycle)))
