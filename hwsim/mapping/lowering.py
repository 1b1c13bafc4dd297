"""A layer as a matrix product: ``out[m, n] = sum_k a[m, k] * w[k, n]``, one product per group.

m = output pixel of one image (row-major), n = output channel of the group, k over
``array.k_order`` (default ``[ky, kx, ic]``, the last is fastest). Padding taps are MACs with the
input's zero point. Works on codes and on the float twin's real values alike.

A transposed convolution is the convolution of stride 1 that it equals (`as_convolution`): zeros
between the input's pixels, the kernel turned by 180 degrees. Its k therefore runs from the kernel's
last tap to its first, and inserted zeros are MACs as padding is.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Gemm
from hwsim.errors import ModelError
from hwsim.mapping.layer import MacLayer

_AXIS = {"ky": 0, "kx": 1, "ic": 2}


def kernel_size(layer: MacLayer) -> tuple[int, int]:
    """ky, kx of a convolution; 1, 1 of everything else."""
    if layer.weight is not None and layer.op.endswith("conv_2d"):
        return layer.weight.shape[1], layer.weight.shape[2]
    return 1, 1


def output_shape(layer: MacLayer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """One sample's output shape.

    ::

        oy = (iy + top + bottom - ((ky - 1) * dilation_y + 1)) // stride_y + 1
        oy = (iy - 1) * stride_y + ky - top - bottom                # transpose_conv_2d

    fully_connected keeps leading axes: ``(..., ic) -> (..., oc)``.
    """
    assert layer.weight is not None
    if layer.op == "fully_connected":
        return (*shape[:-1], layer.weight.shape[0])
    if layer.op == "transpose_conv_2d":
        inserted = [(n - 1) * s + 1 for n, s in zip(shape[:2], layer.stride, strict=True)]
        return output_shape(as_convolution(layer), (*inserted, shape[2]))
    sizes = []
    for axis in (0, 1):
        reach = (kernel_size(layer)[axis] - 1) * layer.dilation[axis] + 1
        padded = shape[axis] + sum(layer.padding[axis])
        if padded < reach:
            raise ModelError.at(
                "model", "input", shape, f"must reach over the kernel's {reach} taps"
            )
        sizes.append((padded - reach) // layer.stride[axis] + 1)
    return (*sizes, layer.weight.shape[0])


def as_convolution(layer: MacLayer) -> MacLayer:
    """The convolution of the zero-inserted input that a transpose_conv_2d equals.

    ::

        padding' = kernel - 1 - padding,  stride' = 1

    `weight_matrix` turns its kernel:
    ``weight'[o, j, i, c] = weight[o, ky - 1 - j, kx - 1 - i, c]``.
    """
    assert layer.weight is not None
    (top, bottom), (left, right) = layer.padding
    if max(top, bottom) >= layer.weight.shape[1] or max(left, right) >= layer.weight.shape[2]:
        raise ModelError.at("model", "padding", layer.padding, "must be smaller than the kernel")
    y, x = layer.weight.shape[1] - 1, layer.weight.shape[2] - 1
    padding = ((y - top, y - bottom), (x - left, x - right))
    return replace(layer, op="conv_2d", stride=(1, 1), padding=padding)


def zero_inserted(x: NDArray[Any], stride: tuple[int, int], zero: float) -> NDArray[Any]:
    """Images with ``stride - 1`` pixels of real 0 between neighbours.

    >>> zero_inserted(np.array([1, 2]).reshape(1, 1, 2, 1), (1, 3), 0).ravel()
    array([1, 0, 0, 2])
    """
    samples, height, width, channels = x.shape
    size = ((height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1)
    spread = np.full((samples, *size, channels), zero, x.dtype)
    spread[:, :: stride[0], :: stride[1]] = x
    return spread


def im2col(x: NDArray[Any], layer: MacLayer, k_order: list[str], pad_value: float) -> NDArray[Any]:
    """Activations of shape (S, *shape) as rows of shape (S, G, M, K).

    Of a convolution, pixels are neighbours in memory: what engines read side by side.

    >>> layer = MacLayer("conv_2d", np.ones((1, 2, 2, 1), np.int32), None, None, None)
    >>> im2col(np.arange(9).reshape(1, 3, 3, 1), layer, ["ky", "kx", "ic"], 0)[0, 0, 3]
    array([4, 5, 7, 8])
    """
    samples = x.shape[0]
    if layer.op == "fully_connected":
        rows = math.prod(x.shape[1:-1])
        return x.reshape(samples, 1, rows, x.shape[-1])
    if layer.op == "transpose_conv_2d":
        x, layer = zero_inserted(x, layer.stride, pad_value), as_convolution(layer)
    oy, ox, _ = output_shape(layer, x.shape[1:])
    ky, kx = kernel_size(layer)
    groups, ic = layer.groups, x.shape[-1] // layer.groups
    if samples == 0:
        return np.empty((0, groups, oy * ox, ky * kx * ic), x.dtype)
    image = x.transpose(0, 3, 1, 2)
    padded = np.pad(image, ((0, 0), (0, 0), *layer.padding), constant_values=pad_value)
    taps = np.empty((samples, groups, ky, kx, ic, oy, ox), x.dtype)
    for j in range(ky):
        for i in range(kx):
            y0, x0 = j * layer.dilation[0], i * layer.dilation[1]
            y1 = y0 + (oy - 1) * layer.stride[0] + 1
            x1 = x0 + (ox - 1) * layer.stride[1] + 1
            tap = padded[:, :, y0 : y1 : layer.stride[0], x0 : x1 : layer.stride[1]]
            taps[:, :, j, i] = tap.reshape(samples, groups, ic, oy, ox)
    ordered = in_k_order(taps, k_order, 2)
    return ordered.reshape(samples, groups, ky * kx * ic, oy * ox).transpose(0, 1, 3, 2)


def in_k_order(taps: NDArray[Any], k_order: list[str], first: int = 0) -> NDArray[Any]:
    """The axes ky, kx and ic of an array, its ``first`` and the next two, in the order of k.

    >>> in_k_order(np.zeros((2, 3, 4)), ["ic", "ky", "kx"]).shape
    (4, 2, 3)
    """
    order = [first + _AXIS[axis] for axis in k_order]
    return taps.transpose(*range(first), *order, *range(first + 3, taps.ndim))


def weight_matrix(weight: NDArray[Any], layer: MacLayer, k_order: list[str]) -> NDArray[Any]:
    """Weights as columns of shape (G, K, N), k in the order that `im2col` uses.

    The steps of a channel are neighbours in memory, as a model has them: where k runs as its axes
    do, no weight is copied.
    """
    if layer.op == "fully_connected":
        return weight.T[None]
    if layer.op == "transpose_conv_2d":
        weight = weight[:, ::-1, ::-1]
    groups = layer.groups
    oc, ky, kx, ic = weight.shape
    split = weight.reshape(groups, oc // groups, ky, kx, ic)
    by_channel = in_k_order(split, k_order, 2).reshape(groups, oc // groups, ky * kx * ic)
    return by_channel.transpose(0, 2, 1)


def per_channel(values: NDArray[Any], groups: int, n: int) -> NDArray[Any]:
    """A value for each output channel, of shape (G, N), from shape (oc,) or (1,)."""
    return np.ascontiguousarray(np.broadcast_to(values, (groups * n,)).reshape(groups, n))


def lower(
    layer: MacLayer, x: NDArray[Any], zero_point: int, a_range: tuple[int, int], k_order: list[str]
) -> Gemm:
    """One layer and a batch of its input codes as a `Gemm`."""
    assert layer.weight is not None
    w = weight_matrix(layer.weight, layer, k_order)
    groups, _, n = w.shape
    narrow = max(-a_range[0], a_range[1]) < 1 << 31
    x = x.astype(np.int32 if narrow else np.int64)
    bias = None if layer.bias is None else per_channel(layer.bias.astype(np.int64), groups, n)
    return Gemm(
        a=im2col(x, layer, k_order, zero_point),
        w=w,
        a_zero_point=zero_point,
        w_zero_point=per_channel(layer.weight_zero_point.astype(np.int64), groups, n),
        bias=bias,
        a_range=a_range,
        w_range=(layer.weight_format.lo, layer.weight_format.hi),
    )


def lower_matmul(
    a: NDArray[Any],
    b: NDArray[Any],
    zero_points: tuple[int, int],
    ranges: tuple[tuple[int, int], tuple[int, int]],
) -> Gemm:
    """One sample of a batched product ``(..., m, k) @ (..., k, n)``: leading axes are groups."""
    m, k = a.shape[-2:]
    groups, n = a.size // max(m * k, 1), b.shape[-1]
    return Gemm(
        a=a.reshape(1, groups, m, k),
        w=b.reshape(groups, k, n),
        a_zero_point=zero_points[0],
        w_zero_point=np.full((groups, n), zero_points[1], np.int64),
        bias=None,
        a_range=ranges[0],
        w_range=ranges[1],
    )


def to_tensor(columns: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Outputs of shape (S, G, M, N) as a tensor (S, *shape), channel = g * N + n."""
    samples = columns.shape[0]
    return np.ascontiguousarray(columns.transpose(0, 2, 1, 3)).reshape(samples, *shape)
