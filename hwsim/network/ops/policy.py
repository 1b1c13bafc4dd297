"""Which arithmetic an operator beside the array follows, and the one road through the requantizer.

The rule: ``operators.<name>_<bits>`` (bits of the first input), else ``operators.<name>``, else
``requantize.default``. ``sub`` without an own entry follows ``add``; ``concatenation`` and
``relu``, as every operator that only moves codes between scales, follow ``quantize``. Where
codes of one tensor become codes of another, ``operators.quantize_same_8`` (both of one format of
8 bits) and ``operators.quantize_8_to_8`` (8 bits each) come first.

``softmax``, ``logistic``, ``tanh``, ``hard_swish`` and ``dequantize`` compute a function, not a
rescaling, so the default says nothing about them; each file states what it does where the YAML is
silent.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.array.gemm import Ints
from hwsim.array.requantizer import build
from hwsim.array.requantizer_stages import tail_of
from hwsim.array.specification import Machine, OperatorSpec, RequantizeSpec, Scheme
from hwsim.errors import UnsupportedError
from hwsim.mapping.layer import Clamp
from hwsim.network.graph import Node, Tensor

Reals = NDArray[np.float64]
Policy = OperatorSpec | RequantizeSpec

_FOLLOWS = {
    "sub": "add",
    "concatenation": "quantize",
    "relu": "quantize",
    "quantize_real": "quantize",
}


def operator_policy(machine: Machine, name: str, bits: int, where: str) -> OperatorSpec | None:
    """The entry of ``operators`` for operator ``name`` and inputs of ``bits``, or None."""
    follows = _FOLLOWS.get(name, name)
    return _first(machine, (f"{name}_{bits}", name, f"{follows}_{bits}", follows), where)


def _first(machine: Machine, keys: tuple[str, ...], where: str) -> OperatorSpec | None:
    """The first of these entries of ``operators`` that there is."""
    for key in keys:
        if key in machine.operators:
            policy = machine.operators[key]
            _refuse_stochastic(policy, key, where)
            return policy
    return None


def rescaling_policy(
    machine: Machine, name: str, source: Tensor, output: Tensor, where: str
) -> Policy:
    """The policy ``name`` of codes that become codes of another tensor."""
    a, b = format_of(source, where), format_of(output, where)
    keys: tuple[str, ...] = (f"{name}_{a.bits}_to_{b.bits}",)
    if a == b:
        keys = (f"{name}_same_{a.bits}", *keys)
    return _first(machine, keys, where) or policy_of(machine, name, a.bits, where)


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
    words = policy.model_dump(include=set(RequantizeSpec.model_fields), exclude_none=True)
    tail = words.pop("tail", None)
    flat = values.reshape(len(values), 1, math.prod(values.shape[1:]), 1)
    requantized = partial(
        _requantized,
        input_scale=scales[0],
        weight_scale=np.array([scales[1]]),
        output_scale=scales[2],
        zero_point=output.zero_point,
        output=format_of(output, where),
        clamp=clamp,
        accumulator=reach,
        where=where,
    )
    codes = requantized(flat, words)
    first = tail_of(flat.shape[2], policy.tail)
    if tail is not None and first < flat.shape[2]:
        words["rounding"] = tail["rounding"]
        codes[:, :, first:] = requantized(flat[:, :, first:], words)
    return codes.reshape(values.shape)


def _requantized(values: Ints, words: dict[str, Any], **layer: Any) -> Ints:
    """``values`` (S, 1, elements, 1) through the requantizer of one policy, as codes."""
    return build(RequantizeSpec.model_validate(words), **layer).apply(values).codes


def mean_the_same(source: Tensor, output: Tensor) -> bool:
    """Whether a code of one tensor is the same real value in the other."""
    return (source.scale, source.zero_point) == (output.scale, output.zero_point)


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
        y = clamp(rint(f32(f32((x - zx) * sx) / sy)) + zy)        # scheme float32_quotient
    """
    if mean_the_same(source, output):
        return saturate(codes, output, clamp, where)
    kept = format_of(source, where)
    reach = (kept.lo - source.zero_point, kept.hi - source.zero_point)
    policy = rescaling_policy(machine, name, source, output, where)
    scales = (source.scale, 1.0, output.scale)
    if policy.scheme == "float32_quotient":
        real = (codes - source.zero_point).astype(np.float32) * np.float32(source.scale)
        steps = np.rint(real / np.float32(output.scale)).astype(np.int64)
        return saturate(steps + output.zero_point, output, clamp, where)
    return requantize(codes - source.zero_point, reach, policy, scales, output, clamp, where)
