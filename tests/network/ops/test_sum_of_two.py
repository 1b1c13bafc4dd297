"""``add`` and ``sub``: every scheme against exact fractions or the runtime's own formula."""

from fractions import Fraction

import numpy as np
import pytest
from oracles import tflite_ops
from oracles.rules import rounded
from oracles.tflite_machine import machine_with, tflite_machine

from hwsim.arith.formats import IntFormat
from hwsim.errors import ConfigError, UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import OPS

ROUNDINGS = (
    "floor",
    "toward_zero",
    "half_up",
    "half_down",
    "half_away",
    "half_even",
    "ceil",
    "odd",
)
WIDE = IntFormat(32)  # an output format that clips nothing


def pair(rng, *, output=WIDE, bits=8, scales=None):
    """Two random tensors of codes with random quantization, and the output's."""
    signed = bool(rng.integers(2))
    form = IntFormat(bits, signed)
    scales = rng.uniform(0.01, 0.5, 3) if scales is None else scales
    zeros = [int(rng.integers(form.lo, form.hi + 1)) for _ in range(3)]
    tensors = {
        name: Tensor(name, (4, 5, 3), f, float(np.float32(s)), z)
        for name, f, s, z in zip("aby", (form, form, output), scales, zeros, strict=True)
    }
    codes = [rng.integers(form.lo, form.hi + 1, (2, 4, 5, 3)) for _ in range(2)]
    return tensors, codes


def run(op, tensors, codes, machine, clamp=(None, None)):
    node = Node("sum", op, ("a", "b"), "y", attributes={"clamp": clamp})
    return OPS[op](node, tensors, codes, machine)


def exactly(tensors, codes, sign, multipliers, rule):
    """``round(ma * (a - za) + sign * mb * (b - zb)) + zy`` in fractions."""
    a, b, y = (tensors[name] for name in "aby")
    ma, mb = multipliers
    return np.array(
        [
            rounded(ma * (u - a.zero_point) + sign * mb * (v - b.zero_point), rule) + y.zero_point
            for u, v in zip(codes[0].ravel().tolist(), codes[1].ravel().tolist(), strict=True)
        ]
    ).reshape(codes[0].shape)


def single(x, real):
    """TFLite's multiplication by a real number, rounded once, half up."""
    m, e = tflite_ops.quantize_multiplier(real)
    return (np.asarray(x, np.int64) * m + (1 << (30 - e))) >> (31 - e)


@pytest.mark.parametrize("bits", [8, 16])
def test_three_multipliers_round_each_step_once(bits):
    left = 2  # so few that two roundings are seen to differ from one
    words = {"rounding": "half_up", "left_shift": left}
    once, twice = (
        machine_with({"add": {"scheme": scheme, **words}})
        for scheme in ("three_multipliers", "multiplier_shift_double")
    )
    different = 0
    for seed in range(20):
        tensors, codes = pair(np.random.default_rng(seed), bits=bits)
        a, b, y = (tensors[name] for name in "aby")
        unit = 2 * max(a.scale, b.scale)
        x = [
            single((c - t.zero_point) << left, t.scale / unit)
            for c, t in zip(codes, (a, b), strict=True)
        ]
        expected = single(x[0] + x[1], unit / (2.0**left * y.scale)) + y.zero_point
        assert np.array_equal(run("add", tensors, codes, once), expected)
        different += np.count_nonzero(run("add", tensors, codes, twice) != expected)
    assert different > 0


def grid(ratios, bits, rule, *, renormalize):
    """Both multipliers on the grid 2**-s on which the larger has ``bits`` bits."""
    s = 0
    while max(ratios) * Fraction(2) ** s < 2 ** (bits - 1):
        s += 1
    while max(ratios) * Fraction(2) ** s >= 2**bits:
        s -= 1
    if renormalize and rounded(max(ratios) * Fraction(2) ** s, rule) == 2**bits:
        s -= 1
    step = Fraction(2) ** s
    return [rounded(r * step, rule) / step for r in ratios]


def ratios_of(tensors):
    """sa / sy and sb / sy, as a float64 division gives them."""
    return [Fraction(tensors[name].scale / tensors["y"].scale) for name in "ab"]


@pytest.mark.parametrize(("op", "sign"), [("add", 1), ("sub", -1)])
@pytest.mark.parametrize("rule", ROUNDINGS)
@pytest.mark.parametrize("bits", [3, 8, 31])
def test_multiplier_shift_is_one_rounding_of_the_exact_sum(op, sign, rule, bits):
    rng = np.random.default_rng(bits)
    words = {"scheme": "multiplier_shift", "rounding": rule, "multiplier_bits": bits}
    for machine in (machine_with({"add": words}), machine_with(default=words)):
        tensors, codes = pair(rng)
        multipliers = grid(ratios_of(tensors), bits, "half_away", renormalize=True)
        expected = exactly(tensors, codes, sign, multipliers, rule)
        assert np.array_equal(run(op, tensors, codes, machine), expected)


