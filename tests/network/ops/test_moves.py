"""Operators that move, scale or clamp codes, and the dispatch table."""

import numpy as np
import pytest
from oracles import tflite_ops
from oracles.tflite_machine import machine_with, tflite_machine

from hwsim.arith.formats import IntFormat
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor, quantize_input
from hwsim.network.ops import FLOAT_OPS, OPS, operator_function

INT8 = IntFormat(8)
X = Tensor("x", (2, 3), INT8, 0.1, 7)
Y = Tensor("y", (2, 3), INT8, 0.07, -3)
CODES = np.random.default_rng(0).integers(-128, 128, (4, 2, 3))


def run(op, inputs, machine=None, *, source=X, output=X, **attributes):
    names = [f"x{i}" for i in range(len(inputs))]
    sources = source if isinstance(source, tuple) else (source,) * len(inputs)
    tensors = {**dict(zip(names, sources, strict=True)), "y": output}
    node = Node("move", op, tuple(names), "y", attributes=attributes)
    return OPS[op](node, tensors, inputs, machine or tflite_machine())


def rescaled(codes, source, output):
    """TFLite's QUANTIZE."""
    numbers = (source.scale, source.zero_point, output.scale, output.zero_point)
    exact = tflite_ops.quantize_codes(codes, *numbers)
    return np.clip(exact, output.format.lo, output.format.hi)


MOVES = [
    ("reshape", {"shape": (3, -1)}, lambda x: x.reshape(4, 3, 2)),
    ("transpose", {"perm": (1, 0)}, lambda x: x.transpose(0, 2, 1)),
    ("pad", {"padding": ((1, 0), (0, 2))},
     lambda x: np.pad(x, ((0, 0), (1, 0), (0, 2)), constant_values=7)),
    ("concatenation", {}, lambda x: x),
]  # fmt: skip


@pytest.mark.parametrize(("op", "attributes", "move"), MOVES, ids=[m[0] for m in MOVES])
def test_a_move_keeps_codes_and_rescales_only_where_scales_differ(op, attributes, move):
    assert np.array_equal(run(op, [CODES], **attributes), move(CODES))
    got = run(op, [CODES], output=Y, **attributes)
    assert np.array_equal(got, rescaled(move(CODES), X, Y))
    assert not np.array_equal(got, move(CODES))


def test_pad_takes_a_real_value():
    got = run("pad", [CODES], padding=((0, 0), (1, 0)), value=0.55)  # 5.5 steps: away from zero
    assert np.unique(got[:, :, 0]).tolist() == [13]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenation_rescales_each_input_by_itself(axis):
    got = run("concatenation", [CODES, CODES + 0], source=(X, Y), output=Y, axis=axis)
    parts = [rescaled(CODES, X, Y), CODES]
    assert np.array_equal(got, np.concatenate(parts, axis=axis + 1 if axis >= 0 else axis))


def test_concatenation_follows_its_own_policy_before_quantize():
    words = {"scheme": "shift_only", "rounding": "floor"}
    machine = machine_with({"concatenation": words})
    got = run("concatenation", [CODES], machine, output=Y)
    assert np.array_equal(got, np.clip(2 * (CODES - 7) - 3, -128, 127))  # 10 / 7: to 2**1
    own = machine_with({"quantize_8": words})
    assert np.array_equal(run("concatenation", [CODES], own, output=Y), got)
    other = machine_with({"quantize_16": words})
    assert np.array_equal(run("concatenation", [CODES], other, output=Y), rescaled(CODES, X, Y))


@pytest.mark.parametrize(
    ("op", "bounds"),
    [("relu", (0, None)), ("relu6", (0, 6)), ("relu_n1_1", (-1, 1))],
)
@pytest.mark.parametrize("output", [X, Y], ids=["same", "other"])
def test_relu_clamps_at_the_codes_of_its_real_bounds(op, bounds, output):
    lo, hi = tflite_ops.activation_range(op, output.scale, output.zero_point, -128, 127)
    expected = np.clip(rescaled(CODES, X, output), lo, hi)
    assert np.array_equal(run(op, [CODES], output=output), expected)
    node = Node("a", op, ("x",), "y")
    real = FLOAT_OPS[op](node, {"x": X, "y": output}, [np.array([[-9.0, -0.5, 0.5, 9.0]])])
    assert real.tolist() == [np.clip([-9.0, -0.5, 0.5, 9.0], *bounds).tolist()]


