"""Maximum pooling of images (S, H, W, C): the largest code; taps beyond the image never win.

Attributes: ``window``, ``stride``, ``padding``, ``clamp`` and ``activation`` as in
``average_pool_2d``. Where input and output scale differ, the maximum is rescaled by ``quantize``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.activation import activation_clamp, clamp_real
from hwsim.network.ops.policy import Reals, clamp_of, format_of, mean_the_same, rescale
from hwsim.network.ops.windows import taps


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, H, W, C) to codes (S, oy, ox, C). The largest is found in the type that they are
    kept in, bytes eight times as quick as int64, and stays in it where both tensors mean the
    same by it."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    largest: Ints = reduce(np.maximum, taps(inputs[0], node, format_of(source, node.name).lo))
    if source.format != output.format or not mean_the_same(source, output):
        largest = largest.astype(np.int64)
    clamp = activation_clamp(node, tensors, machine, "max_pool")
    return rescale(largest, source, output, machine, clamp, node.name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The largest real value."""
    largest: Reals = reduce(np.maximum, taps(inputs[0], node, -np.inf))
    return clamp_real(largest, node, clamp_of(node), tensors[node.output])
