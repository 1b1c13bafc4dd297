"""Floor 1: what one number does; the golden model that RTL testbenches import.

Read in this order: formats, overflow, rounding, scale, requantize, quantize, lfsr, tables.

>>> from hwsim import arith
>>> arith.fit(130, -128, 127, arith.Overflow.SATURATE, 0)
127
>>> arith.shift_right(-10, 2, arith.Rounding.HALF_AWAY)  # -2.5
-3
"""

from hwsim.arith.formats import IntFormat, signed_bits
from hwsim.arith.overflow import Overflow, fit, wrap
from hwsim.arith.rounding import (
    Rounding,
    divide,
    drop_low_bits,
    shift_right,
    shift_right_stochastic,
)
from hwsim.arith.scale import multiplier_and_shift, quantize_multiplier

__all__ = [
    "IntFormat",
    "Overflow",
    "Rounding",
    "divide",
    "drop_low_bits",
    "fit",
    "multiplier_and_shift",
    "quantize_multiplier",
    "shift_right",
    "shift_right_stochastic",
    "signed_bits",
    "wrap",
]
