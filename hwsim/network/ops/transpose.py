"""Transposition of each sample; codes keep their value.

Attributes: ``perm``, the input axis of each output axis, numbered within one sample. Where input
and output scale differ, codes are rescaled by ``quantize``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, rescale


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, *shape) to codes with their axes moved."""
    moved = np.ascontiguousarray(inputs[0].transpose(_axes(node)))
    source, output = tensors[node.inputs[0]], tensors[node.output]
    return rescale(moved, source, output, machine, (None, None), node.name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    return np.ascontiguousarray(inputs[0].transpose(_axes(node)))


def _axes(node: Node) -> tuple[int, ...]:
    """The array's axes: samples stay first."""
    return (0, *(axis + 1 for axis in node.attributes["perm"]))
