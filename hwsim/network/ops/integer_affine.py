"""Scaling that a file states in integers: products, a sum, a division, a clip.

::

    y = clip(divide(sum_i(multipliers[i] * (x_i - z_i)) + add, divisor)), + zy

Attributes: ``multipliers``, one entry for each input, each one integer or one for each channel
(the last axis); ``add``, one integer or one for each channel; ``divisor``, from 1; ``rounding``,
``floor`` or ``toward_zero``. The file says every bit, so no policy of the machine does. Source:
dory's and NEMO's integer networks (requantization as multiply, add, divide by ``2**n``, clip).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, format_of, saturate

_REACH = 1 << 62


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, ..., C) to codes of the same shape."""
    _refuse_wide(node, tensors)
    total = np.asarray(node.attributes["add"], np.int64)
    for name, codes, factor in zip(
        node.inputs, inputs, node.attributes["multipliers"], strict=True
    ):
        total = total + (codes - tensors[name].zero_point) * np.asarray(factor, np.int64)
    divisor = int(node.attributes["divisor"])
    if node.attributes["rounding"] == "floor":
        quotient = total // divisor
    else:
        quotient = np.sign(total) * (np.abs(total) // divisor)
    output = tensors[node.output]
    return saturate(quotient + output.zero_point, output, (None, None), node.name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values, without rounding; both ends of the output's format hold."""
    total = np.asarray(node.attributes["add"], np.float64)
    for name, values, factor in zip(
        node.inputs, inputs, node.attributes["multipliers"], strict=True
    ):
        total = total + values / tensors[name].scale * np.asarray(factor, np.float64)
    output = tensors[node.output]
    kept = format_of(output, node.name)
    steps = np.clip(
        total / node.attributes["divisor"],
        kept.lo - output.zero_point,
        kept.hi - output.zero_point,
    )
    return np.asarray(steps * output.scale, np.float64)


def _refuse_wide(node: Node, tensors: Mapping[str, Tensor]) -> None:
    """Sums must stay in int64 whatever the codes are."""
    reach = max(abs(int(a)) for a in np.ravel(node.attributes["add"]).tolist())
    for name, factor in zip(node.inputs, node.attributes["multipliers"], strict=True):
        kept = format_of(tensors[name], node.name)
        zero = tensors[name].zero_point
        largest = max(abs(int(f)) for f in np.ravel(factor).tolist())
        reach += largest * max(abs(kept.lo - zero), abs(kept.hi - zero))
    if reach >= _REACH:
        must = "must keep the sum in int64"
        raise UnsupportedError.at(node.name, "multipliers", reach, must)
