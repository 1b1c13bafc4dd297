"""Hard swish in 16-bit fixed point: ``x * clamp(x + 3, 0, 6) / 6``, TFLite's int8 and uint8 kernel.

The input is taken at 128 times its resolution, once on the output's scale and once as a factor of
clamp(x / 3, -1, 1), which becomes clamp(x + 3, 0, 6) / 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.arith.fixed_point import fraction_multiply, shift_left_saturating
from hwsim.arith.overflow import wrap
from hwsim.arith.rounding import Rounding, shift_right
from hwsim.arith.scale import quantize_multiplier, reduced_16

INT16_LO, INT16_HI = -(1 << 15), (1 << 15) - 1
FINER_BITS = 7


@dataclass(frozen=True)
class HardSwish:
    """Both multipliers, 15 bits each, with their exponents; scales composed in binary32.

    ::

        fine = f32(sx / 128)
        output ~ f32(fine / sy),  factor ~ f32(fine / f32(3 / 2**15))   # ~ m * 2**(e - 15)
    """

    output: tuple[int, int]
    factor: tuple[int, int]

    @classmethod
    def of(cls, input_scale: float, output_scale: float) -> HardSwish:
        """The multipliers of two scales.

        >>> HardSwish.of(0.05, 0.04)
        HardSwish(output=(20480, -6), factor=(17476, 3))
        """
        fine = np.float32(1 / 128) * np.float32(input_scale)
        reals = (fine / np.float32(output_scale), fine / np.float32(3 / 2**15))
        (output, up), (factor, more) = (quantize_multiplier(float(real)) for real in reals)
        if up > 0:
            raise ValueError(f"input_scale / output_scale = {128 * reals[0]}: must be below 128")
        return cls((reduced_16(output), up), (reduced_16(factor), more))


def hard_swish(x: int, numbers: HardSwish) -> int:
    """Output code without zero point of an input code without zero point; not yet clamped.

    ::

        fine   = wrap16(128 * x)
        share  = (fine * m_output + 2**14) >> 15                          # half up
        factor = fine * m_factor * 2**e_factor / 2**15, held in +-2**15   # as `_factor` rounds it
        part   = (factor + 2**15) >> 1                                    # clamp(x + 3, 0, 6) / 6
        y      = half_away(toward_zero(part * share / 2**15) / 2**-e_output)

    Checked on all 256 codes of many scales and zero points against LiteRT's kernels.

    >>> numbers = HardSwish.of(0.05, 0.04)
    >>> [hard_swish(x, numbers) for x in (-60, -30, 0, 30, 60, 100)]  # -3, -1.5, 0, 1.5, 3, 5
    [0, -9, 0, 28, 75, 125]
    """
    (multiplier, exponent), (factor_multiplier, factor_exponent) = numbers.output, numbers.factor
    fine = wrap(x << FINER_BITS, INT16_LO, INT16_HI)
    share = fraction_multiply(fine, multiplier, 16)
    part = (_factor(fine, factor_multiplier, factor_exponent) + (1 << 15)) >> 1
    product = shift_right(part * share, 15, Rounding.TOWARD_ZERO)
    return int(shift_right(product, -exponent, Rounding.HALF_AWAY))


def _factor(fine: int, multiplier: int, exponent: int) -> int:
    """clamp(x / 3, -1, 1) in Q0.15: a left shift saturates, all but its last bit before the product
    and that one after it; a right shift rounds half away."""
    if exponent <= 0:
        product = fraction_multiply(fine, multiplier, 16)
        return int(shift_right(product, -exponent, Rounding.HALF_AWAY))
    shifted = shift_left_saturating(fine, exponent - 1, 16)
    return int(shift_left_saturating(fraction_multiply(shifted, multiplier, 16), 1, 16))
