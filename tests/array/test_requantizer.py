"""The requantizer of a layer: schemes per channel, stages, limits, stochastic rounding."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import reals
from oracles.rules import ROUNDINGS, rounded

from hwsim.arith.formats import IntFormat
from hwsim.array.policy_checks import check_policy
from hwsim.array.requantizer import build
from hwsim.array.specification import RequantizeSpec
from hwsim.errors import ConfigError

INT32 = (-(2**31), 2**31 - 1)
LFSR = {"polynomial": 0x80200003, "seed": 77}
ALL_RULES = sorted(ROUNDINGS)
POLICIES = [
    *[{"scheme": "multiplier_shift", "rounding": r, "multiplier_bits": 31} for r in ALL_RULES],
    {"scheme": "multiplier_shift", "rounding": "half_up", "multiplier_bits": 5},
    *[{"scheme": "multiplier_shift_double", "rounding": r} for r in ("half_away", "half_up")],
    {"scheme": "reduced_16", "rounding": "half_up"},
    *[{"scheme": "shift_only", "rounding": r} for r in ALL_RULES],
    *[{"scheme": "multiply_add_shift", "rounding": r, "multiplier_bits": 12} for r in ALL_RULES],
    {"scheme": "float32", "rounding": "half_even", "scale": "float32_product_quotient"},
    {"scheme": "float64", "rounding": "half_away", "scale": "float32_product"},
    *[{"scheme": "threshold_table", "rounding": r} for r in ALL_RULES],
    *[{"scheme": "lookup_table", "rounding": r, "table_bits": 9} for r in ALL_RULES],
]


def made(policy, channels=4, seed=0, **words):
    """A requantizer with scales of an ordinary layer, one weight scale a channel."""
    rng = np.random.default_rng(seed)
    arguments = {
        "input_scale": float(np.float32(0.0235)),
        "weight_scale": np.float32(rng.uniform(0.001, 0.2, channels)).astype(np.float64),
        "output_scale": float(np.float32(0.11)),
        "zero_point": -7,
        "output": IntFormat(8),
        "clamp": (None, None),
        "accumulator": INT32,
        "columns": None,
        "where": "machine, layer",
    }
    return build(RequantizeSpec(**policy), **{**arguments, **words})


def expected_value(r, policy, acc, channel):
    """Value with its zero point, before clamp and format, and event: by fractions."""
    rule, zero_point = policy["rounding"], r.zero_point
    multiplier, shift = int(r.multiplier[channel]), int(r.shift[channel])
    factor = Fraction(float(r.factor[channel]))
    match policy["scheme"]:
        case "multiplier_shift" | "shift_only":
            exact = acc * multiplier / Fraction(2) ** shift
            return rounded(exact, rule) + zero_point, False
        case "multiplier_shift_double":
            value, event = reals.multiplier_shift_double(acc, multiplier, 31 - shift, rule)
            return value + zero_point, event
        case "reduced_16":
            value, event = reals.reduced_16(acc, multiplier, shift)
            return value + zero_point, event
        case "multiply_add_shift":
            return rounded(Fraction(acc * multiplier, 2**shift) + zero_point, rule), False
        case "float32":
            return reals.float32(acc, factor) + zero_point, False
        case "float64":
            return reals.float64(acc, factor, zero_point)
        case "threshold_table":
            return rounded(acc * factor, rule) + zero_point, False
        case "lookup_table":
            step = acc >> shift
            held = min(max(step, -256), 255)
            middle = held * 2**shift + Fraction(2**shift - 1, 2)
            return rounded(middle * factor, rule) + zero_point, step != held
    raise AssertionError(policy)


def accumulators(r, shape, seed):
    """Near the outputs' range, near its ends, and anywhere in int32."""
    rng = np.random.default_rng(seed)
    near = (rng.integers(-300, 300, shape) * 4 / r.real_scale.mean() / 8).astype(np.int64)
    wide = rng.integers(*INT32, shape, endpoint=True)
    return np.where(rng.random(shape) < 0.8, near, wide)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: "-".join(map(str, p.values())))
