"""Functions of one code as a table, the same on every machine.

::

    y = clamp(round(f(x) / sy) + zy)

``x = (code - zx) * sx`` and f in binary64, with the exponential correctly rounded, so that every
host has the same table. ``round``: the policy's rule (``operators.<name>.rounding``, scheme
float64), half_away where the YAML has no such operator. Formats of up to 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hwsim.arith.real import round_each
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine, rounding_code
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import format_of, operator_policy, refuse, saturate

MAX_TABLE_BITS = 16


def through_table(
    function: Callable[[float], float],
    node: Node,
    tensors: Mapping[str, Tensor],
    inputs: Sequence[Ints],
    machine: Machine,
) -> Ints:
    """Codes to codes; only the table's entries that the input needs are computed."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    bits = format_of(source, node.name).bits
    if bits > MAX_TABLE_BITS:
        must = f"must be at most {MAX_TABLE_BITS}"
        raise UnsupportedError.at(node.name, f"{node.op} input bits", bits, must)
    rounding = "half_away"
    policy = operator_policy(machine, node.op, bits, node.name)
    if policy is not None:
        if policy.scheme != "float64":
            raise refuse(node.name, node.op, policy, ("float64",))
        rounding = policy.rounding
    codes, places = np.unique(inputs[0], return_inverse=True)
    reals = [function((code - source.zero_point) * source.scale) for code in codes.tolist()]
    steps = np.array(reals, np.float64) / output.scale
    entries = round_each(steps, rounding_code(rounding)) + output.zero_point
    table = saturate(entries, output, (None, None), node.name)
    return table[places.reshape(inputs[0].shape)]
