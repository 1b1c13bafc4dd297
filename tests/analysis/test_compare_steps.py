"""The steps that are shown lead to the code that the requantizer gives."""

from fractions import Fraction

import numpy as np
import pytest

from hwsim.analysis.compare_steps import SCHEMES, shifted, steps
from hwsim.analysis.identify_policies import grid
from hwsim.arith.formats import IntFormat
from hwsim.arith.rounding import Rounding
from hwsim.array.requantizer import build
from hwsim.array.specification import REAL_BIAS_SCHEMES

ROUNDINGS = [Rounding.FLOOR, Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.HALF_EVEN]
WITH_STEPS = sorted({scheme.name.lower() for scheme in SCHEMES})


def requantizer(spec):
    """Three channels with ordinary scales."""
    return build(
        spec,
        input_scale=0.02,
        weight_scale=np.array([0.004, 0.0078125, 0.05]),
        output_scale=0.0625,
        zero_point=-3,
        output=IntFormat(16),
        clamp=(None, None),
        real_bias=np.array([1.5, -0.25, 0.0]) if spec.scheme in REAL_BIAS_SCHEMES else None,
        accumulator=(-(1 << 20), 1 << 20),
        where="test",
    )


@pytest.mark.parametrize("scheme", WITH_STEPS)
def test_the_last_step_before_the_zero_point_gives_the_code(scheme):
    specs = [spec for spec in grid() if spec.scheme == scheme and spec.scale is None]
    named = {rounding.name.lower() for rounding in ROUNDINGS}
    specs = [spec for spec in specs if spec.rounding in named][:8]
    assert specs
    for spec in specs:
        made = requantizer(spec)
        for acc in (-70001, -400, -3, 0, 5, 8, 12345, 99999):
            for channel in range(3):
                found = steps(made, acc, channel)
                inside = scheme in ("multiply_add_shift", "float32_dequantized")
                wanted = found[-2].value + (0 if inside else -3)
                assert (found[0].value, found[-1].value) == (acc, wanted), spec


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_shift_notes_ties_and_only_ties(rounding):
    for value in range(-40, 41):
        step = shifted(value, 3, rounding)
        assert bool(step.note) == (Fraction(value, 8) % 1 == Fraction(1, 2))
        if rounding == Rounding.FLOOR:
            assert step.value == value // 8


def test_a_tie_says_what_each_rule_makes_of_it():
    note = "a tie: half_up -2, half_away -3, half_even -2"
    assert shifted(-20, 3, Rounding.HALF_UP).note == note
