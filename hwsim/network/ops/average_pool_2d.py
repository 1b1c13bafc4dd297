"""Average pooling of images (S, H, W, C).

Attributes: ``window``, ``stride`` (y, x); ``padding`` ((top, bottom), (left, right)), default none;
``count_include_padding`` (bool, default false): whether taps beyond the image, which hold real 0,
count; ``clamp`` (lo | None, hi | None) in output codes; ``activation``, real bounds by name.

Policy ``average_pool``, with D = sum of ``x - zx`` over the window and n its number of taps:

- ``mean_of_codes``: ``clamp(round((D + n * zx) / n))``, the mean of raw codes, so that a tie is one
  of the code and not of the real value; input and output must share scale and zero point.
  TFLite's kernel is this with rounding half_away, checked on 3 * 30,000 outputs.
- ``float32_inside``: ``rint(f32(f32(f32(S / n) / sy) + zy))``, S the sum of ``f32((x - zx) * sx)``
  from the first tap to the last, each operation in binary32 (ONNX Runtime's QLinearAveragePool);
  a window as large as the image follows policy ``mean`` (its global pool);
- any requantization scheme: D is requantized with the scale ``sx / (n * sy)``; where n varies at
  the borders, each n has its own multiplier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.arith.rounding import divide
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine, rounding_code
from hwsim.errors import UnsupportedError
from hwsim.mapping.layer import Clamp
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops.activation import activation_clamp, clamp_real
from hwsim.network.ops.policy import (
    Policy,
    Reals,
    clamp_of,
    format_of,
    policy_of,
    requantize,
    saturate,
)
from hwsim.network.ops.windows import in_bounds, taps


def run(
    node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Ints], machine: Machine
) -> Ints:
    """Codes (S, H, W, C) to codes (S, oy, ox, C)."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    policy = policy_of(machine, "average_pool", format_of(source, node.name).bits, node.name)
    whole = tuple(node.attributes["window"]) == inputs[0].shape[1:3]
    if policy.scheme == "float32_inside" and not whole:
        codes = _float32_inside(inputs[0], node, source, output)
        clamp = activation_clamp(node, tensors, machine, "average_pool")
        return saturate(codes, output, clamp, node.name)
    count = tap_count(node, inputs[0])
    if is_whole(node, inputs[0]):  # every tap counts: their zero points all at once
        total = sum_of_taps(inputs[0], node) - count[:, :, None] * source.zero_point
    else:
        total = sum_of_taps(inputs[0] - source.zero_point, node)
    name = "mean" if policy.scheme == "float32_inside" else "average_pool"
    return mean_of_sum(total, count, node, tensors, machine, name)


def run_float(node: Node, tensors: Mapping[str, Tensor], inputs: Sequence[Reals]) -> Reals:
    """The mean of real values."""
    mean = sum_of_taps(inputs[0], node) / tap_count(node, inputs[0])[:, :, None]
    return clamp_real(mean, node, clamp_of(node), tensors[node.output])


def sum_of_taps(x: NDArray[Any], node: Node) -> NDArray[Any]:
    """Sum over each window; taps beyond the image add nothing."""
    if x.dtype.kind == "i" and is_whole(node, x):  # of integers, in any order
        whole: NDArray[Any] = x.sum(axis=(1, 2), keepdims=True)
        return whole
    first, *others = taps(x, node, 0)
    total = first.copy()
    for tap in others:
        total += tap
    return total


def is_whole(node: Node, x: NDArray[Any]) -> bool:
    """Whether there is one window, and it is the image."""
    padding = node.attributes.get("padding", ((0, 0), (0, 0)))
    return tuple(node.attributes["window"]) == x.shape[1:3] and not np.any(padding)


def tap_count(node: Node, x: Ints | Reals) -> Ints:
    """Number of taps that count, of shape (oy, ox)."""
    if is_whole(node, x):
        return np.full((1, 1), x.shape[1] * x.shape[2], np.int64)
    inside = in_bounds(node, x.shape[1], x.shape[2])
    if not node.attributes.get("count_include_padding", False):
        return inside
    ky, kx = node.attributes["window"]
    return np.full_like(inside, ky * kx)


def mean_of_sum(
    total: Ints, count: Ints, node: Node, tensors: Mapping[str, Tensor], machine: Machine, name: str
) -> Ints:
    """``total / count`` as output codes, by the policy ``name``.

    ``total``: int64 (S, oy, ox, C), sums of ``x - zx``; ``count``: int64 (oy, ox).
    """
    source, output = tensors[node.inputs[0]], tensors[node.output]
    policy = policy_of(machine, name, format_of(source, node.name).bits, node.name)
    clamp = activation_clamp(node, tensors, machine, name)
    if policy.scheme == "mean_of_codes":
        if (source.scale, source.zero_point) != (output.scale, output.zero_point):
            must = f"must equal the input's under operators.{name}.scheme = mean_of_codes"
            raise UnsupportedError.at(node.name, "output scale and zero point", output.scale, must)
        mean = np.empty_like(total)
        raw = total + count[:, :, None] * source.zero_point
        _divide_each(raw, count, rounding_code(policy.rounding), mean)
        return saturate(mean, output, clamp, node.name)
    return _requantized_mean(total, count, node, tensors, policy, clamp)


def _float32_inside(x: Ints, node: Node, source: Tensor, output: Tensor) -> Ints:
    """ONNX Runtime's QLinearAveragePool: a float pool, the zero point inside the rounding."""
    real = (x - source.zero_point).astype(np.float32) * np.float32(source.scale)
    mean = sum_of_taps(real, node) / tap_count(node, x)[:, :, None].astype(np.float32)
    code = mean / np.float32(output.scale) + np.float32(output.zero_point)
    codes: Ints = np.rint(code).astype(np.int64)
    return codes


def _requantized_mean(
    total: Ints,
    count: Ints,
    node: Node,
    tensors: Mapping[str, Tensor],
    policy: Policy,
    clamp: Clamp,
) -> Ints:
    """``total / count`` requantized, one multiplier for each number of taps."""
    source, output = tensors[node.inputs[0]], tensors[node.output]
    kept = format_of(source, node.name)
    mean = np.empty_like(total)
    for n in np.unique(count).tolist():
        reach = (n * (kept.lo - source.zero_point), n * (kept.hi - source.zero_point))
        scales = (source.scale, 1.0, n * output.scale)
        here = count == n
        mean[:, here] = requantize(total[:, here], reach, policy, scales, output, clamp, node.name)
    return mean


@kernel
def _divide_each(total: Ints, count: Ints, rounding: int, mean: Ints) -> None:
    """``mean[s, y, x, c] = divide(total[s, y, x, c], count[y, x])``."""
    samples, height, width, channels = total.shape
    for s in range(samples):
        for y in range(height):
            for x in range(width):
                for c in range(channels):
                    mean[s, y, x, c] = divide(total[s, y, x, c], count[y, x], rounding)
