"""The float twin on values that float64 holds exactly: ``==`` against plain loops."""

from dataclasses import replace

import numpy as np
import pytest

from hwsim.arith.formats import IntFormat
from hwsim.errors import UnsupportedError
from hwsim.mapping.layer import MacLayer
from hwsim.network import float_twin
from hwsim.network.graph import Graph, Node, Tensor

INT8 = IntFormat(8)
GEOMETRIES = [
    {},
    {"stride": (2, 1), "padding": ((1, 0), (2, 1))},
    {"dilation": (1, 2), "padding": ((0, 0), (1, 1))},
    {"groups": 2},
]


def layer_of(op, weight, **words):
    """A layer with scales that are powers of two and zero points of its own."""
    channels = weight.shape[0]
    return MacLayer(
        op=op,
        weight=weight,
        weight_format=INT8,
        weight_scale=2.0 ** -(np.arange(channels) % 3),
        weight_zero_point=np.arange(channels) - 1,
        bias=np.arange(channels) * 5 - 3,
        **words,
    )


def graph_of(layer, shape, out, attributes=None):
    """One layer between tensors ``x`` and ``y``."""
    tensors = {
        "x": Tensor("x", shape, INT8, 0.25, 3),
        "y": Tensor("y", out, INT8, 0.5, -2),
    }
    node = Node("layer", layer.op, ("x",), "y", layer, attributes or {})
    return Graph("one", tensors, (node,), ("x",), ("y",))


def real_weight(layer):
    columns = layer.weight.reshape(len(layer.weight), -1) - layer.weight_zero_point[:, None]
    return (columns * layer.weight_scale[:, None]).reshape(layer.weight.shape)


def convolution(x, layer):
    """Direct loops over outputs; taps beyond the image add nothing."""
    weight = real_weight(layer)
    bias = layer.bias * layer.weight_scale * 0.25
    samples, height, width, _ = x.shape
    oc, ky, kx, ic = weight.shape
    (top, bottom), (left, right) = layer.padding
    oy = (height + top + bottom - (ky - 1) * layer.dilation[0] - 1) // layer.stride[0] + 1
    ox = (width + left + right - (kx - 1) * layer.dilation[1] - 1) // layer.stride[1] + 1
    y = np.empty((samples, oy, ox, oc))
    for s, i, j, c in np.ndindex(y.shape):
        first = c // (oc // layer.groups) * ic
        total = bias[c]
        for u, v in np.ndindex(ky, kx):
            row = i * layer.stride[0] + u * layer.dilation[0] - top
            column = j * layer.stride[1] + v * layer.dilation[1] - left
            if 0 <= row < height and 0 <= column < width:
                total += (x[s, row, column, first : first + ic] * weight[c, u, v]).sum()
        y[s, i, j, c] = total
    return y


