"""Sums of a layer with one narrow saturating register and no negative operand, in pairs of steps.

What `values_saturating` adds step by step, for bytes of operands that are nowhere negative and
registers of at most 16 bits: `hwsim.array.paired_sums` says why two steps may be added at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.images import lay_codes
from hwsim.array.paired_sums import SIDE, TILE, lay_pairs, lay_taps, paired_sums
from hwsim.array.vector.pairs import HAS_PAIRS
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_codes import padded
from hwsim.network.values_geometry import Geometry
from hwsim.network.values_pieces import Span
from hwsim.network.values_registers import HALF, Registers

BYTE, LEAST_WEIGHT, LARGEST_WEIGHT = 255, -128, 127
ENTRY, PACKED, APART, WRITTEN = 2.0, 6.0, 36.0, 6.0  # costs of 32 outputs, in those of forms


class PairedSums:
    """`hwsim.network.values_pieces.Sums` in the array's order, two steps at a time.

    ``w``: operands (K, N); ``taps``: where the code of each step lies.
    """

    kind: type[np.generic] = np.uint8
    tile = TILE

    def __init__(self, w: Ints, taps: Ints, source: Tensor, registers: Registers) -> None:
        ends = self.register = registers.ends
        self.top_bit, self.macs = np.uint8(byte_of(0, source)), w.size
        self.zero = byte_of(registers.zero, source)
        self.border = byte_of(source.zero_point, source) - self.zero
        self.taps = lay_taps(taps)
        self.start = padded(np.clip(registers.first, *ends), SIDE).reshape(1, -1).astype(np.int32)
        self.late = padded(registers.last, SIDE).reshape(1, -1).astype(np.int32)
        self.shape = (1, self.start.size)
        self.pairs = lay_pairs(w, self.start.size)

    @property
    def cost(self) -> float:
        """Of one output, in the measure of `hwsim.network.values_saturating.Form.cost`."""
        together = int((self.taps[1::2] == self.taps[::2] + 1).sum())
        packing = PACKED * together + APART * (len(self.taps) // 2 - together)
        return (ENTRY * len(self.pairs.at) + packing + WRITTEN * self.start.size) / 32

    def place(self, codes: NDArray[Any], geometry: Geometry, images: NDArray[Any]) -> None:
        """Codes as operands."""
        lay_codes(
            geometry.rows_of(codes), self.top_bit, self.zero, 0, images, *geometry.where_rows_lie
        )

    def add(self, images: NDArray[Any], places: Ints, out: NDArray[np.int32]) -> list[Span]:
        """Sums of whole tiles."""
        ends = (self.start, self.late, self.register)
        paired_sums(images, places, self.taps, *self.pairs, *ends, out)
        return []


def byte_of(code: int, source: Tensor) -> int:
    """A code as its byte is read, the top bit turned where codes are signed."""
    assert source.format is not None
    return code + (128 if source.format.signed else 0)


def paired_sums_of(
    prepared: PreparedLayer, source: Tensor, geometry: Geometry, registers: Registers
) -> PairedSums | None:
    """The sums, or None where an operand or a register is not built."""
    (least, largest), (lo, hi) = registers.operands, registers.ends
    w = prepared.datapath.w
    if not HAS_PAIRS or geometry.by_channel or len(w) != 1 or registers.chain is not None:
        return None
    if least < 0 or largest > BYTE or lo < -(1 << HALF - 1) or hi >= 1 << HALF - 1:
        return None
    if w.min(initial=0) < LEAST_WEIGHT or w.max(initial=0) > LARGEST_WEIGHT:
        return None
    if not 0 <= byte_of(registers.zero, source) <= BYTE:
        return None
    taps = geometry.steps(prepared.machine.array.k_order)
    return PairedSums(np.ascontiguousarray(w[0], np.int64), taps, source, registers)


def is_quicker(sums: PairedSums, other: float, pixels: int) -> bool:
    """Whether an image of so many outputs takes less than ``other`` an output, the last tile's
    unused lanes counted."""
    tiles = -(-pixels // TILE)
    return sums.cost * tiles * TILE < other * pixels
