"""Freeze every tensor of the embedded network under PyTorch's quantized engines.

::

    python tests/conformance/runtimes/torch_outputs.py traces/runtimes

One file an engine, ``torch_<engine>.npz``: codes are quint8 (ours plus 128), biases float; padding
of unequal margins is added before the convolution. On a host without VNNI fbgemm saturates pairs of
products: ``made`` says which host it was.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from digits_network import Node, Tensor, images, read, write

ENGINES = ("fbgemm", "qnnpack", "onednn", "x86")


def codes_of(x: torch.Tensor) -> np.ndarray:
    """quint8 codes, channels last."""
    codes = x.int_repr().numpy()
    return codes.transpose(0, 2, 3, 1) if codes.ndim == 4 else codes


def tensor_of(codes: np.ndarray, tensor: Tensor) -> Any:
    """A quantized torch tensor of quint8 codes, channels first."""
    if codes.ndim == 4:
        codes = codes.transpose(0, 3, 1, 2)
    stored = torch.from_numpy(np.ascontiguousarray(codes))
    return torch._make_per_tensor_quantized_tensor(stored, tensor.scale, tensor.zero_point + 128)


def weight_of(node: Node) -> Any:
    """Per-channel quantized weights, (oc, ic, ky, kx) or (oc, ic)."""
    weight = node.arrays["weight"]
    if weight.ndim == 4:
        weight = weight.transpose(0, 3, 1, 2)
    scales = torch.from_numpy(node.arrays["weight_scale"].astype(np.float64))
    zeros = torch.zeros(len(scales), dtype=torch.int64)
    stored = torch.from_numpy(np.ascontiguousarray(weight))
    return torch._make_per_channel_quantized_tensor(stored, scales, zeros, 0)


def layer(node: Node, codes: np.ndarray, tensors: dict[str, Tensor]) -> Any:
    """A convolution or linear layer; relu is the zero point at the end of the format."""
    source, out = tensors[node.inputs[0]], tensors[node.output]
    bias = torch.from_numpy(node.arrays["float_bias"])
    if node.op == "fully_connected":
        packed = torch.ops.quantized.linear_prepack(weight_of(node), bias)
        x = tensor_of(codes, source)
        return torch.ops.quantized.linear(x, packed, out.scale, out.zero_point + 128)
    (top, bottom), (left, right) = node.attributes["padding"]
    padding, ones = [top, left], [1, 1]
    if (top, left) != (bottom, right):
        margins = ((0, 0), (top, bottom), (left, right), (0, 0))
        codes = np.pad(codes, margins, constant_values=source.zero_point + 128)
        padding = [0, 0]
    packed = torch.ops.quantized.conv2d_prepack(
        weight_of(node), bias, node.attributes["stride"], padding, ones, node.attributes["groups"]
    )
    x = tensor_of(codes, source)
    return torch.ops.quantized.conv2d(x, packed, out.scale, out.zero_point + 128)


def operator(node: Node, values: dict[str, np.ndarray], tensors: dict[str, Tensor]) -> Any:
    """One node on codes."""
    if node.arrays:
        return layer(node, values[node.inputs[0]], tensors)
    inputs = [tensor_of(values[name], tensors[name]) for name in node.inputs]
    out = tensors[node.output]
    if node.op == "add":
        return torch.ops.quantized.add_relu(*inputs, out.scale, out.zero_point + 128)
    if node.op == "average_pool_2d":
        window, stride = node.attributes["window"], node.attributes["stride"]
        return torch.nn.functional.avg_pool2d(inputs[0], window, stride)
    return inputs[0].reshape(len(inputs[0]), -1)


def main(folder: str) -> None:
    """Run every engine and write its file."""
    tensors, nodes = read()
    vnni = "avx512_vnni" in Path("/proc/cpuinfo").read_text()
    versions = {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "host": "VNNI" if vnni else "no VNNI",
    }
    command = __doc__.split("::")[1].split("\n\n")[1].strip()
    for engine in ENGINES:
        torch.backends.quantized.engine = engine
        values = {"image": images().astype(np.int16) + 128}
        values["image"] = values["image"].astype(np.uint8)
        for node in nodes:
            values[node.output] = codes_of(operator(node, values, tensors))
        write(str(Path(folder) / f"torch_{engine}.npz"), values, versions, command)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1])
