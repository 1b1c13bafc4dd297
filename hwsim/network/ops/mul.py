"""Elementwise product of two tensors; shapes broadcast, samples first.

::

    y = clamp(round((a - za) * (b - zb) * sa * sb / sy) + zy)

The integer product goes through the requantizer with ``sa``, ``sb`` and ``sy`` in the places of
input, weight and output scale. TFLite's MUL is ``multiplier_shift_double`` with ``scale:
float32_product_quotient`` (checked on 3 * 36,000 outputs); XNNPACK's is ``float32`` with the same.

Attributes: ``clamp`` (lo | None, hi | None) in output codes, or ``activation`` for the float twin.
Policy ``mul``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.activation import clamp_real
from hwsim.network.ops.policy import Reals, clamp_of, format_of, policy_of, requantize


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
    return requantize(
        product,
        (min(ends), max(ends)),
        policy_of(machine, "mul", format_of(a, node.name).bits, node.name),
        (a.scale, b.scale, output.scale),
        output,
        clamp_of(node),
        node.name,
    )


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The product of real values."""
    return clamp_real(inputs[0] * inputs[1], node, clamp_of(node), tensors[node.output])
