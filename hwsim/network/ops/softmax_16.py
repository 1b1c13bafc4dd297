"""Softmax of 16-bit codes by two interpolated tables: LiteRT's int16 kernels, TFLite Micro's.

The tables (`arith.interpolated_table`) are exp(x) for x in [-10, 0] and 1 / (1 + x) for x in
[0, 1]; both have outputs in steps of 2**-15. The output's scale is 2**-15, its zero point 0.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from hwsim.arith.interpolated_table import HI, LO, interpolation_table, looked_up
from hwsim.arith.real import exponential
from hwsim.arith.requantize import multiplier_shift_double
from hwsim.arith.rounding import Rounding
from hwsim.arith.scale import multiplier_and_shift
from hwsim.array.gemm import Ints
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Tensor
from hwsim.network.ops.policy import format_of

RANGE = 10.0  # exp(-10) is below every output code
OUTPUT_BITS = 15


@cache
def exponential_table(binary32: bool) -> Ints:
    """exp of the codes' steps ``10 / 65535`` below 32767."""
    real = np.float32 if binary32 else np.float64
    return interpolation_table(exponential, RANGE / 65535, HI, 2 / 65535, real)


@cache
def reciprocal_table(binary32: bool) -> Ints:
    """1 / (1 + x) of the codes' steps ``1 / 65535`` above -32768."""
    real = np.float32 if binary32 else np.float64
    return interpolation_table(lambda x: 1.0 / (1.0 + x), 1 / 65535, LO, 2 / 65535, real)


def softmax_16(
    x: Ints, source: Tensor, output: Tensor, beta: float, binary32: bool, where: str
) -> Ints:
    """Codes (S, ..., C) to codes of the same shape; tables made in binary64 or binary32.

    ::

        d = mbqm(x - max(x), sx * beta / (10 / 65535)) + 32767       # held in int16
        e = exp table(d),  total = sum of e                          # Q0.15, Q16.15
        t = total * 2**k,  2**30 <= t < 2**31
        r = reciprocal table(((t + 2**13) >> 14) - 2**15 - 2**16)    # held in int16
        y = (e * r + 2**(29-k)) >> (30-k)
    """
    kept = format_of(output, where)
    if format_of(source, where).bits != 16 or kept.bits != 16:
        must = "must have 16 bits in and out under interpolated_table"
        raise UnsupportedError.at(where, "softmax formats", f"{source.format}, {kept}", must)
    if (output.scale, output.zero_point) != (2.0**-OUTPUT_BITS, 0):
        must = f"must be ({2.0**-OUTPUT_BITS}, 0) under interpolated_table"
        quantization = (output.scale, output.zero_point)
        raise UnsupportedError.at(where, "softmax output scale, zero point", quantization, must)
    differences = x - x.max(axis=-1, keepdims=True)
    steps = np.clip(_scaled(differences, source.scale * beta) + HI, LO, HI)
    shares = looked_up(steps, exponential_table(binary32))
    total = shares.sum(axis=-1, keepdims=True)
    left = 31 - np.frexp(total.astype(np.float64))[1]  # exact: total is below 2**31
    fraction = (((total << left) + (1 << 13)) >> 14) - (1 << 15) - (1 << 16)
    reciprocal = looked_up(np.clip(fraction, LO, HI), reciprocal_table(binary32))
    rounded = (shares * reciprocal + (1 << (29 - left))) >> (30 - left)
    kept_codes: Ints = np.clip(rounded, 0, HI)
    return kept_codes


def _scaled(differences: Ints, scale: float) -> Ints:
    """``mbqm``: differences of codes in steps of 10 / 65535."""
    multiplier, shift = multiplier_and_shift(scale / (RANGE / 65535), 31)
    steps, places = np.unique(differences, return_inverse=True)
    scaled = [
        int(multiplier_shift_double(step, multiplier, max(shift, 0), int(Rounding.HALF_AWAY))[0])
        for step in steps.tolist()
    ]
    return np.array(scaled, np.int64)[places.reshape(differences.shape)]