@pytest.mark.parametrize("clamp", [(None, None), (-7, 90), (-200, None)], ids=str)
def test_requantizer_equals_fractions_stage_by_stage(policy, clamp):
    r = made(policy, channels=6, clamp=clamp)
    acc = accumulators(r, (2, 3, 17, 2), seed=len(str(policy)))
    result = r.apply(acc)
    least, largest = (-(2**70) if clamp[0] is None else clamp[0]), clamp[1] or 2**70
    for index in np.ndindex(acc.shape):
        value, event = expected_value(r, policy, int(acc[index]), index[1] * 2 + index[3])
        clamped = min(max(value, least), largest)
        code = min(max(clamped, -128), 127)
        if policy["scheme"] == "threshold_table":
            value = min(max(value, -129), 128)
        assert result.codes[index] == code
        assert result.clipped[index] == (clamped != code)
        assert result.events[index] == event
    assert result.clipped.any() == (clamp[1] is None)


@pytest.mark.parametrize(
    "policy", [p for p in POLICIES if p["scheme"] not in ("lookup_table", "float64")],
    ids=lambda p: "-".join(map(str, p.values())),
)  # fmt: skip
def test_code_never_falls_where_the_accumulator_rises(policy):
    r = made(policy, channels=1, accumulator=(-(2**20), 2**20))
    acc = np.arange(-9000, 9000).reshape(1, 1, -1, 1)
    assert (np.diff(r.apply(acc).codes.ravel()) >= 0).all()


def test_activation_clamp_is_no_clip():
    r = made(POLICIES[0], clamp=(-7, 127))
    result = r.apply(np.full((1, 1, 1, 4), -(2**20)))
    assert result.codes.ravel().tolist() == [-7] * 4
    assert not result.clipped.any()
    assert made(POLICIES[0]).apply(np.full((1, 1, 1, 4), -(2**20))).clipped.all()


def test_clamp_reaches_beyond_the_format_and_the_format_clips():
    r = made(POLICIES[0], clamp=(None, 300))
    assert r.apply(np.full((1, 1, 1, 4), 2**28)).clipped.all()


def test_left_shift_that_wraps_is_an_event():
    r = made({"scheme": "multiplier_shift_double", "rounding": "half_away"}, output_scale=1e-6)
    assert (r.shift < 31).all()
    result = r.apply(np.array([[[[1, 1, 2**30, -(2**30)]]]]))
    assert result.events.ravel().tolist() == [False, False, True, True]


def test_flushed_scale_gives_the_zero_point_without_an_event():
    words = {"weight_scale": np.array([0.0, 1e-30]), "channels": 2}
    for policy in POLICIES:
        if policy["scheme"] not in ("shift_only", "lookup_table") and policy["rounding"] in (
            "half_up", "half_even", "half_away",
        ):  # fmt: skip
            result = made(policy, **words).apply(np.array([[[[2**31 - 1, -(2**31)]]]]))
            assert result.codes.ravel().tolist() == [-7, -7], policy
            assert not result.events.any()


def test_effective_scale_is_what_the_integers_say():
    r = made({"scheme": "multiplier_shift", "rounding": "half_up", "multiplier_bits": 8})
    exact = [Fraction(int(m), 2 ** int(s)) for m, s in zip(r.multiplier, r.shift, strict=True)]
    assert [Fraction(float(x)) for x in r.effective_scale] == exact
    assert (abs(r.effective_scale / r.real_scale - 1) <= 2.0**-8).all()
    shift = made({"scheme": "shift_only", "rounding": "half_up"})
    gain = shift.effective_scale / shift.real_scale
    assert (gain > 2**-0.5).all()
    assert (gain < 2**0.5).all()


