"""Small networks and reference runs for tests of whole networks."""

from fractions import Fraction

import numpy as np
from oracles import reals, tflite_ops

from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor

INT8 = IntFormat(8)
DOUBLE = {"scheme": "multiplier_shift_double", "rounding": "half_away"}


def matmul_layer(clamp=(None, None)):
    """A batched product: its second input is the weight."""
    return MacLayer("batch_matmul", None, INT8, np.ones(1), np.zeros(1, np.int64), clamp=clamp)


def matmul_graph(constant=None, zero_points=(5, -7, 2)):
    """Two heads of (3, 4) x (4, 5); the second operand an input, or a constant."""
    za, zb, zy = zero_points
    tensors = {
        "a": Tensor("a", (2, 3, 4), INT8, 0.25, za),
        "b": Tensor("b", (2, 4, 5), INT8, 0.5, zb),
        "y": Tensor("y", (2, 3, 5), INT8, 8.0, zy),
    }
    node = Node("heads", "batch_matmul", ("a", "b"), "y", matmul_layer())
    constants = {} if constant is None else {"b": constant}
    inputs = ("a", "b") if constant is None else ("a",)
    return Graph("matmul", tensors, (node,), inputs, ("y",), constants)


def linear(name, source, output, weight, bias=None):
    """A fully connected node; weight (oc, ic), scale 1/16."""
    layer = MacLayer(
        "fully_connected", np.array(weight), INT8, np.array([1 / 16]), np.zeros(1, np.int64), bias
    )
    return Node(name, "fully_connected", (source,), output, layer)


def convolved(x, node, zero_point):
    """Exact sums of a layer with its bias, int64; padding taps hold the zero point."""
    layer = node.layer
    if layer.op == "fully_connected":
        return (x - zero_point) @ layer.weight.T.astype(np.int64) + layer.bias
    ky, kx = layer.weight.shape[1:3]
    padded = np.pad(x - zero_point, ((0, 0), *layer.padding, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (ky, kx), axis=(1, 2))
    windows = windows[:, :: layer.stride[0], :: layer.stride[1]]  # (s, y, x, c, ky, kx)
    weight = layer.weight.astype(np.int64)
    if layer.op == "depthwise_conv_2d":
        return np.einsum("syxcji,cji->syxc", windows, weight[..., 0]) + layer.bias
    return np.einsum("syxcji,ojic->syxo", windows, weight) + layer.bias


def tflite_digits(graph, codes):
    """Every tensor of ``digits`` as TFLite's reference kernels compute it, without any register."""
    t = {"image": codes}
    for node in graph.nodes:
        source, output = graph.tensors[node.inputs[0]], graph.tensors[node.output]
        x, sx, zx = t[node.inputs[0]], source.scale, source.zero_point
        clamp = (None, None) if node.layer is None else node.layer.clamp
        if node.op == "add":
            other = graph.tensors[node.inputs[1]]
            y = tflite_ops.add(
                x, t[node.inputs[1]], sx, zx, other.scale, other.zero_point,
                output.scale, output.zero_point, 20,
            )  # fmt: skip
            clamp = node.attributes["clamp"]
        elif node.op == "average_pool_2d":
            y = tflite_ops.pool(x, "average", x.shape[1:3], (1, 1), ((0, 0), (0, 0)))
        elif node.op == "reshape":
            y = x.reshape(len(x), -1)
        else:
            channels = node.layer.weight.shape[0]
            scales = sx * np.broadcast_to(node.layer.weight_scale, channels) / output.scale
            y = requantized(node, convolved(x, node, zx), scales, output.zero_point)
        t[node.output] = np.clip(np.clip(y, *clamp) if clamp != (None, None) else y, -128, 127)
    return t


def requantized(node, sums, scales, zero_point):
    """gemmlowp for convolutions, a product in binary64 for linear layers."""
    y = np.empty_like(sums)
    for channel, scale in enumerate(scales.tolist()):
        if node.op == "fully_connected":
            for i, acc in np.ndenumerate(sums[..., channel]):
                y[(*i, channel)], _ = reals.float64(int(acc), Fraction(scale), zero_point)
        else:
            factor = tflite_ops.quantize_multiplier(scale)
            y[..., channel] = tflite_ops.mbqm(sums[..., channel], *factor) + zero_point
    return y
