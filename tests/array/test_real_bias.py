"""Schemes whose bias is a real number: against fractions, channel by channel, at ties."""

from fractions import Fraction

import numpy as np
import pytest
from oracles.reals import nearest_float
from oracles.rules import rounded

from hwsim.arith.formats import IntFormat
from hwsim.arith.real_bias import bias_codes
from hwsim.array.policy_checks import check_policy
from hwsim.array.requantizer import build
from hwsim.array.specification import RequantizeSpec

EVEN = {"rounding": "half_even"}
POLICIES = [
    {"scheme": "float32_bias", **EVEN},
    {"scheme": "float32_dequantized", "weight_scale": "float32", **EVEN},
    {"scheme": "float32_dequantized", "weight_scale": "twice_inverted", **EVEN},
    *[
        {"scheme": "real_bias", "quantize": form, **EVEN}
        for form in ("division", "reciprocal", "reciprocal_float64")
    ],
]
CHANNELS = 6
TIES = {"input_scale": 0.5, "output_scale": 2.0, "weight_scale": np.full(CHANNELS, 1.0)}


def single(x) -> Fraction:
    """Rounded to binary32."""
    return nearest_float(Fraction(x), 24)


def double(x) -> Fraction:
    """Rounded to binary64."""
    return nearest_float(Fraction(x), 53)


def expected(policy, acc, sx, sw, sy, b, zero_point) -> int:
    """Code before clamp and format, by the formulas of SEMANTICS.md, sections 3 to 5."""
    sx, sw, sy, b = (Fraction(float(x)) for x in (sx, sw, sy, b))
    match policy["scheme"]:
        case "float32_bias":
            act = single(single(sx) * single(sw))
            total = single(single(acc) + single(single(b) / act))
            return rounded(single(total * single(act / single(sy))), "half_even") + zero_point
        case "float32_dequantized":
            unit, weight = single(1 / single(double(1 / sx))), single(sw)
            if policy["weight_scale"] == "twice_inverted":
                weight = single(1 / single(1 / weight))
            steps = single(1 / single(1 / single(double(1 / sy))))
            real = single(single(single(single(acc) * unit) * weight) + single(b))
            return rounded(single(single(real * steps) + zero_point), "half_even")
        case "real_bias":
            real = single(double(double(double(acc) * double(sw * sx)) + b))
            if policy["quantize"] == "division":
                value = single(real / single(sy))
            elif policy["quantize"] == "reciprocal":
                value = single(real * single(1 / single(sy)))
            else:
                value = single(real * single(double(1 / sy)))
            return rounded(value, "half_even") + zero_point
    raise AssertionError(policy)


