"""Operators against the frozen outputs of LiteRT's reference kernels (shared/golden/semantics)."""

import numpy as np
import pytest
from oracles.tflite_machine import machine_with, tflite_machine

from hwsim.arith.fixed_point import (
    exponential_of_negative,
    high_multiply,
    reciprocal_of_one_plus,
)
from hwsim.arith.formats import IntFormat
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import OPS
from hwsim.network.ops.activation import code_bounds

ACTIVATION = ("none", "relu", "relu_n1_1", "relu6")
FORMATS = {"int8": IntFormat(8), "uint8": IntFormat(8, signed=False), "int16": IntFormat(16)}


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "semantics" / "golden_tflite_ops.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def primitives(shared):
    with np.load(shared / "golden" / "semantics" / "golden_requant_primitives.npz") as file:
        return {k: file[k] for k in file.files if k.split("_")[0] in ("srdhm", "exp", "recip")}


def compare(function, expected, *arguments):
    """Scalar kernel on every golden value: number compared and number that differ."""
    got = np.array([function(*row) for row in zip(*(a.tolist() for a in arguments), strict=True)])
    return len(got), int(np.count_nonzero(got != expected))


def test_fixed_point_primitives_equal_gemmlowp(primitives):
    p = primitives
    assert compare(high_multiply, p["srdhm_y"], p["srdhm_a"], p["srdhm_b"]) == (12000, 0)
    assert compare(exponential_of_negative, p["exp_y"], p["exp_x"]) == (5000, 0)
    assert compare(reciprocal_of_one_plus, p["recip_y"], p["recip_x"]) == (5000, 0)


def add_case(golden, prefix, form):
    s1, z1, s2, z2, sy, zy, activation = golden[f"{prefix}_meta"].tolist()
    tensors = {
        "a": Tensor("a", (), form, s1, int(z1)),
        "b": Tensor("b", (), form, s2, int(z2)),
        "y": Tensor("y", (), form, sy, int(zy)),
    }
    clamp = code_bounds(ACTIVATION[int(activation)], tensors["y"])
    node = Node(prefix, "add", ("a", "b"), "y", attributes={"clamp": clamp})
    return node, tensors, [golden[f"{prefix}_x{i}"].astype(np.int64) for i in (1, 2)]


def softmax_case(golden, prefix, form):
    scale, beta, sy, zy = golden[f"{prefix}_meta"].tolist()
    tensors = {
        "x": Tensor("x", (), form, scale, 0),
        "y": Tensor("y", (), form, sy, int(zy)),
    }
    node = Node(prefix, "softmax", ("x",), "y", attributes={"beta": beta})
    return node, tensors, [golden[f"{prefix}_x"].astype(np.int64)]


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("op", "kind", "outputs"),
    [
        ("add", "int8", 72),
        ("add", "uint8", 210),
        ("add", "int16", 507),
        ("softmax", "int8", 316),
        ("softmax", "uint8", 228),
    ],
)
def test_operator_equals_litert_reference(golden, op, kind, outputs):
    case = add_case if op == "add" else softmax_case
    compared, different = 0, 0
    for number in range(3):
        prefix = f"{op}_{kind}_{number}"
        node, tensors, inputs = case(golden, prefix, FORMATS[kind])
        y = OPS[op](node, tensors, inputs, tflite_machine())
        expected = golden[f"{prefix}_y_REF"].astype(np.int64)
        assert y.shape == expected.shape
        compared += y.size
        different += int(np.count_nonzero(y != expected))
    assert (compared, different) == (outputs, 0)


def xnnpack_bounds(activation, output):
    """XNNPACK's clamp: rint(clamp(f32(v) / f32(sy) + zy))."""
    ends = {"none": (-np.inf, np.inf), "relu": (0, np.inf), "relu_n1_1": (-1, 1), "relu6": (0, 6)}
    lo, hi = np.float32(output.format.lo), np.float32(output.format.hi)
    steps = [
        np.float32(v) / np.float32(output.scale) + np.float32(output.zero_point)
        for v in ends[activation]
    ]
    return tuple(int(np.rint(min(max(step, lo), hi))) for step in steps)


@pytest.mark.conformance
@pytest.mark.parametrize(("kind", "outputs"), [("int8", 72), ("uint8", 210)])
def test_shared_shift_of_21_bits_equals_xnnpack_add(golden, kind, outputs):
    words = {"rounding": "half_up", "multiplier_bits": 21, "scale": "float32_product_quotient"}
    machine = machine_with({"add": {"scheme": "shared_shift", **words}})
    compared, different = 0, 0
    for number in range(3):
        prefix = f"add_{kind}_{number}"
        node, tensors, inputs = add_case(golden, prefix, FORMATS[kind])
        activation = ACTIVATION[int(golden[f"{prefix}_meta"][6])]
        node.attributes["clamp"] = xnnpack_bounds(activation, tensors["y"])
        y = OPS["add"](node, tensors, inputs, machine)
        compared += y.size
        different += int(np.count_nonzero(y != golden[f"{prefix}_y_XNN"].astype(np.int64)))
    assert (compared, different) == (outputs, 0)
