"""Laws of the fixed-point and table functions; their exact values: tests/conformance."""

import math

import numpy as np
import pytest

from hwsim.arith import fixed_point
from hwsim.arith.hard_swish import HardSwish, hard_swish
from hwsim.arith.interpolated_table import interpolation_table, looked_up
from hwsim.arith.sigmoid_table import input_multiplier, logistic_16, tanh_16

CODES_16 = np.arange(-(1 << 15), 1 << 15)
WIDTHS = [(4, 32), (3, 16)]


def raws(integer_bits, bits):
    """Some raw values of a Q format, the ends and 0 among them."""
    top = 1 << (bits - 1)
    rng = np.random.default_rng(bits)
    return sorted({-top, -1, 0, 1, top - 1, *rng.integers(-top, top, 200).tolist()})


@pytest.mark.parametrize(("integer_bits", "bits"), WIDTHS)
def test_fixed_logistic_and_its_mirror_make_one(integer_bits, bits):
    one = (1 << (bits - 1)) - 1
    for a in raws(integer_bits, bits)[1:]:
        pair = (
            fixed_point.logistic(a, integer_bits, bits),
            fixed_point.logistic(-a, integer_bits, bits),
        )
        assert sum(pair) == (one if a else one + 1)


@pytest.mark.parametrize(("integer_bits", "bits"), WIDTHS)
def test_fixed_tanh_is_odd_and_near_the_truth(integer_bits, bits):
    scale, unit = 2.0 ** (bits - 1 - integer_bits), 1 << (bits - 1)
    for a in raws(integer_bits, bits)[1:]:
        got = fixed_point.tanh(a, integer_bits, bits)
        assert got == -fixed_point.tanh(-a, integer_bits, bits)
        assert abs(got / unit - math.tanh(a / scale)) < (1e-6 if bits == 32 else 1e-3)


@pytest.mark.parametrize("scale", [2.0**-12, 2.0**-11, 3e-4, 1e-5, 0.1])
def test_interpolated_functions_rise_and_are_near_the_truth(scale):
    x = np.clip(CODES_16 * scale, -50, 50)  # beyond them both functions are flat
    for function, truth in (
        (logistic_16, 1 / (1 + np.exp(-x))),
        (tanh_16, np.tanh(x)),
    ):
        got = function(CODES_16, scale)
        assert (np.diff(got) >= 0).all()
        assert np.abs(got / 2**15 - truth).max() < 3e-3  # the table ends at 10.6 / 2
        assert got.min() >= -(1 << 15)
        assert got.max() <= (1 << 15) - 1


def test_a_scale_near_a_power_of_two_counts_as_one():
    assert input_multiplier(2.0**-12 * 1.0005, (0,)) == (3, 0)
    assert input_multiplier(2.0**-12 * 1.002, (0,))[1] > 0
    with pytest.raises(ValueError, match="must be below 8/3"):
        input_multiplier(3.0, (0,))


def test_a_looked_up_function_is_within_its_curvature():
    table = interpolation_table(math.sin, math.pi / 65535, 0, 2 / 65535)
    got = looked_up(CODES_16, table) / 2**15
    assert np.abs(got - np.sin(CODES_16 * math.pi / 65535)).max() < 1e-4


@pytest.mark.parametrize(("sx", "sy"), [(0.05, 0.04), (0.01, 0.02), (0.11, 0.1), (0.02, 0.5)])
def test_hard_swish_is_near_the_truth(sx, sy):
    numbers = HardSwish.of(sx, sy)
    for code in range(-255, 256):
        x = code * sx
        truth = x * min(max(x + 3, 0), 6) / 6 / sy
        assert abs(hard_swish(code, numbers) - truth) <= 0.52 + abs(truth) / 128


def test_hard_swish_refuses_a_left_shift():
    with pytest.raises(ValueError, match="must be below 128"):
        HardSwish.of(1.0, 0.001)
