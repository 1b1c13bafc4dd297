"""Accumulator to code, one scalar function a scheme: the requantizer as hardware computes it.

Every function returns ``(value, event)``: ``event`` says that an intermediate wrapped or saturated.
``shift`` is the whole right shift: the factor is ``multiplier / 2**shift``; a negative shift is to
the left and exact. ``random`` is the LFSR state of stochastic rounding (lfsr.py), else ignored.
Unless a function says otherwise the zero point is added to its value afterwards.
Other schemes stand in tables.py, narrowing.py and real_bias.py. Preconditions are checked where a
machine meets a layer, in array/requantizer_limits.py.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.fixed_point import high_multiply
from hwsim.arith.overflow import wrap
from hwsim.arith.real import FLOAT_BOUND, nearest, round_real
from hwsim.arith.rounding import Rounding, shift_right, shift_right_stochastic

INT32_LO = -(1 << 31)
INT32_HI = (1 << 31) - 1


class Scheme(IntEnum):
    """The requantization schemes, as kernels number them."""

    FLOAT32 = 0
    FLOAT64 = 1
    MULTIPLIER_SHIFT = 2
    MULTIPLIER_SHIFT_DOUBLE = 3
    REDUCED_16 = 4
    SHIFT_ONLY = 5
    MULTIPLY_ADD_SHIFT = 6
    THRESHOLD_TABLE = 7
    LOOKUP_TABLE = 8
    REDUCED_16_NARROW = 9
    FLOAT32_BIAS = 10
    FLOAT32_DEQUANTIZED = 11
    REAL_BIAS = 12
    FIXED_FRACTION = 13


@kernel
def shift_by(x: int, shift: int, rounding: int, random: int) -> int:
    """``x / 2**shift``, rounded; a negative shift is to the left and exact.

    >>> shift_by(-6, 2, Rounding.HALF_UP, 0), shift_by(3, -2, Rounding.FLOOR, 0)
    (-1, 12)
    >>> shift_by(10, 2, Rounding.STOCHASTIC, 2)
    3
    """
    if shift < 0:
        return x << -shift
    if rounding == Rounding.STOCHASTIC:
        return shift_right_stochastic(x, shift, random)
    return shift_right(x, shift, rounding)


@kernel
def multiplier_shift(
    acc: int, multiplier: int, shift: int, rounding: int, random: int
) -> tuple[int, bool]:
    """Multiply, shift, round once.

    ::

        value = round(acc * multiplier / 2**shift)

    Parameters
    ----------
    acc : int64
        ``abs(acc) * multiplier * 2**max(-shift, 0) < 2**63``.
    multiplier : int64
        0..2**31 - 1 (`scale.multiplier_and_shift`).
    shift : int64
        -31..62; at most 32 under STOCHASTIC.
    rounding : int
        Any `Rounding`.
    random : int
        LFSR state.

    Notes
    -----
    31 bits and HALF_UP: TFLite's ``MultiplyByQuantizedMultiplier`` built with single rounding,
    TOSA 1.0 RESCALE ``SINGLE_ROUND``, CMSIS-NN with ``CMSIS_NN_USE_SINGLE_ROUNDING``; 24 bits and
    HALF_UP: XNNPACK rndnu; 24 bits and HALF_AWAY: QNNPACK precise. Nothing can wrap.

    Examples
    --------
    >>> multiplier_shift(-4, 1 << 30, 33, Rounding.HALF_UP, 0)  # -0.5 rounds up
    (0, False)
    >>> multiplier_shift(-4, 1 << 30, 33, Rounding.HALF_AWAY, 0)
    (-1, False)
    """
    return shift_by(acc * multiplier, shift, rounding, random), False


@kernel
def multiplier_shift_double(
    acc: int, multiplier: int, shift: int, rounding: int
) -> tuple[int, bool]:
    """gemmlowp's two roundings: high half of the doubled product, then a rounding shift.

    ::

        left, right = max(31 - shift, 0), max(shift - 31, 0)
        high  = (wrap32(acc << left) * multiplier + 2**30) >> 31       # ties toward +inf
        value = round(high / 2**right)

    Parameters
    ----------
    acc : int64
        In int32.
    multiplier : int64
        0..2**31 - 1 (`scale.quantize_multiplier`, ``shift = 31 - exponent``).
    shift : int64
        0..62.
    rounding : int
        Of the second step: HALF_AWAY (gemmlowp, TFLite, CMSIS-NN, TOSA ``DOUBLE_ROUND``) or
        HALF_UP (ruy on x86).

    Notes
    -----
    Event: the left shift wrapped. The high half cannot saturate, since ``multiplier >= 0``.
    Source: gemmlowp fixedpoint.h, ``SaturatingRoundingDoublingHighMul``, ``RoundingDivideByPOT``.

    Examples
    --------
    >>> multiplier_shift_double(-3, 1 << 30, 32, Rounding.HALF_AWAY)  # -.75: -1.5 to -1, -.5 to -1
    (-1, False)
    >>> multiplier_shift_double(-3, 1 << 30, 32, Rounding.HALF_UP)  # -1.5 to -1, -.5 to 0
    (0, False)
    >>> multiplier_shift_double(1 << 30, 1 << 30, 29, Rounding.HALF_AWAY)  # 2**32 wraps to 0
    (0, True)
    """
    shifted = acc << max(31 - shift, 0)
    kept = wrap(shifted, INT32_LO, INT32_HI)
    high = high_multiply(kept, multiplier)
    return shift_right(high, max(shift - 31, 0), rounding), kept != shifted


@kernel
def reduced_16(acc: int, multiplier: int, shift: int) -> tuple[int, bool]:
    """TFLite's 16-bit activations: a multiplier of 15 bits, one rounding, the result in int32.

    ::

        value = wrap32((acc * multiplier + 2**(shift-1)) >> shift)

    ``abs(acc) <= 2**47``, ``0 <= multiplier <= 0x7FFF`` (`scale.reduced_16`), ``0 <= shift <= 62``.
    Event: the result left int32. Source: TFLite ``MultiplyByQuantizedMultiplier(int64_t, ...)``.

    >>> reduced_16(-3, 1 << 14, 15)  # -1.5 rounds up
    (-1, False)
    >>> reduced_16(1 << 47, 1 << 14, 15)
    (0, True)
    """
    exact = shift_right(acc * multiplier, shift, Rounding.HALF_UP)
    kept = wrap(exact, INT32_LO, INT32_HI)
    return kept, kept != exact


@kernel
def shift_only(acc: int, shift: int, rounding: int, random: int) -> tuple[int, bool]:
    """No multiplier: the scale is a power of two (`scale.power_of_two_shift`).

    ::

        value = round(acc / 2**shift)

    >>> shift_only(-6, 2, Rounding.HALF_EVEN, 0), shift_only(-6, 2, Rounding.HALF_UP, 0)  # -1.5
    ((-2, False), (-1, False))
    """
    return shift_by(acc, shift, rounding, random), False


@kernel
def multiply_add_shift(
    acc: int, multiplier: int, add: int, shift: int, rounding: int, random: int
) -> tuple[int, bool]:
    """Multiply, add, shift: the zero point is inside, so that ties see the code's own parity.

    ::

        code = round((acc * multiplier + add) / 2**shift),   add = zero_point << shift

    A layer's real bias may be in ``add`` too: ``half_even(bias / sy * 2**shift)``, as in NEMO's
    integer networks, ``floor((acc * kappa + lambda) * m / 2**n)``.
    ``abs(acc) * multiplier + abs(add) < 2**63``, ``0 <= shift <= 62``.

    >>> multiply_add_shift(3, 1, 1 << 1, 1, Rounding.HALF_EVEN, 0)  # 1.5 + 1 = 2.5, not 2 + 1
    (2, False)
    >>> multiply_add_shift(-3, 1, 2 << 1, 1, Rounding.HALF_AWAY, 0)  # -1.5 + 2 = .5
    (1, False)
    """
    return shift_by(acc * multiplier + add, shift, rounding, random), False


@kernel
def float32_product(acc: int, factor: float) -> np.float32:
    """``f32(f32(acc) * factor)``: what `float32` rounds."""
    return np.float32(acc) * np.float32(factor)


@kernel
def float32(acc: int, factor: float) -> tuple[int, bool]:
    """Multiply in binary32, ties to even.

    ::

        value = rint(f32(f32(acc) * factor))

    ``factor`` is a float32 value. The product is held in +-2**62 before it is rounded, so that the
    conversion to an integer is defined. Source: ONNX Runtime QLinearConv, XNNPACK fp32.

    >>> float32(5, 0.5), float32(7, 0.5)  # 2.5, 3.5
    ((2, False), (4, False))
    >>> float32((1 << 24) + 1, 1.0)  # the accumulator itself is rounded
    (16777216, False)
    """
    return nearest(float32_product(acc, factor)), False


@kernel
def float64(acc: int, factor: float, zero_point: int) -> tuple[int, bool]:
    """Multiply in binary64, ties away from zero, as a C cast on x86 returns it.

    ::

        value = int32(half_away(f64(acc) * factor))      # out of int32: -2**31
        code  = wrap32(value + zero_point)

    Notes
    -----
    Event: the cast or the addition left int32; a large positive result then comes out at the
    minimum. Source: TFLite reference FULLY_CONNECTED since LiteRT 1.3.

    Examples
    --------
    >>> float64(5, 0.5, 10), float64(-5, 0.5, 10)  # 2.5, -2.5
    ((13, False), (7, False))
    >>> float64(1 << 31, 1.0, 0), float64(1 << 31, 1.0, -1)
    ((-2147483648, True), (2147483647, True))
    """
    product = min(max(np.float64(acc) * factor, -FLOAT_BOUND / 2), FLOAT_BOUND / 2)
    rounded = round_real(product, Rounding.HALF_AWAY)
    outside = rounded < INT32_LO or rounded > INT32_HI
    exact = (INT32_LO if outside else rounded) + zero_point
    kept = wrap(exact, INT32_LO, INT32_HI)
    return kept, outside or kept != exact
