"""Softmax of 8-bit codes in binary32: TFLite's optimized kernels."""

from __future__ import annotations

import numpy as np

from hwsim.arith.real import exponential, round_each
from hwsim.arith.rounding import Rounding
from hwsim.array.gemm import Ints
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Tensor
from hwsim.network.ops.policy import format_of


def softmax_float32(x: Ints, source: Tensor, output: Tensor, beta: float, where: str) -> Ints:
    """Shares of each row, every operation in binary32; not yet clamped.

    ::

        e[c]  = f32(exp(f32(f32(-sx * beta) * (max(x) - x[c]))))
        total = e[0] + e[1] + ...                            # in this order
        p[c]  = f32(e[c] * f32(1 / f32(total * sy)))
        y[c]  = half_away(p[c]) + zy;  unsigned outputs: trunc(f32(p[c] + 1/2)), no zero point

    Checked against LiteRT on 2 * 33,000 outputs.
    """
    if format_of(source, where).bits > 8 or format_of(output, where).bits != 8:
        must = "must have up to 8 bits in and 8 bits out under float32"
        formats = f"{source.format}, {output.format}"
        raise UnsupportedError.at(where, "softmax formats", formats, must)
    step = -np.float32(source.scale) * np.float32(beta)
    reals = [exponential(float(step * np.float32(below))) for below in range(256)]
    powers = np.array(reals, np.float32)[x.max(axis=-1, keepdims=True) - x]
    total = np.zeros(x.shape[:-1], np.float32)
    for c in range(x.shape[-1]):
        total += powers[..., c]
    shares = powers * (np.float32(1) / (total * np.float32(output.scale)))[..., None]
    if not format_of(output, where).signed:
        rounded: Ints = np.trunc(shares + np.float32(0.5)).astype(np.int64)
        return rounded
    nearest = round_each(shares.astype(np.float64).ravel(), int(Rounding.HALF_AWAY))
    return nearest.reshape(x.shape) + output.zero_point
