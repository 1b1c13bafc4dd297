"""Sums of 32 bits to codes of 8 by a multiplier and a shift, without a branch.

`hwsim.arith.requantize` has the schemes (``multiplier_shift``, ``multiplier_shift_double``). Where
no step can wrap, and ties go up or away from zero, rounding is an addition before the shift::

    round(v / 2**n) = (v + 2**(n - 1)) >> n                   half_up
                    = (v + 2**(n - 1) - (v < 0)) >> n         half_away, n > 0
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.array.gemm import Ints

ONCE = frozenset({Scheme.MULTIPLIER_SHIFT, Scheme.FIXED_FRACTION})
TWICE = Scheme.MULTIPLIER_SHIFT_DOUBLE
FIRST = 31  # the shift of the first of two roundings
FARTHEST = 62


def in_product_rows(scheme: Scheme, rounding: Rounding, multiplier: Ints, shift: Ints) -> bool:
    """Whether `product_rows` has the scheme, and nothing can wrap: products of 32-bit sums stay
    below 2**62, and no sum is shifted to the left.

    >>> given = np.array([1 << 30]), np.array([33])
    >>> [in_product_rows(TWICE, rule, *given) for rule in (Rounding.HALF_AWAY, Rounding.HALF_EVEN)]
    [True, False]
    """
    if scheme not in ONCE | {TWICE} or rounding not in (Rounding.HALF_UP, Rounding.HALF_AWAY):
        return False
    least = FIRST if scheme == TWICE else 0
    small = (multiplier >= 0) & (multiplier < 1 << 31)
    return bool((small & (shift >= least) & (shift <= FARTHEST)).all())


def product_constants(
    scheme: Scheme, multiplier: Ints, shift: Ints
) -> tuple[NDArray[np.int32], Ints, Ints]:
    """What the kernel reads of every channel: multiplier, last shift, and half of its step."""
    last = shift - FIRST if scheme == TWICE else shift
    return multiplier.astype(np.int32), last, (1 << last) >> 1


@cache
def product_rows(twice: bool, away: bool) -> Callable[..., None]:
    """The kernel of one scheme and rule.

    ::

        rows(sums, constants, output, codes)

    ``sums``: int32 (R, L); ``constants``: multiplier, shift and half (`product_constants`);
    ``output``: zero point to add, least and largest code; ``codes``: int8 or uint8 (R, L), written.

    >>> codes, sums = np.empty((1, 4), np.int8), np.array([[2, -2, 6, 900]], np.int32)
    >>> numbers = product_constants(TWICE, np.full(4, 1 << 30), np.full(4, 32))
    >>> product_rows(True, True)(sums, numbers, (0, -128, 127), codes)  # 0.5, -0.5, 1.5
    >>> codes.tolist()
    [[1, -1, 2, 127]]
    """

    @kernel
    def rows(sums, constants, output, codes):  # type: ignore[no-untyped-def]
        multiplier, shift, half = constants
        zero_point, least, largest = output
        for i in range(sums.shape[0]):
            for j in range(sums.shape[1]):
                v = np.int64(sums[i, j]) * np.int64(multiplier[j])
                if twice:
                    v = (v + (1 << (FIRST - 1))) >> FIRST
                if away:
                    v += (v >> 63) & -(half[j] != 0)
                code = ((v + half[j]) >> shift[j]) + zero_point
                codes[i, j] = min(max(code, least), largest)

    return rows
