"""How far the values of a layer reach, and what its registers need to check."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.overflow import Overflow
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.stepwise import HI, LO, OVERFLOW, WRAP_BITS, register_table

SATURATING = {int(Overflow.SATURATE), int(Overflow.SATURATE_SYMMETRIC), int(Overflow.TRAP)}
WRAP = int(Overflow.WRAP)
INT16_REACH = (1 << 15) - 1


def reach(datapath: Datapath) -> tuple[int, int]:
    """No product of this layer is farther from zero, and no sum, exact or stored: K times the
    largest product, and the addends. No rule of overflow takes a value farther from zero than it
    was presented."""
    operands = operand_reach(datapath)
    largest = operands[0] * operands[1]
    addends = sum(_farthest(b) for b in (datapath.preload, datapath.last) if b is not None)
    if datapath.row_sum is not None:
        addends += _farthest(datapath.row_sum) * _farthest(datapath.w_zero_point)
    return largest, datapath.shape[3] * largest + addends


def operand_reach(datapath: Datapath) -> tuple[int, int]:
    """No activation, no weight is farther from zero."""
    if datapath.ranges is None:
        return _farthest(datapath.a), _farthest(datapath.w)
    a, w = (max(map(abs, ends)) for ends in datapath.ranges)
    return a, w


def _farthest(values: NDArray[np.signedinteger]) -> int:
    return max(-int(values.min(initial=0)), int(values.max(initial=0)))


def lane_registers(datapath: Datapath, product: int, far: int) -> Ints | None:
    """`Lanes.registers`; None where one could overflow by a rule other than plain wrapping and
    saturating. ``product``, ``far`` : of `reach`."""
    table: list[list[int]] = register_table(datapath).tolist()
    registers = []
    for row in (table[0], table[1] if datapath.chain else None, table[-1]):
        if row is None or row[HI] >= far:
            registers.append((-far, far, 0, 1, 0))
        elif row[OVERFLOW] in SATURATING or (row[OVERFLOW] == WRAP and not row[WRAP_BITS]):
            whole = row[LO] < -row[HI] or row[HI] < INT16_REACH  # not symmetric with 16 bits
            halves = whole and max(product, row[HI]) <= INT16_REACH
            registers.append((row[LO], row[HI], int(row[OVERFLOW] == WRAP), 1, int(halves)))
        else:
            return None
    return np.array(registers, np.int64)
