"""Functions of one code: a table from code to code, made as the machine's scheme says.

::

    y = clamp(round(f(x) / sy) + zy),   x = (code - zx) * sx

Schemes that every function has (``operators.<name>.scheme``; formats of up to 16 bits):

- ``float64``, also where the YAML has no such operator, then with rounding half_away: every
  operation in binary64, the exponential correctly rounded, so that every host has the same table;
- ``table_float32``: every operation in binary32, ``f32(f(f32(sx * (code - zx))) * f32(1 / sy))``
  rounded, then the zero point (LiteRT's reference and optimized kernels, rounding half_away);
- ``table_float32_inside``: the zero point is added in binary32 before the rounding (XNNPACK,
  half_even).

The schemes in integers stand with each function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hwsim.arith.real import round_each
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine, rounding_code
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import format_of, operator_policy, refuse, saturate

MAX_TABLE_BITS = 16
FLOAT_SCHEMES = ("float64", "table_float32", "table_float32_inside")
FARTHEST = float(1 << 40)  # in steps: far beyond every format, so that a conversion is defined

IntegerScheme = Callable[[Ints, Tensor, Tensor, str], Ints]
"""Codes of shape (n,), input and output tensor, the node's name: output codes, not yet clamped."""


@dataclass(frozen=True)
class CodeFunction:
    """A function of one code: in binary64, in binary32, and its schemes in integers."""

    float64: Callable[[float], float]
    float32: Callable[[np.float32], np.float32]
    integers: Mapping[str, IntegerScheme] = field(default_factory=dict)


def through_table(
    function: CodeFunction,
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
    scheme, rounding = "float64", "half_away"
    policy = operator_policy(machine, node.op, bits, node.name)
    if policy is not None:
        scheme, rounding = policy.scheme, policy.rounding
        if scheme not in (*FLOAT_SCHEMES, *function.integers):
            raise refuse(node.name, node.op, policy, (*FLOAT_SCHEMES, *function.integers))
    codes, places = np.unique(inputs[0], return_inverse=True)
    if scheme in function.integers:
        entries = function.integers[scheme](codes, source, output, node.name)
    elif scheme == "float64":
        entries = _entries_float64(function, codes, source, output, rounding)
    else:
        entries = _entries_float32(function, codes, source, output, rounding, scheme)
    table = saturate(entries, output, (None, None), node.name)
    return table[places.reshape(inputs[0].shape)]


def _entries_float64(
    function: CodeFunction, codes: Ints, source: Tensor, output: Tensor, rounding: str
) -> Ints:
    """``round(f(x) / sy) + zy`` in binary64."""
    reals = [function.float64((c - source.zero_point) * source.scale) for c in codes.tolist()]
    steps = np.array(reals, np.float64) / output.scale
    return round_each(steps, rounding_code(rounding)) + output.zero_point


def _entries_float32(
    function: CodeFunction,
    codes: Ints,
    source: Tensor,
    output: Tensor,
    rounding: str,
    scheme: str,
) -> Ints:
    """``round(f32(f(x) * f32(1 / sy)))`` in binary32, the zero point after or inside."""
    inverse = np.float32(1) / np.float32(output.scale)
    x = np.float32(source.scale) * (codes - source.zero_point).astype(np.float32)
    steps = np.array([function.float32(value) for value in x], np.float32) * inverse
    inside = scheme == "table_float32_inside"
    if inside:
        steps = steps + np.float32(output.zero_point)
    bounded = np.clip(steps.astype(np.float64), -FARTHEST, FARTHEST)
    return round_each(bounded, rounding_code(rounding)) + (0 if inside else output.zero_point)
