"""From a real scale to the integers that stand for it: multiplier and shift.

Scales are positive float64 numbers; everything here is exact until the one rounding it names.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.real import round_real
from hwsim.arith.rounding import Rounding, shift_right

Reals = NDArray[np.float64]

MANTISSA_BITS = 53
MAX_SHIFT = 62
SCALE_RULES = (
    "float64",
    "float32_product",
    "float32_product_quotient",
    "float32_product_reciprocal",
)


def multiplier_and_shift(real: float, bits: int) -> tuple[int, int]:
    """The nearest ``multiplier / 2**shift`` with a multiplier of ``bits`` magnitude bits.

    ::

        real = q * 2**e,  1/2 <= q < 1
        multiplier = half_away(q * 2**bits),  shift = bits - e

    Parameters
    ----------
    real : float
        ``0 <= real < inf``.
    bits : int
        1..31.

    Returns
    -------
    multiplier : int
        ``2**(bits-1) <= multiplier < 2**bits``; a carry to ``2**bits`` is renormalized.
    shift : int
        At most 62; negative shifts left. A scale that needs more becomes ``(0, 0)``, as 0 does.

    Notes
    -----
    With ``bits = 31`` this is TFLite's ``QuantizeMultiplier`` with ``shift = 31 - exponent``.

    Examples
    --------
    >>> multiplier_and_shift(0.0013952255249, 31)
    (1534066688, 40)
    >>> multiplier_and_shift(0.999, 8), multiplier_and_shift(3.0, 8)  # a carry; q = .75
    ((128, 7), (192, 6))
    >>> multiplier_and_shift(2.0**-40, 31), multiplier_and_shift(2.0**-20, 31)
    ((0, 0), (1073741824, 50))
    """
    if not 0 <= real < math.inf:
        raise ValueError(f"real = {real}: must be a finite scale, 0 or more")
    if not 1 <= bits <= 31:
        raise ValueError(f"bits = {bits}: must be 1..31")
    fraction, exponent = math.frexp(real)
    mantissa = int(math.ldexp(fraction, MANTISSA_BITS))  # exact
    multiplier = int(shift_right(mantissa, MANTISSA_BITS - bits, int(Rounding.HALF_AWAY)))
    if multiplier == 1 << bits:
        multiplier, exponent = multiplier >> 1, exponent + 1
    shift = bits - exponent
    return (multiplier, shift) if multiplier and shift <= MAX_SHIFT else (0, 0)


def multipliers_and_shifts(real: Reals, bits: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`multiplier_and_shift` of every element: two int64 ndarrays of the same shape.

    >>> multipliers, shifts = multipliers_and_shifts(np.array([0.0, 0.999, 3.0, 2.0**-70]), 8)
    >>> multipliers.tolist(), shifts.tolist()
    ([0, 128, 192, 0], [0, 7, 6, 0])
    """
    if not ((real >= 0) & (real < math.inf)).all():
        raise ValueError(f"real = {real}: must be finite scales, 0 or more")
    if not 1 <= bits <= 31:
        raise ValueError(f"bits = {bits}: must be 1..31")
    fraction, exponent = np.frexp(real)
    mantissa = np.ldexp(fraction, MANTISSA_BITS).astype(np.int64)  # exact
    dropped = MANTISSA_BITS - bits
    multiplier = (mantissa + (1 << (dropped - 1))) >> dropped  # half away: none is negative
    carried = multiplier == 1 << bits
    multiplier = np.where(carried, multiplier >> 1, multiplier)
    shift = bits - (exponent.astype(np.int64) + carried)
    good = (multiplier > 0) & (shift <= MAX_SHIFT)
    return np.where(good, multiplier, 0), np.where(good, shift, 0)


