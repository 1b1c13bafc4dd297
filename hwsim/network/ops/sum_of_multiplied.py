"""TFLite's ADD and SUB: both inputs and their sum multiplied, or one input shifted."""

from __future__ import annotations

import math

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.requantize import multiplier_shift, multiplier_shift_double
from hwsim.arith.rounding import Rounding, shift_right
from hwsim.arith.scale import multiplier_and_shift
from hwsim.array.gemm import Ints
from hwsim.array.specification import rounding_code
from hwsim.errors import ConfigError
from hwsim.network.ops.policy import format_of
from hwsim.network.ops.sum_terms import Terms

NEARLY = 1e-3  # how far from a power of two a scale still counts as one, in log2


def double(a: Ints, b: Ints, terms: Terms) -> Ints:
    """TFLite's ADD: three multiplications, each with gemmlowp's two roundings.

    ::

        T = 2 * max(sa, sb)
        a' = mbqm((a - za) << left, sa / T),  b' = mbqm((b - zb) << left, sb / T)
        y = mbqm(a' + sign * b', T / (2**left * sy)) + zy

    ``mbqm`` is `arith.requantize.multiplier_shift_double` with a multiplier of 31 bits.
    ``left_shift``: the YAML's, else 20 for inputs of up to 8 bits and 15 for wider ones.
    Checked against LiteRT's reference kernel on 3 * 36,000 outputs (int8, uint8, int16).

    Under ``three_multipliers`` each ``mbqm`` rounds once, by the policy's rule: TFLite and CMSIS-NN
    built with single rounding.
    """
    bits = max(format_of(t, terms.where).bits for t in (terms.a, terms.b))
    left = getattr(terms.policy, "left_shift", None)
    if left is None:
        left = 20 if bits <= 8 else 15
    if bits + left > 31:
        must = f"must keep {bits} bits << {left} in int32"
        raise ConfigError.at(terms.where, "operators.add.left_shift", left, must)
    twice = 2.0 * max(terms.a.scale, terms.b.scale)
    reals = (
        terms.a.scale / twice,
        terms.b.scale / twice,
        twice / (2.0**left * terms.output.scale),
    )
    (ma, na), (mb, nb), (my, ny) = (multiplier_and_shift(real, 31) for real in reals)
    if my and ny < 0:
        must = f"must be larger than 2 * {twice} / 2**{31 + left}"
        raise ConfigError.at(terms.where, "output scale", terms.output.scale, must)
    x = (a - terms.a.zero_point) << left
    y = (b - terms.b.zero_point) << left
    rounding = rounding_code(terms.policy.rounding)
    steps = np.array([ma, na, mb, nb, my, ny], np.int64)
    add_each = _add_single if terms.policy.scheme == "three_multipliers" else _add_double
    return add_each(x, y, terms.sign, steps, rounding) + terms.output.zero_point


def shift_or_multipliers(a: Ints, b: Ints, terms: Terms) -> Ints:
    """Where all three scales are powers of two, one input shifted to the output's; else `double`.

    ::

        na = log2(sy / sa), nb = log2(sy / sb);  one of them 0, none below
        y = half_away(a / 2**na) + sign * half_away(b / 2**nb)

    Zero points are 0, and the node has attribute ``pot_scale_int16``, as a file without the option
    has it. Source: TFLite's ADD and SUB of 16 bits (LiteRT refuses powers of two that would shift
    both inputs, or one to the left).
    """
    if not terms.pot_scale_int16:
        return double(a, b, terms)
    shifts = [_log2(terms.output.scale) - _log2(t.scale) for t in (terms.a, terms.b)]
    zero = not any(t.zero_point for t in (terms.a, terms.b, terms.output))
    if math.isnan(sum(shifts)) or min(shifts) < 0 or 0 not in shifts or not zero:
        return double(a, b, terms)
    na, nb = (int(shift) for shift in shifts)
    return _shift_each(a, na) + terms.sign * _shift_each(b, nb)


def _log2(scale: float) -> float:
    """The exponent of a scale that is nearly a power of two; NaN of any other."""
    exact = math.log2(scale)
    return float(round(exact)) if abs(exact - round(exact)) < NEARLY else math.nan


@kernel
def _shift_each(x: Ints, shift: int) -> Ints:
    """``half_away(x / 2**shift)`` of every element."""
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = shift_right(x[i], shift, Rounding.HALF_AWAY)
    return out


@kernel
def _add_double(x: Ints, y: Ints, sign: int, steps: Ints, rounding: int) -> Ints:
    """TFLite's three steps on left-shifted inputs; ``steps``: multiplier, shift of x, y, sum."""
    out = np.empty_like(x)
    for i in range(x.size):
        u, _ = multiplier_shift_double(x[i], steps[0], steps[1], rounding)
        v, _ = multiplier_shift_double(y[i], steps[2], steps[3], rounding)
        out[i], _ = multiplier_shift_double(u + sign * v, steps[4], steps[5], rounding)
    return out


@kernel
def _add_single(x: Ints, y: Ints, sign: int, steps: Ints, rounding: int) -> Ints:
    """`_add_double` with one rounding in each step."""
    out = np.empty_like(x)
    for i in range(x.size):
        u, _ = multiplier_shift(x[i], steps[0], steps[1], rounding, 0)
        v, _ = multiplier_shift(y[i], steps[2], steps[3], rounding, 0)
        out[i], _ = multiplier_shift(u + sign * v, steps[4], steps[5], rounding, 0)
    return out
