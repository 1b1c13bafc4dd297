"""The hyperbolic tangent; a table from code to code (``code_table.py``).

::

    f(x) = (1 - exp(-2 * x)) / (1 + exp(-2 * x))

Attributes: none. Policy ``tanh``; integer schemes ``fixed_point`` (8-bit outputs of scale 1/128,
16-bit ones of 2**-15, zero point 0) and ``interpolated_table`` (16 bits).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.arith import fixed_point
from hwsim.arith.real import exponential
from hwsim.arith.sigmoid_table import tanh_16
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.code_table import CodeFunction, through_table
from hwsim.network.ops.code_table_integers import FixedFunction
from hwsim.network.ops.policy import Reals


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes to codes."""
    return through_table(TANH, node, tensors, inputs, machine)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    return np.tanh(inputs[0])


def tanh(x: float) -> float:
    """``f(x) = (1 - exp(-2 * x)) / (1 + exp(-2 * x))`` in binary64.

    >>> tanh(0.0), tanh(-1000.0), tanh(1000.0)
    (0.0, -1.0, 1.0)
    """
    small = exponential(-2.0 * abs(x))
    return math.copysign((1.0 - small) / (1.0 + small), x)


def tanh_float32(x: np.float32) -> np.float32:
    """``f(x)`` in binary64, rounded to binary32.

    >>> float(tanh_float32(np.float32(1)))
    0.7615941762924194
    """
    return np.float32(tanh(float(x)))


_FIXED = FixedFunction(fixed_point.tanh, tanh_16, 7, 0, (0, 1))
TANH = CodeFunction(tanh, tanh_float32, _FIXED.schemes())
