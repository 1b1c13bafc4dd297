"""The means of LiteRT's three kernel families: one function a scheme, sums in, codes out.

S is the sum of n raw codes, D = S - n * zx; ``mbqm`` is
`arith.requantize.multiplier_shift_double` with a multiplier of 31 bits. No result is clamped yet.
Checked against LiteRT (tests/conformance/test_litert_operators.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.real import round_each
from hwsim.arith.requantize import multiplier_shift_double
from hwsim.arith.scale import MAX_SHIFT, multiplier_and_shift
from hwsim.array.gemm import Ints
from hwsim.array.requantizer_stages import tail_of
from hwsim.array.specification import rounding_code
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Tensor
from hwsim.network.ops.policy import Policy


@dataclass(frozen=True)
class Sums:
    """Sums of raw codes over ``elements`` each, int64 of any shape, and what becomes of them.

    ``image``: whether this is the mean over height and width of images that keeps both axes, for
    which one kernel family has a kernel of its own.
    """

    total: Ints
    elements: int
    source: Tensor
    output: Tensor
    policy: Policy
    image: bool
    where: str

    @property
    def steps(self) -> Ints:
        """D."""
        return self.total - self.elements * self.source.zero_point


def divided_multiplier(sums: Sums) -> Ints:
    """The multiplier of ``sx / sy``, divided by n as an integer: LiteRT's reference kernels.

    ::

        (m, s) = multiplier_and_shift(sx / sy, 31)
        p = min(floor(log2(n)), 62 - s)
        y = mbqm(D, (m << p) // n, s + p) + zy
    """
    return _mbqm_divided(sums, sums.policy.rounding)


def separate_zero_point(sums: Sums) -> Ints:
    """Images: raw sums, the zero point rounded by itself: LiteRT's optimized kernels.

    ::

        t = f32(f32(zx * sx) / sy)
        y = mbqm(S, f32(sx / f32(n * sy))) + zy - toward_zero(f32(t + 1/2 of the sign of t))

    The multiplication's second rounding is the policy's, of the last channels its ``tail``'s. Any
    other mean is a `divided_multiplier` with rounding half_away.
    """
    if not sums.image:
        return _mbqm_divided(sums, "half_away")
    input_scale, output_scale = np.float32(sums.source.scale), np.float32(sums.output.scale)
    real = input_scale / (np.float32(sums.elements) * output_scale)
    numbers = multiplier_and_shift(float(real), 31)
    zero = np.float32(sums.source.zero_point) * input_scale / output_scale
    offset = sums.output.zero_point - int(zero + np.copysign(np.float32(0.5), zero))
    codes = _mbqm(sums, sums.total, numbers, sums.policy.rounding)
    tail = sums.policy.tail
    if tail is not None:
        first = tail_of(sums.total.shape[-1], tail)
        last = np.ascontiguousarray(sums.total[..., first:])
        codes[..., first:] = _mbqm(sums, last, numbers, tail.rounding)
    return codes + offset


def float32_inside(sums: Sums) -> Ints:
    """Every operation in binary32, the zero point inside the rounding: XNNPACK.

    ::

        r = f32(f32(sx / sy) / n)
        y = round(f32(f32(S * r) + f32(zy - f32((n * zx) * r))))
    """
    ratio = np.float32(sums.source.scale) / np.float32(sums.output.scale)
    factor = ratio / np.float32(sums.elements)
    zero = np.float32(sums.elements * sums.source.zero_point) * factor
    offset = np.float32(sums.output.zero_point) - zero
    values = sums.total.astype(np.float32) * factor + offset
    rounding = rounding_code(sums.policy.rounding)
    return round_each(values.astype(np.float64).ravel(), rounding).reshape(sums.total.shape)


MEAN_SCHEMES: dict[str, Callable[[Sums], Ints]] = {
    "divided_multiplier": divided_multiplier,
    "float32_inside": float32_inside,
    "separate_zero_point": separate_zero_point,
}


def _mbqm_divided(sums: Sums, rounding: str) -> Ints:
    """`divided_multiplier` with a second rounding by name."""
    ratio = float(np.float64(sums.source.scale) / np.float64(sums.output.scale))
    multiplier, shift = multiplier_and_shift(ratio, 31)
    more = min(sums.elements.bit_length() - 1, MAX_SHIFT - shift)
    numbers = ((multiplier << more) // sums.elements, shift + more)
    return _mbqm(sums, sums.steps, numbers, rounding) + sums.output.zero_point


def _mbqm(sums: Sums, values: Ints, numbers: tuple[int, int], rounding: str) -> Ints:
    """``mbqm`` of every element."""
    if numbers[0] and numbers[1] < 0:
        must = f"must be above 2**-31 of the input's, {sums.source.scale}"
        raise UnsupportedError.at(sums.where, "output scale", sums.output.scale, must)
    flat = np.ascontiguousarray(values).reshape(-1)
    return _mbqm_each(flat, *numbers, rounding_code(rounding)).reshape(values.shape)


@kernel
def _mbqm_each(values: Ints, multiplier: int, shift: int, rounding: int) -> Ints:
    """`multiplier_shift_double` of an array of shape (n,)."""
    out = np.empty_like(values)
    for i in range(values.size):
        out[i], _ = multiplier_shift_double(values[i], multiplier, shift, rounding)
    return out
