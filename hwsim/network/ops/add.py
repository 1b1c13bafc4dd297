"""Elementwise sum of two tensors, ``a + b``; shapes broadcast, samples first.

Attributes: ``clamp`` (lo | None, hi | None) in output codes; ``activation``, real bounds by name;
``pot_scale_int16`` (bool, default false), which TFLite's files state for 16 bits.
Policy ``add``; the schemes are in ``sum_of_two.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.activation import activation_clamp, clamp_real
from hwsim.network.ops.policy import Reals, clamp_of, format_of, policy_of, saturate
from hwsim.network.ops.sum_of_two import sum_of_two
from hwsim.network.ops.sum_terms import Terms


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Two tensors of codes to one."""
    a, b = (tensors[name] for name in node.inputs)
    output = tensors[node.output]
    policy = policy_of(machine, "add", format_of(a, node.name).bits, node.name)
    pot = bool(node.attributes.get("pot_scale_int16", False))
    terms = Terms(a, b, output, 1, policy, node.name, pot)
    codes = sum_of_two(inputs[0], inputs[1], terms)
    return saturate(codes, output, activation_clamp(node, tensors, machine, "add"), node.name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The sum of real values."""
    return clamp_real(inputs[0] + inputs[1], node, clamp_of(node), tensors[node.output])
