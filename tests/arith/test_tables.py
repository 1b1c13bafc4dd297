"""Tables against the exact function that they hold."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.rules import ROUNDINGS, rounded

from hwsim.arith.formats import IntFormat
from hwsim.arith.rounding import Rounding
from hwsim.arith.tables import (
    activation_table,
    lookup_entries,
    lookup_shift,
    lookup_table,
    round_ratio,
    threshold,
    threshold_table,
    thresholds,
)

RULES = sorted(ROUNDINGS)
FACTORS = st.one_of(
    st.floats(2.0**-16, 4.0), st.builds(lambda n, s: n / 2**s, st.integers(1, 7), st.integers(0, 9))
)


@pytest.mark.parametrize("rule", RULES)
@given(numerator=st.integers(-(10**30), 10**30), denominator=st.integers(1, 10**25))
def test_round_ratio_equals_rounded_fraction(rule, numerator, denominator):
    value = round_ratio(numerator, denominator, Rounding[rule.upper()])
    assert value == rounded(Fraction(numerator, denominator), rule)


@pytest.mark.parametrize("rule", RULES)
@given(numerator=st.integers(-200, 200), half=st.integers(1, 20))
def test_round_ratio_equals_rounded_fraction_near_ties(rule, numerator, half):
    value = round_ratio(numerator, 2 * half, Rounding[rule.upper()])
    assert value == rounded(Fraction(numerator, 2 * half), rule)


@pytest.mark.parametrize("rule", RULES)
@given(factor=FACTORS, code=st.integers(-300, 300))
def test_threshold_is_the_least_accumulator_that_reaches_the_code(rule, factor, code):
    least = threshold(factor, code, Rounding[rule.upper()])
    assert rounded(least * Fraction(factor), rule) >= code
    assert rounded((least - 1) * Fraction(factor), rule) < code


@pytest.mark.parametrize("rule", RULES)
@given(factor=FACTORS, zero_point=st.integers(-8, 7), acc=st.integers(-500, 500))
def test_threshold_table_equals_saturated_rounding(rule, factor, zero_point, acc):
    table = thresholds(factor, -8 + 1, 7, zero_point, Rounding[rule.upper()])
    exact = rounded(acc * Fraction(factor), rule) + zero_point
    code, event = threshold_table(acc, -8, table)
    assert (int(code), event) == (min(max(exact, -8), 7), False)


def test_threshold_of_a_dead_channel_is_never_or_always_reached():
    table = thresholds(0.0, -3, 4, 1, Rounding.HALF_UP)
    assert [int(threshold_table(acc, -4, table)[0]) for acc in (-(2**40), 0, 2**40)] == [1, 1, 1]


@pytest.mark.parametrize("rule", RULES)
@given(factor=FACTORS, shift=st.integers(0, 9), acc=st.integers(-9000, 9000))
def test_lookup_table_holds_the_rounded_middle_of_its_step(rule, factor, shift, acc):
    table = lookup_entries(factor, 5, shift, 3, Rounding[rule.upper()])
    step = math.floor(Fraction(acc, 2**shift))
    held = min(max(step, -16), 15)
    middle = held * 2**shift + Fraction(2**shift - 1, 2)
    code, event = lookup_table(acc, shift, table)
    assert int(code) == rounded(middle * Fraction(factor), rule) + 3
    assert event == (step != held)


@given(factor=FACTORS, bits=st.integers(2, 12), reach=st.integers(1, 256))
def test_lookup_shift_is_the_least_that_covers_every_output_in_reach(factor, bits, reach):
    shift = lookup_shift(factor, bits, reach, (-(2**31), 2**31 - 1))
    last = math.floor(reach / Fraction(factor))
    assert last >> shift < 2 ** (bits - 1)
    assert -last >> shift >= -(2 ** (bits - 1))
    assert shift == 0 or last >> (shift - 1) >= 2 ** (bits - 1)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "hard_swish"])
@pytest.mark.parametrize("rule", ["half_even", "half_away", "floor"])
def test_activation_table_is_the_rounded_function(name, rule):
    function = {
        "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x)),
        "tanh": lambda x: math.tanh(x),
        "hard_swish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    }[name]
    source, target = IntFormat(8), IntFormat(8)
    table = activation_table(name, source, 0.05, 11, target, 1 / 64, -5, Rounding[rule.upper()])
    for code in range(-128, 128):
        exact = function((code - 11) * 0.05) * 64
        if abs(exact % 0.5) > 1e-9 or name != "sigmoid":
            wanted = rounded(Fraction(exact), rule) - 5
            assert table[code + 128] == min(max(wanted, -128), 127)


def test_activation_tables_hold_their_ends():
    form = IntFormat(8)
    tanh = activation_table("tanh", form, 1 / 16, 0, form, 1 / 128, 0, Rounding.HALF_EVEN)
    assert tanh[[0, 128, 255]].tolist() == [-128, 0, 127]
    assert np.all(np.diff(tanh) >= 0)
