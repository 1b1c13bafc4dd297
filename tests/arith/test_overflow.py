"""Overflow rules against strings of bits, modular arithmetic and comparisons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import rules

from hwsim.arith.formats import IntFormat
from hwsim.arith.overflow import Overflow, fit, wrap

RULES = [rule.name.lower() for rule in Overflow]


def kept_unsigned(x, bits, rule, wrap_bits):
    """The rules for unsigned registers, where a value that fits is never changed."""
    top = 2**bits - 1
    if 0 <= x <= top:
        return x
    if rule in ("saturate", "saturate_symmetric", "trap"):
        return top if x > 0 else 0
    if rule == "saturate_zero":
        return 0
    string = rules.bit_string(x, bits + 70)[-bits:]
    saturated = ("1" if x > 0 else "0") * wrap_bits
    return int(saturated + string[wrap_bits:], 2)


def expected(x, bits, signed, rule, wrap_bits):
    if signed:
        return rules.kept(x, bits, rule, wrap_bits)
    return kept_unsigned(x, bits, rule, wrap_bits)


@st.composite
def registers(draw):
    """(bits, signed, rule, wrap_bits)."""
    rule, bits = draw(st.sampled_from(RULES)), draw(st.integers(2, 48))
    signed = rule == "wrap_sign_magnitude" or draw(st.booleans())
    wrap_bits = draw(st.integers(0, bits - 1)) if "wrap" in rule else 0
    return bits, signed, rule, wrap_bits


@given(register=registers(), data=st.data())
def test_fit_equals_exact_rule(register, data):
    bits, signed, rule, wrap_bits = register
    end = 2 ** (bits + 2)
    near = st.sampled_from([-(2**bits), -(2 ** (bits - 1)), 0, 2 ** (bits - 1), 2**bits])
    x = data.draw(
        st.one_of(st.integers(-end, end), st.builds(int.__add__, near, st.integers(-2, 2)))
    )
    form = IntFormat(bits, signed)
    stored = fit(x, form.lo, form.hi, int(Overflow[rule.upper()]), wrap_bits)
    assert stored == expected(x, bits, signed, rule, wrap_bits)


@pytest.mark.parametrize(  # wrap_sign_magnitude is not defined for unsigned registers
    ("rule", "signed"), [(r, s) for r in RULES for s in (True, False) if s or r != RULES[4]]
)
def test_fit_equals_exact_rule_on_all_small_registers(rule, signed):
    for bits in (2, 3, 4):
        form = IntFormat(bits, signed)
        for wrap_bits in range(bits if "wrap" in rule else 1):
            for x in range(-(2 ** (bits + 2)), 2 ** (bits + 2)):
                stored = fit(x, form.lo, form.hi, int(Overflow[rule.upper()]), wrap_bits)
                assert stored == expected(x, bits, signed, rule, wrap_bits), (bits, wrap_bits, x)


@given(register=registers(), x=st.integers(-(2**50), 2**50))
def test_fit_stays_in_range_and_is_idempotent(register, x):
    bits, signed, rule, wrap_bits = register
    form = IntFormat(bits, signed)
    arguments = form.lo, form.hi, int(Overflow[rule.upper()]), wrap_bits
    stored = fit(x, *arguments)
    assert stored in form
    assert fit(stored, *arguments) == stored


@given(register=registers(), x=st.integers(-(2**50), 2**50))
def test_signed_store_never_grows_a_magnitude(register, x):
    bits, _, rule, wrap_bits = register
    form = IntFormat(bits)
    assert abs(fit(x, form.lo, form.hi, int(Overflow[rule.upper()]), wrap_bits)) <= abs(x)


@given(x=st.integers(-(2**62), 2**62), bits=st.integers(1, 63), signed=st.booleans())
def test_wrap_is_congruent_and_in_range(x, bits, signed):
    form = IntFormat(bits, signed)
    kept = wrap(x, form.lo, form.hi) if bits < 63 or signed else x % 2**63
    assert (x - kept) % 2**bits == 0
    assert kept in form


def test_symmetric_saturation_changes_the_least_code_even_in_range():
    assert fit(-128, -128, 127, Overflow.SATURATE_SYMMETRIC, 0) == -127
    assert fit(-128, -128, 127, Overflow.SATURATE, 0) == -128
