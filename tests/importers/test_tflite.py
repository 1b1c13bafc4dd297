"""The .tflite importer: what of a file becomes what of a graph."""

from itertools import pairwise

import numpy as np
import pytest
from importers.tflite_refused import changed
from importers.tflite_small import (
    FILES,
    OUT,
    QUANTIZED,
    convolution,
    depthwise,
    dynamic_range,
    half_weights,
)
from oracles.tflite_files import TfliteFile, run_litert

from hwsim import load_hardware, load_model
from hwsim.arith.formats import IntFormat
from hwsim.importers import npz
from hwsim.importers.npz_checks import check
from hwsim.importers.tflite import graph_of, tensor_names
from hwsim.importers.tflite.file import parse
from hwsim.importers.tflite.options import explicit_padding, transposed_padding
from hwsim.network.run import run

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert writes the files of these tests")


def graph(content):
    return graph_of(parse(content, "small.tflite"), "small")


def layer(content):
    (node,) = graph(content).nodes
    return node.layer


@pytest.mark.parametrize("name", FILES)
def test_a_file_runs_as_on_litert_s_reference_kernels(name) -> None:
    content, rng = FILES[name](), np.random.default_rng(0)
    file = parse(content, name)
    network = graph_of(file, name)
    given, ours = [], {}
    for index in file.inputs:
        tensor = network.tensors[file.tensors[index].name]
        shape, kind = file.tensors[index].shape, file.tensors[index].kind
        if tensor.format is None:
            given.append(rng.standard_normal(shape).astype(np.float32))
        else:
            ends = (tensor.format.lo, tensor.format.hi)
            given.append(rng.integers(*ends, shape, endpoint=True).astype(kind))
        wide = np.float64 if tensor.format is None else np.int64
        ours[tensor.name] = given[-1].reshape(1, *tensor.shape).astype(wide)
    codes = run(network, load_hardware("tflite_reference"), ours).codes
    for index, theirs in zip(file.outputs, run_litert(content, given), strict=True):
        assert np.unique(theirs).size > 1
        assert np.array_equal(codes[file.tensors[index].name].ravel(), theirs.ravel())


@pytest.mark.parametrize("name", sorted(FILES))
def test_an_imported_graph_is_the_same_in_a_file_of_our_own(tmp_path, name) -> None:
    imported = graph(FILES[name]())
    check(imported, name)
    npz.save(imported, tmp_path / "net.npz")
    again = npz.load(tmp_path / "net.npz")
    assert again.tensors == imported.tensors
    for node, stored in zip(imported.nodes, again.nodes, strict=True):
        assert (node.name, node.op, node.inputs) == (stored.name, stored.op, stored.inputs)
        if node.layer is not None:
            assert (node.layer.weight == stored.layer.weight).all()
            assert node.layer.padding == stored.layer.padding


def test_names_are_the_operator_s_index_and_the_file_s_tensors() -> None:
    network = graph(FILES["edges"]())
    names = [(node.name, node.inputs, node.output) for node in network.nodes]
    assert names == [
        ("quantize_0", ("x",), "q"),
        ("fully_connected_1", ("q",), "r"),
        ("dequantize_2", ("r",), "y"),
    ]
    assert (network.name, network.inputs, network.outputs) == ("small", ("x",), ("y",))


def test_an_empty_or_repeated_tensor_name_has_its_index_appended(tmp_path) -> None:
    file = TfliteFile()
    names = ("x", "", "x", "", "x#2")
    indexes = [file.tensor(name, (1, 3), "int8", 0.5) for name in names]
    for source, target in pairwise(indexes):
        file.operator("RELU", [source], [target])
    path = tmp_path / "names.tflite"
    path.write_bytes(file.build(indexes[:1], indexes[-1:]))
    expected = ["x", "#1", "x#2", "#3", "x#2#4"]
    assert tensor_names(path) == expected
    network = load_model(path).graph
    assert [node.output for node in network.nodes] == expected[1:]
    assert network.name == "names"


