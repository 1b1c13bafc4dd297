"""Freeze every tensor of the embedded network under ONNX Runtime's CPU kernels.

::

    python tests/conformance/runtimes/onnxruntime_outputs.py traces/runtimes/onnxruntime.npz

QLinearConv, QLinearMatMul, com.microsoft's QLinearAdd and QLinearAveragePool on int8 codes, graph
optimizations off: each tensor is a graph output.
"""

from __future__ import annotations

import sys

import numpy as np
import onnx
import onnxruntime
from digits_network import Node, Tensor, images, read, write
from onnx import TensorProto, helper

ORT = "com.microsoft"


def scalars(name: str, tensor: Tensor) -> list[onnx.TensorProto]:
    """Scale and zero point of a tensor, as initializers."""
    return [
        helper.make_tensor(f"{name}_scale", TensorProto.FLOAT, [], [tensor.scale]),
        helper.make_tensor(f"{name}_zero_point", TensorProto.INT8, [], [tensor.zero_point]),
    ]


def quantized(name: str) -> list[str]:
    """A tensor with its scale and zero point, as QLinear operators take them."""
    return [name, f"{name}_scale", f"{name}_zero_point"]


def parameters(node: Node) -> list[onnx.TensorProto]:
    """Weight, its scales and zero points, and the int32 bias of a layer."""
    weight = node.arrays["weight"]
    weight = weight.transpose(0, 3, 1, 2) if weight.ndim == 4 else weight.T
    channels = node.arrays["weight_scale"].shape[0]
    name = node.output
    return [
        helper.make_tensor(f"{name}_w", TensorProto.INT8, weight.shape, weight.ravel().tolist()),
        helper.make_tensor(
            f"{name}_w_scale",
            TensorProto.FLOAT,
            [channels],
            node.arrays["weight_scale"].tolist(),
        ),
        helper.make_tensor(f"{name}_w_zero_point", TensorProto.INT8, [channels], [0] * channels),
        helper.make_tensor(
            f"{name}_b", TensorProto.INT32, [channels], node.arrays["bias"].tolist()
        ),
    ]


def operator(node: Node) -> list[onnx.NodeProto]:
    """The ONNX nodes of one of ours; images are NCHW there."""
    name, weight = node.output, [f"{node.output}_w{end}" for end in ("", "_scale", "_zero_point")]
    out = quantized(name)[1:]
    if node.op in ("conv_2d", "depthwise_conv_2d"):
        (top, bottom), (left, right) = node.attributes["padding"]
        inputs = [*quantized(node.inputs[0]), *weight, *out, f"{name}_b"]
        return [
            helper.make_node(
                "QLinearConv",
                inputs,
                [name],
                strides=node.attributes["stride"],
                pads=[top, left, bottom, right],
                group=node.attributes["groups"],
            )
        ]
    if node.op == "fully_connected":
        inputs = [*quantized(node.inputs[0])]
        gemm = [*inputs, *weight, f"{name}_b", *out]
        return [helper.make_node("QGemm", gemm, [name], domain=ORT)]
    if node.op == "add":
        inputs = [*quantized(node.inputs[0]), *quantized(node.inputs[1]), *out]
        return [helper.make_node("QLinearAdd", inputs, [name], domain=ORT)]
    if node.op == "average_pool_2d":
        pool = [*quantized(node.inputs[0]), *out]
        window, stride = node.attributes["window"], node.attributes["stride"]
        return [
            helper.make_node(
                "QLinearAveragePool", pool, [name], domain=ORT, kernel_shape=window, strides=stride
            )
        ]
    return [helper.make_node("Flatten", node.inputs, [name], axis=1)]


def main(path: str) -> None:
    """Build the graph, run it, write every tensor with channels last."""
    tensors, nodes = read()
    initializers = [part for name, t in tensors.items() for part in scalars(name, t)]
    for node in nodes:
        if node.arrays:
            initializers += parameters(node)
    graph = helper.make_graph(
        [proto for node in nodes for proto in operator(node)],
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.INT8, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info(n.output, TensorProto.INT8, None) for n in nodes],
        initializers,
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(ORT, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    x = images()
    results = session.run(None, {"image": x.transpose(0, 3, 1, 2)})
    arrays = {"image": x}
    for node, result in zip(nodes, results, strict=True):
        arrays[node.output] = result.transpose(0, 2, 3, 1) if result.ndim == 4 else result
    versions = {
        "onnxruntime": onnxruntime.__version__,
        "onnx": onnx.__version__,
        "numpy": np.__version__,
    }
    write(path, arrays, versions, __doc__.split("::")[1].split("\n\n")[1].strip())


if __name__ == "__main__":
    main(sys.argv[1])
