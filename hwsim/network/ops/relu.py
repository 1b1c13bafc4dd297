"""An activation as an operator of its own: relu, relu6, relu_n1_1, and clamp by its attributes.

::

    y = clamp(rescale(x), lo, hi)

Attributes: ``clamp`` (lo | None, hi | None) in output codes; where it is absent, the bounds of the
operator's name, as codes by ``output.activation_bounds``. ``clamp`` has no bounds but its
attribute's. Where input and output scale differ, codes are rescaled first, by policy ``relu``,
else ``quantize``. LiteRT's three families: ``multiplier_shift_double``, half_away, the ratio of
scales in binary32 (``scale: float32_product_quotient``); TFLite Micro: in binary64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwsim.arith.activation import REAL_BOUNDS
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.activation import activation_clamp, clamp_real
from hwsim.network.ops.policy import Reals, clamp_of, rescale


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes to codes."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    named = node.op in REAL_BOUNDS and "clamp" not in node.attributes
    clamp = clamp_of(node)
    if named:
        clamp = activation_clamp(node, tensors, machine, "relu", node.op)
    return rescale(inputs[0], source, output, machine, clamp, node.name, "relu")


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """Real bounds: exact where the operator's name gives them."""
    if node.op in REAL_BOUNDS and "activation" not in node.attributes:
        node = replace(node, attributes={**node.attributes, "activation": node.op})
    return clamp_real(inputs[0], node, clamp_of(node), tensors[node.output])
