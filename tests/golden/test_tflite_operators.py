"""Operators on the named machines against the frozen outputs of LiteRT's three kernel families."""

import numpy as np
import pytest
from golden.tflite_cases import (
    ACTIVATIONS,
    INT8,
    INT16,
    LITERT,
    RESOLVERS,
    RUNTIMES,
    UINT8,
    differences,
    outputs,
)

from hwsim.arith.fixed_point import (
    exponential_of_negative,
    high_multiply,
    reciprocal_of_one_plus,
)
from hwsim.importers.hardware import load
from hwsim.network.graph import Graph, Node, Tensor

FORMATS = {"int8": INT8, "uint8": UINT8, "int16": INT16}
pytestmark = pytest.mark.conformance


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
    """One ADD: the network and its inputs, batch first."""
    s1, z1, s2, z2, sy, zy, activation = golden[f"{prefix}_meta"].tolist()
    x1, x2, y = (golden[f"{prefix}_{name}"] for name in ("x1", "x2", "y_REF"))
    tensors = {
        "a": Tensor("a", x1.shape[1:], form, s1, int(z1)),
        "b": Tensor("b", x2.shape[1:], form, s2, int(z2)),
        "y": Tensor("y", y.shape[1:], form, sy, int(zy)),
    }
    attributes = {"activation": ACTIVATIONS[int(activation)]}
    node = Node(prefix, "add", ("a", "b"), "y", attributes=attributes)
    return Graph(prefix, tensors, (node,), ("a", "b"), ("y",)), [x1, x2]


def softmax_case(golden, prefix, form):
    """One SOFTMAX: the network and its input, batch first."""
    scale, beta, sy, zy = golden[f"{prefix}_meta"].tolist()
    x = golden[f"{prefix}_x"]
    tensors = {
        "x": Tensor("x", x.shape[1:], form, scale, 0),
        "y": Tensor("y", x.shape[1:], form, sy, int(zy)),
    }
    node = Node(prefix, "softmax", ("x",), "y", attributes={"beta": beta})
    return Graph(prefix, tensors, (node,), ("x",), ("y",)), [x]


@pytest.mark.parametrize(
    ("op", "kind", "count"),
    [
        ("add", "int8", 72),
        ("add", "uint8", 210),
        ("add", "int16", 507),
        ("softmax", "int8", 316),
        ("softmax", "uint8", 228),
    ],
)
@pytest.mark.parametrize("resolver", RESOLVERS)
def test_operator_equals_litert(golden, record_conformance, op, kind, count, resolver):
    machine = load(RESOLVERS[resolver])
    case = add_case if op == "add" else softmax_case
    compared, different = 0, 0
    for number in range(3):
        prefix = f"{op}_{kind}_{number}"
        graph, inputs = case(golden, prefix, FORMATS[kind])
        y = outputs(graph, machine, *inputs)
        compared += y.size
        different += differences(y, golden[f"{prefix}_y_{resolver}"])
    record_conformance(
        runtime=RUNTIMES[resolver],
        version=LITERT,
        machine=machine.name,
        outputs=compared,
        differences=different,
    )
    assert (compared, different) == (count, 0)
