"""Ranges and widths of integer formats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.rules import width

from hwsim.arith.formats import IntFormat, signed_bits


@given(bits=st.integers(2, 63), signed=st.booleans())
def test_format_holds_two_to_the_bits_codes(bits, signed):
    form = IntFormat(bits, signed)
    assert form.hi - form.lo + 1 == 2**bits
    assert (form.lo < 0) == signed
    assert form.lo in form
    assert form.lo - 1 not in form
    assert form.hi in form
    assert form.hi + 1 not in form


def test_narrow_range_is_symmetric():
    assert [-IntFormat(b, narrow=True).lo for b in (2, 8)] == [1, 127]
    assert IntFormat(8, narrow=True).hi == 127


@pytest.mark.parametrize(
    "words", [{"bits": 0}, {"bits": 65}, {"bits": 64, "signed": False}, {"bits": 1, "narrow": True}]
)
def test_impossible_formats_are_refused(words):
    with pytest.raises(ValueError, match=r"bits|narrow"):
        IntFormat(**words)


@given(a=st.integers(-(2**60), 2**60), b=st.integers(-(2**60), 2**60), symmetric=st.booleans())
def test_signed_bits_is_the_smallest_width_that_holds_the_range(a, b, symmetric):
    lo, hi = min(a, b), max(a, b)
    assert signed_bits(lo, hi, symmetric=symmetric) == width([lo, hi], symmetric=symmetric)


@pytest.mark.parametrize("symmetric", [False, True])
def test_signed_bits_is_exact_at_every_power_of_two(symmetric):
    for k in range(63):
        for x in (2**k - 1, 2**k, -(2**k), -(2**k) - 1):
            assert signed_bits(x, x, symmetric=symmetric) == width([x], symmetric=symmetric)
