"""Codes to real values, ``(x - zx) * sx``. Attributes: none.

The result is float64 and exact to one rounding; where the YAML has ``operators.dequantize`` with
scheme float32, the product is rounded to binary32 (TFLite's and ONNX Runtime's kernels).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, format_of, operator_policy


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Reals:
    """Codes to real values."""
    source = tensors[node.inputs[0]]
    steps = (inputs[0] - source.zero_point).astype(np.float64)
    bits = format_of(source, node.name).bits
    policy = operator_policy(machine, "dequantize", bits, node.name)
    if policy is not None and policy.scheme == "float32":
        return (steps.astype(np.float32) * np.float32(source.scale)).astype(np.float64)
    return steps * source.scale


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """Real values stay as they are."""
    return inputs[0]
