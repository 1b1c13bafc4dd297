"""Fused activations of operators: their bounds in codes and in real values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hwsim.arith.activation import REAL_BOUNDS, code_bounds
from hwsim.array.specification import Machine
from hwsim.mapping.layer import Clamp
from hwsim.mapping.prepare import narrower
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, clamp_of, format_of, operator_policy


def activation_clamp(
    node: Node, tensors: Mapping[str, Tensor], machine: Machine, name: str, activation: str = ""
) -> Clamp:
    """The fused activation in output codes, None where it has no bound.

    ``node.attributes["activation"]`` (or ``activation``, where the operator itself is one) names
    real bounds; they become codes by ``operators.<name>.activation_bounds``, else by
    ``output.activation_bounds``. An explicit ``clamp`` is in codes and holds too.
    """
    activation = activation or node.attributes.get("activation", "none")
    if activation == "none":
        return clamp_of(node)
    source, output = tensors[node.inputs[0]], tensors[node.output]
    bits = format_of(source, node.name).bits
    policy = operator_policy(machine, name, bits, node.name)
    rule = (policy and policy.activation_bounds) or machine.output.activation_bounds
    kept = format_of(output, node.name)
    bounds = code_bounds(rule, activation, output.scale, output.zero_point, kept)
    return narrower(clamp_of(node), bounds)


def clamp_real(values: Reals, node: Node, clamp: Clamp, output: Tensor) -> Reals:
    """The float twin's activation.

    Exact real bounds where the node or its layer names an activation (relu: 0); else a code bound
    b stands for ``(b - zy) * sy``. The range of the format never clips the float twin.
    """
    name = node.attributes.get("activation")
    if name is None and node.layer is not None and node.layer.activation != "none":
        name = node.layer.activation
    if name is not None:
        lo, hi = REAL_BOUNDS[name]
    else:
        lo, hi = (
            None if bound is None else (bound - output.zero_point) * output.scale for bound in clamp
        )
    clamped: Reals = values if lo is None else np.maximum(values, lo)
    return clamped if hi is None else np.minimum(clamped, hi)
