"""Sums of a layer whose one register saturates, step by step in the array's order.

Without a chain each product is one store into the accumulator; what the machine adds is
`hwsim.array.datapath`'s: weights in the order of k, the bias as it is stored, before the first
product or after the last. A code becomes the operand that the PEs multiply where it is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import signed_bits
from hwsim.arith.overflow import Overflow
from hwsim.array.datapath import operand_ranges, recentre
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.saturating_sums import lay_codes, lay_steps, saturating_sums, saturating_taps
from hwsim.array.stepwise import HI, LO, register_table
from hwsim.array.vector import saturating
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.saturating import ENDS, HALVES, LANE, PIXELS, halves_of, lanes_of_vector
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_codes import padded
from hwsim.network.values_geometry import Geometry

SATURATING = {int(Overflow.SATURATE), int(Overflow.SATURATE_SYMMETRIC)}
HALF, WORD = 16, 32  # bits of lanes
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


def form_of(code: tuple[int, int], w: Ints, register: tuple[int, int], channels: int) -> Form:
    """The quickest form of operands in these ranges and this register.

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
    if max(hi, -1 - lo, largest) < 1 << (HALF - 1):
        forms += [Form(HALVES, vectors) for vectors in PIXELS]
    return min(forms, key=lambda form: form.cost(channels))


class SaturatingSums:
    """`hwsim.network.values_layer.Sums` in the array's order."""

    kind: type[np.generic] = np.int16

    def __init__(
        self, geometry: Geometry, prepared: PreparedLayer, source: Tensor, register: Ints
    ) -> None:
        assert source.format is not None
        datapath = prepared.datapath
        _, groups, _, steps, n = datapath.shape
        channels, self.by_channel = groups * n, geometry.by_channel
        w = datapath.w.astype(np.int64).transpose(1, 0, 2).reshape(steps, channels)
        codes, _ = operand_ranges(prepared.gemm, prepared.machine)
        ends = (int(register[LO]), int(register[HI]))
        self.form = Form(ENDS, 0) if self.by_channel else form_of(codes, w, ends, channels)
        lanes = channels if self.by_channel else self.form.lanes
        shift = self.form.code_shift + self.form.weight_shift
        self.register = (*ends, shift)
        self.taps = geometry.steps(prepared.machine.array.k_order)
        self.tile, self.macs = self.form.tile, w.size
        self.weight: NDArray[np.signedinteger]
        if self.by_channel:
            self.weight = np.ascontiguousarray(w, np.int32)
        else:
            self.weight = lay_steps(w << self.form.weight_shift, lanes, self.form.halves)
        first, late = (_addend(b, channels) for b in (datapath.preload, datapath.last))
        self.start = padded(np.clip(first, *ends), lanes).reshape(-1, lanes).astype(np.int32)
        self.late = padded(late, lanes).reshape(-1, lanes).astype(np.int32)
        self.shape = (len(self.start), lanes)
        self.top_bit = np.uint8(128 if source.format.signed else 0)
        self.zero = int(self.top_bit) + zero_of(prepared)
        border = source.zero_point + int(self.top_bit) - self.zero
        self.border = border << self.form.code_shift

    def place(self, codes: NDArray[np.uint8], inside: NDArray[Any]) -> None:
        """Codes as operands, shifted."""
        lay_codes(codes, self.top_bit, self.zero, self.form.code_shift, inside)

    def add(self, images: NDArray[Any], places: Ints, out: NDArray[np.int32]) -> None:
        """Sums of whole tiles."""
        given = (images, places, self.taps, self.weight)
        if self.by_channel:
            saturating_taps(*given, self.start[0], self.late[0], self.register, out[:, 0])
        else:
            add = saturating_sums(self.form.form, self.form.vectors)
            add(*given, self.start, self.late, self.register, out)


def zero_of(prepared: PreparedLayer) -> int:
    """What is subtracted from a code to give the operand that the PEs multiply."""
    gemm, operands = prepared.gemm, prepared.machine.operands
    if operands.zero_point == "subtract":
        return gemm.a_zero_point
    return -recentre(*gemm.a_range, operands.activation.format, "operands.activation")


def _addend(bias: Ints | None, channels: int) -> Ints:
    """A stored bias by channel; zeros where there is none."""
    return np.zeros(channels, np.int64) if bias is None else bias.reshape(-1)


def saturating_sums_of(
    prepared: PreparedLayer, source: Tensor, geometry: Geometry
) -> SaturatingSums | None:
    """The sums step by step, or None where the layer has more than one store a step, a rule other
    than saturating, or operands and registers that are not built."""
    datapath = prepared.datapath
    if datapath.chain or not one_register(datapath):
        return None
    register = register_table(datapath)[0]
    if register[HI] >= 1 << (WORD - 2) or _farthest(datapath.last) >= 1 << (WORD - 1):
        return None
    code, weight = operand_ranges(prepared.gemm, prepared.machine)
    if max(signed_bits(*code), signed_bits(*weight)) > HALF - 1:
        return None
    return SaturatingSums(geometry, prepared, source, register)


def one_register(datapath: Datapath) -> bool:
    """Whether all that happens to a sum is that one register saturates, at each addition."""
    return (
        datapath.accumulator.overflow in SATURATING
        and not datapath.check_final
        and not datapath.drop_bits
        and datapath.row_sum is None
    )


def _farthest(values: Ints | None) -> int:
    return 0 if values is None else int(np.abs(values).max(initial=0))
