"""The register before a scheme, the tail of channels, and bounds of activations by name."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.rules import rounded

from hwsim.arith import narrowing, requantize
from hwsim.arith.activation import code_bounds, half_away, half_even_inside
from hwsim.arith.formats import IntFormat
from hwsim.arith.overflow import Overflow
from hwsim.arith.rounding import Rounding
from hwsim.array.requantizer import build
from hwsim.array.requantizer_stages import narrowed_range
from hwsim.array.specification import NarrowSpec, RequantizeSpec

DOUBLE = {"scheme": "multiplier_shift_double", "rounding": "half_up"}
SINGLE = {"scheme": "multiplier_shift", "rounding": "half_away", "multiplier_bits": 15}
CACC = {"shift": 2, "rounding": "half_away", "bits": 12, "overflow": "saturate"}


def made(policy, factors, accumulator=(-(1 << 31), (1 << 31) - 1)):
    return build(
        RequantizeSpec.model_validate(policy),
        input_scale=1.0,
        weight_scale=np.asarray(factors, np.float64),
        output_scale=1.0,
        zero_point=0,
        output=IntFormat(32),
        clamp=(None, None),
        accumulator=accumulator,
        where="test",
    )


def columns(values, channels):
    """(S, G, M, N) of one group."""
    return np.asarray(values, np.int64).reshape(1, 1, -1, channels)


@pytest.mark.parametrize("groups", [1, 4, 20])
def test_tail_channels_round_by_their_own_rule(groups):
    channels, tie = 20, -2  # -2 / 4 is a tie in the shift step
    sums = np.full((1, groups, 3, channels // groups), tie, np.int64)
    factors = np.full(channels, 0.25)
    body = made(DOUBLE, factors).apply(sums).codes
    other = made(DOUBLE | {"rounding": "half_away"}, factors).apply(sums).codes
    split = DOUBLE | {"tail": {"lanes": 8, "rounding": "half_away"}}
    codes = made(split, factors).apply(sums).codes.transpose(0, 2, 1, 3).reshape(3, channels)
    assert body[0, 0, 0, 0] != other[0, 0, 0, 0]
    assert (codes[:, :16] == body[0, 0, 0, 0]).all()
    assert (codes[:, 16:] == other[0, 0, 0, 0]).all()


def test_whole_vectors_have_no_tail():
    split = DOUBLE | {"tail": {"lanes": 8, "rounding": "half_away"}}
    sums = columns(np.full(16, -2), 16)
    whole, plain = (made(policy, np.full(16, 0.25)).apply(sums) for policy in (split, DOUBLE))
    assert (whole.codes == plain.codes).all()


@given(st.integers(-(1 << 33), (1 << 33) - 1), st.integers(0, 8))
def test_narrow_rounds_then_saturates(acc, shift):
    exact = rounded(Fraction(acc, 1 << shift), "half_away")
    lo, hi = -(1 << 27), (1 << 27) - 1
    kept = min(max(exact, lo), hi)
    got = narrowing.narrow(acc, shift, Rounding.HALF_AWAY, lo, hi, Overflow.SATURATE, 0)
    assert got == (kept, kept != exact)


def test_narrowing_register_stands_before_the_scheme():
    r = made(SINGLE | {"narrow": CACC}, [0.5], accumulator=(-(1 << 14), 1 << 14))
    run = r.apply(columns([10, -10, 8191, 16384, -16384], 1))
    # 2.5 -> 3, * 4 * .5 = 6;  2047.75 and 4096 saturate at 2047
    assert run.codes.ravel().tolist() == [6, -6, 4094, 4094, -4096]
    assert run.events.ravel().tolist() == [False, False, True, True, True]
    assert r.effective_scale.tolist() == [0.5]


def test_narrowed_range_holds_every_value():
    for overflow in ("saturate", "wrap", "saturate_symmetric", "saturate_zero"):
        spec = NarrowSpec.model_validate(CACC | {"overflow": overflow, "bits": 5})
        ends = (-70, 90)
        lo, hi = narrowed_range(ends, spec)
        values = [
            narrowing.narrow(x, 2, Rounding.HALF_AWAY, -16, 15, Overflow[overflow.upper()], 0)[0]
            for x in range(ends[0], ends[1] + 1)
        ]
        assert lo <= min(values)
        assert max(values) <= hi


@given(st.integers(-(1 << 47), 1 << 47), st.integers(0, 0x7FFF), st.integers(1, 62))
def test_early_narrowing_differs_only_by_events(acc, multiplier, shift):
    value, event = narrowing.reduced_16_narrow(acc, multiplier, shift)
    if not event:
        assert value == requantize.reduced_16(acc, multiplier, shift)[0]
    assert -(1 << 30) <= value < 1 << 30


def test_early_narrowing_loses_what_reduced_16_keeps():
    assert requantize.reduced_16(1 << 31, 1 << 14, 15) == (1 << 30, False)
    assert narrowing.reduced_16_narrow(1 << 31, 1 << 14, 15) == (-(1 << 30), True)
    assert narrowing.reduced_16_narrow((1 << 31) - 1, 1, 1) == (-(1 << 30), True)  # the last + 1


def test_fixed_fraction_has_its_fraction_bits_only():
    policy = {"scheme": "fixed_fraction", "rounding": "half_up", "fraction_bits": 8}
    r = made(policy, [0.7, 1 / 3])
    assert (r.multiplier.tolist(), r.shift.tolist()) == ([179, 85], [8, 8])
    codes = r.apply(columns([1000, 1000, -128, -128], 2)).codes.ravel()
    assert codes.tolist() == [699, 332, -89, -42]


def test_bounds_at_a_tie_follow_their_rule():
    form = IntFormat(8)
    scale = 0.8  # 6 / .8 = 7.5 steps in binary32
    assert np.float32(6) / np.float32(scale) == np.float32(7.5)
    assert [half_away(6.0, scale, z, form) for z in (-128, -127)] == [-120, -119]
    assert [half_even_inside(6.0, scale, z, form) for z in (-128, -127)] == [-120, -120]
    assert code_bounds("half_even_inside", "relu", scale, -127, form) == (-127, None)
    assert code_bounds("half_away", "none", scale, 0, form) == (None, None)


@given(
    st.floats(2.0**-20, 2.0**20, width=32),
    st.integers(-128, 127),
    st.sampled_from([0.0, 6.0, -1.0, 1.0]),
)
def test_bounds_are_codes_of_the_format(scale, zero_point, value):
    form = IntFormat(8)
    steps = Fraction(float(np.float32(value) / np.float32(scale)))
    exact = rounded(steps, "half_away") + zero_point
    away = half_away(value, scale, zero_point, form)
    assert away == min(max(exact, form.lo), form.hi)
    assert abs(half_even_inside(value, scale, zero_point, form) - away) <= 1