def test_multiplier_shift_renormalizes_a_carry_and_shared_shift_keeps_it():
    scales = (0.9999, 0.3, 1.0)
    for scheme, renormalize in (("multiplier_shift", True), ("shared_shift", False)):
        words = {"scheme": scheme, "rounding": "half_up", "multiplier_bits": 4}
        tensors, codes = pair(np.random.default_rng(1), scales=scales)
        multipliers = grid(ratios_of(tensors), 4, "half_even", renormalize=renormalize)
        assert multipliers == ([1, Fraction(1, 4)] if renormalize else [1, Fraction(5, 16)])
        expected = exactly(tensors, codes, 1, multipliers, "half_up")
        assert np.array_equal(run("add", tensors, codes, machine_with({"add": words})), expected)


@pytest.mark.parametrize("rule", ROUNDINGS)
def test_shift_only_takes_the_nearest_powers_of_two(rule):
    machine = machine_with({"add": {"scheme": "shift_only", "rounding": rule}})
    tensors, codes = pair(np.random.default_rng(2), scales=(0.3, 0.11, 0.9))  # 1/3, 0.1222
    expected = exactly(tensors, codes, 1, (Fraction(1, 4), Fraction(1, 8)), rule)
    if tensors["a"].scale / tensors["y"].scale > 2**-1.5:
        pytest.fail("the example's first ratio must round down")
    assert np.array_equal(run("add", tensors, codes, machine), expected)


@pytest.mark.parametrize("rule", ROUNDINGS)
def test_float64_rounds_the_sum_by_the_policy(rule):
    machine = machine_with({"add": {"scheme": "float64", "rounding": rule}})
    tensors, codes = pair(np.random.default_rng(3), scales=(0.25, 0.375, 0.5))  # exact, many ties
    expected = exactly(tensors, codes, -1, ratios_of(tensors), rule)
    assert np.array_equal(run("sub", tensors, codes, machine), expected)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("op", "sign"), [("add", 1), ("sub", -1)])
def test_double_equals_the_model_of_tflite(bits, op, sign):
    rng = np.random.default_rng(bits)
    for _ in range(20):
        tensors, codes = pair(rng, bits=bits)
        if bits == 16:  # TFLite's int16 has no zero points
            tensors = {k: Tensor(k, t.shape, IntFormat(16), t.scale, 0) for k, t in tensors.items()}
            codes = [rng.integers(-32768, 32768, c.shape) for c in codes]
            tensors["y"] = Tensor("y", (), WIDE, tensors["y"].scale, 0)
        a, b, y = (tensors[name] for name in "aby")
        if sign == 1:
            numbers = (a.scale, a.zero_point, b.scale, b.zero_point, y.scale, y.zero_point)
            expected = tflite_ops.add(*codes, *numbers, 20 if bits == 8 else 15)
            assert np.array_equal(run(op, tensors, codes, tflite_machine()), expected)
        else:  # a - b = a + b' where b' mirrors b around its zero point, but for ties
            mirrored = [codes[0], 2 * b.zero_point - codes[1]]
            difference = run("sub", tensors, codes, tflite_machine())
            total = run("add", tensors, mirrored, tflite_machine())
            assert np.abs(difference - total).max() <= 1


@pytest.mark.parametrize(("bits", "left", "code"), [(8, None, 0), (16, None, 1), (8, 15, 1)])
def test_double_sees_2_to_the_minus_18_only_at_20_bits(bits, left, code):
    words = {"scheme": "multiplier_shift_double", "rounding": "half_away", "left_shift": left}
    form = IntFormat(bits)
    scales = {"a": 1.0, "b": 2.0**-18, "y": 2.0}
    tensors = {name: Tensor(name, (1,), form, scale) for name, scale in scales.items()}
    codes = [np.array([[1]]), np.array([[-1]])]  # 1/2 - 2**-19, just below a tie
    assert run("add", tensors, codes, machine_with({"add": words})).tolist() == [[code]]


def test_float32_keeps_the_zero_point_inside_the_rounding():
    machine = machine_with({"add": {"scheme": "float32", "rounding": "half_even"}})
    form = IntFormat(8)
    for zero in (0, 1):  # a tie goes to the even code, not to the even multiple
        tensors = {n: Tensor(n, (4,), form, 1.0, 0) for n in "ab"}
        tensors["y"] = Tensor("y", (4,), form, 2.0, zero)
        codes = [np.array([[1, 2, 3, -1]]), np.zeros((1, 4), np.int64)]
        expected = [rounded(Fraction(v, 2) + zero, "half_even") for v in (1, 2, 3, -1)]
        assert run("add", tensors, codes, machine)[0].tolist() == expected


