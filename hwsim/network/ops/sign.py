"""The sign of real values as codes: +1 from 0 on, else -1.

Attributes: none. ``y = sy * (1 if x >= 0 else -1)``: QONNX's BipolarQuant. No policy of a machine
changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[NDArray[Any]], machine: Machine
) -> Ints:
    """Real values, or codes less their zero point, to codes -1 and +1."""
    return np.where(inputs[0] >= tensors[node.inputs[0]].zero_point, 1, -1).astype(np.int64)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same as real values."""
    scale = tensors[node.output].scale
    return np.where(inputs[0] >= 0, scale, -scale)
