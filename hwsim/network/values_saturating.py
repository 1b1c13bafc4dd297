"""Sums of a layer whose registers saturate, step by step in the array's order.

Without a chain each product is one store into the accumulator; with one, each fold of its chain
(`values_registers`). A code becomes the operand that the PEs multiply where it is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import signed_bits
from hwsim.array.channel_sums import repeated, saturating_channels
from hwsim.array.gemm import Ints
from hwsim.array.images import lay_codes
from hwsim.array.saturating_sums import folded_sums, lay_steps, saturating_sums
from hwsim.array.vector import saturating
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.saturating import ENDS, HALVES, LANE, PIXELS, halves_of, lanes_of_vector
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_codes import padded
from hwsim.network.values_geometry import Geometry
from hwsim.network.values_pieces import Span
from hwsim.network.values_registers import HALF, WORD, Registers

PLAIN_LANES = 64
COST = {LANE: 1.0, ENDS: 1.7, HALVES: 2.3}  # of a vector's addition, measured


@dataclass(frozen=True)
class Form:
    """How sums lie in lanes; ``vectors`` 0: as they are defined. Shifts: left, of both operands."""

    form: int
    vectors: int
    code_shift: int = 0
    weight_shift: int = 0

    @property
    def lanes(self) -> int:
        """Channels of a block."""
        return lanes_of_vector(self.form) * self.vectors or PLAIN_LANES

    @property
    def tile(self) -> int:
        """Outputs that are added together."""
        return PIXELS[self.vectors] if self.vectors else 1

    @property
    def halves(self) -> int:
        """16-bit halves of a weight."""
        return halves_of(self.form) if self.vectors else 1

    def cost(self, channels: int) -> tuple[float, int]:
        """Of one step of all channels; of equals, the wider."""
        vectors = -(-channels // self.lanes) * self.vectors
        return vectors * COST[self.form], -self.vectors


def form_of(
    code: tuple[int, int],
    w: Ints,
    register: tuple[int, int],
    channels: int,
    *,
    halves: bool = True,
) -> Form:
    """The quickest form of operands in these ranges and this register; ``halves``: may be 16-bit
    lanes.

    >>> w = np.array([-128, 127])
    >>> 0 <= form_of((-255, 255), w, (-(1 << 19), (1 << 19) - 1), 64).code_shift <= 7
    True
    """
    if CHOSEN is None:
        return Form(ENDS, 0)
    lo, hi = register
    forms = [Form(ENDS, vectors) for vectors in PIXELS]
    weight = (int(w.min(initial=0)), int(w.max(initial=0)))
    spare_code, spare_weight = (HALF - signed_bits(*ends) for ends in (code, weight))
    shift = WORD - signed_bits(lo, hi)
    if saturating.HAS_LANE and lo < -hi and shift <= spare_code + spare_weight:
        by_weight = min(shift, spare_weight)
        forms += [Form(LANE, vectors, shift - by_weight, by_weight) for vectors in PIXELS]
    largest = max(map(abs, code)) * max(map(abs, weight))
    if halves and max(hi, -1 - lo, largest) < 1 << (HALF - 1):
        forms += [Form(HALVES, vectors) for vectors in PIXELS]
    return min(forms, key=lambda form: form.cost(channels))


class SaturatingSums:
    """`hwsim.network.values_pieces.Sums` in the array's order."""

    kind: type[np.generic] = np.int16

    def __init__(
        self,
        geometry: Geometry,
        prepared: PreparedLayer,
        source: Tensor,
        registers: Registers,
        form: Form | None = None,
    ) -> None:
        assert source.format is not None
        _, groups, _, steps, n = prepared.datapath.shape
        channels, self.by_channel = groups * n, geometry.by_channel
        w = prepared.datapath.w.astype(np.int64).transpose(1, 0, 2).reshape(steps, channels)
        ends, self.chain = registers.ends, registers.chain
        adding = ends if self.chain is None else self.chain.link
        self.form = form or Form(ENDS, 0)
        if form is None and not self.by_channel:
            self.form = form_of(registers.operands, w, adding, channels, halves=self.chain is None)
        lanes = channels if self.by_channel else self.form.lanes
        shift = self.form.code_shift + self.form.weight_shift
        self.register = (*ends, shift)
        self.taps = geometry.steps(prepared.machine.array.k_order)
        self.tile, self.macs = self.form.tile, w.size
        self.weight: NDArray[np.signedinteger]
        if self.by_channel:
            self.weight = repeated(w)
        else:
            self.weight = lay_steps(w << self.form.weight_shift, lanes, self.form.halves)
        start = padded(np.clip(registers.first, *ends), lanes)
        self.start = start.reshape(-1, lanes).astype(np.int32)
        self.late = padded(registers.last, lanes).reshape(-1, lanes).astype(np.int32)
        self.shape = (len(self.start), lanes)
        if self.by_channel:
            self.rows = repeated(self.start), repeated(self.late)
        self.top_bit = np.uint8(128 if source.format.signed else 0)
        self.zero = int(self.top_bit) + registers.zero
        border = source.zero_point + int(self.top_bit) - self.zero
        self.border = border << self.form.code_shift

    def place(self, codes: NDArray[Any], geometry: Geometry, images: NDArray[Any]) -> None:
        """Codes as operands, shifted."""
        operand = (self.top_bit, self.zero, self.form.code_shift)
        lay_codes(geometry.rows_of(codes), *operand, images, *geometry.where_rows_lie)

    def add(self, images: NDArray[Any], places: Ints, out: NDArray[np.int32]) -> list[Span]:
        """Sums of whole tiles."""
        given, chain = (images, places, self.taps, self.weight), self.chain
        if self.by_channel:
            link, fold = (self.register[:2], 0) if chain is None else (chain.link, chain.fold)
            saturating_channels(*given, *self.rows, self.register, link, fold, out[:, 0])
        elif chain is None:
            add = saturating_sums(self.form.form, self.form.vectors)
            add(*given, self.start, self.late, self.register, out)
        else:
            add = folded_sums(self.form.form, self.form.vectors)
            add(*given, self.start, self.late, self.register, chain.link, chain.fold, out)
        return []

    @property
    def cost(self) -> float:
        """Of one output."""
        return self.form.cost(self.start.size)[0] * len(self.taps)