def test_float32_rounds_after_every_operation():
    machine = machine_with(default={"scheme": "float32", "rounding": "half_even"})
    rng, f32 = np.random.default_rng(5), np.float32
    for _ in range(20):
        tensors, codes = pair(rng, bits=16)
        a, b, y = (tensors[name] for name in "aby")
        ra, rb = f32(a.scale) / f32(y.scale), f32(b.scale) / f32(y.scale)
        offset = f32(y.zero_point) - f32(f32(ra * f32(a.zero_point)) + f32(rb * f32(b.zero_point)))
        expected = [
            int(np.rint(f32(f32(u) * ra) + f32(f32(f32(v) * rb) + offset)))
            for u, v in zip(codes[0].ravel(), codes[1].ravel(), strict=True)
        ]
        assert run("add", tensors, codes, machine).ravel().tolist() == expected


def test_equal_scales_make_every_scheme_the_integer_sum():
    schemes = {
        "float32": {"rounding": "half_even"},
        "float64": {"rounding": "half_away"},
        "multiplier_shift": {"rounding": "half_up", "multiplier_bits": 8},
        "multiplier_shift_double": {"rounding": "half_away"},
        "shared_shift": {"rounding": "half_up", "multiplier_bits": 21},
        "shift_only": {"rounding": "floor"},
    }
    tensors, codes = pair(np.random.default_rng(6), scales=(0.1, 0.1, 0.1))
    expected = exactly(tensors, codes, 1, (1, 1), "floor")
    for scheme, words in schemes.items():
        machine = machine_with({"add": {"scheme": scheme, **words}})
        assert np.array_equal(run("add", tensors, codes, machine), expected), scheme


def test_output_saturates_and_clamps_after_the_zero_point():
    tensors, codes = pair(np.random.default_rng(7), output=IntFormat(8), scales=(0.3, 0.3, 0.1))
    free = {**tensors, "y": Tensor("y", (), WIDE, tensors["y"].scale, tensors["y"].zero_point)}
    wide = run("add", free, codes, tflite_machine())
    assert np.array_equal(run("add", tensors, codes, tflite_machine()), np.clip(wide, -128, 127))
    clamped = run("add", tensors, codes, tflite_machine(), clamp=(-5, None))
    assert np.array_equal(clamped, np.clip(wide, -5, 127))


def test_shapes_broadcast():
    tensors, codes = pair(np.random.default_rng(8))
    narrow = codes[1][:, :1, :1]
    whole = np.broadcast_to(narrow, codes[0].shape)
    got = run("add", tensors, [codes[0], narrow], tflite_machine())
    assert np.array_equal(got, run("add", tensors, [codes[0], whole], tflite_machine()))


def test_sub_follows_its_own_policy_before_add():
    tensors, codes = pair(np.random.default_rng(9))
    words = {"scheme": "shift_only", "rounding": "floor"}
    own = machine_with({"sub": words, "add": {"scheme": "float64", "rounding": "half_even"}})
    only = machine_with({"add": words})
    got = run("sub", tensors, codes, own)
    assert np.array_equal(got, run("sub", tensors, codes, only))
    assert not np.array_equal(run("add", tensors, codes, own), run("add", tensors, codes, only))


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (
            {"scheme": "mean_of_codes", "rounding": "half_up"},
            UnsupportedError,
            "sum: operators.add.scheme = mean_of_codes: must be one of float32, ",
        ),
        (
            {"scheme": "shared_shift", "rounding": "half_up"},
            ConfigError,
            "sum: operators.add.multiplier_bits = None: must be given for shared_shift",
        ),
        (
            {"scheme": "shift_only", "rounding": "stochastic"},
            UnsupportedError,
            "sum: operators.add.rounding = stochastic: must be a rule without an LFSR",
        ),
        (
            {"scheme": "float32", "rounding": "half_away"},
            ConfigError,
            "sum: operators.add.rounding = half_away: must be half_even for scheme float32",
        ),
        (
            {"scheme": "multiplier_shift_double", "rounding": "half_away", "left_shift": 16},
            ConfigError,
            "sum: operators.add.left_shift = 16: must keep 16 bits << 16 in int32",
        ),
    ],
)
def test_a_policy_that_add_cannot_follow_is_refused_by_name(words, error, message):
    tensors, codes = pair(np.random.default_rng(10), bits=16)
    with pytest.raises(error) as failure:
        run("add", tensors, codes, machine_with({"add": words}))
    assert str(failure.value).startswith(message)


def test_scales_too_far_apart_for_int64_are_refused():
    words = {"scheme": "shift_only", "rounding": "floor"}
    tensors, codes = pair(np.random.default_rng(11), scales=(1.0, 2.0**-60, 1.0))
    with pytest.raises(ConfigError, match="so that the sum stays in int64"):
        run("add", tensors, codes, machine_with({"add": words}))
