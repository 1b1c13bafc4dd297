"""Softmax and the code tables against TFLite's model and 60-digit arithmetic."""

from decimal import Context, Decimal
from fractions import Fraction

import numpy as np
import pytest
from oracles import tflite_ops
from oracles.rules import rounded
from oracles.tflite_machine import machine_with, tflite_machine

from hwsim.arith.formats import IntFormat
from hwsim.arith.real import exponential, round_each
from hwsim.array.specification import rounding_code
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import FLOAT_OPS, OPS

DIGITS = Context(prec=60)
ROUNDINGS = ("floor", "ceil", "toward_zero", "away", "half_up", "half_down", "half_toward_zero",
             "half_away", "half_even", "odd")  # fmt: skip


def exp(x):
    return Fraction(DIGITS.exp(Decimal(x)))


def run(op, tensors, codes, machine, **attributes):
    return OPS[op](Node("f", op, ("x",), "y", attributes=attributes), tensors, [codes], machine)


@pytest.mark.parametrize("rule", ROUNDINGS)
def test_round_each_is_exact(rule):
    rng = np.random.default_rng(1)
    ties = rng.integers(-50, 50, 200) / 2
    values = np.concatenate([ties, np.nextafter(ties, 9e9), np.nextafter(ties, -9e9), [-1e-300]])
    expected = [rounded(Fraction(v), rule) for v in values.tolist()]
    assert round_each(values, rounding_code(rule)).tolist() == expected


def test_exponential_is_the_nearest_float64():
    for x in np.random.default_rng(2).uniform(-30, 5, 200).tolist():
        y, truth = exponential(x), exp(x)
        assert all(
            abs(Fraction(y) - truth) <= abs(Fraction(float(np.nextafter(y, end))) - truth)
            for end in (0.0, 1e300)
        )


