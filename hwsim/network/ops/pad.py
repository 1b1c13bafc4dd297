"""Padding of each sample; new elements hold real 0, the zero point, or another value.

Attributes: ``padding``, (before, after) for each axis of one sample; ``value``, the real value of
new elements (default 0.0); its code in the input is ``zx + half_away(f32(value) / f32(sx))``; or
``code``, which is that code itself and comes first.
Where input and output scale differ, codes are rescaled by ``quantize``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.arith.activation import half_away
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, format_of, rescale


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, *shape) to codes (S, *larger)."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    kept = format_of(source, node.name)
    code = half_away(node.attributes.get("value", 0.0), source.scale, source.zero_point, kept)
    code = node.attributes.get("code", code)
    padded = np.pad(inputs[0], ((0, 0), *node.attributes["padding"]), constant_values=code)
    return rescale(padded, source, output, machine, (None, None), node.name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    value = node.attributes.get("value", 0.0)
    if "code" in node.attributes:
        source = tensors[node.inputs[0]]
        value = (node.attributes["code"] - source.zero_point) * source.scale
    return np.pad(inputs[0], ((0, 0), *node.attributes["padding"]), constant_values=value)
