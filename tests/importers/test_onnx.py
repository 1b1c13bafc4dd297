"""What an ONNX file becomes: names, layout, folded constants, biases, activations."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")

from importers.onnx_small import Small, convolution, helper, write
from oracles.onnx_runtime import tensors

from hwsim import load_hardware
from hwsim.errors import UnsupportedError
from hwsim.importers import model as models
from hwsim.importers import onnx
from hwsim.importers.onnx.onnxruntime import float_layers
from hwsim.network import float_twin
from hwsim.network.run import run


def loaded(small, tmp_path, *outputs):
    return onnx.load(write(small.model(*outputs), tmp_path))


def test_a_quantized_layer_is_named_and_laid_out(tmp_path):
    small = Small(1)
    model = convolution(small, (3, 6, 5), 4, (3, 2), pads=[1, 0, 2, 1], strides=[1, 2])
    graph = models.load(write(model, tmp_path)).graph
    quantize, conv, dequantize = graph.nodes
    (weight,) = [t for t in model.graph.initializer if t.dims == [4, 3, 3, 2]]
    assert (quantize.op, conv.op, dequantize.op) == ("quantize", "conv_2d", "dequantize")
    assert conv.name == next(n.name for n in model.graph.node if n.op_type == "Conv")
    assert graph.tensors["x"].shape == (6, 5, 3)
    assert (graph.tensors["x"].format, str(graph.tensors[conv.output].format)) == (None, "uint8")
    codes = np.frombuffer(weight.raw_data, np.int8).reshape(4, 3, 3, 2)
    assert np.array_equal(conv.layer.weight, codes.transpose(0, 2, 3, 1))
    assert (conv.layer.padding, conv.layer.stride) == (((1, 2), (0, 1)), (1, 2))
    assert (conv.layer.bias_bits, conv.layer.real_bias) == (32, None)
    assert conv.output in {name for node in model.graph.node for name in node.output}


def test_layouts_turn_the_files_arrays_and_back(tmp_path):
    path = write(convolution(Small(1), (3, 6, 5), 4, (3, 3)), tmp_path)
    layout = onnx.layouts(path)["x"]
    images = np.arange(2 * 90).reshape(2, 3, 6, 5)
    ours = layout.from_file(images)
    assert np.array_equal(ours, images.transpose(0, 2, 3, 1))
    assert np.array_equal(layout.to_file(ours), images)


def test_float_weights_behind_a_quantizer_are_folded_and_kept(tmp_path):
    small = Small(2)
    x = small.quantize(small.input((5,)), 0.02, 130)
    real = small.rng.normal(size=(5, 3)).astype(np.float32)
    words = [small.constant(np.float32(0.02)), small.constant(np.int8(0))]
    codes = small.op("QuantizeLinear", [small.constant(real), *words])
    weight = small.op("DequantizeLinear", [codes, *words])
    y = small.quantize(small.op("MatMul", [x, weight]), 0.05, 128)
    layer = loaded(small, tmp_path, y).mac_nodes[0].layer
    expected = np.clip(np.rint(real / np.float32(0.02)), -128, 127)
    assert np.array_equal(layer.weight, expected.T)
    assert np.array_equal(layer.float_weight, real.T.astype(np.float64))


def biased(small, bias):
    x = small.quantize(small.input((5,)), 0.5, 130)
    weight, scale = small.weights((5, 3), 1)
    y = small.op("Gemm", [x, weight, bias(np.float32(0.5) * scale)])
    return small.quantize(y, 0.05, 128)


def test_a_bias_is_an_integer_at_the_product_of_scales_and_real_at_any_other(tmp_path):
    exact, off, real = Small(3), Small(3), Small(3)
    numbers = np.array([0.5, -1.25, 3.0], np.float32)
    graphs = [
        loaded(exact, tmp_path, biased(exact, lambda scale: exact.bias(3, scale))),
        loaded(off, tmp_path, biased(off, lambda scale: off.bias(3, scale * 2))),
        loaded(real, tmp_path, biased(real, lambda _: real.constant(numbers))),
    ]
    layers = [graph.mac_nodes[0].layer for graph in graphs]
    assert [layer.bias is not None for layer in layers] == [True, False, False]
    assert layers[1].real_bias == pytest.approx(2 * layers[0].bias * 0.5 * layers[0].weight_scale)
    assert layers[2].real_bias.tolist() == numbers.tolist()
    assert [len(float_layers(graph)) for graph in graphs] == [0, 1, 1]


@pytest.mark.parametrize(("lo", "hi", "activation", "clamp"), [
    (0.0, None, "relu", (None, None)), (0.0, 6.0, "relu6", (None, None)),
    (-1.0, 1.0, "relu_n1_1", (None, None)), (-0.5, 2.0, "none", (110, 160)),
])  # fmt: skip
def test_bounds_are_an_activation_by_name_or_codes(tmp_path, lo, hi, activation, clamp):
    small = Small(4)
    x = small.quantize(small.input((5,)), 0.02, 130)
    weight, _ = small.weights((5, 3), 1)
    y = small.op("MatMul", [x, weight])
    ends = ["" if end is None else small.constant(np.float32(end)) for end in (lo, hi)]
    y = small.op("Relu", [y]) if hi is None else small.op("Clip", [y, *ends])
    (node,) = loaded(small, tmp_path, small.quantize(y, 0.05, 120)).mac_nodes
    lo_code, hi_code = clamp if clamp != (110, 160) else (120 - 10, 120 + 40)
    assert (node.layer.activation, node.layer.clamp) == (activation, (lo_code, hi_code))


def test_a_zero_point_at_the_least_code_is_a_relu(tmp_path):
    """Quantizers drop the Relu that it stands for; the float twin needs it."""
    small = Small(5)
    x = small.quantize(small.input((5,)), 0.02, 130)
    weight, _ = small.weights((5, 3), 1)
    y = small.quantize(small.op("MatMul", [x, weight]), 0.02, 0)
    graph = loaded(small, tmp_path, y)
    assert graph.mac_nodes[0].layer.activation == "relu"
    reals = np.linspace(-2, 2, 35).reshape(7, 5)
    twin = float_twin.run(graph, {"x": reals})[graph.outputs[0]]
    assert (twin >= 0).all()
    assert (twin == 0).any()


@pytest.mark.parametrize("form", ["quantized", "real"])
def test_batch_normalization_is_folded_whatever_its_sign(tmp_path, form):
    """Channels with a negative, a zero and a positive factor."""
    small = Small(6)
    x = small.input((3, 6, 6))
    if form == "quantized":
        x = small.quantize(x, 0.02, 130)
        weight, _ = small.weights((4, 3, 3, 3))
    else:
        weight = small.constant(small.rng.normal(size=(4, 3, 3, 3)).astype(np.float32))
    y = small.op("Conv", [x, weight, small.constant(np.float32([0.5, -1, 0.25, 2]))])
    numbers = ([-1.5, 0, 0.7, 2], [0.3, -0.2, 0.1, 0], [0.1, 0, -0.3, 0.2], [1, 2, 0.5, 1])
    words = [small.constant(np.float32(values)) for values in numbers]
    y = small.op("BatchNormalization", [y, *words], epsilon=1e-3)
    y = small.quantize(y, 0.05, 120) if form == "quantized" else y
    path = write(small.model(y), tmp_path)
    graph, layouts = onnx.load(path), onnx.layouts(path)
    assert [node.op for node in graph.nodes if node.layer] == ["conv_2d"]
    assert not [node for node in graph.nodes if node.op in ("mul", "add")]
    images = np.random.default_rng(0).normal(size=(4, 3, 6, 6)).astype(np.float32)
    theirs = tensors(path, {"x": images}, [y], "ORT_DISABLE_ALL")[y]
    inputs = {"x": layouts["x"].from_file(images).astype(np.float64)}
    if form == "real":
        ours = float_twin.run(graph, inputs)[graph.outputs[0]]
        assert np.abs(layouts[graph.outputs[0]].to_file(ours) - theirs).max() < 1e-4
    else:
        assert (graph.mac_nodes[0].layer.weight_scale > 0).all()
        ours = run(graph, load_hardware("pt2e_graph"), inputs).codes[graph.outputs[0]]
        steps = np.rint((layouts[graph.outputs[0]].to_file(ours) - theirs) / 0.05)
        assert np.count_nonzero(steps) <= 1  # a float32 sum beside a tie


def test_transpositions_of_activations_vanish(tmp_path):
    small = Small(7)
    x = small.op("Transpose", [small.quantize(small.input((6, 5, 3)), 0.02, 130)],
                 perm=[0, 3, 1, 2])  # fmt: skip
    weight, _ = small.weights((4, 3, 3, 3))
    y = small.quantize(small.op("Conv", [x, weight]), 0.05, 120)
    y = small.op("Transpose", [y], perm=[0, 2, 3, 1])
    graph = loaded(small, tmp_path, y)
    assert [node.op for node in graph.nodes] == ["quantize", "conv_2d", "dequantize"]
    assert graph.tensors["x"].shape == (6, 5, 3)


def test_zeros_of_a_pad_are_the_convolutions(tmp_path):
    small = Small(8)
    x = small.quantize(small.input((3, 6, 5)), 0.02, 130)
    pads = small.constant(np.int64([0, 0, 1, 2, 0, 0, 3, 0]))
    weight, _ = small.weights((4, 3, 3, 3))
    padded = small.op("Pad", [x, pads])
    y = small.quantize(small.op("Conv", [padded, weight], pads=[1, 1, 1, 1]), 0.05, 120)
    graph = loaded(small, tmp_path, y)
    assert graph.mac_nodes[0].layer.padding == ((2, 4), (3, 1))
    assert "pad" not in {node.op for node in graph.nodes}


def test_an_unquantized_result_leaves_its_sums_and_becomes_real(tmp_path):
    """A layer whose output nothing quantizes: the array gives int32, a factor a channel follows."""
    small = Small(9)
    x = small.quantize(small.input((12,)), 0.02, 130)
    weight, scale = small.weights((12, 7), 1)
    y = small.op("Gemm", [x, weight, small.bias(7, np.float32(0.02) * scale)])
    path = write(small.model(y), tmp_path)
    graph = onnx.load(path)
    assert [node.op for node in graph.nodes] == [
        "quantize", "fully_connected", "dequantize_channels",
    ]  # fmt: skip
    assert str(graph.tensors[graph.mac_nodes[0].output].format) == "int32"
    reals = np.random.default_rng(0).uniform(-2, 2, (6, 12)).astype(np.float32)
    theirs = tensors(path, {"x": reals}, [y], "ORT_DISABLE_ALL")[y]
    for machine in ("onnxruntime", "edge_ws_16x16", "tflite_reference"):
        words = ["operands.weight.bits=16", "operands.activation.bits=16"]
        own = load_hardware(machine, words if machine == "edge_ws_16x16" else [])
        ours = run(graph, own, {"x": reals.astype(np.float64)}).codes[graph.outputs[0]]
        assert np.abs(ours - theirs).max() < 1e-4


def test_constants_of_one_number_a_channel_become_the_layers(tmp_path):
    """Mul, Add, Sub and Div around a MatMul, on both sides of the constant."""
    small = Small(10)
    weight = small.constant(small.rng.normal(size=(5, 3)).astype(np.float32))
    y = small.op("MatMul", [small.input((5,)), weight])
    y = small.op("Mul", [small.constant(np.float32([2, -3, 0.5])), y])
    y = small.op("Add", [y, small.constant(np.float32([1, 2, 3]))])
    y = small.op("Sub", [small.constant(np.float32(0.25)), y])
    y = small.op("Div", [y, small.constant(np.float32([[4, 2, -1]]))])
    path = write(small.model(y), tmp_path)
    graph = onnx.load(path)
    assert [node.op for node in graph.nodes] == ["fully_connected"]
    reals = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    theirs = tensors(path, {"x": reals}, [y])[y]
    ours = float_twin.run(graph, {"x": reals.astype(np.float64)})[graph.outputs[0]]
    assert np.abs(ours - theirs).max() < 1e-5


def test_a_value_with_other_readers_is_not_folded(tmp_path):
    """Both the layer's own result and what follows are needed."""
    small = Small(11)
    weight = small.constant(small.rng.normal(size=(5, 3)).astype(np.float32))
    y = small.op("MatMul", [small.input((5,)), weight])
    z = small.op("Relu", [y])
    total = small.op("Add", [y, z])
    path = write(small.model(total), tmp_path)
    graph = onnx.load(path)
    reals = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    ours = float_twin.run(graph, {"x": reals.astype(np.float64)})[graph.outputs[0]]
    assert np.abs(ours - tensors(path, {"x": reals}, [total])[total]).max() < 1e-5
    assert [node.op for node in graph.nodes] == ["fully_connected", "relu", "add"]


