"""Scales to integers against fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.reals import nearest_float
from oracles.rules import rounded

from hwsim.arith.scale import (
    SCALE_RULES,
    compose,
    multiplier_and_shift,
    multipliers_and_shifts,
    power_of_two_shift,
    quantize_multiplier,
    reduced_16,
)

SCALES = st.floats(2.0**-60, 2.0**30)
POSITIVE = st.floats(2.0**-20, 2.0**10)
BITS = st.integers(1, 31)


def normalized(x: Fraction) -> tuple[Fraction, int]:
    """(q, e) with ``x = q * 2**e`` and q in [1/2, 1), found by halving and doubling."""
    exponent = 0
    while x >= 1:
        x, exponent = x / 2, exponent + 1
    while x < Fraction(1, 2):
        x, exponent = x * 2, exponent - 1
    return x, exponent


def by_definition(real: float, bits: int) -> tuple[int, int]:
    fraction, exponent = normalized(Fraction(real))
    multiplier = rounded(fraction * 2**bits, "half_away")
    if multiplier == 2**bits:
        multiplier, exponent = multiplier // 2, exponent + 1
    return (multiplier, bits - exponent) if bits - exponent <= 62 else (0, 0)


@given(real=SCALES, bits=BITS)
def test_multiplier_and_shift_equals_definition(real, bits):
    assert multiplier_and_shift(real, bits) == by_definition(real, bits)


@given(bits=BITS, shift=st.integers(0, 40), data=st.data())
def test_multiplier_and_shift_equals_definition_at_ties_and_carries(bits, shift, data):
    least = 2 ** (bits - 1)
    multiplier = data.draw(st.one_of(st.just(2 * least - 1), st.integers(least, 2 * least - 1)))
    tie = float(Fraction(2 * multiplier + 1, 2 ** (shift + 1)))  # exact: at most 32 bits
    for real in (tie, math.nextafter(tie, 0.0), math.nextafter(tie, math.inf)):
        assert multiplier_and_shift(real, bits) == by_definition(real, bits)


@given(real=SCALES, bits=BITS)
def test_multiplier_uses_all_its_bits(real, bits):
    multiplier, shift = multiplier_and_shift(real, bits)
    assert (multiplier, shift) == (0, 0) or 2 ** (bits - 1) <= multiplier < 2**bits


def test_tiny_scales_flush_where_the_shift_would_pass_62():
    assert quantize_multiplier(2.0**-32) == (1 << 30, -31)
    assert quantize_multiplier(math.nextafter(2.0**-32, 0.0)) == (1 << 30, -31)  # carried
    assert quantize_multiplier(2.0**-32 * (1 - 2.0**-32)) == (1 << 30, -31)  # a tie, carried
    assert quantize_multiplier(2.0**-32 * (1 - 2.0**-31)) == (0, 0)
    assert quantize_multiplier(0.0) == (0, 0)


@given(real=st.floats(2.0**-31, 2.0**30))
def test_quantize_multiplier_is_the_31_bit_form(real):
    multiplier, exponent = quantize_multiplier(real)
    assert (multiplier, 31 - exponent) == multiplier_and_shift(real, 31)
    assert abs(Fraction(multiplier) * Fraction(2) ** (exponent - 31) / Fraction(real) - 1) <= (
        Fraction(1, 2**31)
    )


@pytest.mark.parametrize("real", [-1.0, math.nan, math.inf])
def test_impossible_scales_are_refused(real):
    with pytest.raises(ValueError, match="real"):
        multiplier_and_shift(real, 8)
    with pytest.raises(ValueError, match="real"):
        power_of_two_shift(real)


@given(multiplier=st.integers(1 << 30, (1 << 31) - 1))
def test_reduced_16_is_nearest_and_keeps_15_bits(multiplier):
    nearest = rounded(Fraction(multiplier, 2**16), "half_up")
    assert reduced_16(multiplier) == min(nearest, 0x7FFF)
    assert reduced_16(0) == 0


@given(real=SCALES)
def test_power_of_two_shift_is_nearest_in_log2(real):
    error = (Fraction(real) * Fraction(2) ** power_of_two_shift(real)) ** 2
    assert Fraction(1, 2) < error < 2  # |log2(real * 2**n)| < 1/2


def test_power_of_two_shift_of_the_document_is_9():
    assert power_of_two_shift(0.0013952255249) == 9  # 2**-9.4853
    below, above = math.sqrt(0.5), math.nextafter(math.sqrt(0.5), 1.0)
    assert [power_of_two_shift(x) for x in (math.nextafter(below, 0.0), above)] == [1, 0]


@given(sx=POSITIVE, sw=POSITIVE, sy=POSITIVE)
def test_compose_rounds_where_its_rule_says(sx, sw, sy):
    x32, w32, y32 = (nearest_float(Fraction(s), 24) for s in (sx, sw, sy))
    product64 = nearest_float(Fraction(sx) * Fraction(sw), 53)
    product32 = nearest_float(x32 * w32, 24)
    expected = {
        "float64": nearest_float(product64 / Fraction(sy), 53),
        "float32_product": nearest_float(product32 / Fraction(sy), 53),
        "float32_product_quotient": nearest_float(product32 / y32, 24),
        "float32_product_reciprocal": nearest_float(product32 * nearest_float(1 / y32, 24), 24),
    }
    for rule in SCALE_RULES:
        assert Fraction(float(compose(rule, sx, np.array([sw]), sy)[0])) == expected[rule]


def test_compose_refuses_an_unknown_rule():
    with pytest.raises(ValueError, match="float64"):
        compose("float16", 1.0, np.ones(1), 1.0)


@pytest.mark.parametrize("bits", [1, 2, 8, 15, 31])
def test_multipliers_of_many_scales_are_those_of_each(bits):
    rng = np.random.default_rng(bits)
    drawn = np.ldexp(rng.random(2000), rng.integers(-70, 31, 2000))
    near_1 = 1 - 2.0 ** -rng.integers(1, 53, 90)
    powers = 2.0 ** -np.array([0, 31, 32, 61, 62, 63])
    real = np.concatenate([drawn, near_1, powers, [0.0]])
    pairs = [multiplier_and_shift(x, bits) for x in real.tolist()]
    both = (found.tolist() for found in multipliers_and_shifts(real, bits))
    assert list(zip(*both, strict=True)) == pairs
    assert (0, 0) in pairs
    for bad in (-1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="must be finite"):
            multipliers_and_shifts(np.array([0.5, bad]), bits)
