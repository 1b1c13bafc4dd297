"""Operators whose arithmetic the file states: integer scaling, run-time scales, sums to reals."""

from fractions import Fraction

import numpy as np
import pytest

from hwsim import load_hardware
from hwsim.arith.formats import IntFormat
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.ops import operator_of
from hwsim.network.run import run

INT32, UINT8 = IntFormat(32), IntFormat(8, signed=False)
MACHINE = load_hardware("onnxruntime")


def scaled(rounding, divisor, output=UINT8):
    tensors = {
        "a": Tensor("a", (2, 3), INT32),
        "b": Tensor("b", (2, 3), IntFormat(8), 1.0, 5),
        "y": Tensor("y", (2, 3), output),
    }
    attributes = {
        "multipliers": ((3, -2, 7), (100,)), "add": (10, 0, -999), "divisor": divisor,
        "rounding": rounding,
    }  # fmt: skip
    return tensors, Node("n", "integer_affine", ("a", "b"), "y", attributes=attributes)


@pytest.mark.parametrize("rounding", ["floor", "toward_zero"])
@pytest.mark.parametrize("divisor", [1, 7, 64])
def test_integer_scaling_is_exact(rounding, divisor):
    rng = np.random.default_rng(divisor)
    tensors, node = scaled(rounding, divisor, IntFormat(16))
    a, b = rng.integers(-9999, 9999, (50, 2, 3)), rng.integers(-128, 128, (50, 2, 3))
    ours = operator_of(node, tensors)(node, tensors, [a, b], MACHINE)
    m, add = node.attributes["multipliers"], node.attributes["add"]
    for place in np.ndindex(a.shape):
        c = place[-1]
        exact = Fraction(int(a[place]) * m[0][c] + (int(b[place]) - 5) * 100 + add[c], divisor)
        whole = exact.numerator // exact.denominator
        if rounding == "toward_zero" and exact < 0:
            whole = -((-exact.numerator) // exact.denominator)
        assert ours[place] == min(max(whole, -(1 << 15)), (1 << 15) - 1)


def test_integer_scaling_that_could_leave_int64_is_refused():
    tensors, node = scaled("floor", 1)
    node.attributes["multipliers"] = ((1 << 40,), (1,))
    with pytest.raises(UnsupportedError, match="int64"):
        operator_of(node, tensors)(node, tensors, [np.zeros((0, 2, 3))] * 2, MACHINE)


def test_codes_of_run_time_scales_stand_for_the_values():
    """``s * (q - z)`` is within half a step of x, for each sample by its own scale."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 4, 5)) * rng.uniform(0.01, 100, (20, 1, 1))
    tensors = {
        "x": Tensor("x", (4, 5), None),
        "q": Tensor("q", (4, 5), IntFormat(9)),
        "s": Tensor("s", (1,), None),
        "y": Tensor("y", (4, 5), None),
    }
    nodes = (
        Node("quantize", "dynamic_quantize", ("x",), "q"),
        Node("scale", "dynamic_scale", ("x",), "s"),
        Node("real", "dequantize_channels", ("q", "s"), "y",
             attributes={"gain": (1.0,), "offset": (0.0,)}),
    )  # fmt: skip
    graph = Graph("dynamic", tensors, nodes, ("x",), ("y",))
    found = run(graph, MACHINE, {"x": x}).codes
    assert found["q"].min() >= -255
    assert found["q"].max() <= 255
    step = found["s"][:, :, None]
    assert (step > 0).all()
    assert np.abs(found["y"] - x).max() / step.max() < 0.51
    assert (np.abs(found["y"] - x) <= 0.51 * step).all()


def test_sums_become_real_in_binary32():
    tensors = {"a": Tensor("a", (3,), INT32, 0.5), "y": Tensor("y", (3,), None)}
    attributes = {"gain": (0.1, 0.2, 0.3), "offset": (1.0, -1.0, 0.25)}
    node = Node("n", "dequantize_channels", ("a",), "y", attributes=attributes)
    sums = np.array([[16777217, -5, 1000003]])
    ours = operator_of(node, tensors)(node, tensors, [sums], MACHINE)
    f = np.float32
    for c in range(3):
        factor = f(0.5) * f(attributes["gain"][c])
        assert ours[0, c] == f(f(sums[0, c]) * factor) + f(attributes["offset"][c])


def test_a_layers_sums_leave_as_they_are():
    """int32 at the product of scales: no rule of the machine applies, above 2**24 too."""
    from hwsim.mapping.layer import MacLayer

    one, zero = np.ones(1), np.zeros(1, np.int64)
    weight = np.full((2, 300), 32767, np.int64)
    layer = MacLayer("fully_connected", weight, IntFormat(16), one, zero, bias=np.array([1, 2]))
    tensors = {"x": Tensor("x", (300,), IntFormat(8), 0.25), "y": Tensor("y", (2,), INT32, 0.25)}
    node = Node("n", "fully_connected", ("x",), "y", layer)
    graph = Graph("sums", tensors, (node,), ("x",), ("y",))
    x = np.full((1, 300), 127)
    for name in ("onnxruntime", "tflite_reference", "pt2e_graph"):
        codes = run(graph, load_hardware(name), {"x": x}).codes["y"]
        assert codes.tolist() == [[300 * 127 * 32767 + 1, 300 * 127 * 32767 + 2]]


@pytest.mark.parametrize("op", ["add", "mul", "sub"])
def test_real_operators_are_those_of_binary32(op):
    rng = np.random.default_rng(1)
    tensors = {name: Tensor(name, (50,), None) for name in "aby"}
    node = Node("n", op, ("a", "b"), "y")
    a, b = (rng.normal(size=(4, 50)).astype(np.float32) for _ in range(2))
    rule = {"add": np.add, "mul": np.multiply, "sub": np.subtract}[op]
    inputs = [a.astype(np.float64), b.astype(np.float64)]
    ours = operator_of(node, tensors)(node, tensors, inputs, MACHINE)
    assert np.array_equal(ours, rule(a, b).astype(np.float64))
