"""Codes to real values, ``(x - zx) * sx``. Attributes: none.

Policy ``dequantize``; the result is float64, and where the YAML has none, exact to one rounding:

- ``float32``: ``f32(f32(x - zx) * sx)``: TFLite's reference kernels, XNNPACK, ONNX Runtime;
- ``float32_two_products``: ``f32(f32(x * sx) + f32(-zx * sx))``, and ``float32`` for the elements
  of a ``tail`` that fill no vector: TFLite's optimized kernels, 8 bits, 8 lanes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.requantizer_stages import tail_of
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, format_of, operator_policy


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Reals:
    """Codes to real values."""
    source, codes = tensors[node.inputs[0]], inputs[0]
    bits = format_of(source, node.name).bits
    policy = operator_policy(machine, "dequantize", bits, node.name)
    if policy is None or policy.scheme not in ("float32", "float32_two_products"):
        return (codes - source.zero_point).astype(np.float64) * source.scale
    scale = np.float32(source.scale)
    reals = (codes - source.zero_point).astype(np.float32) * scale
    if policy.scheme == "float32_two_products":
        flat = reals.reshape(len(codes), math.prod(codes.shape[1:]))
        first = tail_of(flat.shape[1], policy.tail)
        body = codes.reshape(flat.shape)[:, :first].astype(np.float32) * scale
        flat[:, :first] = body + np.float32(-source.zero_point) * scale
        reals = flat.reshape(codes.shape)
    return reals.astype(np.float64)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """Real values stay as they are."""
    return inputs[0]