QUANT = "qonnx.custom_op.general"


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 7])
def test_qonnx_formats_are_of_any_width(tmp_path, bits):
    small = Small(bits)
    one, zero, width = (small.constant(np.float32(v)) for v in (1.0, 0.0, bits))
    scale = small.constant(np.float32(small.rng.uniform(0.1, 0.2, (3, 1))))
    x = small.op("Quant", [small.input((5,)), one, zero, width], QUANT, signed=0, narrow=0,
                 rounding_mode="ROUND")  # fmt: skip
    weight = small.constant(small.rng.normal(size=(3, 5)).astype(np.float32))
    if bits == 1:
        codes = small.op("BipolarQuant", [weight, scale], QUANT)
    else:
        codes = small.op("Quant", [weight, scale, zero, width], QUANT, signed=1, narrow=1,
                         rounding_mode="ROUND")  # fmt: skip
    y = small.op("MatMul", [x, small.op("Transpose", [codes], perm=[1, 0])])
    y = small.op("Quant", [y, one, zero, width], QUANT, signed=1, narrow=0, rounding_mode="ROUND")
    graph = loaded(small, tmp_path, y)
    (node,) = graph.mac_nodes
    assert str(graph.tensors[node.inputs[0]].format) == f"uint{bits}"
    assert str(graph.tensors[node.output].format) == f"int{bits}"
    assert str(node.layer.weight_format) == f"int{max(bits, 2)} narrow"
    assert node.layer.weight_scale.shape == (3,)
    if bits == 1:
        assert set(np.unique(node.layer.weight)) == {-1, 1}


