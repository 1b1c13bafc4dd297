"""Hard swish; a table from code to code (``code_table.py``).

::

    f(x) = x * min(max(x + 3, 0), 6) / 6

Attributes: none. Policy ``hard_swish``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.code_table import through_table
from hwsim.network.ops.policy import Reals


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes to codes."""
    return through_table(hard_swish, node, tensors, inputs, machine)


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
