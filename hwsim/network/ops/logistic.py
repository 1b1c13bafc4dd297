"""The logistic function (sigmoid); a table from code to code (``code_table.py``).

::

    f(x) = 1 / (1 + exp(-x))

Attributes: none. Policy ``logistic``; integer schemes ``fixed_point`` (8-bit outputs of scale
1/256, zero point the least code; 16-bit ones of 2**-15) and ``interpolated_table`` (16 bits).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.arith import fixed_point
from hwsim.arith.real import exponential, exponential_float32
from hwsim.arith.sigmoid_table import logistic_16
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
    return through_table(LOGISTIC, node, tensors, inputs, machine)


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


def logistic_float32(x: np.float32) -> np.float32:
    """``f32(1 / f32(1 + f32(exp(-x))))``.

    >>> float(logistic_float32(np.float32(1))), float(logistic_float32(np.float32(-200)))
    (0.7310585975646973, 0.0)
    """
    share: np.float32 = np.float32(1) / (np.float32(1) + exponential_float32(-x))
    return share


_FIXED = FixedFunction(fixed_point.logistic, logistic_16, 8, -128, (0,))
LOGISTIC = CodeFunction(logistic, logistic_float32, _FIXED.schemes())