@pytest.mark.parametrize("mode", ["FLOOR", "CEIL", "ROUND_TO_ZERO", "ROUND"])
def test_qonnx_activations_round_as_the_file_says(tmp_path, mode):
    small = Small(1)
    one, zero, width = (small.constant(np.float32(v)) for v in (1.0, 0.0, 4))
    x = small.op("Quant", [small.input((5,)), one, zero, width], QUANT, rounding_mode=mode)
    graph = loaded(small, tmp_path, x)
    values = np.array([[-1.5, -0.5, 0.5, 1.25, 9.0]])
    rule = {"FLOOR": np.floor, "CEIL": np.ceil, "ROUND_TO_ZERO": np.trunc, "ROUND": np.rint}[mode]
    ours = run(graph, load_hardware("onnxruntime"), {"x": values}).codes[graph.outputs[0]]
    assert np.array_equal(ours, np.clip(rule(values), -8, 7))


def test_unsupported_operators_are_all_named_before_anything_is_built(tmp_path):
    small = Small(1)
    x = small.input((5,))
    y = small.op("LSTM", [x])
    z = small.op("Erf", [y], domain="com.microsoft")
    path = write(small.model(small.op("Relu", [z])), tmp_path)
    with pytest.raises(UnsupportedError) as error:
        onnx.load(path)
    assert "LSTM: not imported" in str(error.value)
    assert "com.microsoft:Erf: not imported" in str(error.value)
    assert str(error.value).count(str(path)) == 2


