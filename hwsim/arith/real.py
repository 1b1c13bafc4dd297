"""Real values to integers, and the exponential, the same on every host."""

from __future__ import annotations

from decimal import Context, Decimal

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.rounding import round_up

_DIGITS = Context(prec=40)


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


def exponential(x: float) -> float:
    """``exp(x)``, the nearest float64: computed to 40 decimal digits, so that no libm matters.

    >>> exponential(0.0), exponential(1.0), exponential(-1000.0), exponential(1000.0)
    (1.0, 2.718281828459045, 0.0, inf)
    """
    return float(_DIGITS.exp(Decimal(x)))