def test_clamp_takes_its_bounds_in_codes_and_the_twin_in_real_values():
    got = run("clamp", [CODES], clamp=(-20, 30))
    assert np.array_equal(got, np.clip(CODES, -20, 30))
    node = Node("c", "clamp", ("x",), "y", attributes={"clamp": (-20, None)})
    real = FLOAT_OPS["clamp"](node, {"x": X, "y": X}, [np.array([[-9.0, 100.0]])])
    assert real.tolist() == [[(-20 - 7) * 0.1, 100.0]]


@pytest.mark.parametrize("kind", [INT8, IntFormat(8, signed=False), IntFormat(16)], ids=str)
def test_quantize_of_codes_equals_the_model_of_tflite(kind):
    rng = np.random.default_rng(kind.hi)
    for _ in range(20):
        sx, sy = (float(np.float32(v)) for v in rng.uniform(0.01, 0.2, 2))
        source = Tensor("x", (9,), kind, sx, 5)
        output = Tensor("y", (9,), INT8, sy, -7)
        codes = rng.integers(kind.lo, kind.hi + 1, (50, 9))
        got = run("quantize", [codes], source=source, output=output)
        assert np.array_equal(got, rescaled(codes, source, output))


def test_quantize_of_reals_divides_in_binary32_and_rounds_by_the_policy():
    real, output = Tensor("x", (9,), None), Tensor("y", (9,), INT8, float(np.float32(0.1)), 3)
    x = np.random.default_rng(1).uniform(-20, 20, (99, 9)).astype(np.float32).astype(np.float64)
    x[0, :4] = (1e30, -1e30, 0.25, -0.25)
    got = run("quantize", [x], source=real, output=output)
    expected = tflite_ops.quantize_real(x, output.scale, output.zero_point, -128, 127)
    assert np.array_equal(got, expected)
    ties = Tensor("y", (9,), INT8, 0.5, 3)
    half = np.array([[0.25, -0.25, 0.75, -0.75, 1.25]])
    away = run("quantize", [half], source=real, output=ties)
    even = machine_with({"quantize": {"scheme": "float32", "rounding": "half_even"}})
    assert away.tolist() == [[4, 2, 5, 1, 6]]
    assert run("quantize", [half], even, source=real, output=ties).tolist() == [[3, 3, 5, 1, 5]]


def test_quantize_of_reals_without_a_policy_is_the_networks_input_rule():
    real, output = Tensor("x", (9,), None), Tensor("y", (9,), INT8, 0.1, 3)
    x = np.random.default_rng(2).uniform(-20, 20, (99, 9))
    got = run("quantize", [x], machine_with(), source=real, output=output)
    assert np.array_equal(got, quantize_input(output, x))


def test_quantize_under_float64_divides_in_binary64():
    real, output = Tensor("x", (1,), None), Tensor("y", (1,), INT8, 0.5)
    x = np.array([[0.25 + 2.0**-40]])  # binary32 sees a tie
    wide = machine_with({"quantize": {"scheme": "float64", "rounding": "half_down"}})
    narrow = machine_with({"quantize": {"scheme": "float32", "rounding": "half_down"}})
    assert run("quantize", [x], wide, source=real, output=output).tolist() == [[1]]
    assert run("quantize", [x], narrow, source=real, output=output).tolist() == [[0]]


def test_dequantize_is_exact_but_for_a_binary32_policy():
    real = Tensor("y", (2, 3), None)
    got = run("dequantize", [CODES], machine_with(), output=real)
    assert np.array_equal(got, (CODES - 7) * 0.1)
    single = (CODES - 7).astype(np.float32) * np.float32(0.1)
    assert np.array_equal(run("dequantize", [CODES], output=real), single.astype(np.float64))


