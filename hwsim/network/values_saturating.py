"""Sums of a layer whose registers saturate, step by step in the array's order.

Without a chain each product is one store into the accumulator; with one, each fold of its chain. A
register that cannot overflow takes part as one that saturates at its bound: clamping moves sums
towards 0, so that no sum leaves the weight bound. What the machine adds is
`hwsim.array.datapath`'s: weights in the order of k, the bias as it is stored, before the first
product or after the last. A code becomes the operand that the PEs multiply where it is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat, signed_bits
from hwsim.arith.overflow import Overflow
from hwsim.array.bounds import Hull
from hwsim.array.datapath import operand_ranges, recentre
from hwsim.array.gemm import Ints, Register
from hwsim.array.ledger import is_symmetric
from hwsim.array.saturating_sums import (
    folded_sums,
    lay_codes,
    lay_steps,
    saturating_sums,
    saturating_taps,
)
from hwsim.array.vector import saturating
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.saturating import ENDS, HALVES, LANE, PIXELS, halves_of, lanes_of_vector
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_codes import padded
from hwsim.network.values_geometry import Geometry
from hwsim.network.values_paired import PairedSums, is_quicker, paired_sums_of

Ends = tuple[int, int]
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


@dataclass(frozen=True)
class Chain:
    """Folds of a chain, ``link`` its ends; without one a fold is one product, that always fits."""

    link: Ends
    fold: int = 1


ANY_PRODUCT = Chain((-(1 << WORD - 2), 1 << WORD - 2))


class SaturatingSums:
    """`hwsim.network.values_layer.Sums` in the array's order."""

    kind: type[np.generic] = np.int16

    def __init__(
        self,
        geometry: Geometry,
        prepared: PreparedLayer,
        source: Tensor,
        ends: Ends,
        chain: Chain | None,
    ) -> None:
        assert source.format is not None
        datapath = prepared.datapath
        _, groups, _, steps, n = datapath.shape
        channels, self.by_channel = groups * n, geometry.by_channel
        w = datapath.w.astype(np.int64).transpose(1, 0, 2).reshape(steps, channels)
        codes, _ = operand_ranges(prepared.gemm, prepared.machine)
        adding = ends if chain is None else chain.link
        self.chain = chain
        self.form = Form(ENDS, 0)
        if not self.by_channel:
            self.form = form_of(codes, w, adding, channels, halves=chain is None)
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
        self.addends = (first, late)
        self.start = padded(np.clip(first, *ends), lanes).reshape(-1, lanes).astype(np.int32)
        self.late = padded(late, lanes).reshape(-1, lanes).astype(np.int32)
        self.shape = (len(self.start), lanes)
        self.top_bit = np.uint8(128 if source.format.signed else 0)
        self.zero = int(self.top_bit) + zero_of(prepared)
        border = source.zero_point + int(self.top_bit) - self.zero
        self.border = border << self.form.code_shift

    def place(self, codes: NDArray[Any], geometry: Geometry, images: NDArray[Any]) -> None:
        """Codes as operands, shifted."""
        operand = (self.top_bit, self.zero, self.form.code_shift)
        where = (geometry.first, geometry.size, geometry.row)
        lay_codes(geometry.rows_of(codes), *operand, images, *where)

    def add(self, images: NDArray[Any], places: Ints, out: NDArray[np.int32]) -> None:
        """Sums of whole tiles."""
        given, chain = (images, places, self.taps, self.weight), self.chain or ANY_PRODUCT
        if self.by_channel:
            ends = (self.start[0], self.late[0], self.register, chain.link)
            saturating_taps(*given, *ends, chain.fold, out[:, 0])
        elif self.chain is None:
            add = saturating_sums(self.form.form, self.form.vectors)
            add(*given, self.start, self.late, self.register, out)
        else:
            add = folded_sums(self.form.form, self.form.vectors)
            add(*given, self.start, self.late, self.register, chain.link, chain.fold, out)


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
) -> SaturatingSums | PairedSums | None:
    """The sums step by step, or in pairs of steps where that is the same and quicker; None where a
    register can overflow by another rule, or operands and registers are not built."""
    datapath, bounds = prepared.datapath, prepared.bounds
    if datapath.check_final or datapath.drop_bits or datapath.row_sum is not None:
        return None
    ends = ends_of((datapath.accumulator,), bounds.accumulator_weight)
    chain = None
    if bounds.chain_weight is not None:
        link = ends_of(datapath.chain, bounds.chain_weight)
        chain = None if link is None else Chain(link, prepared.schedule.k_tile)
    if ends is None or (chain is None and datapath.chain):
        return None
    code, weight = operand_ranges(prepared.gemm, prepared.machine)
    if max(signed_bits(*code), signed_bits(*weight)) > HALF - 1:
        return None
    if _farthest(datapath.last) >= 1 << (WORD - 1):
        return None
    sums = SaturatingSums(geometry, prepared, source, ends, chain)
    if chain is not None:
        return sums
    given = (ends, sums.zero, sums.taps, sums.addends)
    pairs = paired_sums_of(prepared, source, geometry, *given)
    channels = len(sums.addends[0])
    cost = sums.form.cost(channels)[0] * len(sums.taps)
    quicker = pairs is not None and is_quicker(pairs, cost, geometry.places.size)
    return pairs if quicker else sums


def ends_of(registers: tuple[Register, ...], bound: Hull) -> Ends | None:
    """Where sums are held: the ends of the one register that saturates, or a range around the bound
    that all registers hold; None where neither is so, or a 32-bit lane is too narrow."""
    lo, hi = bound.reach
    if not all(r.lo <= lo <= hi <= r.hi and -r.hi <= lo for r in registers):
        if len(registers) > 1 or registers[0].overflow not in SATURATING:
            return None
        register = registers[0]
        ends = ((-register.hi if is_symmetric(register) else register.lo), register.hi)
    else:
        around = IntFormat(signed_bits(lo, hi))
        ends = (around.lo, around.hi)
    return ends if ends[1] < 1 << (WORD - 2) else None


def _farthest(values: Ints | None) -> int:
    return 0 if values is None else int(np.abs(values).max(initial=0))
