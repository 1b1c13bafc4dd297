"""To codes: from real values, or from codes of another scale.

Attributes: ``rounding``, where the file itself says how real values round (QONNX, a Floor): then
binary32, division, that rule.

Codes to codes: ``y = clamp(round((x - zx) * sx / sy) + zy)`` through the requantizer, policy
``quantize`` (`policy.rescaling_policy`); unchanged where scale and zero point are equal.

Real to codes, policy ``quantize_real`` (else ``quantize``), for one width ``quantize_real_<bits of
the output>``:

- ``form`` says how the value meets the scale (`arith.quantize.FORMS`; left out, ``division``), in
  binary32, or in binary64 under scheme float64; ``rounding`` says how the quotient rounds, without
  the zero point;
- ``fused_reciprocal``: ``rint(fma(x, f32(1 / f32(sy)), zy))``, the zero point inside (PyTorch);
- the elements of a ``tail`` that fill no vector divide, in the tail's own scheme and rounding.

========================= ==================== ========== ==================== ===============
checked on                form                 rounding   tail                 outputs
========================= ==================== ========== ==================== ===============
TFLite reference          division, float32    half_away  -                    80,400
TFLite optimized          reciprocal           half_even  8: float64 half_away live
TFLite XNNPACK, 8 bits    reciprocal           half_even  -                    live
ONNX Runtime              division, float32    half_even  -                    60,300
PyTorch                   fused_reciprocal     half_even  -                    30,000
========================= ==================== ========== ==================== ===============

Where the YAML has neither, as data enters any network: in binary64, half even
(`network.graph.quantize_input`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.quantize import Affine
from hwsim.arith.quantize import quantize as quantize_values
from hwsim.arith.rounding import Rounding
from hwsim.array.gemm import Ints
from hwsim.array.requantizer_stages import tail_of
from hwsim.array.specification import Machine, OperatorSpec
from hwsim.network.graph import Node, Tensor, quantize_input
from hwsim.network.ops.policy import Reals, format_of, operator_policy, rescale


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[NDArray[Any]], machine: Machine
) -> Ints:
    """Codes, or real values where the input tensor has no format, to codes."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    if source.format is not None:
        return rescale(inputs[0], source, output, machine, (None, None), node.name)
    stated = node.attributes.get("rounding")
    if stated is not None:
        return _divided(inputs[0], output, "float32", None, stated, node.name)
    policy = operator_policy(machine, "quantize_real", format_of(output, node.name).bits, node.name)
    if policy is None:
        return quantize_input(output, inputs[0])
    return codes_of_reals(inputs[0], output, policy, node.name)


def codes_of_reals(values: Reals, output: Tensor, policy: OperatorSpec, where: str) -> Ints:
    """Real values (S, ...) as codes of ``output``, by the policy's form and its tail's."""
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    codes = _divided(flat, output, policy.scheme, policy.form, policy.rounding, where)
    first = tail_of(flat.shape[1], policy.tail)
    if policy.tail is not None and first < flat.shape[1]:
        scheme, rounding = policy.tail.scheme or policy.scheme, policy.tail.rounding
        codes[:, first:] = _divided(flat[:, first:], output, scheme, None, rounding, where)
    return codes.reshape(values.shape)


def _divided(
    values: Reals, output: Tensor, scheme: str, form: str | None, rounding: str, where: str
) -> Ints:
    """One form and one rounding for all elements; binary64 under scheme float64, else binary32."""
    affine = Affine(output.scale, output.zero_point, format_of(output, where))
    dtype = np.float64 if scheme == "float64" else np.float32
    rule = Rounding[rounding.upper()]
    codes, _ = quantize_values(values, affine, dtype=dtype, form=form or "division", rounding=rule)
    return codes


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """Real values stay as they are."""
    return inputs[0]
