"""Tensors one after the other along an axis of the sample.

Attributes: ``axis`` of one sample (default -1); ``clamp``, ``activation``. An input whose scale or
zero point differs from the output's is rescaled by policy
``concatenation``, else ``quantize``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.activation import clamp_real
from hwsim.network.ops.policy import Reals, clamp_of, rescale


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Tensors of codes to one."""
    output, clamp = tensors[node.output], clamp_of(node)
    parts = [
        rescale(codes, tensors[name], output, machine, clamp, node.name, "concatenation")
        for name, codes in zip(node.inputs, inputs, strict=True)
    ]
    return np.concatenate(parts, axis=_axis(node, parts[0].ndim))


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    joined = np.concatenate(inputs, axis=_axis(node, inputs[0].ndim))
    return clamp_real(joined, node, clamp_of(node), tensors[node.output])


def _axis(node: Node, dimensions: int) -> int:
    """The array's axis: samples come first."""
    return int(node.attributes.get("axis", -1)) % (dimensions - 1) + 1
