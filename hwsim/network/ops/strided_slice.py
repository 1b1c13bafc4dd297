"""Every stride-th element from begin to end along each axis of a sample; codes keep their value.

::

    y[i, ...] = x[begin + i * stride, ...]      # 0 <= i < ceil((end - begin) / stride)

Attributes, one number for each axis of one sample, samples left out: ``begin``; ``end`` (not taken
itself; None: through the last element in the stride's direction); ``stride`` (not 0, default 1;
negative runs backwards). Negative ``begin`` and ``end`` count from the axis' end, and both are held
within the axis, as Python's slices are. ``squeeze`` (default none): axes of one sample, of one
element each in the result, that it does not keep. A model's masks are resolved into these words
before. Where input and output scale differ, codes are rescaled by ``quantize``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, rescale


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, *shape) to codes (S, *smaller)."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    return rescale(_taken(node, inputs[0]), source, output, machine, (None, None), node.name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    return _taken(node, inputs[0])


def _taken(node: Node, x: NDArray[Any]) -> NDArray[Any]:
    """The elements that stay, samples first."""
    begin, end = node.attributes["begin"], node.attributes["end"]
    stride = node.attributes.get("stride", (1,) * len(begin))
    slices = [slice(*ends) for ends in zip(begin, end, stride, strict=True)]
    squeezed = tuple(axis + 1 for axis in node.attributes.get("squeeze", ()))
    return np.ascontiguousarray(x[(slice(None), *slices)].squeeze(squeezed))
