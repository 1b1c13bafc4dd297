"""Softmax over the last axis, ``exp(beta * x) / sum(exp(beta * x))``.

Attributes: ``beta`` (default 1.0). Output scale and zero point are the tensor's; runtimes fix them
at 1/256 and the least code.

Policy ``softmax`` (where the YAML has none: float64, half_even):

- ``fixed_point``: gemmlowp's integers, as TFLite's reference kernel and every microcontroller port
  of it; 8-bit inputs and outputs, output scale 1/256, zero point the least code. Checked on
  2 * 33,000 outputs of LiteRT; its optimized float kernel gave the same codes on all of them.
- ``float32``: that kernel (``softmax_float32.py``).
- ``interpolated_table``, ``interpolated_table_float32``: of 16 bits (``softmax_16.py``); LiteRT's
  kernels, and TFLite Micro's, whose tables are made in binary32;
- ``float64``: see `softmax_float64`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.fixed_point import (
    exponential_of_negative,
    high_multiply,
    reciprocal_of_one_plus,
)
from hwsim.arith.real import exponential, round_each
from hwsim.arith.rounding import Rounding, shift_right
from hwsim.arith.scale import quantize_multiplier
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine, rounding_code
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.policy import Reals, format_of, operator_policy, refuse, saturate
from hwsim.network.ops.softmax_16 import softmax_16
from hwsim.network.ops.softmax_float32 import softmax_float32

_known_exponential = lru_cache(1 << 12)(exponential)  # of few scales and differences
FRACTION_BITS = 26  # differences are Q5.26: exp(-32) is below every output code
TABLES = ("interpolated_table", "interpolated_table_float32")
SUM_SHIFT = 12  # exponentials are Q0.31, their sum Q12.19


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, ..., C) to codes of the same shape."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    beta = float(node.attributes.get("beta", 1.0))
    rounding = "half_even"
    bits = format_of(source, node.name).bits
    policy = operator_policy(machine, "softmax", bits, node.name)
    if policy is not None:
        rounding = policy.rounding
        if policy.scheme == "fixed_point":
            return _softmax_fixed_point(inputs[0], source, output, beta, node.name)
        if policy.scheme == "float32":
            codes = softmax_float32(inputs[0], source, output, beta, node.name)
            return saturate(codes, output, (None, None), node.name)
        if policy.scheme in TABLES:
            binary32 = policy.scheme == "interpolated_table_float32"
            return softmax_16(inputs[0], source, output, beta, binary32, node.name)
        if policy.scheme != "float64":
            known = ("fixed_point", "float32", *TABLES, "float64")
            raise refuse(node.name, "softmax", policy, known)
    codes = softmax_float64(inputs[0], source.scale * beta, output, rounding)
    return saturate(codes, output, (None, None), node.name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """Softmax of real values, the largest subtracted first."""
    beta = float(node.attributes.get("beta", 1.0))
    powers = np.exp(beta * (inputs[0] - inputs[0].max(axis=-1, keepdims=True)))
    shares: Reals = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def softmax_float64(x: Ints, scale: float, output: Tensor, rounding: str) -> Ints:
    """The real softmax in binary64, every exponential correctly rounded; not yet clamped.

    ::

        e[c] = exp(scale * (x[c] - max(x)))
        y[c] = round(e[c] / (e[0] + e[1] + ...) / sy) + zy      # the sum from c = 0 upwards
    """
    steps, places = np.unique(x - x.max(axis=-1, keepdims=True), return_inverse=True)
    table = np.array([_known_exponential(scale * step) for step in steps.tolist()])
    powers = table[places.reshape(x.shape)]
    total = np.zeros(x.shape[:-1])
    for c in range(x.shape[-1]):
        total += powers[..., c]
    shares = powers / total[..., None] / output.scale
    codes = round_each(shares.ravel(), rounding_code(rounding)) + output.zero_point
    return codes.reshape(x.shape)


def _softmax_fixed_point(x: Ints, source: Tensor, output: Tensor, beta: float, where: str) -> Ints:
    """Multiplier, shift and least difference of gemmlowp's softmax, then its kernel row by row."""
    kept = format_of(output, where)
    if format_of(source, where).bits > 8 or kept.bits != 8:
        must = "must have up to 8 bits in and 8 bits out under fixed_point"
        raise UnsupportedError.at(where, "softmax formats", f"{source.format}, {kept}", must)
    if (output.scale, output.zero_point) != (1 / 256, kept.lo):
        must = f"must be (0.00390625, {kept.lo}) under fixed_point"
        quantization = (output.scale, output.zero_point)
        raise UnsupportedError.at(where, "softmax output scale, zero point", quantization, must)
    real = min(beta * source.scale * 2.0**FRACTION_BITS, 2.0**31 - 1)
    multiplier, left = quantize_multiplier(real)
    if left < 0:
        must = f"must be at least 2**-{FRACTION_BITS + 1}"
        raise UnsupportedError.at(where, "softmax beta * input scale", beta * source.scale, must)
    least = -math.floor(31 * 2.0 ** (FRACTION_BITS - left))
    shares = np.empty((x.size // x.shape[-1], x.shape[-1]), np.int64)
    _share_rows(x.reshape(shares.shape), multiplier, left, least, shares)
    return saturate(shares.reshape(x.shape) + kept.lo, output, (None, None), where)


@kernel
def _power(difference: int, multiplier: int, left: int) -> int:
    """``exp(difference * beta * scale)``, Q0.31, of a difference of codes <= 0."""
    return exponential_of_negative(high_multiply(difference << left, multiplier))


@kernel
def _share_rows(x: Ints, multiplier: int, left: int, least: int, shares: Ints) -> None:
    """Softmax of each row in steps of 1/256; a difference below ``least`` counts as 0.

    ::

        total = sum of round(e / 2**12), e = exp of each difference      # Q12.19
        total = 2**bits * (1 + fraction),  0 <= fraction < 1
        share = round(e * 1/(1 + fraction) / 2**(bits + 23))             # Q0.8
    """
    for row in range(x.shape[0]):
        largest = x[row].max()
        total = 0
        for c in range(x.shape[1]):
            shares[row, c] = 0  # first the exponential, then its share
            if x[row, c] - largest >= least:
                shares[row, c] = _power(x[row, c] - largest, multiplier, left)
                total += shift_right(shares[row, c], SUM_SHIFT, Rounding.HALF_AWAY)
        headroom = 0  # leading zeros of the sum in 32 bits
        while total << headroom < 1 << 31:
            headroom += 1
        reciprocal = reciprocal_of_one_plus((total << headroom) - (1 << 31))
        drop = SUM_SHIFT - headroom + 31 - 8
        for c in range(x.shape[1]):
            product = high_multiply(reciprocal, shares[row, c])
            shares[row, c] = shift_right(product, drop, Rounding.HALF_AWAY)
