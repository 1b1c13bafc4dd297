"""Sums narrowed before they are scaled, each ``(value, event)`` as in requantize.py."""

from __future__ import annotations

from hwsim._jit import kernel
from hwsim.arith.overflow import fit, wrap
from hwsim.arith.rounding import shift_right

INT32_LO = -(1 << 31)
INT32_HI = (1 << 31) - 1


@kernel
def narrow(
    acc: int, shift: int, rounding: int, lo: int, hi: int, overflow: int, wrap_bits: int
) -> tuple[int, bool]:
    """A wide sum into a narrower register: rounding shift, then the register's rule.

    ::

        value = fit(round(acc / 2**shift)),   0 <= shift <= 62

    ``lo, hi, overflow, wrap_bits``: the register, as in `overflow.fit`. Event: it did not fit.
    Source: NVDLA's CACC, which rounds half away and saturates to 32 bits.

    >>> from hwsim.arith.overflow import Overflow
    >>> from hwsim.arith.rounding import Rounding
    >>> narrow(-10, 2, Rounding.HALF_AWAY, -128, 127, Overflow.SATURATE, 0)  # -2.5
    (-3, False)
    >>> narrow(1023, 3, Rounding.HALF_AWAY, -128, 127, Overflow.SATURATE, 0)  # 127.875
    (127, True)
    """
    exact = shift_right(acc, shift, rounding)
    kept = fit(exact, lo, hi, overflow, wrap_bits)
    return kept, kept != exact


@kernel
def reduced_16_narrow(acc: int, multiplier: int, shift: int) -> tuple[int, bool]:
    """`requantize.reduced_16` narrowed to int32 one bit early, so that the last step can wrap too.

    ::

        half  = wrap32((acc * multiplier) >> (shift - 1))
        value = wrap32(half + 1) >> 1

    ``abs(acc) <= 2**47``, ``0 <= multiplier <= 0x7FFF``, ``1 <= shift <= 62``. Equal to
    `requantize.reduced_16` where no event happens: results beyond 31 bits are lost here already.
    Source: CMSIS-NN ``arm_nn_requantize_s64``.

    >>> reduced_16_narrow(-3, 1 << 14, 15)  # -1.5 rounds up
    (-1, False)
    >>> reduced_16_narrow(1 << 31, 1 << 14, 15)  # 2**30 fits int32; 2**31, before the last bit, not
    (-1073741824, True)
    """
    exact = (acc * multiplier) >> (shift - 1)
    half = wrap(exact, INT32_LO, INT32_HI)
    rounded = wrap(half + 1, INT32_LO, INT32_HI)
    return rounded >> 1, half != exact or rounded != half + 1