def scales(seed):
    """Scales of an ordinary layer, as PyTorch holds them: float64 numbers."""
    rng = np.random.default_rng(seed)
    return {
        "input_scale": 0.0203,  # inverting this one and the next twice changes them
        "output_scale": 0.127,
        "weight_scale": rng.uniform(0.001, 0.02, CHANNELS),
    }


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: "-".join(p.values()))
@pytest.mark.parametrize("words", [TIES, scales(0), scales(1)], ids=["ties", "0", "1"])
@pytest.mark.parametrize("zero_point", [-7, 4])
def test_scheme_equals_fractions(policy, words, zero_point):
    rng = np.random.default_rng(zero_point + 7)
    bias = np.float64(np.float32(rng.normal(0, 3, CHANNELS)))
    bias[0] = 0.5 * words["input_scale"]
    requantizer = build(
        RequantizeSpec(**policy), **words, zero_point=zero_point, output=IntFormat(32),
        clamp=(None, None), accumulator=(-(2**31), 2**31 - 1), real_bias=bias, where="a layer",
    )  # fmt: skip
    acc = rng.integers(-40_000, 40_000, (1, 2, 12, CHANNELS // 2))
    acc[:, :, ::3] //= 1000
    acc[:, :, 1::3] *= 20_000  # where binary32 holds no fraction, each operation shows
    codes = requantizer.apply(acc).codes
    arguments = (words["input_scale"], words["output_scale"], zero_point)
    for at in np.ndindex(acc.shape):
        c = at[1] * 3 + at[3]
        sx, sy, _ = arguments
        wanted = expected(
            policy, int(acc[at]), sx, words["weight_scale"][c], sy, bias[c], zero_point
        )
        assert codes[at] == wanted, (at, int(acc[at]))


def test_the_zero_point_is_inside_the_rounding_where_onednn_has_it():
    """1.5 and zero point 3: 4.5 becomes 4, but 1.5 becomes 2 and then 5."""
    codes = {}
    for policy in (POLICIES[0], POLICIES[1]):
        requantizer = build(
            RequantizeSpec(**policy), input_scale=0.5, weight_scale=np.ones(1), output_scale=1.0,
            zero_point=3, output=IntFormat(8), clamp=(None, None), accumulator=(-9, 9),
            where="a layer",
        )  # fmt: skip
        codes[policy["scheme"]] = requantizer.apply(np.full((1, 1, 1, 1), 3)).codes.item()
    assert codes == {"float32_bias": 5, "float32_dequantized": 4}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: "-".join(p.values()))
def test_degenerate_scales_give_codes_of_the_format(policy):
    for words in ({"weight_scale": np.array([1e-45, 1e-30, 0.0])}, {"output_scale": 1e-9}):
        requantizer = build(
            RequantizeSpec(**policy),
            **{"input_scale": 0.02, "output_scale": 0.1, "weight_scale": np.ones(3), **words},
            zero_point=-7, output=IntFormat(8), clamp=(None, None), accumulator=(-9, 9),
            real_bias=np.array([1.0, -1.0, 0.0]), where="a layer",
        )  # fmt: skip
        codes = requantizer.apply(np.array([[[[9, 9, 9]], [[-9, -9, -9]]]]).reshape(1, 1, 2, 3))
        assert ((codes.codes >= -128) & (codes.codes <= 127)).all()


def test_bias_codes_differ_between_the_floats_at_ties_alone():
    rng = np.random.default_rng(0)
    bias, weight = rng.normal(0, 1, 4000), rng.uniform(1e-5, 2e-5, 4000)
    codes = {d: bias_codes(bias, 0.37, weight, d) for d in (np.float32, np.float64)}
    exact = [
        Fraction(b) / (Fraction(0.37) * Fraction(w)) for b, w in zip(bias, weight, strict=True)
    ]
    assert codes[np.float64].tolist() == [rounded(x, "half_even") for x in exact]
    differs = np.flatnonzero(codes[np.float32] != codes[np.float64])
    assert all(abs(abs(exact[i] - int(exact[i])) - Fraction(1, 2)) < 2**-4 for i in differs)
    assert differs.size
    assert bias_codes(np.array([1e300]), 1.0, np.ones(1), np.float32)[0] == 2**62


@pytest.mark.parametrize(("dtype", "rounds"), [(np.float32, single), (np.float64, double)])
def test_bias_codes_round_every_operation(dtype, rounds):
    """Biases that lie at ties of the quotient, or beside them."""
    rng = np.random.default_rng(1)
    weight, sx = rng.uniform(1e-3, 2e-3, 600), 0.37
    bias = (rng.integers(-(1 << 21), 1 << 21, 600) + 0.5) * (np.float32(weight) * np.float32(sx))
    steps = [rounds(rounds(sx) * rounds(float(w))) for w in weight]
    pairs = zip(bias.tolist(), steps, strict=True)
    wanted = [rounded(rounds(rounds(b) / step), "half_even") for b, step in pairs]
    assert bias_codes(bias, sx, weight, dtype).tolist() == wanted


WRONG = [
    ("scale", {"scheme": "float32_bias", "scale": "float64", **EVEN}),
    (
        "scale",
        {"scheme": "float32_dequantized", "weight_scale": "float32", "scale": "float64", **EVEN},
    ),
    ("weight_scale", {"scheme": "float32_dequantized", **EVEN}),
    ("weight_scale", {"scheme": "float32_bias", "weight_scale": "float32", **EVEN}),
    ("quantize", {"scheme": "real_bias", **EVEN}),
    ("quantize", {"scheme": "float32", "quantize": "division", **EVEN}),
    ("rounding", {"scheme": "real_bias", "quantize": "division", "rounding": "half_away"}),
    ("rounding", {"scheme": "float32_bias", "rounding": "half_up"}),
]


@pytest.mark.parametrize(("field", "words"), WRONG)
def test_policy_names_the_word_that_does_not_go_with_its_scheme(field, words):
    assert [failure[0] for failure in check_policy(RequantizeSpec(**words))] == [field]
    assert all(check_policy(RequantizeSpec(**policy)) == [] for policy in POLICIES)
