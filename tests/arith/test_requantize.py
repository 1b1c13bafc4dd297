"""Every requantization scheme against fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import reals
from oracles.rules import ROUNDINGS, rounded

from hwsim.arith import requantize
from hwsim.arith.rounding import Rounding

RULES = sorted(ROUNDINGS)
INT32 = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-300, 300),
    st.builds(lambda k, d: 2**k + d, st.integers(0, 30), st.integers(-2, 1)),
    st.builds(lambda k, d: -(2**k) + d, st.integers(0, 30), st.integers(-1, 2)),
)
MULTIPLIER = st.one_of(
    st.integers(2**30, 2**31 - 1), st.sampled_from([2**30, 2**31 - 1, 3 * 2**29, 0])
)


def code(rule):
    return int(Rounding[rule.upper()])


@pytest.mark.parametrize("rule", RULES)
@given(acc=INT32, multiplier=MULTIPLIER, shift=st.integers(0, 62))
def test_multiplier_shift_equals_one_rounded_fraction(rule, acc, multiplier, shift):
    value = requantize.multiplier_shift(acc, multiplier, shift, code(rule), 0)
    assert value == (rounded(Fraction(acc * multiplier, 2**shift), rule), False)


@given(acc=st.integers(-(2**20), 2**20), multiplier=st.integers(0, 255), left=st.integers(1, 31))
def test_multiplier_shift_to_the_left_is_exact(acc, multiplier, left):
    value = requantize.multiplier_shift(acc, multiplier, -left, code("half_up"), 0)
    assert value == (acc * multiplier * 2**left, False)


@given(
    acc=INT32, multiplier=st.integers(0, 2**20), shift=st.integers(0, 32),
    random=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_stochastic_multiplier_shift_adds_the_low_bits_then_floors(acc, multiplier, shift, random):
    value, event = requantize.multiplier_shift(acc, multiplier, shift, code("stochastic"), random)
    assert value == rounded(Fraction(acc * multiplier + random % 2**shift, 2**shift), "floor")
    assert not event


@pytest.mark.parametrize("rule", ["half_away", "half_up"])
@given(acc=INT32, multiplier=MULTIPLIER, exponent=st.integers(-31, 31))
def test_double_rounding_equals_two_rounded_fractions(rule, acc, multiplier, exponent):
    value = requantize.multiplier_shift_double(acc, multiplier, 31 - exponent, code(rule))
    assert value == reals.multiplier_shift_double(acc, multiplier, exponent, rule)


@given(acc=INT32, multiplier=MULTIPLIER, shift=st.integers(31, 62))
def test_double_and_single_rounding_differ_by_one_at_most(acc, multiplier, shift):
    double, _ = requantize.multiplier_shift_double(acc, multiplier, shift, code("half_away"))
    single, _ = requantize.multiplier_shift(acc, multiplier, shift, code("half_up"), 0)
    assert abs(double - single) <= 1


@given(
    acc=st.integers(-(2**47), 2**47 - 1), multiplier=st.integers(0, 0x7FFF),
    shift=st.integers(0, 46),
)  # fmt: skip
def test_reduced_16_equals_rounded_fraction_in_int32(acc, multiplier, shift):
    value = requantize.reduced_16(acc, multiplier, shift)
    assert value == reals.reduced_16(acc, multiplier, shift)


@pytest.mark.parametrize("rule", RULES)
@given(acc=st.integers(-(2**47), 2**47), shift=st.integers(-10, 62))
def test_shift_only_equals_rounded_fraction(rule, acc, shift):
    value = requantize.shift_only(acc, shift, code(rule), 0)
    assert value == (rounded(Fraction(acc) / Fraction(2) ** shift, rule), False)


@pytest.mark.parametrize("rule", RULES)
@given(
    acc=st.integers(-(2**24), 2**24), multiplier=st.integers(0, 2**16),
    zero_point=st.integers(-128, 255), shift=st.integers(0, 40),
)  # fmt: skip
def test_multiply_add_shift_rounds_the_code_itself(rule, acc, multiplier, zero_point, shift):
    add = zero_point << shift
    value = requantize.multiply_add_shift(acc, multiplier, add, shift, code(rule), 0)
    assert value == (rounded(Fraction(acc * multiplier, 2**shift) + zero_point, rule), False)


@given(acc=INT32, factor=st.floats(2.0**-30, 2.0**10, width=32))
def test_float32_equals_rounded_fractions(acc, factor):
    assert requantize.float32(acc, factor) == (reals.float32(acc, Fraction(factor)), False)


@given(acc=st.integers(-4096, 4095), half=st.integers(-8, 4))
def test_float32_ties_go_to_even(acc, half):
    factor = 2.0**half
    assert requantize.float32(acc, factor)[0] == rounded(acc * Fraction(factor), "half_even")


def test_float32_beyond_int64_is_held_and_defined():
    assert requantize.float32(2**31 - 1, float(np.float32(2.0**60))) == (1 << 62, False)
    assert requantize.float32(-(2**31), float(np.float32(2.0**60))) == (-(1 << 62), False)


@given(
    acc=st.one_of(INT32, st.integers(-(2**62), 2**62)), factor=st.floats(2.0**-34, 2.0**12),
    zero_point=st.integers(-32768, 32767),
)  # fmt: skip
def test_float64_equals_rounded_fractions_and_x86_cast(acc, factor, zero_point):
    value = requantize.float64(acc, factor, zero_point)
    assert value == reals.float64(acc, Fraction(factor), zero_point)


@given(acc=st.integers(-4096, 4095), half=st.integers(-8, 4))
def test_float64_ties_go_away_from_zero(acc, half):
    factor = 2.0**half
    assert requantize.float64(acc, factor, 0)[0] == rounded(acc * Fraction(factor), "half_away")


def test_float64_large_positive_result_comes_out_at_the_minimum():
    assert requantize.float64(2**31 - 1, 2.0, 7) == (-(2**31) + 7, True)
    assert requantize.float64(2**31 - 1, 1.0, 0) == (2**31 - 1, False)
    assert requantize.float64(-(2**31), 1.0, 0) == (-(2**31), False)


def test_float64_zero_point_that_leaves_int32_wraps():
    assert requantize.float64(2**31 - 1, 1.0, 1) == (-(2**31), True)
    assert requantize.float64(-(2**31), 1.0, -1) == (2**31 - 1, True)


@pytest.mark.parametrize("rule", ["half_away", "half_up"])
def test_double_rounding_equals_two_rounded_fractions_on_all_small_values(rule):
    for multiplier in (2**30, 3 * 2**29, 2**30 + 1):
        for exponent in range(-4, 2):
            for acc in range(-70, 71):
                value = requantize.multiplier_shift_double(
                    acc, multiplier, 31 - exponent, code(rule)
                )
                assert value == reals.multiplier_shift_double(acc, multiplier, exponent, rule)