def fixed_fraction(real: float, bits: int) -> int:
    """``rint(real * 2**bits)``: a multiplier with ``bits`` fraction bits, whatever the scale.

    The factor is then ``multiplier / 2**bits``: small scales lose precision, and 0 is possible.
    ``0 <= real < 2**31``, ``1 <= bits <= 31``. Source: XNNPACK's convert, 8 bits.

    >>> fixed_fraction(0.7, 8), fixed_fraction(0.001953125, 8), fixed_fraction(0.005859375, 8)
    (179, 0, 2)
    """
    return int(round_real(math.ldexp(real, bits), int(Rounding.HALF_EVEN)))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """TFLite's ``QuantizeMultiplier``: ``real ~ multiplier * 2**(exponent - 31)``.

    Scales below ``2**-32`` become ``(0, 0)``.

    >>> quantize_multiplier(0.0013952255249), quantize_multiplier(1.0)
    ((1534066688, -9), (1073741824, 1))
    """
    multiplier, shift = multiplier_and_shift(real, 31)
    return (multiplier, 31 - shift) if multiplier else (0, 0)


def reduced_16(multiplier: int) -> int:
    """TFLite's 16-bit form of a 31-bit multiplier: ``(m + 2**15) >> 16``, at most 0x7FFF.

    >>> reduced_16(1534066688), reduced_16(0x7FFFFFFF), reduced_16(0x7FFEFFFF)
    (23408, 32767, 32767)
    """
    return 0x7FFF if multiplier >= 0x7FFF0000 else (multiplier + (1 << 15)) >> 16


def power_of_two_shift(real: float) -> int:
    """The right shift n whose ``2**-n`` is nearest to ``real`` in log2; negative shifts left.

    With ``real = q * 2**e``, ``2**e`` is nearer than ``2**(e-1)`` where ``2 * q * q >= 1``,
    decided in integers; sqrt(1/2) is irrational, there is no tie.

    >>> power_of_two_shift(0.0013952255249), power_of_two_shift(1.0), power_of_two_shift(3.0)
    (9, 0, -2)
    """
    if not 0 < real < math.inf:
        raise ValueError(f"real = {real}: must be a positive, finite scale")
    fraction, exponent = math.frexp(real)
    mantissa = int(math.ldexp(fraction, MANTISSA_BITS))
    return -exponent if 2 * mantissa * mantissa >= 1 << (2 * MANTISSA_BITS) else 1 - exponent


def compose(rule: str, input_scale: float, weight_scale: Reals, output_scale: float) -> Reals:
    """The factor from accumulator to output, ``input_scale * weight_scale / output_scale``.

    ========================== ============================================= =====================
    rule                       evaluated as                                  used by
    ========================== ============================================= =====================
    float64                    ``f64(sx) * f64(sw) / f64(sy)``               TFLite convolution
    float32_product            ``f64(f32(sx * sw)) / f64(sy)``               TFLite FC, per tensor
    float32_product_quotient   ``f32(f32(sx * sw) / sy)``                    ONNX Runtime, XNNPACK
    float32_product_reciprocal ``f32(f32(sx * sw) * f32(1 / sy))``           QNNPACK in PyTorch
    ========================== ============================================= =====================

    Parameters
    ----------
    rule : str
        One of `SCALE_RULES`. The float32 rules first round each scale to float32.
    input_scale, output_scale : float
    weight_scale : float64 ndarray of shape (channels,)

    Returns
    -------
    float64 ndarray of shape (channels,)

    Examples
    --------
    >>> [float(compose(rule, 0.1, np.array([0.3]), 1.3)[0]) for rule in SCALE_RULES]
    [0.023076923076923075, 0.02307692399391761, 0.023076925426721573, 0.023076923564076424]
    """
    weight = np.asarray(weight_scale, np.float64)
    if rule == "float64":
        return np.asarray(np.float64(input_scale) * weight / np.float64(output_scale))
    product = np.float32(input_scale) * weight.astype(np.float32)
    if rule == "float32_product":
        return np.asarray(product.astype(np.float64) / np.float64(output_scale))
    if rule == "float32_product_quotient":
        return np.asarray(product / np.float32(output_scale)).astype(np.float64)
    if rule == "float32_product_reciprocal":
        inverse = np.float32(1) / np.float32(output_scale)
        return np.asarray(product * inverse).astype(np.float64)
    raise ValueError(f"rule = {rule}: must be one of {', '.join(SCALE_RULES)}")