def numbers(rng, *shape):
    return rng.integers(-40, 40, shape) / 8


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_convolution_equals_direct_loops_on_dequantized_weights(geometry):
    rng = np.random.default_rng(1)
    weight = rng.integers(-9, 9, (6, 2, 3, 4 // geometry.get("groups", 1)))
    layer, x = layer_of("conv_2d", weight, **geometry), numbers(rng, 2, 5, 6, 4)
    expected = convolution(x, layer)
    got = float_twin.run(graph_of(layer, x.shape[1:], expected.shape[1:]), {"x": x})
    assert list(got) == ["x", "y"]
    assert np.array_equal(got["y"], expected)


def test_depthwise_convolution_with_multiplier_equals_direct_loops():
    rng = np.random.default_rng(2)
    layer = layer_of("depthwise_conv_2d", rng.integers(-9, 9, (6, 3, 2, 1)), groups=3)
    x = numbers(rng, 2, 5, 4, 3)
    expected = convolution(x, layer)
    got = float_twin.run(graph_of(layer, x.shape[1:], expected.shape[1:]), {"x": x})
    assert np.array_equal(got["y"], expected)


def test_batches_are_invisible(monkeypatch):
    rng = np.random.default_rng(3)
    layer, x = layer_of("conv_2d", rng.integers(-9, 9, (2, 2, 2, 3))), numbers(rng, 5, 4, 4, 3)
    graph = graph_of(layer, x.shape[1:], (3, 3, 2))
    whole = float_twin.run(graph, {"x": x})["y"]
    monkeypatch.setattr(float_twin, "BATCH_TAPS", 1)
    assert np.array_equal(float_twin.run(graph, {"x": x})["y"], whole)


@pytest.mark.parametrize("bias", [True, False])
def test_linear_layer_keeps_leading_axes(bias):
    rng = np.random.default_rng(4)
    layer = layer_of("fully_connected", rng.integers(-9, 9, (5, 7)))
    layer = layer if bias else replace(layer, bias=None)
    x = numbers(rng, 3, 2, 7)
    expected = x @ real_weight(layer).T
    if bias:
        expected = expected + layer.bias * layer.weight_scale * 0.25
    got = float_twin.run(graph_of(layer, (2, 7), (2, 5)), {"x": x})
    assert np.array_equal(got["y"], expected)


def test_trained_parameters_are_used_where_the_model_has_them():
    rng = np.random.default_rng(5)
    weight, bias, x = numbers(rng, 5, 7), numbers(rng, 5), numbers(rng, 3, 7)
    layer = layer_of("fully_connected", rng.integers(-9, 9, (5, 7)))
    trained = replace(layer, float_weight=weight, float_bias=bias)
    got = float_twin.run(graph_of(trained, (7,), (5,)), {"x": x})["y"]
    assert np.array_equal(got, x @ weight.T + bias)
    only_weight = replace(layer, float_weight=weight)
    got = float_twin.run(graph_of(only_weight, (7,), (5,)), {"x": x})["y"]
    assert np.array_equal(got, x @ weight.T + layer.bias * layer.weight_scale * 0.25)


def test_a_real_bias_is_used_where_there_is_no_trained_one():
    rng = np.random.default_rng(6)
    real, trained, x = numbers(rng, 5), numbers(rng, 5), numbers(rng, 3, 7)
    layer = replace(layer_of("fully_connected", rng.integers(-9, 9, (5, 7))), bias=None)
    sums = x @ real_weight(layer).T
    for words, bias in (({}, real), ({"float_bias": trained}, trained)):
        made = replace(layer, real_bias=real, **words)
        assert np.array_equal(
            float_twin.run(graph_of(made, (7,), (5,)), {"x": x})["y"], sums + bias
        )


@pytest.mark.parametrize(
    ("clamp", "attributes", "bounds"),
    [
        ((None, None), {}, (None, None)),
        ((-2, None), {"activation": "relu"}, (0.0, None)),
        ((-2, 9), {"activation": "relu6"}, (0.0, 6.0)),
        ((-4, 0), {"activation": "relu_n1_1"}, (-1.0, 1.0)),
        ((-100, 100), {"activation": "none"}, (None, None)),
        ((-1, 10), {}, (0.5, 6.0)),  # (code + 2) / 2
    ],
)
def test_activation_clamps_at_exact_real_bounds_and_the_format_never(clamp, attributes, bounds):
    rng = np.random.default_rng(6)
    layer, x = layer_of("fully_connected", rng.integers(-9, 9, (5, 7))), numbers(rng, 20, 7) * 4
    free = float_twin.run(graph_of(layer, (7,), (5,)), {"x": x})["y"]
    assert np.abs(free).max() > 65  # beyond what the output format can hold
    clamped = graph_of(replace(layer, clamp=clamp), (7,), (5,), attributes)
    expected = free if bounds == (None, None) else np.clip(free, *bounds)
    assert np.array_equal(float_twin.run(clamped, {"x": x})["y"], expected)


def test_batch_matmul_multiplies_real_tensors():
    rng = np.random.default_rng(7)
    layer = MacLayer("batch_matmul", None, INT8, np.ones(1), np.zeros(1, np.int64))
    names = ("a", "b", "y")
    tensors = {name: Tensor(name, (2, 3, 3), INT8, 0.5, 1) for name in names}
    node = Node("product", "batch_matmul", ("a", "b"), "y", layer)
    graph = Graph("two", tensors, (node,), ("a", "b"), ("y",))
    a, b = numbers(rng, 4, 2, 3, 3), numbers(rng, 4, 2, 3, 3)
    got = float_twin.run(graph, {"a": a, "b": b})["y"]
    assert np.array_equal(got, np.einsum("sgmk,sgkn->sgmn", a, b))


def test_constants_are_dequantized_and_given_to_every_sample():
    tensors = {name: Tensor(name, (3,), INT8, 0.5, 1) for name in ("x", "c", "s", "y")}
    tensors["r"] = Tensor("r", (3,), None)
    nodes = (
        Node("sum", "add", ("x", "c"), "s"),
        Node("scaled", "mul", ("s", "r"), "y", attributes={"activation": "relu"}),
    )
    constants = {"c": np.array([1, 3, -5]), "r": np.array([2.0, -1.0, 4.0])}
    graph = Graph("three", tensors, nodes, ("x",), ("y",), constants)
    x = np.array([[1.0, 2.0, 3.5], [0.0, -4.0, 1.0]])
    got = float_twin.run(graph, {"x": x})
    assert list(got) == ["x", "s", "y"]
    assert got["y"].tolist() == [[2.0, 0.0, 2.0], [0.0, 3.0, 0.0]]


def test_an_unknown_operator_is_refused_before_anything_runs():
    tensors = {name: Tensor(name, (3,), INT8) for name in ("x", "h", "y")}
    nodes = (Node("first", "boom", ("x",), "h"), Node("last", "lstm", ("h",), "y"))
    graph = Graph("bad", tensors, nodes, ("x",), ("y",))
    with pytest.raises(UnsupportedError, match="first: operator = boom: must be one of add"):
        float_twin.run(graph, {"x": np.zeros((1, 3))})
