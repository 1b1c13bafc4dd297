"""A layer's activations as images, padded once: what its outputs read where it lies.

A matrix of activations (`hwsim.mapping.lowering.im2col`) holds a code as often as taps read it.
Here it lies once, channel after channel, and every output reads it there: output pixel m begins at
``pixel[m]``, and its step k lies ``step[k]`` further (`hwsim.array.fast_source`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hwsim._jit import lean_kernel
from hwsim.array.fast_source import Source
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import as_convolution, in_k_order, kernel_size, output_shape


class Images:
    """Room for some samples of one layer's input.

    Parameters
    ----------
    layer : MacLayer
        Not a batched product.
    shape : tuple of int
        Of one sample's input.
    k_order : list of str
        ``array.k_order``.
    offset, zero_point : int
        The PE's operand of a code is ``code + offset``; padding holds ``zero_point + offset``.
    samples : int
    dtype : int32 or int64

    Examples
    --------
    >>> layer = MacLayer("conv_2d", np.ones((1, 2, 2, 1), np.int32), None, None, None)
    >>> images = Images(layer, (3, 3, 1), ["ky", "kx", "ic"], -1, 0, 1, np.int32)
    >>> images.place(np.arange(9).reshape(1, 3, 3, 1))
    >>> source = images.source
    >>> source.codes[source.pixel[3] + source.step].tolist()  # as in `im2col`, less one
    [3, 4, 6, 7]
    """

    def __init__(
        self,
        layer: MacLayer,
        shape: tuple[int, ...],
        k_order: list[str],
        offset: int,
        zero_point: int,
        samples: int,
        dtype: DTypeLike,
    ) -> None:
        self.offset, self.spread, self.top = offset, (1, 1), 0
        if layer.op == "fully_connected":  # rows stay as they lie
            width = shape[-1]
            rows = int(np.prod(shape[:-1], dtype=np.int64))
            self.shape, size = (1, rows * width, 1), (1, 1, rows * width)
            self.column = np.arange(rows * width)
            strides, pixel, step = (rows * width, 0), np.arange(rows) * width, np.arange(width)
        else:
            if layer.op == "transpose_conv_2d":
                self.spread, layer = layer.stride, as_convolution(layer)
            (top, bottom), (left, right) = layer.padding
            self.shape, self.top = (shape[0], shape[1], shape[2]), top
            inside = [(n - 1) * s + 1 for n, s in zip(shape[:2], self.spread, strict=True)]
            oy, ox, _ = output_shape(layer, (*inside, shape[2]))
            phases = layer.stride[1]
            width = -(-(inside[1] + left + right) // phases)
            size = (shape[2], inside[0] + top + bottom, width * phases)
            plane, row = size[1] * size[2], size[2]
            channels = shape[2] // layer.groups
            strides = (shape[2] * plane, channels * plane)
            pixel = places((oy, ox), (layer.stride[0] * row, 1)).ravel()
            (ky, kx), (dy, dx) = kernel_size(layer), layer.dilation
            across = in_phases(np.arange(kx) * dx, phases, width)
            taps = places((ky, kx, channels), (dy * row, 0, plane)) + across[:, None]
            step = in_k_order(taps, k_order).ravel()
            columns = left + np.arange(shape[1]) * self.spread[1]
            self.column = in_phases(columns, phases, width)
        self.images = np.full((samples, *size), zero_point + offset, dtype)
        self.source = Source(self.images.reshape(-1), np.array(strides, np.int64), pixel, step)

    def place(self, codes: NDArray[Any]) -> None:
        """Write samples of codes, (S, *shape), where the first S lie."""
        samples = np.ascontiguousarray(codes).reshape(len(codes), *self.shape)
        place_images(samples, self.top, self.spread[0], self.column, self.offset, self.images)


def places(sizes: tuple[int, ...], strides: tuple[int, ...]) -> NDArray[np.int64]:
    """``sum of index * stride`` at every index of an array of these sizes.

    >>> places((2, 3), (10, 1)).tolist()
    [[0, 1, 2], [10, 11, 12]]
    """
    axes = [np.arange(n) * stride for n, stride in zip(sizes, strides, strict=True)]
    total: NDArray[np.int64] = sum(np.ix_(*axes))  # type: ignore[assignment]  # never empty
    return total


def in_phases(columns: NDArray[np.int64], phases: int, width: int) -> NDArray[np.int64]:
    """Where columns of an image lie: those that one tap reads of neighbouring outputs side by side.

    ::

        column = phase + phases * i  lies at  phase * width + i

    >>> in_phases(np.arange(5), 2, 3).tolist()
    [0, 3, 1, 4, 2]
    """
    place: NDArray[np.int64] = columns % phases * width + columns // phases
    return place


@lean_kernel
def place_images(codes, top, spread, column, offset, images):  # type: ignore[no-untyped-def]
    """``images[s, c, top + y * spread, column[x]] = codes[s, y, x, c] + offset``; the border, and
    what lies between, keep what they hold."""
    samples, height, width, channels = codes.shape
    kind = images.dtype.type
    for s in range(samples):
        for y in range(height):
            for c in range(channels):
                row = images[s, c, top + y * spread]
                for x in range(width):
                    row[column[x]] = kind(np.int64(codes[s, y, x, c]) + offset)
