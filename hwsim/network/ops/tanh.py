"""The hyperbolic tangent; a table from code to code (``code_table.py``).

::

    f(x) = (1 - exp(-2 * x)) / (1 + exp(-2 * x))

Attributes: none. Policy ``tanh``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.arith.real import exponential
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.code_table import through_table
from hwsim.network.ops.policy import Reals


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes to codes."""
    return through_table(tanh, node, tensors, inputs, machine)


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
