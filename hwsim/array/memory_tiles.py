"""Which bytes of a layer a fold needs, and which of them must come from DRAM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Ints
from hwsim.array.specification import MemorySpec

KIB = 1024
BYTE = 8


@dataclass(frozen=True)
class Traffic:
    """What a layer moves: bits of each code, and distinct activations of one group and image."""

    activation_bits: int
    weight_bits: int
    output_bits: int
    activations: int


@dataclass(frozen=True, eq=False)
class Operand:
    """Tiles of one operand, fold by fold of one group.

    ``elements``: of each fold's tile; ``tile``: which tile it is; ``whole``: distinct elements.
    """

    name: str
    bits: int
    elements: Ints
    tile: Ints
    whole: int
    streams: bool
    kib: int

    def bytes_of(self, elements: Ints) -> Ints:
        """Codes stand side by side without gaps: ceil(elements * bits / 8)."""
        return -(-elements * self.bits // BYTE)


def tiles(
    schedule: Schedule, traffic: Traffic, memory: MemorySpec
) -> tuple[tuple[Operand, Operand], Operand]:
    """Activations, weights and outputs of one group, fold by fold in the schedule's order."""
    flow = schedule.dataflow
    rows_outer = flow.outer == flow.row
    row, col = np.arange(schedule.row_tiles), np.arange(schedule.col_tiles)
    row, col = (np.repeat(row, col.size), np.tile(col, row.size)) if rows_outer else (
        np.tile(row, col.size), np.repeat(col, row.size))  # fmt: skip
    index: dict[str, Ints] = {flow.row: row, flow.col: col, flow.stream: np.zeros_like(row)}
    size = {"m": schedule.m, "n": schedule.n, "k": schedule.k}
    extent = {axis: np.full_like(row, size[axis]) for axis in size}
    for axis, tile, lanes in ((flow.row, row, schedule.rows), (flow.col, col, schedule.cols)):
        extent[axis] = np.minimum(size[axis] - tile * lanes, lanes)

    def operand(name: str, axes: str, bits: int, whole: int, kib: int) -> Operand:
        number = index[axes[0]] * (index[axes[1]].max() + 1) + index[axes[1]]
        elements = np.minimum(extent[axes[0]] * extent[axes[1]], whole)
        return Operand(name, bits, elements, number, whole, flow.stream in axes, kib)

    m, k, n = schedule.m, schedule.k, schedule.n
    a = operand("activation", "mk", traffic.activation_bits, min(traffic.activations, m * k),
                memory.activation_kib)  # fmt: skip
    weights = k * n // schedule.packed  # those between packed groups are made on the chip
    w = operand("weight", "kn", traffic.weight_bits, weights, memory.weight_kib)
    out = operand("output", "mn", traffic.output_bits, m * n, memory.output_kib)
    if flow.row == "k":  # only the last K tile gives outputs
        out.elements[row < schedule.row_tiles - 1] = 0
    return (a, w), out


def half(kib: int, memory: MemorySpec) -> int:
    """Bytes that one slot can use."""
    return kib * KIB // (2 if memory.double_buffered else 1)


def resident(operand: Operand) -> bool:
    """Whether the whole operand of a group fits its buffer, and is fetched once."""
    return -(-operand.whole * operand.bits // BYTE) <= operand.kib * KIB


def fetches(operand: Operand, room: int) -> Ints:
    """Bytes that each fold fetches of one operand."""
    size = operand.bytes_of(operand.elements)
    if resident(operand):
        new = np.zeros(size.size, bool)
        new[np.unique(operand.tile, return_index=True)[1]] = True
        whole = -(-operand.whole * operand.bits // BYTE)
        had = np.minimum(np.cumsum(size * new), whole)
        return np.diff(had, prepend=0)
    same = np.concatenate([[False], operand.tile[1:] == operand.tile[:-1]])
    return np.where(same & (size <= room), 0, size)


def share(whole: Ints, part: Ints, parts: Ints) -> Ints:
    """What part of ``parts`` nearly equal ones gets of ``whole``; all together get all.

    >>> share(np.array([7, 7, 7]), np.arange(3), np.array([3, 3, 3])).tolist()
    [2, 2, 3]
    """
    return whole * (part + 1) // parts - whole * part // parts
