"""Logistic function and tanh in integers: the schemes ``fixed_point`` and ``interpolated_table``.

- Up to 8 bits, ``fixed_point``: the input in Q4.27, gemmlowp's function in 32 bits
  (`arith.fixed_point`), its Q0.31 rounded half away to the output's steps; an input of 15 or more
  gives the end of the format. TFLite Micro's int8 kernels.
- 16 bits, ``interpolated_table``: `arith.sigmoid_table`; LiteRT's reference kernels, TFLite Micro.
- 16 bits, ``fixed_point``: where the input's scale is a power of two that gemmlowp's 16-bit Q3.12
  takes as it is, that function; of any other scale the interpolated table. LiteRT's optimized
  kernels.

The output's scale and zero point are fixed by the scheme, and so is the input's zero point of 16
bits: 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwsim.arith.fixed_point import shift_left_saturating
from hwsim.arith.requantize import multiplier_shift_double
from hwsim.arith.rounding import Rounding, shift_right
from hwsim.arith.scale import quantize_multiplier
from hwsim.array.gemm import Ints
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Tensor
from hwsim.network.ops.code_table import IntegerScheme
from hwsim.network.ops.policy import format_of

INTEGER_BITS, FRACTION_BITS = 4, 27  # of 8-bit inputs
WIDE_INTEGER_BITS, WIDE_FRACTION_BITS = 3, 12  # of 16-bit inputs
NEAR_POWER = 1e-3  # of the scale's binary logarithm


@dataclass(frozen=True)
class FixedFunction:
    """A function in gemmlowp's integers and by table.

    Attributes
    ----------
    fixed : callable
        ``(raw, integer_bits, bits) -> raw``, Q0.
    table_16 : callable
        ``(codes, scale) -> codes`` of 16 bits.
    step_bits : int
        Fraction bits of an 8-bit output's code: its scale is ``2**-step_bits``.
    zero_point_8 : int
        Of an 8-bit output.
    shifts_16 : tuple of int
        Scales ``2**(p - 12)`` of 16-bit inputs that the fixed-point function takes.
    """

    fixed: Callable[[int, int, int], int]
    table_16: Callable[[Ints, float], Ints]
    step_bits: int
    zero_point_8: int
    shifts_16: tuple[int, ...]

    def schemes(self) -> dict[str, IntegerScheme]:
        """The function's schemes by their words."""
        return {"fixed_point": self._fixed_point, "interpolated_table": self._interpolated}

    def _fixed_point(self, codes: Ints, source: Tensor, output: Tensor, where: str) -> Ints:
        """8 bits through Q4.27; 16 bits through Q3.12 where the scale is theirs."""
        if format_of(source, where).bits > 8:
            power = round(math.log2(source.scale))
            near = abs(math.log2(source.scale) - power) < NEAR_POWER
            if near and power + WIDE_FRACTION_BITS in self.shifts_16:
                return self._fixed_point_16(
                    codes, power + WIDE_FRACTION_BITS, source, output, where
                )
            return self._interpolated(codes, source, output, where)
        _require(output, 2.0**-self.step_bits, self.zero_point_8, f"{where}: output", "fixed_point")
        factor = quantize_multiplier(source.scale * 2.0**FRACTION_BITS)
        steps = (codes - source.zero_point).tolist()
        kept = format_of(output, where)
        return np.array([self._step_8(x, factor, (kept.lo, kept.hi)) for x in steps], np.int64)

    def _step_8(self, x: int, factor: tuple[int, int], ends: tuple[int, int]) -> int:
        """One 8-bit code without its zero point."""
        multiplier, exponent = factor
        radius = math.floor(math.ldexp((1 << INTEGER_BITS) - 1, FRACTION_BITS - exponent))
        if abs(x) >= radius:
            return ends[0] if x <= -radius else ends[1]
        raw, _ = multiplier_shift_double(x, multiplier, 31 - exponent, int(Rounding.HALF_AWAY))
        share = self.fixed(raw, INTEGER_BITS, 32)
        rounded = shift_right(share, 31 - self.step_bits, int(Rounding.HALF_AWAY))
        return int(rounded) + self.zero_point_8

    def _fixed_point_16(
        self, codes: Ints, shift: int, source: Tensor, output: Tensor, where: str
    ) -> Ints:
        """16-bit codes as Q3.12, shifted left by ``shift`` and saturated."""
        _require_16(source, output, where, "fixed_point")
        raws = [int(shift_left_saturating(code, shift, 16)) for code in codes.tolist()]
        return np.array([self.fixed(raw, WIDE_INTEGER_BITS, 16) for raw in raws], np.int64)

    def _interpolated(self, codes: Ints, source: Tensor, output: Tensor, where: str) -> Ints:
        """16-bit codes through the table."""
        if format_of(source, where).bits != 16:
            must = "must be 16 under interpolated_table"
            raise UnsupportedError.at(where, "input bits", format_of(source, where).bits, must)
        _require_16(source, output, where, "interpolated_table")
        if source.scale >= 8 / 3:
            must = "must be below 8/3 under interpolated_table"
            raise UnsupportedError.at(where, "input scale", source.scale, must)
        return self.table_16(codes, source.scale)


def _require_16(source: Tensor, output: Tensor, where: str, scheme: str) -> None:
    """16-bit codes have no zero point, and output steps of 2**-15."""
    if source.zero_point != 0:
        must = f"must be 0 under {scheme}"
        raise UnsupportedError.at(where, "input zero point", source.zero_point, must)
    _require(output, 2.0**-15, 0, f"{where}: output", scheme)


def _require(tensor: Tensor, scale: float, zero_point: int, where: str, scheme: str) -> None:
    """The output's quantization that the scheme computes in."""
    if (tensor.scale, tensor.zero_point) != (scale, zero_point):
        must = f"must be ({scale}, {zero_point}) under {scheme}"
        quantization = (tensor.scale, tensor.zero_point)
        raise UnsupportedError.at(where, "scale, zero point", quantization, must)
