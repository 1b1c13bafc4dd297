"""Elementwise product of two tensors; shapes broadcast, samples first.

::

    y = clamp(round((a - za) * (b - zb) * sa * sb / sy) + zy)

The integer product goes through the requantizer with ``sa``, ``sb`` and ``sy`` in the places of
input, weight and output scale. TFLite's MUL is ``multiplier_shift_double`` with ``scale:
float32_product_quotient`` (checked on 3 * 36,000 outputs); XNNPACK's is ``float32`` with the same;
ONNX Runtime's is ``float32_inside``.

Attributes: ``clamp`` (lo | None, hi | None) in output codes; ``activation``, real bounds by name.
Policy ``mul``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.arith.real import round_each
from hwsim.arith.rounding import Rounding
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.activation import activation_clamp, clamp_real
from hwsim.network.ops.policy import (
    Reals,
    clamp_of,
    format_of,
    policy_of,
    requantize,
    saturate,
)


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Two tensors of codes to one."""
    a, b = (tensors[name] for name in node.inputs)
    output = tensors[node.output]
    product = (inputs[0] - a.zero_point) * (inputs[1] - b.zero_point)
    ends = [
        (x - a.zero_point) * (y - b.zero_point)
        for x in (format_of(a, node.name).lo, format_of(a, node.name).hi)
        for y in (format_of(b, node.name).lo, format_of(b, node.name).hi)
    ]
    policy = policy_of(machine, "mul", format_of(a, node.name).bits, node.name)
    scales = (a.scale, b.scale, output.scale)
    clamp = activation_clamp(node, tensors, machine, "mul")
    if policy.scheme == "float32_inside":
        return saturate(float32_inside(product, scales, output), output, clamp, node.name)
    reach = (min(ends), max(ends))
    return requantize(product, reach, policy, scales, output, clamp, node.name)


def float32_inside(product: Ints, scales: tuple[float, float, float], output: Tensor) -> Ints:
    """ONNX Runtime's QLinearMul: binary32, the zero point inside the rounding, ties to even.

    ::

        y = rint(f32(f32(p * f32(f32(sa * sb) / sy)) + zy))

    Checked live against onnxruntime 1.31.1 on 60,000 outputs.
    """
    sa, sb, sy = (np.float32(scale) for scale in scales)
    real = product.astype(np.float32) * ((sa * sb) / sy) + np.float32(output.zero_point)
    rounded = round_each(real.astype(np.float64).ravel(), int(Rounding.HALF_EVEN))
    return rounded.reshape(product.shape)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The product of real values."""
    return clamp_real(inputs[0] * inputs[1], node, clamp_of(node), tensors[node.output])