@pytest.mark.parametrize("form", [INT8, IntFormat(8, signed=False), IntFormat(16)], ids=str)
def test_mul_equals_the_model_of_tflite(form):
    rng = np.random.default_rng(form.hi + 1)
    for _ in range(20):
        s1, s2, sy = (float(np.float32(v)) for v in rng.uniform(0.01, 0.3, 3))
        z1, z2 = (0, 0) if form.bits == 16 else rng.integers(form.lo, form.hi + 1, 2).tolist()
        sources = (Tensor("a", (), form, s1, z1), Tensor("b", (), form, s2, z2))
        output = Tensor("y", (), IntFormat(32), sy * (200 if form.bits == 16 else 1), 0)
        codes = [rng.integers(form.lo, form.hi + 1, (2, 5, 5)) for _ in range(2)]
        expected = tflite_ops.mul(*codes, s1, z1, s2, z2, output.scale, 0)
        assert np.array_equal(run("mul", codes, source=sources, output=output), expected)


def test_mul_broadcasts_and_clamps():
    gate = CODES[:, :1, :1]
    whole = run("mul", [CODES, np.broadcast_to(gate, CODES.shape)], source=(X, X), output=Y)
    got = run("mul", [CODES, gate], source=(X, X), output=Y, clamp=(-3, 100))
    assert np.array_equal(got, np.clip(whole, -3, 100))


def test_float_moves_are_moves():
    x = np.random.default_rng(3).uniform(-1, 1, (4, 2, 3))
    for op, attributes, move in MOVES:
        node = Node("m", op, ("x",), "y", attributes={**attributes, "value": 7.0})
        assert np.array_equal(FLOAT_OPS[op](node, {"x": X, "y": Y}, [x]), move(x))
    for op, combined in (("add", x + x * 2), ("sub", x - x * 2), ("mul", x * (x * 2))):
        node = Node("m", op, ("x", "x"), "y")
        assert np.array_equal(FLOAT_OPS[op](node, {"x": X, "y": Y}, [x, x * 2]), combined)
    for op in ("quantize", "dequantize"):
        assert FLOAT_OPS[op](Node("m", op, ("x",), "y"), {}, [x]) is x


def test_every_operator_has_both_functions():
    assert list(OPS) == list(FLOAT_OPS) == sorted(OPS)
    assert all(operator_function(op, "n") is OPS[op] for op in OPS)


def test_an_unknown_operator_is_refused_with_the_list_of_known_ones():
    with pytest.raises(UnsupportedError) as failure:
        operator_function("lstm", "node 4")
    assert str(failure.value) == f"node 4: operator = lstm: must be one of {', '.join(OPS)}"


def test_a_real_tensor_where_codes_are_needed_is_refused():
    real = Tensor("x", (2, 3), None)
    with pytest.raises(UnsupportedError, match="tensor x = real: must hold integer codes"):
        run("max_pool_2d", [CODES[..., None]], source=real, window=(1, 1), stride=(1, 1))


def test_a_scheme_outside_the_requantizer_is_refused():
    wrong = machine_with({"quantize": {"scheme": "fixed_point", "rounding": "floor"}})
    with pytest.raises(UnsupportedError, match="scheme = fixed_point: must be one of float32"):
        run("quantize", [CODES], wrong, output=Y)


def test_equal_scales_and_other_zero_points_shift_the_codes():
    shifted = Tensor("y", (2, 3), INT8, 0.1, -20)
    got = run("reshape", [CODES], output=shifted, shape=(2, 3))
    assert np.array_equal(got, np.clip(CODES - 27, -128, 127))


def test_a_policy_for_one_width_comes_before_the_operators_own():
    words = {"scheme": "shift_only", "rounding": "floor"}
    near = {"scheme": "multiplier_shift", "rounding": "half_up", "multiplier_bits": 31}
    both = machine_with({"quantize": near, "quantize_8": words})
    narrow = run("quantize", [CODES], both, output=Y)
    assert np.array_equal(
        narrow, run("quantize", [CODES], machine_with({"quantize": words}), output=Y)
    )
    wide = Tensor("x", (2, 3), IntFormat(16), 0.1, 7)
    expected = run("quantize", [CODES], machine_with({"quantize": near}), source=wide, output=Y)
    assert np.array_equal(run("quantize", [CODES], both, source=wide, output=Y), expected)
    assert not np.array_equal(narrow, expected)
