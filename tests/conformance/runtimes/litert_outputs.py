"""Freeze every tensor of the embedded network under LiteRT's kernel families and TFLite Micro.

::

    python tests/conformance/runtimes/litert_outputs.py traces/runtimes

Writes the network as ``digits_int8.tflite`` and one file of codes a family. TFLite Micro shows its
final outputs only.
"""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from digits_network import Node, Tensor, images, read, write

sys.path.insert(0, str(Path(__file__).parents[2] / "oracles"))

from tflite_files import TfliteFile, run_litert, run_micro, schema

FAMILIES = {
    "tflite_reference": "BUILTIN_REF",
    "tflite_optimized": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "tflite_xnnpack": "AUTO",
}


def parameters(file: TfliteFile, node: Node, source: Tensor) -> list[int]:
    """Weight and bias tensors of a layer; depthwise weights have channels last."""
    weight, scale = node.arrays["weight"], node.arrays["weight_scale"]
    axis = 0
    if node.op == "depthwise_conv_2d":
        weight, axis = weight.transpose(3, 1, 2, 0), 3
    name = node.output
    w = file.tensor(f"{name}/weight", weight.shape, "int8", scale, axis=axis, data=weight)
    bias_scale = np.float32(source.scale) * scale.astype(np.float32)
    bias = node.arrays["bias"]
    b = file.tensor(f"{name}/bias", bias.shape, "int32", bias_scale, data=bias)
    return [w, b]


def activation(node: Node) -> int:
    """A clamp at the zero point is RELU."""
    names = schema().ActivationFunctionType
    clamp = node.attributes.get("clamp", [None, None])
    return names.NONE if clamp[0] is None else names.RELU


def operator(file: TfliteFile, node: Node, index: dict[str, int], tensors: dict[str, Tensor]):
    """Add one node; ``index``: tensor numbers by name."""
    inputs, outputs = [index[name] for name in node.inputs], [index[node.output]]
    words = {"fusedActivationFunction": activation(node)}
    if node.arrays:
        inputs += parameters(file, node, tensors[node.inputs[0]])
    if node.op in ("conv_2d", "depthwise_conv_2d"):
        same = node.attributes["padding"] != [[0, 0], [0, 0]]
        words |= {
            "padding": schema().Padding.SAME if same else schema().Padding.VALID,
            "strideH": node.attributes["stride"][0],
            "strideW": node.attributes["stride"][1],
            "dilationHFactor": 1,
            "dilationWFactor": 1,
        }
        if node.op == "conv_2d":
            file.operator("CONV_2D", inputs, outputs, "Conv2DOptions", version=3, **words)
        else:
            words["depthMultiplier"] = 1
            options = "DepthwiseConv2DOptions"
            file.operator("DEPTHWISE_CONV_2D", inputs, outputs, options, version=3, **words)
    elif node.op == "fully_connected":
        options = "FullyConnectedOptions"
        file.operator("FULLY_CONNECTED", inputs, outputs, options, version=5, **words)
    elif node.op == "add":
        file.operator("ADD", inputs, outputs, "AddOptions", version=2, **words)
    elif node.op == "average_pool_2d":
        (height, width), (y, x) = node.attributes["window"], node.attributes["stride"]
        words |= {"padding": schema().Padding.VALID, "filterHeight": height, "filterWidth": width}
        words |= {"strideH": y, "strideW": x}
        file.operator("AVERAGE_POOL_2D", inputs, outputs, "Pool2DOptions", version=2, **words)
    else:
        shape = [1, *tensors[node.output].shape]
        inputs.append(file.tensor(f"{node.output}/shape", [len(shape)], "int32", data=shape))
        file.operator("RESHAPE", inputs, outputs, "ReshapeOptions", newShape=shape)


def build() -> tuple[bytes, dict[str, int]]:
    """The network's file, and where each tensor stands in it."""
    tensors, nodes = read()
    file = TfliteFile()
    index = {
        name: file.tensor(name, [1, *t.shape], "int8", t.scale, t.zero_point)
        for name, t in tensors.items()
    }
    for node in nodes:
        operator(file, node, index, tensors)
    return file.build([index["image"]], [index[nodes[-1].output]]), index


def main(folder: str) -> None:
    """Write the network's file, run every family, write its codes."""
    model, index = build()
    _, nodes = read()
    (Path(folder) / "digits_int8.tflite").write_bytes(model)
    x = images()
    command = __doc__.split("::")[1].split("\n\n")[1].strip()
    versions = {"ai-edge-litert": version("ai-edge-litert"), "numpy": np.__version__}
    for machine, resolver in FAMILIES.items():
        runs = [
            run_litert(model, [x[i : i + 1]], resolver, every_tensor=True) for i in range(len(x))
        ]
        arrays = {
            node.output: np.concatenate([tensors[index[node.output]] for tensors in runs])
            for node in nodes
        }
        write(str(Path(folder) / f"{machine}.npz"), {"image": x, **arrays}, versions, command)
    outputs = [run_micro(model, [x[i : i + 1]])[0] for i in range(len(x))]
    arrays = {"image": x, nodes[-1].output: np.concatenate(outputs)}
    versions = {"tflite_micro": version("tflite_micro"), "numpy": np.__version__}
    write(str(Path(folder) / "tflite_micro.npz"), arrays, versions, command)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1])