def test_scale_rule_changes_the_factor_and_not_the_real_scale():
    rules = ("float64", "float32_product", "float32_product_quotient")
    made_by = [
        made({"scheme": "float64", "rounding": "half_away", "scale": rule}, channels=50)
        for rule in rules
    ]
    assert all((r.real_scale == made_by[0].factor).all() for r in made_by)
    assert (made_by[1].factor != made_by[0].factor).any()
    assert (made_by[2].factor != made_by[1].factor).any()


STOCHASTIC = [
    {"scheme": "multiplier_shift", "rounding": "stochastic", "multiplier_bits": 8, "lfsr": LFSR},
    {"scheme": "shift_only", "rounding": "stochastic", "lfsr": LFSR},
    {"scheme": "multiply_add_shift", "rounding": "stochastic", "multiplier_bits": 8, "lfsr": LFSR},
]


@pytest.mark.parametrize("policy", STOCHASTIC, ids=lambda p: p["scheme"])
def test_stochastic_rounding_steps_one_register_a_column(policy):
    groups, m, n, columns = 2, 5, 7, 3
    r = made(policy, channels=groups * n, columns=columns)
    acc = accumulators(r, (2, groups, m, n), seed=1)
    codes = r.apply(acc).codes
    for sample in range(2):  # registers are reset at each sample
        states = [LFSR["seed"] + c for c in range(columns)]
        for g in range(groups):
            for first in range(0, n, columns):
                for i in range(m):
                    for j in range(first, min(first + columns, n)):
                        state = states[j - first]
                        state = state // 2 ^ (LFSR["polynomial"] if state % 2 else 0)
                        states[j - first] = state
                        channel, x = g * n + j, int(acc[sample, g, i, j])
                        shift = int(r.shift[channel])
                        x = x * int(r.multiplier[channel]) + state % 2**shift
                        wanted = x // 2**shift - 7
                        assert codes[sample, g, i, j] == min(max(wanted, -128), 127)


def test_stochastic_rounding_is_reproducible_and_keeps_the_mean():
    r = made(STOCHASTIC[0], channels=1, columns=4)
    acc = np.full((1, 1, 4096, 1), 1234)
    codes = r.apply(acc).codes
    assert (codes == r.apply(acc).codes).all()
    exact = 4096 * (1234 * Fraction(int(r.multiplier[0]), 2 ** int(r.shift[0])) - 7)
    assert abs(int(codes.sum()) - exact) < 6 * 32  # six standard deviations of a fair coin
    assert len(np.unique(codes)) == 2


REFUSED = [
    ("scheme", {"accumulator": (-(2**31) - 1, 0)}, POLICIES[11]),
    ("scheme", {"accumulator": (-(2**47) - 1, 0)}, POLICIES[13]),
    ("intermediate", {"accumulator": (-(2**33), 0)}, POLICIES[0]),
    ("intermediate", {"zero_point": 100, "output_scale": 1e12}, POLICIES[24]),
    ("shift", {"output_scale": 1e7}, STOCHASTIC[0]),
    ("output_scale", {"output_scale": 0.0}, POLICIES[0]),
    ("input_scale", {"input_scale": float("nan")}, POLICIES[0]),
    ("factor of channel 1", {"weight_scale": np.array([1, np.inf])}, POLICIES[0]),
    ("factor of channel 0", {"weight_scale": np.array([-0.5, 1])}, POLICIES[0]),
    ("factor of channel 1", {"weight_scale": np.array([1, 0])}, POLICIES[14]),
    ("scheme", {"output": IntFormat(16)}, {"scheme": "threshold_table", "rounding": "floor"}),
]


@pytest.mark.parametrize(("field", "words", "policy"), REFUSED)
def test_scheme_refuses_what_it_cannot_take(field, words, policy):
    with pytest.raises(ConfigError, match=rf"^machine, layer: .*{field}"):
        made(policy, **words)


