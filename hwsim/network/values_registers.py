"""Registers of a layer that saturate at each addition, as sums without a ledger need them.

Without a chain each product is one store into the accumulator; with one, each fold of its chain. A
register that cannot overflow takes part as one that saturates at its bound: clamping moves sums
towards 0, so that no sum leaves the weight bound. What the machine adds is
`hwsim.array.datapath`'s: the bias as it is stored, before the first product or after the last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.arith.formats import IntFormat, signed_bits
from hwsim.arith.overflow import Overflow
from hwsim.array.bounds import Hull
from hwsim.array.datapath import operand_ranges, recentre
from hwsim.array.gemm import Ints, Register
from hwsim.array.ledger import is_symmetric
from hwsim.mapping.prepare import PreparedLayer

Ends = tuple[int, int]
SATURATING = {int(Overflow.SATURATE), int(Overflow.SATURATE_SYMMETRIC)}
HALF, WORD = 16, 32  # bits of lanes


@dataclass(frozen=True)
class Chain:
    """Folds of a chain, ``link`` its ends; without one a fold is one product, that always fits."""

    link: Ends
    fold: int = 1


@dataclass(frozen=True, eq=False)
class Registers:
    """Of one layer.

    Attributes
    ----------
    ends : (lo, hi)
        Of the accumulator.
    chain : Chain or None
    first, last : int64 ndarrays of shape (channels,)
        What is added before the products, and after them.
    operands : (least, largest)
        Of what the PEs multiply with weights.
    zero : int
        What is subtracted from a code to give an operand.
    """

    ends: Ends
    chain: Chain | None
    first: Ints
    last: Ints
    operands: Ends
    zero: int


def registers_of(prepared: PreparedLayer) -> Registers | None:
    """The layer's registers, or None where one can overflow by another rule, or operands and
    registers do not fit lanes."""
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
    codes, weights = operand_ranges(prepared.gemm, prepared.machine)
    if max(signed_bits(*codes), signed_bits(*weights)) > HALF - 1:
        return None
    channels = datapath.shape[1] * datapath.shape[4]
    first, last = (
        np.zeros(channels, np.int64) if bias is None else bias.reshape(-1)
        for bias in (datapath.preload, datapath.last)
    )
    if np.abs(last).max(initial=0) >= 1 << (WORD - 1):
        return None
    return Registers(ends, chain, first, last, codes, zero_of(prepared))


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


def zero_of(prepared: PreparedLayer) -> int:
    """What is subtracted from a code to give the operand that the PEs multiply."""
    gemm, operands = prepared.gemm, prepared.machine.operands
    if operands.zero_point == "subtract":
        return gemm.a_zero_point
    return -recentre(*gemm.a_range, operands.activation.format, "operands.activation")
