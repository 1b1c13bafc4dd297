"""Which arithmetic an operator beside the array follows, and the one road through the requantizer.

The rule: ``operators.<name>_<bits>`` (bits of the first input), else ``operators.<name>``, else
``requantize.default``. ``sub`` without an own entry follows ``add``; ``concatenation``, as every
operator that only moves codes between tensors of different scales, follows ``quantize``.

``softmax``, ``logistic``, ``tanh``, ``hard_swish`` and ``dequantize`` compute a function, not a
rescaling, so the default says nothing about them; each file states what it does where the YAML is
silent.
"""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.array.gemm import Ints
from hwsim.array.requantizer import build
from hwsim.array.specification import Machine, OperatorSpec, RequantizeSpec, Scheme
from hwsim.errors import UnsupportedError
from hwsim.mapping.layer import Clamp
from hwsim.network.graph import Node, Tensor

Reals = NDArray[np.float64]
Policy = OperatorSpec | RequantizeSpec

_FOLLOWS = {"sub": "add", "concatenation": "quantize"}


def operator_policy(machine: Machine, name: str, bits: int, where: str) -> OperatorSpec | None:
    """The entry of ``operators`` for operator ``name`` and inputs of ``bits``, or None."""
    follows = _FOLLOWS.get(name, name)
    for key in (f"{name}_{bits}", name, f"{follows}_{bits}", follows):
        if key in machine.operators:
            policy = machine.operators[key]
            _refuse_stochastic(policy, key, where)
            return policy
    return None


def policy_of(machine: Machine, name: str, bits: int, where: str) -> Policy:
    """The policy of operator ``name`` on inputs of ``bits``."""
    policy = operator_policy(machine, name, bits, where)
    if policy is not None:
        return policy
    default = machine.requantize["default"]
    _refuse_stochastic(default, name, where)
    return default


def _refuse_stochastic(policy: Policy, name: str, where: str) -> None:
    """Stochastic rounding needs an array column's LFSR; an operator beside the array has none."""
    if policy.rounding == "stochastic":
        raise UnsupportedError.at(
            where,
            f"operators.{name}.rounding",
            "stochastic",
            "must be a rule without an LFSR",
        )


def refuse(where: str, name: str, policy: Policy, supported: tuple[str, ...]) -> UnsupportedError:
    """The error for a scheme that this operator does not have."""
    must = f"must be one of {', '.join(supported)} here"
    error = UnsupportedError.at(where, f"operators.{name}.scheme", policy.scheme, must)
    assert isinstance(error, UnsupportedError)
    return error


def format_of(tensor: Tensor, where: str) -> IntFormat:
    """The format of a tensor that must hold codes."""
    if tensor.format is None:
        raise UnsupportedError.at(where, f"tensor {tensor.name}", "real", "must hold integer codes")
    return tensor.format


def clamp_of(node: Node) -> Clamp:
    """The fused activation in output codes; ``(None, None)`` where there is none."""
    lo, hi = node.attributes.get("clamp", (None, None))
    return lo, hi


def saturate(codes: Ints, output: Tensor, clamp: Clamp, where: str) -> Ints:
    """Codes within the output format and the activation clamp."""
    kept = format_of(output, where)
    lo = kept.lo if clamp[0] is None else max(clamp[0], kept.lo)
    hi = kept.hi if clamp[1] is None else min(clamp[1], kept.hi)
    clipped: Ints = np.minimum(np.maximum(codes, lo), hi)
    return clipped


def requantize(
    values: Ints,
    reach: tuple[int, int],
    policy: Policy,
    scales: tuple[float, float, float],
    output: Tensor,
    clamp: Clamp,
    where: str,
) -> Ints:
    """``clamp(round(values * s1 * s2 / sy) + zy)`` as the machine's requantizer computes it.

    Parameters
    ----------
    values : int64 ndarray of shape (S, ...)
        Integers without zero point, at scale ``s1 * s2``.
    reach : tuple of int
        ``lo, hi`` that hold every value.
    policy : OperatorSpec or RequantizeSpec
    scales : tuple of float
        s1, s2 and sy, in the places of input, weight and output scale of a layer.
    output : Tensor
        Zero point and format of the result.
    clamp : tuple
        Activation clamp in output codes.
    where : str
        The node's name, for messages.
    """
    if policy.scheme not in get_args(Scheme):
        raise refuse(where, "<operator>", policy, get_args(Scheme))
    words: dict[str, Any] = policy.model_dump(exclude={"left_shift"}, exclude_none=True)
    requantizer = build(
        RequantizeSpec.model_validate(words),
        input_scale=scales[0],
        weight_scale=np.array([scales[1]]),
        output_scale=scales[2],
        zero_point=output.zero_point,
        output=format_of(output, where),
        clamp=clamp,
        accumulator=reach,
        columns=None,
        where=where,
    )
    elements = math.prod(values.shape[1:])
    codes = requantizer.apply(values.reshape(len(values), 1, elements, 1)).codes
    return codes.reshape(values.shape).astype(np.int64)


def rescale(
    codes: Ints,
    source: Tensor,
    output: Tensor,
    machine: Machine,
    clamp: Clamp,
    where: str,
    name: str = "quantize",
) -> Ints:
    """Codes of ``source`` as codes of ``output``, by the policy ``name``.

    ::

        y = clamp(round((x - zx) * sx / sy) + zy)      # clamp(x) where both mean the same
    """
    if (source.scale, source.zero_point) == (output.scale, output.zero_point):
        return saturate(codes, output, clamp, where)
    kept = format_of(source, where)
    reach = (kept.lo - source.zero_point, kept.hi - source.zero_point)
    policy = policy_of(machine, name, kept.bits, where)
    scales = (source.scale, 1.0, output.scale)
    return requantize(codes - source.zero_point, reach, policy, scales, output, clamp, where)
