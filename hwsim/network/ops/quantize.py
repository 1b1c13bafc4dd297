"""To codes: from real values, or from codes of another scale. Attributes: none.

Codes to codes: ``y = clamp(round((x - zx) * sx / sy) + zy)`` through the requantizer, policy
``quantize``; unchanged where scale and zero point are equal.

Real to codes, ``y = clamp(round(x / sy) + zy)``:

- where the YAML has ``operators.quantize``: the division in binary32 (in binary64 under scheme
  float64), ``rounding`` as it says. TFLite's reference kernel: binary32, half_away (checked on
  80,400 outputs); ONNX Runtime's: binary32, half_even (60,300);
- else as data enters any network: in binary64, half even (`network.graph.quantize_input`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.real import round_each
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine, rounding_code
from hwsim.network.graph import Node, Tensor, quantize_input
from hwsim.network.ops.policy import Reals, format_of, operator_policy, rescale


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[NDArray[Any]], machine: Machine
) -> Ints:
    """Codes, or real values where the input tensor has no format, to codes."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    if source.format is not None:
        return rescale(inputs[0], source, output, machine, (None, None), node.name)
    kept = format_of(output, node.name)
    policy = operator_policy(machine, "quantize", kept.bits, node.name)
    if policy is None:
        return quantize_input(output, inputs[0])
    real = np.dtype(np.float64 if policy.scheme == "float64" else np.float32)
    steps = (inputs[0].astype(real) / np.asarray(output.scale, real)).astype(np.float64)
    reach = float(1 << 40)  # far beyond every format, so that the conversion is defined
    rounded = round_each(np.clip(steps, -reach, reach).ravel(), rounding_code(policy.rounding))
    codes: Ints = np.clip(rounded + output.zero_point, kept.lo, kept.hi)
    return codes.reshape(inputs[0].shape)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """Real values stay as they are."""
    return inputs[0]
