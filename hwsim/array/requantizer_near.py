"""Sums of 32 bits to codes of 8, row by row: which quick loop a requantizer may take, if any.

`requantizer_floats` and `requantizer_products` have the loops, and what they are proven for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from hwsim._jit import overload
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.array.requantizer import Requantizer
from hwsim.array.requantizer_floats import SCHEMES, float_rows, in_float_rows
from hwsim.array.requantizer_products import (
    TWICE,
    in_product_rows,
    product_constants,
    product_rows,
)


def near_constants(requantizer: Requantizer) -> tuple[NDArray[Any], ...] | None:
    """What the loop reads of every channel (last axis); None where there is no loop."""
    r = requantizer
    if in_float_rows(r.scheme, r.reals):
        return (r.reals.astype("float32"),)
    if in_product_rows(r.scheme, r.rounding, r.multiplier, r.shift):
        return product_constants(r.scheme, r.multiplier, r.shift)
    return None


def near_rows(scheme: int, rounding: int) -> Callable[..., None]:
    """``rows(sums, constants, output, codes)`` of a scheme and a rule that `near_constants` has."""
    if scheme in SCHEMES:
        return float_rows(scheme)
    return product_rows(scheme == TWICE, rounding == Rounding.HALF_AWAY)


def make_codes(scheme, rounding, sums, constants, output, codes):  # type: ignore[no-untyped-def]
    """The same loop, as other kernels call it: scheme and rule are constants there."""
    near_rows(Scheme(scheme), Rounding(rounding))(sums, constants, output, codes)


@overload(make_codes, prefer_literal=True)
def _make_codes(scheme, rounding, sums, constants, output, codes):  # type: ignore[no-untyped-def]
    """The one loop is compiled in."""
    rows = near_rows(scheme.literal_value, rounding.literal_value)

    def made(scheme, rounding, sums, constants, output, codes):  # type: ignore[no-untyped-def]
        rows(sums, constants, output, codes)

    return made
