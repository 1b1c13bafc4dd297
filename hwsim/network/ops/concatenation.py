"""Tensors one after the other along an axis of the sample.

Attributes: ``axis`` of one sample (default -1); ``clamp``, ``activation``. An input whose scale or
zero point differs from the output's is rescaled by policy ``concatenation``, else ``quantize``:

- ``copy_codes``: not at all (LiteRT's int16, TFLite Micro);
- ``float32_affine``: in binary32, the input's zero point as an offset (LiteRT's uint8; its int8
  kernels refuse differing scales)::

      r = f32(sx * f32(1 / sy))
      y = clamp(round(f32(f32(x * r) + f32(-zx * r))) + zy)

- any requantization scheme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.arith.real import round_each
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine, rounding_code
from hwsim.mapping.layer import Clamp
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.activation import activation_clamp, clamp_real
from hwsim.network.ops.policy import (
    Reals,
    clamp_of,
    format_of,
    mean_the_same,
    policy_of,
    rescale,
    saturate,
)


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Tensors of codes to one."""
    clamp = activation_clamp(node, tensors, machine, "concatenation")
    parts = [
        _part(codes, tensors[name], tensors[node.output], machine, clamp, node.name)
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


def _part(
    codes: Ints, source: Tensor, output: Tensor, machine: Machine, clamp: Clamp, where: str
) -> Ints:
    """One input as codes of the output."""
    policy = policy_of(machine, "concatenation", format_of(source, where).bits, where)
    if mean_the_same(source, output) or policy.scheme == "copy_codes":
        return saturate(codes, output, clamp, where)
    if policy.scheme == "float32_affine":
        affine = _affine(codes, source, output, rounding_code(policy.rounding))
        return saturate(affine, output, clamp, where)
    return rescale(codes, source, output, machine, clamp, where, "concatenation")


def _affine(codes: Ints, source: Tensor, output: Tensor, rounding: int) -> Ints:
    """``round(x * r + offset) + zy`` in binary32."""
    ratio = np.float32(source.scale) * (np.float32(1) / np.float32(output.scale))
    offset = np.float32(-source.zero_point) * ratio
    values = (codes.astype(np.float32) * ratio + offset).astype(np.float64)
    return round_each(values.ravel(), rounding).reshape(codes.shape) + output.zero_point
