"""The logistic function (sigmoid); a table from code to code (``code_table.py``).

::

    f(x) = 1 / (1 + exp(-x))

Attributes: none. Policy ``logistic``.
"""

from __future__ import annotations

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
    return through_table(logistic, node, tensors, inputs, machine)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The same on real values."""
    small = np.exp(-np.abs(inputs[0]))
    return np.where(inputs[0] >= 0, 1.0, small) / (1.0 + small)


def logistic(x: float) -> float:
    """``f(x) = 1 / (1 + exp(-x))`` in binary64.

    >>> logistic(0.0), logistic(-1000.0), logistic(1000.0)
    (0.5, 0.0, 1.0)
    """
    small = exponential(-abs(x))
    return 1.0 / (1.0 + small) if x >= 0 else small / (1.0 + small)