def test_a_sample_has_no_batch_axis_and_scales_are_float32() -> None:
    x = graph(convolution()).tensors["x"]
    scale, zero_point = QUANTIZED["int8"]
    assert x.shape == (7, 6, 3)
    assert (x.scale, x.zero_point) == (float(np.float32(scale)), zero_point)
    assert x.format == IntFormat(8)


def test_the_samples_of_a_file_are_not_part_of_its_tensors() -> None:
    file = TfliteFile()
    x, y = (file.tensor(name, (4, 2, 3), "int8", 0.5) for name in "xy")
    z = file.tensor("z", (4, 6), "int8", 0.5)
    file.operator("RELU", [x], [y])
    file.operator("RESHAPE", [y], [z])
    network = graph(file.build([x], [z]))
    assert [network.tensors[name].shape for name in "xyz"] == [(2, 3), (2, 3), (6,)]


@pytest.mark.parametrize("kind", ["int8", "int4", "uint8"])
def test_a_convolution_keeps_codes_scales_and_zero_points(kind) -> None:
    scales, zero = [0.5, 0.25, 2.0, 1.0], 9 if kind == "uint8" else 0
    activation = "uint8" if kind == "uint8" else "int8"
    made = layer(convolution(activation, kind, scales, zero))
    low, high = {"int4": (-7, 8), "uint8": (0, 256)}.get(kind, (-127, 128))
    codes = np.random.default_rng(0).integers(low, high, (4, 3, 2, 3))
    assert np.array_equal(made.weight, codes)
    assert made.weight_format == IntFormat(4 if kind == "int4" else 8, signed=kind != "uint8")
    assert made.weight_scale.tolist() == scales
    assert made.weight_zero_point.tolist() == [zero] * 4
    assert made.bias.dtype == np.int64
    assert np.array_equal(made.bias, np.random.default_rng(1).integers(-2000, 2000, 4))


@pytest.mark.parametrize("bits", [32, 64])
def test_the_width_of_a_bias_is_kept(bits) -> None:
    assert layer(convolution("int16", bias_kind=f"int{bits}")).bias_bits == bits


def test_depthwise_channels_come_first() -> None:
    made = layer(depthwise(multiplier=2))
    stored = np.random.default_rng(0).integers(-127, 128, (1, 3, 2, 6))
    assert (made.groups, made.weight.shape) == (3, (6, 3, 2, 1))
    assert np.array_equal(made.weight[4, :, :, 0], stored[0, :, :, 4])


def test_fewer_filter_channels_make_groups() -> None:
    file = TfliteFile()
    x = file.tensor("x", (1, 4, 4, 6), "int8", 0.5)
    w = file.tensor("w", (4, 1, 1, 3), "int8", 0.5, data=np.ones((4, 1, 1, 3)))
    y = file.tensor("y", (1, 4, 4, 4), "int8", 0.5)
    words = {"padding": 1, "strideH": 1, "strideW": 1}
    file.operator("CONV_2D", [x, w], [y], "Conv2DOptions", **words)
    assert layer(file.build([x], [y])).groups == 2