@given(bits=st.integers(1, 31), reach=st.integers(1, 62))
def test_refused_or_exact_in_int64(bits, reach):
    policy = {"scheme": "multiplier_shift", "rounding": "half_even", "multiplier_bits": bits}
    bound = 2**reach
    try:
        r = made(policy, accumulator=(-bound, bound - 1), output=IntFormat(32), channels=1)
    except ConfigError:
        assert bits + reach >= 63
        return
    value = r.apply(np.full((1, 1, 1, 1), -bound)).codes.item()
    exact = rounded(-bound * int(r.multiplier[0]) / Fraction(2) ** int(r.shift[0]), "half_even")
    assert value == max(exact - 7, -(2**31))


WRONG_WORDS = [
    ("multiplier_bits", {"scheme": "multiplier_shift", "rounding": "half_up"}),
    ("multiplier_bits", {"scheme": "multiply_add_shift", "rounding": "half_up"}),
    ("multiplier_bits", {"scheme": "reduced_16", "rounding": "half_up", "multiplier_bits": 8}),
    ("table_bits", {"scheme": "lookup_table", "rounding": "floor"}),
    ("table_bits", {"scheme": "shift_only", "rounding": "floor", "table_bits": 8}),
    ("rounding", {"scheme": "float32", "rounding": "half_away"}),
    ("rounding", {"scheme": "float64", "rounding": "half_even"}),
    ("rounding", {"scheme": "reduced_16", "rounding": "half_away"}),
    ("rounding", {"scheme": "multiplier_shift_double", "rounding": "half_even"}),
    ("rounding", {"scheme": "threshold_table", "rounding": "stochastic", "lfsr": LFSR}),
    ("lfsr", {"scheme": "shift_only", "rounding": "stochastic"}),
    ("lfsr", {"scheme": "shift_only", "rounding": "floor", "lfsr": LFSR}),
    ("scale", {"scheme": "threshold_table", "rounding": "floor", "scale": "float32_product"}),
]


@pytest.mark.parametrize(("field", "words"), WRONG_WORDS)
def test_policy_names_the_word_that_does_not_go_with_its_scheme(field, words):
    assert [failure[0] for failure in check_policy(RequantizeSpec(**words))] == [field]
    with pytest.raises(ConfigError, match=rf"^machine, layer: requantize\.{field} = "):
        made(words)


@pytest.mark.parametrize("policy", POLICIES + STOCHASTIC)
def test_policy_accepts_what_is_right(policy):
    assert check_policy(RequantizeSpec(**policy)) == []


@pytest.mark.parametrize("n", [1, 3, 15, 16, 40])
@pytest.mark.parametrize("groups", [1, 4])
def test_layout_of_channels_is_invisible(n, groups):
    r = made(POLICIES[6], channels=groups * n)
    acc = accumulators(r, (2, groups, 5, n), seed=n)
    codes = r.apply(acc).codes
    for channel in range(groups * n):
        g, j = divmod(channel, n)
        alone = replace(
            r,
            **{
                name: getattr(r, name)[channel : channel + 1]
                for name in ("multiplier", "shift", "add", "factor", "real_scale", "table")
            },
            reals=r.reals[:, channel : channel + 1],
        )
        single = alone.apply(acc[:, g : g + 1, :, j : j + 1]).codes
        assert (codes[:, g, :, j] == single[:, 0, :, 0]).all()


@pytest.mark.parametrize("shape", [(0, 1, 3, 4), (2, 1, 0, 4), (1, 2, 3, 0)])
@pytest.mark.parametrize("policy", [POLICIES[0], POLICIES[-1], POLICIES[-11], STOCHASTIC[0]])
def test_no_outputs_give_no_codes(policy, shape):
    result = made(policy, channels=shape[1] * shape[3]).apply(np.zeros(shape, np.int64))
    assert result.codes.shape == result.clipped.shape == result.events.shape == shape
