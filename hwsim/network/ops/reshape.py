"""Reshape of each sample, row-major; codes keep their value.

Attributes: ``shape`` of one sample; one size may be -1. Flatten and squeeze are this. Where input
and output scale differ, codes are rescaled by ``quantize``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, rescale


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, *old) to codes (S, *new)."""
    moved = inputs[0].reshape(len(inputs[0]), *node.attributes["shape"])
    source, output = tensors[node.inputs[0]], tensors[node.output]
    return rescale(moved, source, output, machine, (None, None), node.name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    return inputs[0].reshape(len(inputs[0]), *node.attributes["shape"])
