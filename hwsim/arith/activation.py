"""The real bound of a fused activation as a code: where relu6 ends when 6 has no code of its own.

::

    relu: y >= 0      relu6: 0 <= y <= 6      relu_n1_1: -1 <= y <= 1

Two rules; where a bound lies half-way between two codes they give different ones, and every output
that the activation clamps differs with it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.arith.real import round_real
from hwsim.arith.rounding import Rounding

Bounds = tuple[int | None, int | None]
FARTHEST = 1 << 40  # in steps: far beyond every format

REAL_BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "none": (None, None),
    "relu": (0.0, None),
    "relu6": (0.0, 6.0),
    "relu_n1_1": (-1.0, 1.0),
}


def half_away(value: float, scale: float, zero_point: int, form: IntFormat) -> int:
    """``zy + half_away(f32(v) / f32(sy))``: TFLite's kernels; held in the format.

    >>> int8 = IntFormat(8)
    >>> half_away(6.0, 0.0625, -128, int8), half_away(-0.09375, 0.0625, 3, int8)  # -1.5 steps
    (-32, 1)
    """
    steps = min(max(float(np.float32(value) / np.float32(scale)), -FARTHEST), FARTHEST)
    code = zero_point + int(round_real(steps, int(Rounding.HALF_AWAY)))
    return min(max(code, form.lo), form.hi)


def half_even_inside(value: float, scale: float, zero_point: int, form: IntFormat) -> int:
    """``rint(clamp(f32(f32(v) / f32(sy)) + zy))``: XNNPACK, ties by the parity of the code.

    The sum is one of binary32 too; it is held in the format before it is rounded.

    >>> int8 = IntFormat(8)
    >>> half_even_inside(6.0, 0.0625, -128, int8), half_even_inside(-0.09375, 0.0625, 3, int8)
    (-32, 2)
    """
    code = np.float32(value) / np.float32(scale) + np.float32(zero_point)
    inside = min(max(float(code), float(form.lo)), float(form.hi))
    return int(round_real(inside, int(Rounding.HALF_EVEN)))


RULES: dict[str, Callable[[float, float, int, IntFormat], int]] = {
    "half_away": half_away,
    "half_even_inside": half_even_inside,
}


def code_bounds(
    rule: str, activation: str, scale: float, zero_point: int, form: IntFormat
) -> Bounds:
    """Least and largest code that an activation lets through; None where it has no bound.

    >>> code_bounds("half_away", "relu6", 0.02, -128, IntFormat(8))
    (-128, 127)
    """
    lo, hi = REAL_BOUNDS[activation]
    bound = RULES[rule]
    return (
        None if lo is None else bound(lo, scale, zero_point, form),
        None if hi is None else bound(hi, scale, zero_point, form),
    )
