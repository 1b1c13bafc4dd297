"""Codes in 32-bit lanes are those of the schemes, clamped."""

import numpy as np
import pytest
from hypothesis import given, settings
from oracles.sums_and_output import sums_and_outputs

from hwsim.arith import real_bias, requantize
from hwsim.arith.requantize import Scheme
from hwsim.array.requantizer_floats import LARGE, SCHEMES, float_rows, in_float_rows


def value_of(scheme, acc, constants, zero_point):
    """By the scalar definition, zero point added."""
    if scheme == Scheme.FLOAT32:
        return requantize.float32(acc, *constants)[0] + zero_point
    if scheme == Scheme.FLOAT32_BIAS:
        return real_bias.float32_bias(acc, *constants)[0] + zero_point
    return real_bias.float32_dequantized(acc, *constants, zero_point)[0]


def drawn(rng, scheme, length):
    """Constants of all sizes: near those of networks, ties, and up to the largest."""
    factors = np.exp2(rng.uniform(-24, 4, (4, length)))
    factors = np.where(rng.random((4, length)) < 0.4, np.exp2(rng.integers(-8, 3)), factors)
    large = rng.random((4, length)) < 0.1
    factors = np.where(large, np.nextafter(np.float32(LARGE), np.float32(0)), factors)
    bias = rng.choice([0.0, 0.5, -0.5, 1e3, -1e9], length) * rng.choice([1.0, 0.7], length)
    rows = {
        Scheme.FLOAT32: factors[:1],
        Scheme.FLOAT32_BIAS: np.stack([factors[0], bias]),
        Scheme.FLOAT32_DEQUANTIZED: np.stack([*factors[:2], bias, factors[3]]),
    }[scheme]
    return rows.astype(np.float32)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@settings(max_examples=60, deadline=None)
@given(given_all=sums_and_outputs())
def test_codes_in_32_bit_lanes_are_those_of_the_scheme(scheme, given_all):
    sums, codes, (zero_point, least, largest) = given_all.sums, given_all.codes, given_all.output
    constants = drawn(given_all.rng, scheme, sums.shape[1])
    assert in_float_rows(scheme, constants)
    float_rows(int(scheme))(sums, (constants,), (zero_point, least, largest), codes)
    expected = [
        [
            min(
                max(value_of(scheme, int(acc), constants[:, j].tolist(), zero_point), least),
                largest,
            )
            for j, acc in enumerate(row)
        ]
        for row in sums
    ]
    assert codes.tolist() == expected


def test_what_might_not_stay_finite_is_left_to_the_scheme():
    assert not in_float_rows(Scheme.FLOAT32, np.array([[LARGE]]))
    assert not in_float_rows(Scheme.FLOAT32_DEQUANTIZED, np.array([[1], [1], [np.inf], [1]]))
    assert not in_float_rows(Scheme.FLOAT32_BIAS, np.array([[1], [np.nan]]))