def test_the_shape_of_an_input_is_known_but_for_its_batch(tmp_path):
    """Shape, Gather, Unsqueeze, Concat, Reshape: the flattening that old exporters write."""
    small = Small(1, opset=11)
    x = small.input((3, 4, 5))
    batch = small.op("Gather", [small.op("Shape", [x]), small.constant(np.int64(0))])
    rest = small.constant(np.int64([-1]))
    target = small.op("Concat", [small.op("Unsqueeze", [batch], axes=[0]), rest], axis=0)
    y = small.op("Reshape", [x, target])
    model = small.model(y)
    graph = onnx.load(write(model, tmp_path))
    assert graph.tensors[graph.outputs[0]].shape == (60,)
    values = np.arange(60.0).reshape(1, 3, 4, 5)
    ours = float_twin.run(graph, {"x": values.transpose(0, 2, 3, 1)})[graph.outputs[0]]
    assert np.array_equal(ours, values.reshape(1, 60))


def test_initializers_of_old_files_are_no_inputs(tmp_path):
    """IR versions below 4 list initializers among the inputs."""
    small = Small(1)
    y = small.op("MatMul", [small.input((5,)), small.constant(np.ones((5, 2), np.float32))])
    model = small.model(y)
    (weight,) = model.graph.initializer
    model.graph.input.append(helper.make_tensor_value_info(weight.name, 1, [5, 2]))
    assert onnx.load(write(model, tmp_path)).inputs == ("x",)
