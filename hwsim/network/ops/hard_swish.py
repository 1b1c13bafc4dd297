"""Hard swish; a table from code to code (``code_table.py``).

::

    f(x) = x * min(max(x + 3, 0), 6) / 6

Attributes: none. Policy ``hard_swish``; integer scheme ``fixed_point`` (up to 8 bits):
`arith.hard_swish`, LiteRT's kernels and TFLite Micro's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.arith import hard_swish as integers
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.code_table import CodeFunction, through_table
from hwsim.network.ops.policy import Reals, format_of


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes to codes."""
    return through_table(HARD_SWISH, node, tensors, inputs, machine)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    values: Reals = inputs[0] * np.clip(inputs[0] + 3.0, 0.0, 6.0) / 6.0
    return values


def hard_swish(x: float) -> float:
    """``f(x) = x * min(max(x + 3, 0), 6) / 6`` in binary64.

    >>> hard_swish(-3.0), hard_swish(1.5), hard_swish(8.0)
    (-0.0, 1.125, 8.0)
    """
    return x * min(max(x + 3.0, 0.0), 6.0) / 6.0


def hard_swish_float32(x: np.float32) -> np.float32:
    """``f32(f32(x * clamp(f32(x + 3), 0, 6)) / 6)``.

    >>> float(hard_swish_float32(np.float32(0.1)))
    0.05166666582226753
    """
    six = np.float32(6)
    value: np.float32 = x * min(max(x + np.float32(3), np.float32(0)), six) / six
    return value


def _fixed_point(codes: Ints, source: Tensor, output: Tensor, where: str) -> Ints:
    """Up to 8 bits in 16-bit fixed point."""
    bits = format_of(source, where).bits
    if bits > 8:
        raise UnsupportedError.at(where, "input bits", bits, "must be at most 8 under fixed_point")
    if source.scale / output.scale >= 128:
        must = f"must be above 1/128 of the input's, {source.scale}, under fixed_point"
        raise UnsupportedError.at(where, "output scale", output.scale, must)
    numbers = integers.HardSwish.of(source.scale, output.scale)
    steps = (codes - source.zero_point).tolist()
    values = [integers.hard_swish(x, numbers) + output.zero_point for x in steps]
    return np.array(values, np.int64)


HARD_SWISH = CodeFunction(hard_swish, hard_swish_float32, {"fixed_point": _fixed_point})
