"""Sums of 32 bits to codes of 8 by the schemes of binary32, all in 32-bit lanes.

These schemes (`Scheme.FLOAT32` and those with a real bias) round a real number that is held in
+-2**62, and the code is then clamped. Where the ends of the clamp are small integers, a number held
in these has the same code: rounding to integers keeps order, and integers as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.real_bias import float32_bias_product, float32_dequantized_code
from hwsim.arith.requantize import Scheme, float32_product
from hwsim.arith.scale import Reals

FLOAT32, FLOAT32_BIAS = int(Scheme.FLOAT32), int(Scheme.FLOAT32_BIAS)
SCHEMES = frozenset({Scheme.FLOAT32, Scheme.FLOAT32_BIAS, Scheme.FLOAT32_DEQUANTIZED})
LARGE = 2.0**31  # of a constant: of four such factors and a sum the product is finite


def in_float_rows(scheme: Scheme, constants: Reals) -> bool:
    """Whether `float_rows` has the scheme, and all its numbers stay finite.

    >>> in_float_rows(Scheme.FLOAT32, np.array([[0.5]])), in_float_rows(Scheme.FLOAT64, np.ones(1))
    (True, False)
    """
    return scheme in SCHEMES and bool((np.abs(constants) < LARGE).all())


@cache
def float_rows(scheme: int) -> Callable[..., None]:
    """The kernel of one scheme.

    ::

        rows(sums, constants, output, codes)

    ``sums``: int32 (R, L); ``constants``: a float32 array (constants, L) alone, in the order of the
    scheme's arguments; ``output``: zero point, least and largest code, each less than 2**16 from 0;
    ``codes``: int8 or uint8 (R, L), written.

    >>> codes, half = np.empty((1, 5), np.int8), (np.full((1, 5), 0.5, np.float32),)
    >>> sums = np.array([[5, 7, 300, -300, -2]], np.int32)
    >>> float_rows(FLOAT32)(sums, half, (1, -10, 127), codes)  # 2.5 and 3.5: ties to even
    >>> codes.tolist()
    [[3, 5, 127, -10, 0]]
    """
    inside = scheme not in (FLOAT32, FLOAT32_BIAS)  # the zero point, in the rounding

    @kernel
    def rows(sums, given, output, codes):  # type: ignore[no-untyped-def]
        constants = given[0]
        zero_point, least, largest = output
        behind = 0 if inside else zero_point
        lo, hi = np.float32(least - behind), np.float32(largest - behind)
        for i in range(sums.shape[0]):
            for j in range(sums.shape[1]):
                x = sums[i, j]
                if scheme == FLOAT32:
                    real = float32_product(x, constants[0, j])
                elif scheme == FLOAT32_BIAS:
                    real = float32_bias_product(x, constants[0, j], constants[1, j])
                else:
                    unit, weight, bias = constants[0, j], constants[1, j], constants[2, j]
                    steps = constants[3, j]
                    real = float32_dequantized_code(x, unit, weight, bias, steps, zero_point)
                held = np.rint(np.float32(min(max(real, lo), hi)))
                codes[i, j] = np.int32(np.int32(held) + behind)

    return rows
