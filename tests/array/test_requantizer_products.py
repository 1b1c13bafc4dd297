"""Codes by an addition before the shift are those of the schemes, clamped."""

import numpy as np
import pytest
from hypothesis import given, settings
from oracles.sums_and_output import sums_and_outputs

from hwsim.arith import requantize
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.array.requantizer_products import (
    FARTHEST,
    FIRST,
    TWICE,
    in_product_rows,
    product_constants,
    product_rows,
)


def value_of(scheme, acc, multiplier, shift, rounding):
    """By the scalar definition."""
    if scheme == TWICE:
        value, event = requantize.multiplier_shift_double(acc, multiplier, shift, rounding)
    else:
        value, event = requantize.multiplier_shift(acc, multiplier, shift, rounding, 0)
    assert not event
    return value


@pytest.mark.parametrize("scheme", [Scheme.MULTIPLIER_SHIFT, Scheme.FIXED_FRACTION, TWICE])
@pytest.mark.parametrize("rounding", [Rounding.HALF_UP, Rounding.HALF_AWAY])
@settings(max_examples=60, deadline=None)
@given(given_all=sums_and_outputs())
def test_codes_are_those_of_the_scheme(scheme, rounding, given_all):
    rng, sums, codes = given_all.rng, given_all.sums, given_all.codes
    zero_point, least, largest = given_all.output
    multiplier = rng.integers(0, 1 << 31, 37)
    multiplier = np.where(rng.random(37) < 0.5, 1 << rng.integers(0, 31, 37), multiplier)  # ties
    multiplier[-2:] = 0, (1 << 31) - 1
    first = FIRST if scheme == TWICE else 0
    shift = rng.integers(first, FARTHEST + 1, 37)
    near = rng.integers(0, 9, 37) + np.maximum(np.log2(multiplier + 1).astype(int), first)
    shift = np.where(rng.random(37) < 0.7, np.minimum(near, FARTHEST), shift)
    shift[0], shift[1] = first, FARTHEST
    assert in_product_rows(scheme, rounding, multiplier, shift)
    numbers = product_constants(scheme, multiplier, shift)
    kernel = product_rows(scheme == TWICE, rounding == Rounding.HALF_AWAY)
    kernel(sums, numbers, (zero_point, least, largest), codes)
    given = list(zip(multiplier.tolist(), shift.tolist(), strict=True))
    values = [
        [value_of(scheme, acc, *of, rounding) for acc, of in zip(row, given, strict=True)]
        for row in sums.tolist()
    ]
    assert codes.tolist() == np.clip(np.array(values) + zero_point, least, largest).tolist()


def test_what_could_wrap_or_round_otherwise_is_left_to_the_scheme():
    of = np.array([1 << 30])
    assert not in_product_rows(TWICE, Rounding.HALF_UP, of, np.array([FIRST - 1]))
    assert not in_product_rows(Scheme.MULTIPLIER_SHIFT, Rounding.HALF_UP, of, np.array([-1]))
    assert not in_product_rows(Scheme.MULTIPLIER_SHIFT, Rounding.HALF_UP, 2 * of, np.array([40]))
    assert not in_product_rows(Scheme.MULTIPLIER_SHIFT, Rounding.FLOOR, of, np.array([40]))
    assert not in_product_rows(Scheme.SHIFT_ONLY, Rounding.HALF_UP, of, np.array([40]))
