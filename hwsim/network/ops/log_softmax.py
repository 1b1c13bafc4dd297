"""Logarithm of the softmax over the last axis, of real values.

::

    y[c] = x[c] - max(x) - log(sum of exp(x[c] - max(x)))

Attributes: none. It stands behind a network's last dequantization; codes are refused. On a machine
every operation is in binary32, the exponential and the logarithm rounded from binary64, the sum
from c = 0 upwards (TFLite's reference kernel, but for the last bit of its host's expf and logf);
the float twin is in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.arith.real import exponential
from hwsim.array.specification import Machine
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals], machine: Machine
) -> Reals:
    """Real values to real values, in binary32."""
    for name in (node.inputs[0], node.output):
        if tensors[name].format is not None:
            raise UnsupportedError.at(node.name, name, "codes", "must be real values: dequantized")
    x = inputs[0].astype(np.float32)
    shifted = x - x.max(axis=-1, keepdims=True, initial=np.finfo(np.float32).min)
    powers = [np.float32(exponential(step)) for step in shifted.ravel().tolist()]
    total = np.zeros(x.shape[:-1], np.float32)
    for share in np.moveaxis(np.array(powers, np.float32).reshape(x.shape), -1, 0):
        total += share
    logarithm = np.log(total.astype(np.float64)).astype(np.float32)
    logarithms: Reals = (shifted - logarithm[..., None]).astype(np.float64)
    return logarithms


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values, in float64."""
    shifted = inputs[0] - inputs[0].max(axis=-1, keepdims=True)
    logarithms: Reals = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return logarithms
