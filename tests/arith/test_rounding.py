"""Rounding of integer quotients against fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.rules import ROUNDINGS, rounded

from hwsim.arith.rounding import Rounding, divide, shift_right, shift_right_stochastic

RULES = sorted(ROUNDINGS)
INT64 = st.integers(-(2**63), 2**63 - 1)


def code(rule):
    return int(Rounding[rule.upper()])


@st.composite
def near_ties(draw):
    """(x, shift): an odd multiple of half the dropped range, or one beside it."""
    shift = draw(st.integers(1, 62))
    odd = 2 * draw(st.integers(-(2 ** (62 - shift)), 2 ** (62 - shift) - 2)) + 1
    return odd * 2 ** (shift - 1) + draw(st.integers(-1, 1)), shift


def test_oracle_knows_every_rule_but_stochastic():
    assert {rule.name.lower() for rule in Rounding} - {"stochastic"} == set(ROUNDINGS)


@pytest.mark.parametrize("rule", RULES)
@given(case=st.one_of(near_ties(), st.tuples(INT64, st.integers(0, 62))))
def test_shift_right_equals_rounded_fraction(rule, case):
    x, shift = case
    assert shift_right(x, shift, code(rule)) == rounded(Fraction(x, 2**shift), rule)


@pytest.mark.parametrize("rule", RULES)
def test_shift_right_equals_rounded_fraction_on_all_small_values(rule):
    for shift in range(6):
        for x in range(-130, 131):
            assert shift_right(x, shift, code(rule)) == rounded(Fraction(x, 2**shift), rule)


@pytest.mark.parametrize("rule", RULES)
@given(
    quotient=st.integers(-(2**20), 2**20), divisor=st.integers(1, 2**40), nudge=st.integers(-2, 2)
)
def test_divide_equals_rounded_fraction_near_ties(rule, quotient, divisor, nudge):
    x = quotient * divisor + divisor // 2 + nudge
    assert divide(x, divisor, code(rule)) == rounded(Fraction(x, divisor), rule)


@pytest.mark.parametrize("rule", RULES)
@given(x=INT64, divisor=st.integers(1, 2**62))
def test_divide_equals_rounded_fraction_everywhere(rule, x, divisor):
    assert divide(x, divisor, code(rule)) == rounded(Fraction(x, divisor), rule)


@pytest.mark.parametrize("rule", RULES)
@given(x=st.integers(-(2**62), 2**62 - 2), shift=st.integers(0, 62))
def test_shift_right_never_falls_where_its_operand_rises(rule, x, shift):
    assert shift_right(x, shift, code(rule)) <= shift_right(x + 1, shift, code(rule))


@given(x=st.integers(-(2**62), 2**62), shift=st.integers(0, 8))
def test_stochastic_mean_over_all_random_numbers_is_exact(x, shift):
    assert sum(shift_right_stochastic(x, shift, r) for r in range(2**shift)) == x


@given(x=st.integers(-(2**62), 2**62), shift=st.integers(0, 32), random=st.integers(0, 2**32 - 1))
def test_stochastic_result_is_a_neighbour_and_reads_only_the_dropped_bits(x, shift, random):
    exact, value = Fraction(x, 2**shift), shift_right_stochastic(x, shift, random)
    assert rounded(exact, "floor") <= value <= rounded(exact, "ceil")
    assert value == shift_right_stochastic(x, shift, random % 2**shift)
