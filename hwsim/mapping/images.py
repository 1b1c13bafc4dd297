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
from hwsim.array.gemm import Ints
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.turning import CHANNELS, PIXELS, turn_block
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import as_convolution, in_k_order, kernel_size, output_shape

WORTH = 1 << 18  # codes of a layer, from which blocks are worth what it takes to compile them


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
        words = CHOSEN is not None and self.images.dtype == np.int32
        self.in_blocks = words and self.shape[2] >= CHANNELS
        self.runs, self.rest = runs_of(self.column if self.in_blocks else self.column[:0])
        self.placed = 0  # codes so far

    def place(self, codes: NDArray[Any]) -> None:
        """Write samples of codes, (S, *shape), where the first S lie."""
        samples = np.ascontiguousarray(codes).reshape(len(codes), *self.shape)
        row, column = (self.top, self.spread[0]), self.column
        self.placed += samples.size
        if self.in_blocks and samples.dtype.itemsize == 1 and self.placed > WORTH:
            top_bit = 128 if samples.dtype == np.uint8 else 0
            flat, images = samples.view(np.int8).reshape(-1), self.images[: len(samples)]
            size, offset = self.shape[:2], self.offset + top_bit
            place_blocks(flat, size, *row, self.runs, top_bit, offset, images)
            if not len(self.rest):
                return
            samples, column = np.take(samples, self.rest, axis=2), column[self.rest]
        place_images(samples, *row, column, self.offset, self.images)


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


def runs_of(column: Ints) -> tuple[Ints, Ints]:
    """Columns in runs that lie side by side, ``column[x + i * step] = column[x] + i``, and those
    that are in no run of `PIXELS` or more.

    The runs are an int64 ndarray of shape (runs, 4): x, step, how many, column[x].

    >>> runs, rest = runs_of(in_phases(np.arange(1, 20), 2, 10))
    >>> runs.tolist(), rest.tolist()
    ([[1, 2, 9, 1], [0, 2, 10, 10]], [])
    """
    order = np.argsort(column, kind="stable")
    neighbours = (np.diff(column[order]) == 1) & (np.diff(order, n=1) > 0)
    step, runs, rest = np.diff(order), [], []
    first = 0
    for i in range(1, len(column) + 1):
        if i < len(column) and neighbours[i - 1] and step[i - 1] == step[first]:
            continue
        if i - first >= PIXELS:
            runs.append((order[first], step[first], i - first, column[order[first]]))
        else:
            rest += order[first:i].tolist()
        first = i
    return np.array(runs, np.int64).reshape(-1, 4), np.array(sorted(rest), np.int64)


@lean_kernel
def place_blocks(codes, size, top, spread, runs, flip, offset, images):  # type: ignore[no-untyped-def]
    """`place_images` of bytes and int32, of the columns in ``runs``, block after block; the last
    block of a run, or of the channels, begins where it ends in time.

    ``codes`` : int8, flat; ``size`` : height, width; ``flip``, ``offset`` : of `turn_block`.
    """
    samples, channels, rows, width = images.shape
    words, plane = images.reshape(-1), rows * width
    for s in range(samples):
        for y in range(size[0]):
            row = (s * size[0] + y) * size[1]
            line = s * channels * plane + (top + y * spread) * width
            for x, step, many, to in runs:
                for i in range(0, many, PIXELS):
                    p = min(i, many - PIXELS)
                    for j in range(0, channels, CHANNELS):
                        c = min(j, channels - CHANNELS)
                        at = (row + x + p * step) * channels + c
                        there = line + to + p + c * plane
                        turn_block(codes, at, step * channels, flip, offset, words, there, plane)


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
