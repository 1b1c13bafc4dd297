"""Frozen TFLite layers and operators (shared/golden) as graphs of one node."""

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import output_shape
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.run import run

ACTIVATIONS = ("none", "relu", "relu_n1_1", "relu6")
OPERATORS = {"conv": "conv_2d", "dw": "depthwise_conv_2d", "fc": "fully_connected"}
INT8, UINT8, INT16 = IntFormat(8), IntFormat(8, signed=False), IntFormat(16)
TYPES = {  # activation and weight formats, width of the bias
    "int8": (INT8, INT8, 32),
    "int4": (INT8, IntFormat(4), 32),
    "uint8": (UINT8, UINT8, 32),
    "int16x8": (INT16, INT8, 64),
    "int16x8b32": (INT16, INT8, 32),
}
RESOLVERS = {"REF": "tflite_reference", "OPT": "tflite_optimized", "XNN": "tflite_xnnpack"}
RUNTIMES = {
    "REF": "LiteRT reference kernels",
    "OPT": "LiteRT optimized kernels",
    "XNN": "LiteRT XNNPACK",
}
LITERT = "ai-edge-litert 2.3.0"


def same_padding(size, taps, stride, dilation):
    """TFLite's SAME: the smaller half first."""
    reach = (taps - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def layer_graph(layer, shape, source, output):
    """A network of one layer; ``source``, ``output``: format, scale, zero point."""
    x = Tensor("x", tuple(shape), *source)
    y = Tensor("y", output_shape(layer, tuple(shape)), *output)
    node = Node(layer.op, layer.op, ("x",), "y", layer)
    return Graph("golden", {"x": x, "y": y}, (node,), ("x",), ("y",))


def weights(array, op):
    """TFLite's depthwise weights (1, ky, kx, channels) with the channel first."""
    array = array.astype(np.int64)
    return np.ascontiguousarray(array.transpose(3, 1, 2, 0)) if op.startswith("depth") else array


def cases(path):
    """Every layer of a file: ``(type, operator, number)`` to its arrays."""
    found = {}
    with np.load(path) as file:
        for key in file.files:
            kind, name, number, array = key.split("_", 3)
            found.setdefault((kind, name, int(number)), {})[array] = file[key]
    return found


def case_graph(case, kind, name):
    """One layer of golden_tflite_layers(_ties).npz, as the importer of a model file makes it."""
    op, (input_format, weight_format, bias_bits) = OPERATORS[name], TYPES[kind]
    sx, sy, zx, zy, zw, *geometry = case["meta"].tolist()
    weight, words = weights(case["w"], op), {}
    if op != "fully_connected":
        stride, dilation = tuple(map(int, geometry[:2])), tuple(map(int, geometry[2:4]))
        _, height, width, channels = case["x"].shape
        padding = ((0, 0), (0, 0))
        if geometry[4]:
            sizes = zip((height, width), weight.shape[1:3], stride, dilation, strict=True)
            padding = tuple(same_padding(*size) for size in sizes)
        groups = channels // weight.shape[3] if op == "conv_2d" else channels
        words = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    layer = MacLayer(
        op=op,
        weight=weight,
        weight_format=weight_format,
        weight_scale=case["sw"].astype(np.float64),
        weight_zero_point=np.array([int(zw)]),
        bias=case["b"].astype(np.int64) if "b" in case else None,
        bias_bits=bias_bits,
        activation=ACTIVATIONS[int(geometry[5])],
        **words,
    )
    return layer_graph(
        layer, case["x"].shape[1:], (input_format, sx, int(zx)), (input_format, sy, int(zy))
    )


def outputs(graph, machine, *inputs):
    """The network's output codes on input codes."""
    codes = {name: x.astype(np.int64) for name, x in zip(graph.inputs, inputs, strict=True)}
    return run(graph, machine, codes).codes[graph.outputs[0]]


def differences(got, expected):
    """How many codes differ; the shapes must not."""
    assert got.size == expected.size
    return int(np.count_nonzero(got.ravel() != expected.astype(np.int64).ravel()))


def requantized(machine, op, sums, factors, zero_point=0, output=INT8):
    """Codes of ``sums``, one channel each: a layer of zero weights whose biases are the sums.

    ``factors``: from sum to output, held by the weight scales.
    """
    channels = -(-sums.size // 8) * 8  # whole vectors of channels
    bias, scale = np.zeros(channels, np.int64), np.ones(channels)
    bias[: sums.size], scale[: sums.size] = sums.ravel(), factors.ravel()
    taps = (channels, 1) if op == "fully_connected" else (channels, 1, 1, 1)
    shape = {"conv_2d": (1, 1, 1), "depthwise_conv_2d": (1, 1, channels)}.get(op, (1,))
    layer = MacLayer(
        op=op,
        weight=np.zeros(taps, np.int64),
        weight_format=INT8,
        weight_scale=scale,
        weight_zero_point=np.zeros(1, np.int64),
        bias=bias,
        bias_bits=32,
        groups=channels if op == "depthwise_conv_2d" else 1,
    )
    graph = layer_graph(layer, shape, (INT8, 1.0, 0), (output, 1.0, zero_point))
    y = outputs(graph, machine, np.zeros((1, *shape), np.int64))
    return y.ravel()[: sums.size].reshape(sums.shape)
