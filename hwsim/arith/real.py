"""Real values to integers, and the exponential, the same on every host."""

from __future__ import annotations

from decimal import Context, Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.arith.rounding import round_up

_DIGITS = Context(prec=40)
FLOAT_BOUND = float(1 << 62)


@kernel
def nearest(x: float | np.float32) -> int:
    """The nearest integer, ties to even; ``x`` is first held in +-2**62, so that the conversion is
    defined.

    >>> nearest(2.5), nearest(-3.5), nearest(1e30) == 1 << 62
    (2, -4, True)
    """
    return int(np.rint(min(max(np.float64(x), -FLOAT_BOUND), FLOAT_BOUND)))


@kernel
def round_real(x: float, rounding: int) -> int:
    """The integer that a float64 becomes; ``abs(x) < 2**62``, exact.

    ``rounding``: a `Rounding` other than STOCHASTIC. ``x - trunc(x)`` is exact in binary64, so a
    tie is seen where and only where x is a tie.

    >>> from hwsim.arith.rounding import Rounding
    >>> round_real(-2.5, Rounding.HALF_AWAY), round_real(-2.5, Rounding.HALF_EVEN)
    (-3, -2)
    >>> round_real(-1e-20, Rounding.FLOOR), round_real(0.49999999999999994, Rounding.HALF_UP)
    (-1, 0)
    """
    whole = np.trunc(x)
    part = abs(x - whole)
    floor = int(whole)
    if part == 0.0:
        return floor
    versus_half = (part > 0.5) * 1 - (part < 0.5) * 1
    if x < 0:
        floor, versus_half = floor - 1, -versus_half
    return floor + round_up(floor, x < 0, versus_half, rounding)


@kernel
def round_each(x: np.ndarray, rounding: int) -> np.ndarray:
    """`round_real` of every element: float64 of shape (n,) to int64 of shape (n,).

    >>> round_each(np.array([0.5, 1.5]), 6)  # HALF_EVEN
    array([0, 2])
    """
    out = np.empty(x.size, np.int64)
    for i in range(x.size):
        out[i] = round_real(x[i], rounding)
    return out


def fused_multiply_add(
    x: NDArray[np.float32], factor: np.float32, addend: int
) -> NDArray[np.float32]:
    """``x * factor + addend`` rounded to binary32 once: float32 ndarray of the shape of ``x``.

    The product is exact in binary64. The sum is rounded there to odd: where it is inexact its last
    bit is 1, so that the second rounding sees every tie and every near tie as what it is.
    ``abs(addend) < 2**53``.

    >>> x = np.array([1 + 2.0**-12], np.float32)
    >>> float(fused_multiply_add(x, x[0], 1)[0] - (x * x + np.float32(1))[0])
    0.0
    >>> float(fused_multiply_add(x, x[0], -1)[0] - (x * x - np.float32(1))[0]) == 2.0**-24
    True
    """
    product = x.astype(np.float64) * np.float64(factor)
    total = product + np.float64(addend)
    part = total - product
    lost = (product - (total - part)) + (np.float64(addend) - part)
    even = total.view(np.int64) % 2 == 0
    odd = np.nextafter(total, np.where(lost > 0, np.inf, -np.inf))
    return np.where((lost != 0) & even, odd, total).astype(np.float32)


@lru_cache(maxsize=1 << 16)
def exponential(x: float) -> float:
    """``exp(x)``, the nearest float64: computed to 40 decimal digits, so that no libm matters.

    >>> exponential(0.0), exponential(1.0), exponential(-1000.0), exponential(1000.0)
    (1.0, 2.718281828459045, 0.0, inf)
    """
    return float(_DIGITS.exp(Decimal(x)))


def exponential_float32(x: np.float32) -> np.float32:
    """``exp(x)`` rounded to float32; infinite where it is beyond.

    >>> float(exponential_float32(np.float32(1))), float(exponential_float32(np.float32(100)))
    (2.7182817459106445, inf)
    """
    with np.errstate(over="ignore"):
        return np.float32(exponential(float(x)))
