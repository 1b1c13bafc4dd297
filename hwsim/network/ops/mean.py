"""Mean over axes: global average pooling.

Attributes: ``axes`` of the sample (default (0, 1): height and width of (H, W, C)); ``keep_dims``
(bool, default false); ``clamp``, ``activation``.

Policy ``mean``: D = sum of ``x - zx`` over the n elements is requantized with ``sx / (n * sy)``;
under ``mean_of_codes`` it is ``round((D + n * zx) / n)``. With scheme float32 this is ONNX
Runtime's QLinearGlobalAveragePool, ``rint(f32(D) * f32(sx / (sy * n))) + zy``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import average_pool_2d
from hwsim.network.ops.activation import clamp_real
from hwsim.network.ops.policy import Reals, clamp_of


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, *shape) to codes without, or with 1 for, the axes."""
    source = tensors[node.inputs[0]]
    axes = _axes(node, inputs[0].ndim)
    total = (inputs[0] - source.zero_point).sum(axis=axes, keepdims=True)
    elements = int(np.prod([inputs[0].shape[axis] for axis in axes]))
    mean = average_pool_2d.mean_of_sum(
        total.reshape(len(total), 1, 1, math.prod(total.shape[1:])),
        np.array([[elements]]),
        node,
        tensors,
        machine,
        "mean",
    ).reshape(total.shape)
    return mean if node.attributes.get("keep_dims", False) else mean.squeeze(axes)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The mean of real values."""
    axes = _axes(node, inputs[0].ndim)
    mean: Reals = inputs[0].mean(axis=axes, keepdims=node.attributes.get("keep_dims", False))
    return clamp_real(mean, node, clamp_of(node), tensors[node.output])


def _axes(node: Node, dimensions: int) -> tuple[int, ...]:
    """The array's axes: samples come first."""
    axes = node.attributes.get("axes", (0, 1))
    return tuple((axis % (dimensions - 1)) + 1 for axis in axes)
