"""Tensors of one shape stacked along a new axis of the sample; codes keep their value.

Attributes: ``axis``, the place of the new axis within one sample, samples left out (default 0, the
first after the samples; negative counts from the end of the output's axes). An input whose scale or
zero point differs from the output's is rescaled by ``quantize``.
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
    """Tensors of codes (S, *shape) to one of (S, *larger)."""
    output = tensors[node.output]
    parts = [
        rescale(codes, tensors[name], output, machine, (None, None), node.name)
        for name, codes in zip(node.inputs, inputs, strict=True)
    ]
    return np.stack(parts, axis=_axis(node, parts[0].ndim))


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    return np.stack(inputs, axis=_axis(node, inputs[0].ndim))


def _axis(node: Node, dimensions: int) -> int:
    """The array's axis: samples come first; a sample of the output has ``dimensions`` axes."""
    return int(node.attributes.get("axis", 0)) % dimensions + 1
