"""Where a bias is added: the accumulator, or the requantizer, as the scheme says."""

from dataclasses import replace

import numpy as np
import pytest
import strategies

from hwsim.arith.formats import IntFormat
from hwsim.errors import ConfigError, ModelError
from hwsim.mapping.bias import place_bias
from hwsim.mapping.prepare import OutputSide, prepare
from hwsim.mapping.run import run_layer

SX, SW, SY = 0.5, np.array([0.25, 0.125]), 0.5
REAL = np.array([3.25, -2.0])  # 26 and -32 steps of sx * sw
CODES = np.array([[26, -32]])
INTEGER = {"scheme": "float32", "rounding": "half_even"}
SCHEMES = [
    {"scheme": "float32_bias", "rounding": "half_even"},
    {"scheme": "float32_dequantized", "weight_scale": "float32", "rounding": "half_even"},
    {"scheme": "real_bias", "quantize": "division", "rounding": "half_even"},
]


def machine(policy=INTEGER, from_real="float64", **words):
    made = strategies.machine("output_stationary", accumulator=(20, "saturate"), **words)
    tree = made.model_dump() | {"requantize": {"default": policy}}
    tree["bias"]["from_real"] = from_real
    return type(made)(**tree)


def side(real_bias=None):
    return OutputSide("conv_2d", SX, SW, SY, 4, IntFormat(8), (None, None), 8, real_bias)


def problem(bias=None, za=0):
    rng = np.random.default_rng(0)
    a, w = rng.integers(-9, 10, (2, 1, 5, 7)), rng.integers(-9, 10, (1, 7, 2))
    return strategies.gemm(a, w, za, bias=bias)


@pytest.mark.parametrize("policy", [INTEGER, *SCHEMES], ids=lambda p: p["scheme"])
def test_real_and_integer_bias_of_one_value_give_the_same_codes(policy):
    whole = run_layer(problem(CODES), side(), machine(policy), "a layer").codes
    real = run_layer(problem(), side(REAL), machine(policy), "a layer").codes
    none = run_layer(problem(), side(), machine(policy), "a layer").codes
    exact = (problem().a @ problem().w) * SX * SW
    assert np.array_equal(whole, real)
    assert np.array_equal(whole, np.rint((exact + REAL) / SY) + 4)
    assert np.array_equal(none, np.rint(exact / SY) + 4)


@pytest.mark.parametrize("policy", SCHEMES, ids=lambda p: p["scheme"])
@pytest.mark.parametrize("given", ["integer", "real"])
def test_a_real_bias_is_not_in_the_accumulator(policy, given):
    gemm, end = (problem(CODES), side()) if given == "integer" else (problem(), side(REAL))
    layer = prepare(gemm, end, machine(policy), "a layer")
    without = prepare(problem(), side(), machine(policy), "a layer")
    assert layer.gemm.bias is None
    assert (layer.datapath.preload, layer.datapath.last, layer.bias.stored) == (None, None, None)
    assert layer.bounds.accumulator_weight.reach == without.bounds.accumulator_weight.reach
    run = run_layer(gemm, end, machine(policy), "a layer")
    assert np.array_equal(run.accumulator, problem().a @ problem().w)
    assert not run.ledger.bias_events.any()


def test_an_integer_made_of_a_real_bias_is_in_the_accumulator():
    layer = prepare(problem(), side(REAL), machine(), "a layer")
    assert layer.gemm.bias.tolist() == CODES.tolist()
    assert layer.datapath.preload.tolist() == CODES.tolist()
    narrow = machine()
    words = narrow.model_dump()
    words["bias"]["bits"] = 6
    run = run_layer(problem(), side(REAL * 2), type(narrow)(**words), "a layer")
    assert run.ledger.bias_events.tolist() == [[2, 2]]  # 52 and -64 of two samples, in 6 bits


@pytest.mark.parametrize("policy", SCHEMES, ids=lambda p: p["scheme"])
def test_folded_zero_points_stay_in_the_accumulator(policy):
    folded = machine(policy, zero_point="fold")
    layer = prepare(problem(CODES, za=5), side(), folded, "a layer")
    corrections = -5 * layer.datapath.w.sum(axis=1)
    assert np.array_equal(layer.datapath.preload, corrections)
    subtracted = run_layer(problem(CODES, za=5), side(), machine(policy), "a layer")
    assert np.array_equal(
        run_layer(problem(CODES, za=5), side(), folded, "x").codes, subtracted.codes
    )


@pytest.mark.parametrize(("from_real", "code"), [("float64", 1), ("float32", 2)])
def test_from_real_names_the_precision(from_real, code):
    """0.3 / 0.2 is below 1.5 in float64, and 1.5 in float32: arith/real_bias.py."""
    gemm, scales = problem(), (2.0, np.array([0.1, 0.1]))
    made, left = place_bias(
        gemm, np.array([0.3, 0.3]), scales, machine().requantize["default"],
        machine(from_real=from_real), "a layer",
    )  # fmt: skip
    assert (made.bias.tolist(), left) == ([[code, code]], None)


def test_contradictions_are_refused_by_name():
    with pytest.raises(ConfigError, match=r"made, layer conv: bias\.from_real = missing: must be"):
        prepare(problem(), side(REAL), machine(from_real=None), "conv")
    with pytest.raises(ModelError, match="conv: real_bias = there: must be absent"):
        prepare(problem(CODES), side(REAL), machine(), "conv")
    both = replace(side(REAL), real_bias=None)
    assert prepare(problem(CODES), both, machine(from_real=None), "conv").gemm.bias is not None
