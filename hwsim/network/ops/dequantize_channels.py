"""A layer's sums to real values, a factor and an offset a channel: a layer whose output is real.

::

    y[..., c] = x[..., c] * sx * gain[c] + offset[c]
    y[..., c] = x[..., c] * sx * r * gain[c] + offset[c]      # r: the sample's own, a second input

Attributes: ``gain``, ``offset``: one number, or one for each channel (the last axis); ``x`` has
zero point 0. Policy ``dequantize``: under float32 each of the three operations is one of binary32,
``f32(f32(f32(x) * f32(sx * gain)) + f32(offset))`` (ONNX Runtime: MatMulInteger, Cast, Mul, Add);
else the result is float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, format_of, operator_policy


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[NDArray[Any]], machine: Machine
) -> Reals:
    """Sums (S, ..., C) to real values of the same shape."""
    source = tensors[node.inputs[0]]
    bits = format_of(source, node.name).bits
    policy = operator_policy(machine, "dequantize", bits, node.name)
    if policy is None or policy.scheme != "float32":
        return run_float(node, tensors, [inputs[0].astype(np.float64) * source.scale, *inputs[1:]])
    factor = np.float32(source.scale) * _numbers(node, "gain").astype(np.float32)
    if len(inputs) > 1:
        factor = _beside(inputs[1], inputs[0].ndim).astype(np.float32) * factor
    products = inputs[0].astype(np.float32) * factor
    return (products + _numbers(node, "offset").astype(np.float32)).astype(np.float64)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """Real sums, ``x * sx``, to real values."""
    gain = _numbers(node, "gain")
    if len(inputs) > 1:
        gain = gain * _beside(inputs[1], inputs[0].ndim)
    values: Reals = inputs[0] * gain + _numbers(node, "offset")
    return values


def _beside(scale: Reals, axes: int) -> Reals:
    """The scale of each sample (S, 1), to be combined with samples of so many axes."""
    return scale.reshape(-1, *(1,) * (axes - 1))


def _numbers(node: Node, name: str) -> Reals:
    """An attribute as float64 of shape (C,) or (1,)."""
    return np.asarray(node.attributes[name], np.float64)
