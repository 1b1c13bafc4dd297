"""Mean over axes: global average pooling.

Attributes: ``axes`` of the sample (default (0, 1): height and width of (H, W, C)); ``keep_dims``
(bool, default false); ``clamp``, ``activation``.

Policy ``mean``: ``mean_of_codes`` is ``round(S / n)`` of the sum S of raw codes over the n
elements; the schemes of ``mean_schemes.py`` are LiteRT's kernels; under any other one D, the sum of
``x - zx``, is requantized with ``sx / (n * sy)``. With scheme float32 this is ONNX Runtime's
QLinearGlobalAveragePool, ``rint(f32(D) * f32(sx / (sy * n))) + zy``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import average_pool_2d
from hwsim.network.ops.activation import activation_clamp, clamp_real
from hwsim.network.ops.mean_schemes import MEAN_SCHEMES, Sums
from hwsim.network.ops.policy import Reals, clamp_of, format_of, policy_of, saturate


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, *shape) to codes without, or with 1 for, the axes."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    axes = _axes(node, inputs[0].ndim)
    keep_dims = bool(node.attributes.get("keep_dims", False))
    total = inputs[0].sum(axis=axes, keepdims=True)
    elements = math.prod(inputs[0].shape[axis] for axis in axes)
    policy = policy_of(machine, "mean", format_of(source, node.name).bits, node.name)
    if policy.scheme in MEAN_SCHEMES:
        image = keep_dims and inputs[0].ndim == 4 and sorted(axes) == [1, 2]
        sums = Sums(total, elements, source, output, policy, image, node.name)
        clamp = activation_clamp(node, tensors, machine, "mean")
        mean = saturate(MEAN_SCHEMES[policy.scheme](sums), output, clamp, node.name)
    else:
        mean = average_pool_2d.mean_of_sum(
            (total - elements * source.zero_point).reshape(
                len(total), 1, 1, math.prod(total.shape[1:])
            ),
            np.array([[elements]]),
            node,
            tensors,
            machine,
            "mean",
        ).reshape(total.shape)
    return mean if keep_dims else mean.squeeze(axes)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The mean of real values."""
    axes = _axes(node, inputs[0].ndim)
    mean: Reals = inputs[0].mean(axis=axes, keepdims=node.attributes.get("keep_dims", False))
    return clamp_real(mean, node, clamp_of(node), tensors[node.output])


def _axes(node: Node, dimensions: int) -> tuple[int, ...]:
    """The array's axes: samples come first."""
    axes = node.attributes.get("axes", (0, 1))
    return tuple((axis % (dimensions - 1)) + 1 for axis in axes)
