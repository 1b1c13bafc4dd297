"""Sums of a layer that could overflow by its weights, but by the codes that came cannot.

`hwsim.array.proven_sums` has the proof; a part of the outputs that is not proven is left to the
layer's own way, step by step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.array.gemm import Ints
from hwsim.array.proven_sums import Ends, proven_sums
from hwsim.array.vector.exact import HAS_VNNI
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_codes import padded
from hwsim.network.values_exact import ExactSums
from hwsim.network.values_geometry import AXES, Geometry
from hwsim.network.values_pieces import Span
from hwsim.network.values_registers import Registers

WEIGHT = IntFormat(8)
REACH = 1 << 30  # of sums and their differences, in 32-bit lanes
PLACES = 64  # of a part, about: what one output that is not proven costs
ROW = 512  # sums that are proven in one go, about
LEAST_STEPS = 32  # of a sum: below, two exact products are no quicker
TRIALS = 4  # parts before the proof is given up where fewer than half of them hold


class ProvenSums:
    """`hwsim.network.values_pieces.Sums` in any order, with those that are proven.

    Parameters
    ----------
    geometry : Geometry
    weight : int64 ndarray of shape (N, ky, kx, ic)
        Operands.
    source : Tensor
    registers : Registers
    tile : int
        Outputs that the layer's own way adds together.

    Attributes
    ----------
    each : int
        Places of a part.
    tried, held : int
        Parts so far, and those proven.
    """

    kind: type[np.generic] = np.uint8

    def __init__(
        self,
        geometry: Geometry,
        weight: Ints,
        source: Tensor,
        registers: Registers,
        tile: int,
    ) -> None:
        first, last, (lo, hi) = registers.first, registers.last, registers.ends
        less = registers.zero - source.zero_point
        positive, nothing = np.maximum(weight, 0), np.zeros_like(first)
        self.all = exact_from(geometry, weight, first + last, less, source)
        self.positive = exact_from(geometry, positive, nothing, less, source)
        self.shape, self.border, self.macs = self.all.shape, self.all.border, self.all.macs
        self.tile = int(np.lcm(self.all.tile, tile))
        self.each = max(PLACES // self.tile, 1) * self.tile
        up, down = hi - first, first - lo
        if registers.chain is not None:
            link_lo, link_hi = registers.chain.link
            up, down = np.minimum(up, link_hi), np.minimum(down, -link_lo)
        self.ends = Ends(self._lanes(up), self._lanes(down - first - last), lo, hi)
        self.tried = self.held = 0

    def _lanes(self, values: Ints) -> NDArray[np.int32]:
        """By channel, in lanes, for outputs side by side."""
        lanes = padded(np.clip(values, 1 - REACH, REACH - 1), self.shape[1])
        return np.tile(lanes.astype(np.int32), max(ROW // lanes.size, 1))

    @property
    def hopeful(self) -> bool:
        """Whether it is worth while to go on: a proof costs about as much as half the sums."""
        return self.tried < TRIALS or 2 * self.held >= self.tried

    def place(self, codes: NDArray[Any], geometry: Geometry, images: NDArray[Any]) -> None:
        """As bytes."""
        self.all.place(codes, geometry, images)

    def add(self, images: NDArray[Any], places: Ints, out: NDArray[np.int32]) -> list[Span]:
        """The sums of all parts that are proven; the others are left."""
        every, positive = self.all, self.positive
        proven = np.zeros(-(-len(places) // self.each), np.bool_)
        proven_sums(
            images, places, every.jump, every.weight, positive.weight, every.start,
            positive.start, self.ends, self.each, out, proven,
        )  # fmt: skip
        self.tried, self.held = self.tried + len(proven), self.held + int(proven.sum())
        return [
            (part * self.each, min((part + 1) * self.each, len(places)))
            for part in np.flatnonzero(~proven).tolist()
        ]


def exact_from(
    geometry: Geometry, weight: Ints, start: Ints, less: int, source: Tensor
) -> ExactSums:
    """``start + sum (code - zero) * weight``, where ``zero`` is ``less`` more than the zero
    point."""
    start = start - less * weight.sum(axis=(1, 2, 3))
    exact = ExactSums(geometry, weight, start, source, None)
    exact.start.reshape(-1)[len(weight) :] = 0  # lanes without a channel are always proven
    return exact


def proven_sums_of(
    prepared: PreparedLayer, source: Tensor, geometry: Geometry, registers: Registers, tile: int
) -> ProvenSums | None:
    """The proof of a layer, None where it does not hold in general, or is not quicker. ``tile`` :
    of the layer's own way."""
    (least, _), w = registers.operands, prepared.datapath.w[0].astype(np.int64)
    if not HAS_VNNI or geometry.by_channel or least < 0 or not geometry.in_rows:
        return None
    if len(w) < LEAST_STEPS or not WEIGHT.lo <= w.min() <= w.max() <= WEIGHT.hi:
        return None
    addends = np.abs(registers.first) + np.abs(registers.last)
    if (np.abs(w).sum(axis=0) * 2 * 255 + addends).max() >= REACH:
        return None
    weight = by_axes(w, geometry, list(prepared.machine.array.k_order))
    return ProvenSums(geometry, weight, source, registers, tile)


def by_axes(w: Ints, geometry: Geometry, k_order: list[str]) -> Ints:
    """Weights (K, N) in the array's order as (N, ky, kx, ic)."""
    ky, kx = geometry.kernel
    size = dict(zip(AXES, (ky, kx, geometry.image[2]), strict=True))
    laid = w.reshape(*(size[axis] for axis in k_order), w.shape[1])
    axes = [k_order.index(axis) for axis in AXES]
    return np.ascontiguousarray(laid.transpose(3, *axes))
