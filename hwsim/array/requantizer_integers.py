"""From a policy and a layer's scales to the numbers of its requantizer, channel by channel."""

from __future__ import annotations

import math

import numpy as np

from hwsim.arith import scale as scales
from hwsim.arith.formats import IntFormat
from hwsim.arith.real_bias import (
    float32_bias_constants,
    float32_dequantized_constants,
    real_bias_constants,
)
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.arith.scale import (
    Reals,
    compose,
    fixed_fraction,
    power_of_two_shift,
    quantize_multiplier,
    reduced_16,
)
from hwsim.arith.tables import lookup_entries, lookup_shift, thresholds
from hwsim.array.gemm import Ints
from hwsim.array.specification import REAL_BIAS_SCHEMES, RequantizeSpec
from hwsim.errors import ConfigError

REAL_SCHEMES = frozenset(
    {
        Scheme.FLOAT32,
        Scheme.FLOAT64,
        Scheme.FLOAT32_BIAS,
        Scheme.FLOAT32_DEQUANTIZED,
        Scheme.REAL_BIAS,
    }
)
ZERO_POINT_INSIDE = frozenset(
    {
        Scheme.FLOAT64,
        Scheme.MULTIPLY_ADD_SHIFT,
        Scheme.THRESHOLD_TABLE,
        Scheme.LOOKUP_TABLE,
        Scheme.FLOAT32_DEQUANTIZED,
    }
)


def factors(
    spec: RequantizeSpec,
    scheme: Scheme,
    input_scale: float,
    weight_scale: Reals,
    output_scale: float,
    where: str,
) -> Reals:
    """The factors by the policy's rule, as the scheme sees them."""
    for name, scale in (("input_scale", input_scale), ("output_scale", output_scale)):
        if not 0 < scale < np.inf:
            raise ConfigError.at(where, name, scale, "must be positive and finite")
    factor = compose(spec.scale or "float64", input_scale, weight_scale, output_scale)
    if spec.narrow is not None:  # what the register before the scheme shifted out
        factor = np.ldexp(factor, spec.narrow.shift)
    if scheme == Scheme.FLOAT32:
        factor = factor.astype(np.float32).astype(np.float64)
    least = 0.0 if scheme != Scheme.SHIFT_ONLY else np.nextafter(0.0, 1.0)
    bad = np.flatnonzero(~((factor >= least) & (factor < 2.0**31)))
    if bad.size:
        field = f"requantization factor of channel {bad[0]}"
        raise ConfigError.at(where, field, factor[bad[0]], f"must be in [{least}, 2**31)")
    return factor


def constants(
    spec: RequantizeSpec,
    factor: Reals,
    bias: Reals | None,
    input_scale: float,
    weight_scale: Reals,
    output_scale: float,
) -> Reals:
    """The real numbers that the scheme computes with, (constants, channels): the factor, or, where
    the bias is real (zeros where there is none), those that arith/real_bias.py names."""
    if spec.scheme not in REAL_BIAS_SCHEMES:
        return factor[None]
    b = np.zeros_like(factor) if bias is None else np.asarray(bias, np.float64)
    scales = (float(np.ldexp(input_scale, spec.narrow.shift if spec.narrow else 0)), weight_scale)
    if spec.scheme == "float32_bias":
        return float32_bias_constants(b, *scales, output_scale)
    if spec.scheme == "float32_dequantized":
        rule = spec.weight_scale or "float32"
        return float32_dequantized_constants(b, *scales, output_scale, rule)
    return real_bias_constants(b, *scales, output_scale, spec.quantize or "division")


def multipliers_and_shifts(
    scheme: Scheme,
    spec: RequantizeSpec,
    factor: Reals,
    accumulator: tuple[int, int],
    output: IntFormat,
    zero_point: int,
) -> tuple[Ints, Ints]:
    """Multiplier and shift of every channel; a shift_only shift of 62 stands for all above it."""
    if scheme in (Scheme.MULTIPLIER_SHIFT, Scheme.MULTIPLY_ADD_SHIFT):
        return scales.multipliers_and_shifts(factor, spec.multiplier_bits or 31)
    if scheme == Scheme.MULTIPLIER_SHIFT_DOUBLE:
        multiplier, shift = scales.multipliers_and_shifts(factor, 31)
        return multiplier, np.where(multiplier > 0, shift, 31)  # exponent 0: `quantize_multiplier`
    reach = max(output.hi - zero_point, zero_point - output.lo) + 1

    def pair(real: float) -> tuple[int, int]:
        if scheme in (Scheme.REDUCED_16, Scheme.REDUCED_16_NARROW):
            multiplier, exponent = quantize_multiplier(real)
            return reduced_16(multiplier), 15 - exponent
        if scheme == Scheme.FIXED_FRACTION:
            bits = spec.fraction_bits or 0
            return fixed_fraction(real, bits), bits
        if scheme == Scheme.SHIFT_ONLY:
            return 1, min(power_of_two_shift(real), 62)
        if scheme == Scheme.LOOKUP_TABLE:
            return 0, lookup_shift(real, spec.table_bits or 0, reach, accumulator)
        return 0, 0

    pairs = np.array([pair(float(real)) for real in factor], np.int64).reshape(-1, 2)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


def bias_in_steps(real_bias: Reals | None, output_scale: float, channels: int) -> Reals:
    """A real bias in steps of the output, (channels,); zeros where there is none."""
    if real_bias is None:
        return np.zeros(channels)
    return np.asarray(real_bias, np.float64) / output_scale


def shifted_addend(zero_point: int, bias_steps: float, shift: int) -> int:
    """What multiply_add_shift adds: zero point and real bias (in output steps), ties to even.

    >>> shifted_addend(-3, 0.25, 4), shifted_addend(0, 0.375, 2)
    (-44, 2)
    """
    return (zero_point << shift) + round(math.ldexp(bias_steps, shift))


def addends(
    scheme: Scheme, shift: Ints, zero_point: int, bias_steps: Reals, output: IntFormat
) -> Ints:
    """The scheme's own addend of every channel, where it has one."""
    if scheme == Scheme.MULTIPLY_ADD_SHIFT:
        pairs = zip(bias_steps.tolist(), shift.tolist(), strict=True)
        return np.array([shifted_addend(zero_point, *pair) for pair in pairs], np.int64)
    if scheme in (Scheme.FLOAT64, Scheme.FLOAT32_DEQUANTIZED):
        return np.full_like(shift, zero_point)
    if scheme == Scheme.THRESHOLD_TABLE:
        return np.full_like(shift, output.lo - 1)
    return np.zeros_like(shift)


def tables(
    scheme: Scheme,
    rounding: Rounding,
    table_bits: int | None,
    factor: Reals,
    shift: Ints,
    zero_point: int,
    output: IntFormat,
) -> Ints:
    """Thresholds or entries of every channel, (channels, entries); made once for equal factors."""
    if scheme not in (Scheme.THRESHOLD_TABLE, Scheme.LOOKUP_TABLE) or factor.size == 0:
        return np.zeros((factor.size, 0), np.int64)
    distinct, first, channel = np.unique(factor, return_index=True, return_inverse=True)
    rows = []
    for real, at in zip(distinct.tolist(), shift[first].tolist(), strict=True):
        if scheme == Scheme.THRESHOLD_TABLE:
            rows.append(thresholds(real, output.lo, output.hi + 1, zero_point, rounding))
        else:
            rows.append(lookup_entries(real, table_bits or 0, at, zero_point, rounding))
    table: Ints = np.stack(rows)[channel.reshape(-1)]
    return table