@pytest.mark.parametrize("form", [IntFormat(8), IntFormat(8, signed=False)], ids=str)
def test_softmax_fixed_point_equals_the_model_of_tflite(form):
    rng = np.random.default_rng(form.hi)
    for _ in range(60):
        scale, beta = float(np.float32(rng.uniform(0.001, 1.0))), float(rng.choice([0.5, 1.0, 2.0]))
        codes = rng.integers(form.lo, form.hi + 1, (3, 2, int(rng.integers(1, 40))))
        tensors = {
            "x": Tensor("x", codes.shape[1:], form, scale, 5),
            "y": Tensor("y", codes.shape[1:], form, 1 / 256, form.lo),
        }
        expected = tflite_ops.softmax(codes, scale, beta, form.lo)
        assert np.array_equal(run("softmax", tensors, codes, tflite_machine(), beta=beta), expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_softmax_float64_is_the_rounded_real_softmax(bits):
    form, machine = IntFormat(bits), machine_with()
    codes = np.random.default_rng(3).integers(form.lo, form.hi + 1, (20, 7))
    codes[0] = 11  # sevenths
    codes[1, :2] = codes[1].max()
    scale = 8.0 / 2**bits
    tensors = {
        "x": Tensor("x", (7,), form, scale, 5),
        "y": Tensor("y", (7,), form, 2.0**-bits, form.lo),
    }
    got = run("softmax", tensors, codes, machine)
    for row, shares in zip(codes.tolist(), got.tolist(), strict=True):
        powers = [exp((v - max(row)) * scale) for v in row]
        truth = [rounded(p / sum(powers) * 2**bits, "half_even") + form.lo for p in powers]
        assert shares == truth


def test_softmax_of_two_equal_codes_is_a_half_and_one_code_saturates():
    tensors = {n: Tensor(n, (2,), IntFormat(8), s, -128) for n, s in (("x", 0.1), ("y", 1 / 256))}
    for machine in (tflite_machine(), machine_with()):
        assert run("softmax", tensors, np.array([[7, 7]]), machine).tolist() == [[0, 0]]
        assert run("softmax", tensors, np.array([[7]]), machine).tolist() == [[127]]


def test_softmax_fixed_point_refuses_what_its_kernel_does_not_have():
    form, machine = IntFormat(8), tflite_machine()
    good = {"x": Tensor("x", (2,), form, 0.1), "y": Tensor("y", (2,), form, 1 / 256, -128)}
    for tensor in (
        Tensor("x", (2,), IntFormat(16), 0.1),
        Tensor("x", (2,), form, 2.0**-30),
        Tensor("y", (2,), form, 1 / 128, -128),
        Tensor("y", (2,), form, 1 / 256, 0),
    ):
        with pytest.raises(UnsupportedError, match="softmax"):
            run("softmax", {**good, tensor.name: tensor}, np.array([[1, 2]]), machine)
    wrong = machine_with({"softmax": {"scheme": "shift_only", "rounding": "floor"}})
    with pytest.raises(UnsupportedError, match=r"must be one of fixed_point, .*float64 here"):
        run("softmax", good, np.array([[1, 2]]), wrong)


TRUTH = {
    "logistic": lambda x: 1 / (1 + exp(-x)),
    "tanh": lambda x: (exp(2 * x) - 1) / (exp(2 * x) + 1),
    "hard_swish": lambda x: Fraction(x) * min(max(Fraction(x) + 3, 0), 6) / 6,
}
OUTPUTS = {"logistic": (1 / 256, -128), "tanh": (1 / 128, 0), "hard_swish": (1 / 16, -100)}


@pytest.mark.parametrize("op", TRUTH)
@pytest.mark.parametrize("rule", [None, "floor", "half_even"])
def test_table_is_the_rounded_function_at_every_code(op, rule):
    operators = {} if rule is None else {op: {"scheme": "float64", "rounding": rule}}
    scale, zero = OUTPUTS[op]
    tensors = {
        "x": Tensor("x", (), IntFormat(8), 1 / 16, -3),
        "y": Tensor("y", (), IntFormat(8), scale, zero),
    }
    codes = np.arange(-128, 128)[None]
    expected = [
        rounded(TRUTH[op]((c + 3) / 16) / Fraction(scale), rule or "half_away") + zero
        for c in range(-128, 128)
    ]
    got = run(op, tensors, codes, machine_with(operators))[0]
    assert got.tolist() == np.clip(expected, -128, 127).tolist()


@pytest.mark.parametrize("op", TRUTH)
def test_table_refuses_other_schemes_and_wide_inputs(op):
    tensors = {"x": Tensor("x", (), IntFormat(8)), "y": Tensor("y", (), IntFormat(8))}
    wrong = machine_with({op: {"scheme": "shift_only", "rounding": "floor"}})
    with pytest.raises(UnsupportedError, match=f"operators.{op}.scheme = shift_only"):
        run(op, tensors, np.array([[1]]), wrong)
    wide = {**tensors, "x": Tensor("x", (), IntFormat(17))}
    with pytest.raises(UnsupportedError, match="input bits = 17: must be at most 16"):
        run(op, wide, np.array([[1]]), machine_with())


@pytest.mark.parametrize("op", TRUTH)
def test_float_functions_are_within_an_ulp_of_the_truth(op):
    x = np.concatenate([np.random.default_rng(4).uniform(-6, 6, 50), [0.0, -3.0, 3.0]])
    got = FLOAT_OPS[op](Node("f", op, ("x",), "y"), {}, [x])
    for value, y in zip(x.tolist(), got.tolist(), strict=True):
        # libm and float64 operations: a few units in the last place
        assert abs(Fraction(y) - TRUTH[op](value)) <= Fraction(abs(y)) * 8 / 2**52


def test_float_softmax_sums_to_one_and_orders_as_its_input():
    x = np.random.default_rng(5).uniform(-800, 800, (4, 9))
    y = FLOAT_OPS["softmax"](Node("f", "softmax", ("x",), "y"), {}, [x])
    assert np.abs(y.sum(-1) - 1).max() <= 9 * 2.0**-52  # nine roundings
    assert np.array_equal(np.argmax(y, -1), np.argmax(x, -1))
