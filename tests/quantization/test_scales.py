"""Scales, codes and biases of a quantization."""

import numpy as np
import pytest

from hwsim.errors import ConfigError
from hwsim.quantization.choices import Choices
from hwsim.quantization.scales import (
    activation_affine,
    bias_codes,
    own_scale_codes,
    power_of_two_above,
    pure_shift_scales,
    scales_that_hold,
    weight_codes,
)

RNG = np.random.default_rng(1)
WEIGHT = RNG.normal(size=(6, 3, 3, 2)) * np.exp2(RNG.uniform(-8, 2, (6, 1, 1, 1)))


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("grid", ["symmetric", "affine"])
@pytest.mark.parametrize("bits", [2, 3, 8, 16])
def test_weights_are_within_half_a_step_of_their_codes(bits, grid, per_channel):
    coded = weight_codes(WEIGHT, Choices(weight_bits=bits, weights=grid, per_channel=per_channel))
    form = Choices(weight_bits=bits, weights=grid).weight_format
    assert coded.codes.min() >= form.lo
    assert coded.codes.max() <= form.hi
    scale, zero = coded.scale.reshape(-1, 1, 1, 1), coded.zero_point.reshape(-1, 1, 1, 1)
    assert len(set(coded.scale.tolist())) == (6 if per_channel else 1)
    steps = np.abs((coded.codes - zero) - WEIGHT / scale)
    most = 1.0 if grid == "affine" else 0.5  # the rounded zero point moves the grid
    assert steps.max() <= most * (1 + 1e-6)


@pytest.mark.parametrize("ends", [(0.0, 3.0), (-1.0, 2.0), (-5.0, -1.0), (0.5, 1.0)])
@pytest.mark.parametrize("power", ["none", "scales"])
def test_zero_has_a_code(ends, power):
    coded = activation_affine(ends, Choices(power_of_two=power))
    assert coded.zero_point in coded.format
    if power == "scales":
        assert np.log2(coded.scale) == int(np.log2(coded.scale))


def test_refit_weight_scales_make_requantization_a_pure_shift_and_clip_nothing():
    choices = Choices()
    coded = weight_codes(WEIGHT, choices)
    sx, sy = 0.0173, 0.231
    refit = pure_shift_scales(coded, sx, sy)
    exponent = np.log2(sx * refit / sy)
    assert np.abs(exponent - np.rint(exponent)).max() < 1e-12
    assert (refit >= coded.scale * 127 / 128).all()
    assert (refit < 2 * coded.scale).all()
    again = weight_codes(WEIGHT, choices, refit)
    assert np.abs(again.codes).max() <= 127


def test_a_bias_at_an_own_scale_is_within_half_its_step():
    bias, scale = RNG.normal(size=50), np.full(50, 1e-5)
    step = np.abs(bias).max() / 127
    assert np.abs(own_scale_codes(bias, scale) * scale - bias).max() <= step / 2 + 1e-5


def test_grown_weight_scales_hold_the_bias_in_16_bits():
    bias, scale = RNG.normal(size=50), np.full(50, 1e-6)
    grown = scales_that_hold(bias, scale, 0.02)
    assert np.abs(bias_codes(bias, 0.02 * grown)).max() <= 32767
    assert (grown >= scale).all()


def test_powers_of_two_are_kept():
    for n in range(-20, 20):
        assert power_of_two_above(2.0**n) == 2.0**n


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"weight_bits": 17}, "weight_bits"),
        ({"observer": "max"}, "observer"),
        ({"percentile": 20.0}, "percentile"),
        ({"averaging": float("nan")}, "averaging"),
        ({"activations": "symmetric", "activation_signed": False}, "activation_signed"),
        ({"power_of_two": "yes"}, "power_of_two"),
    ],
)
def test_a_wrong_choice_is_named(words, field):
    with pytest.raises(ConfigError, match=rf"^quantize: {field} = "):
        Choices(**words)