@pytest.mark.parametrize(
    ("number", "name"), [(0, "none"), (1, "relu"), (2, "relu_n1_1"), (3, "relu6")]
)
def test_a_fused_activation_is_kept_by_name(number, name) -> None:
    made = layer(convolution(fusedActivationFunction=number))
    assert (made.activation, made.clamp) == (name, (None, None))
    (node,) = graph(FILES["add"]()).nodes
    assert node.attributes == {}
    *_, node = graph(FILES["add of fewer axes"]()).nodes
    assert node.attributes == {"activation": "relu"}


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_padding_keeps_every_stride_th_row(window, stride, dilation) -> None:
    reach = (window - 1) * dilation + 1
    for extent in range(1, 20):
        before, after = explicit_padding("SAME", extent, window, stride, dilation)
        rows = (extent + before + after - reach) // stride + 1
        assert rows == -(-extent // stride)
        assert before in (after, after - 1)
        assert before + after == 0 or (rows - 1) * stride + reach == extent + before + after


def test_transposed_padding_gives_the_asked_extent() -> None:
    for rule in ("SAME", "VALID"):
        for outer in range(3, 12):
            before, after = transposed_padding(rule, 4, outer, 3, 2)
            assert (4 - 1) * 2 + 3 - before - after == outer


def test_arithmetic_on_shapes_leaves_no_node() -> None:
    (node,) = graph(FILES["keras flatten"]()).nodes
    assert (node.name, node.inputs, node.attributes) == ("reshape_3", ("x",), {"shape": (24,)})


def test_float16_weights_are_trained_parameters() -> None:
    network = graph(half_weights())
    (node,) = network.nodes
    rng = np.random.default_rng(5)
    weight, bias = (rng.standard_normal(shape).astype(np.float16) for shape in ((3, 3, 3, 2), 3))
    assert network.is_float
    assert node.name == "conv_2d_2"
    assert node.layer.weight is None
    assert np.array_equal(node.layer.float_weight, weight.astype(np.float64))
    assert np.array_equal(node.layer.float_bias, bias.astype(np.float64))


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(("kind", "zero_point"), [("int8", 0), ("int8", -5), ("uint8", 99)])
def test_weights_in_codes_of_a_float_layer_are_dequantized(kind, zero_point, folded) -> None:
    (node,) = graph(dynamic_range(kind, zero_point, folded)).nodes
    ends = (0, 256) if kind == "uint8" else (-127, 128)
    steps = np.random.default_rng(0).integers(*ends, (5, 12)) - zero_point
    scale = np.float32(0.02)
    # behind a DEQUANTIZE as the runtime multiplies, in binary32
    expected = steps.astype(np.float32) * scale if folded else steps * float(scale)
    assert node.layer.weight is None
    assert np.array_equal(node.layer.float_weight, expected.astype(np.float64))


def test_an_operator_code_may_stand_in_its_old_field_alone() -> None:
    def change(model, graph):
        model.operatorCodes[0].builtinCode = 0

    (node,) = graph(changed(convolution(), change)).nodes
    assert node.name == "conv_2d_0"


def test_a_constant_operand_has_the_other_s_axes() -> None:
    network = graph(FILES["mul by a constant"]())
    assert network.constants["x1"].shape == network.tensors["x1"].shape == (1, 1, 3)
    assert network.nodes[0].inputs == ("x0", "x1")
    network = graph(FILES["sub from a constant"]())
    assert network.constants["x0"].shape == (1,)


def test_a_constant_of_two_shapes_is_two_tensors() -> None:
    file = TfliteFile()
    quantized = ("int8", 0.5)
    x, y = (file.tensor(name, (1, 2, 3), *quantized) for name in "xy")
    flat, z = (file.tensor(name, (1, 6), *quantized) for name in ("flat", "z"))
    one = file.tensor("one", (1,), *quantized, data=[7])
    file.operator("ADD", [x, one], [y], "AddOptions")
    file.operator("RESHAPE", [y], [flat])
    file.operator("ADD", [flat, one], [z], "AddOptions")
    network = graph(file.build([x], [z]))
    shapes = {name: codes.shape for name, codes in network.constants.items()}
    assert shapes == {"one": (1, 1), "one#1": (1,)}


def test_an_input_that_is_no_activation_is_left_to_the_caller() -> None:
    file = TfliteFile()
    x, y = (file.tensor(name, (1, 4), "int8", *OUT["int8"]) for name in "xy")
    shape = file.tensor("shape", (2,), "int32")
    file.operator("RESHAPE", [x, shape], [y])
    assert graph(file.build([x, shape], [y])).inputs == ("x",)


@pytest.mark.parametrize("allowed", [True, False])
def test_sums_of_powers_of_two_say_whether_they_may_shift(tmp_path, allowed) -> None:
    file = TfliteFile()
    tensors = [file.tensor(name, (1, 4), "int16", 0.25) for name in "xyz"]
    file.operator("ADD", tensors[:2], tensors[2:], "AddOptions", potScaleInt16=allowed)
    path = tmp_path / "sum.tflite"
    path.write_bytes(file.build(tensors[:2], tensors[2:]))
    assert load_model(path).graph.nodes[0].attributes["pot_scale_int16"] is allowed
