"""Sums of a layer with one narrow saturating register and no negative operand, in pairs of steps.

What `values_saturating` adds step by step, for bytes of operands that are nowhere negative and
registers of at most 16 bits: `hwsim.array.paired_sums` says why two steps may be added at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.datapath import operand_ranges
from hwsim.array.gemm import Ints
from hwsim.array.paired_sums import SIDE, TILE, lay_pairs, lay_taps, paired_sums
from hwsim.array.saturating_sums import lay_codes
from hwsim.array.vector.pairs import HAS_PAIRS
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_codes import padded
from hwsim.network.values_geometry import Geometry

Ends = tuple[int, int]
HALF = 16  # bits of a lane
BYTE, LEAST_WEIGHT, LARGEST_WEIGHT = 255, -128, 127
ENTRY, PACKED, APART, WRITTEN = 2.0, 6.0, 36.0, 6.0  # costs of 32 outputs, in those of forms


class PairedSums:
    """`hwsim.network.values_layer.Sums` in the array's order, two steps at a time.

    ``zero``: what is subtracted from a byte, its top bit turned where codes are signed, to give an
    operand. ``first``, ``late``: addends of each channel before the products, and after them.
    """

    kind: type[np.generic] = np.uint8
    tile = TILE

    def __init__(
        self,
        taps: Ints,
        w: Ints,
        source: Tensor,
        ends: Ends,
        zero: int,
        first: Ints,
        late: Ints,
    ) -> None:
        assert source.format is not None
        self.register, self.macs = ends, w.size
        self.top_bit, self.zero = np.uint8(128 if source.format.signed else 0), zero
        self.border = source.zero_point + int(self.top_bit) - zero
        self.taps = lay_taps(taps)
        self.start = padded(np.clip(first, *ends), SIDE).reshape(1, -1).astype(np.int32)
        self.late = padded(late, SIDE).reshape(1, -1).astype(np.int32)
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
        where = (geometry.first, geometry.size, geometry.row)
        lay_codes(geometry.rows_of(codes), self.top_bit, self.zero, 0, images, *where)

    def add(self, images: NDArray[Any], places: Ints, out: NDArray[np.int32]) -> None:
        """Sums of whole tiles."""
        ends = (self.start, self.late, self.register)
        paired_sums(images, places, self.taps, *self.pairs, *ends, out)


def paired_sums_of(
    prepared: PreparedLayer,
    source: Tensor,
    geometry: Geometry,
    ends: Ends,
    zero: int,
    taps: Ints,
    addends: tuple[Ints, Ints],
) -> PairedSums | None:
    """The sums, or None where an operand or the register is not built."""
    (least, largest), _ = operand_ranges(prepared.gemm, prepared.machine)
    datapath = prepared.datapath
    lo, hi = ends
    fits = HAS_PAIRS and not geometry.by_channel and datapath.w.shape[0] == 1
    if not fits or min(least, zero) < 0 or max(largest, zero) > BYTE:
        return None
    if lo < -(1 << HALF - 1) or hi >= 1 << HALF - 1:
        return None
    w = datapath.w[0].astype(np.int64)
    if w.min(initial=0) < LEAST_WEIGHT or w.max(initial=0) > LARGEST_WEIGHT:
        return None
    return PairedSums(taps, w, source, ends, zero, *addends)


def is_quicker(sums: PairedSums, other: float, pixels: int) -> bool:
    """Whether an image of so many outputs takes less than ``other`` an output, the last tile's
    unused lanes counted."""
    tiles = -(-pixels // TILE)
    return sums.cost * tiles * TILE < other * pixels
