"""The smallest model file: one layer as plain arrays."""

import numpy as np
import pytest
from importers.npz_cases import INT8, UINT4, refused, same

from hwsim.arith.formats import IntFormat
from hwsim.importers import npz
from hwsim.network.graph import Tensor

SCALES = {"input_scale": 0.5, "weight_scale": 0.25, "output_scale": 2.0}


def layer_file(tmp_path, **given):
    path = tmp_path / "layer.npz"
    base = {"a": np.ones((2, 3), np.int8), "w": np.arange(12, dtype=np.int8).reshape(3, 4)}
    members = {**base, **SCALES, **given}
    np.savez(path, **{name: values for name, values in members.items() if values is not None})
    return path


def test_smallest_file_is_a_product_of_a_and_w(tmp_path):
    graph = npz.load(layer_file(tmp_path, bias=np.array([1, 2, 3, 4])))
    layer = graph.nodes[0].layer
    assert layer.op == "fully_connected"
    assert np.array_equal(layer.weight.T, np.arange(12).reshape(3, 4))  # out = a @ w
    assert graph.tensors["a"] == Tensor("a", (2, 3), INT8, 0.5, 0)
    assert graph.tensors["out"] == Tensor("out", (2, 4), INT8, 2.0, 0)
    assert layer.weight_scale.tolist() == [0.25]
    assert layer.bias.tolist() == [1, 2, 3, 4]
    assert graph.name == "layer"


def test_one_layer_takes_every_field_it_names(tmp_path):
    given = {
        "a": np.zeros((7, 5, 5, 2), np.int64),
        "w": np.zeros((4, 3, 3, 1), np.int16),
        "weight_scale": np.array([1.0, 2, 3, 4]),
        "input_bits": 4,
        "input_signed": False,
        "weight_bits": 9,
        "output_bits": 12,
        "output_signed": True,
        "input_zero_point": 3,
        "weight_zero_point": np.array([0, 1, 2, -3]),
        "output_zero_point": -100,
        "stride": [2, 1],
        "dilation": [1, 2],
        "padding": [[1, 0], [2, 3]],
        "groups": 2,
        "relu": True,
    }
    graph = npz.load(layer_file(tmp_path, **given))
    layer = graph.nodes[0].layer
    assert (layer.op, layer.groups, layer.clamp) == ("depthwise_conv_2d", 2, (-100, None))
    assert (layer.stride, layer.dilation, layer.padding) == ((2, 1), (1, 2), ((1, 0), (2, 3)))
    assert layer.weight_format == IntFormat(9)
    assert layer.weight_zero_point.tolist() == [0, 1, 2, -3]
    assert graph.tensors["a"] == Tensor("a", (5, 5, 2), UINT4, 0.5, 3)
    assert graph.tensors["out"] == Tensor("out", (2, 6, 4), IntFormat(12), 2.0, -100)


def test_one_layer_with_groups_is_a_convolution_unless_it_is_depthwise(tmp_path):
    given = {"a": np.zeros((5, 5, 4), np.int8), "groups": 2}
    grouped = npz.load(layer_file(tmp_path, w=np.zeros((4, 3, 3, 2), np.int8), **given))
    assert grouped.nodes[0].op == "conv_2d"
    given = {"a": np.zeros((5, 5, 2), np.int8), "groups": 2}
    depthwise = npz.load(layer_file(tmp_path, w=np.zeros((4, 3, 3, 1), np.int8), **given))
    assert depthwise.nodes[0].op == "depthwise_conv_2d"


def test_one_layer_needs_no_data(tmp_path):
    given = {"a": None, "input_shape": 3, "input_bits": 5, "input_signed": True}
    graph = npz.load(layer_file(tmp_path, **given))
    assert graph.tensors["a"] == Tensor("a", (3,), IntFormat(5), 0.5)


def test_one_layer_saved_as_a_network_is_the_same_graph(tmp_path):
    graph = npz.load(layer_file(tmp_path, relu=True))
    npz.save(graph, tmp_path / "network.npz")
    assert same(graph, npz.load(tmp_path / "network.npz"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"w": None}, "graph = absent: must be there, or w"),
        ({"biass": np.zeros(4, int)}, "array = biass: must be one of"),
        ({"weight_scale": None}, "weight_scale = absent: must be there"),
        ({"input_scale": None}, "input_scale = absent: must be there"),
        ({"output_scale": -1.0}, "output_scale = -1.0: must be positive"),
        ({"input_scale": np.nan}, "input_scale"),
        ({"input_scale": np.ones(3)}, r"input_scale.shape = \(3,\): must be \(\)"),
        ({"bias": np.zeros(4)}, "bias.dtype = float64: must be an integer type"),
        ({"bias": np.zeros(3, int)}, r"layer.bias.shape = \(3,\): must be \(4,\)"),
        ({"w": np.zeros((3, 4))}, "w.dtype = float64"),
        ({"w": np.zeros((3, 4), int)}, "weight_bits = 64: must be 1..32"),
        ({"w": np.zeros((2, 4), np.int8)}, "must end in 2"),
        ({"w": np.zeros(4, np.int8)}, r"w.shape = \(4,\): must be \(K, N\) or"),
        ({"w": np.zeros((4, 3, 3, 3), np.int8)}, r"must be \(y, x, channels\)"),
        ({"weight_bits": 4}, r"layer.weight = 11: must be in \[-8, 7\]"),
        ({"weight_scale": np.ones(3)}, r"weight_scale.shape = \(3,\): must be \(1,\) or \(4,\)"),
        ({"input_zero_point": 128}, "input_zero_point = 128: must be -128..127"),
        ({"weight_zero_point": 128}, "layer.weight_zero_point = 128"),
        ({"output_bits": 0}, "output_bits = 0: must be 1..32"),
        ({"relu": 2}, "relu = 2: must be true or false"),
        ({"groups": 2}, "must end in 6"),
        ({"a": None}, "a = absent: must be there, or input_shape"),
        ({"a": None, "input_shape": [3]}, "input_bits = absent: must be there"),
        ({"a": np.ones((2, 3), np.float32)}, "a.dtype = float32: must be an integer type"),
        ({"a": np.array(3, np.int8)}, "input_shape"),
        ({"input_shape": [0, 3]}, "input_shape"),
    ],
)
def test_faulty_layer_file_is_refused_in_one_line(tmp_path, given, message):
    refused(layer_file(tmp_path, **given), message)
