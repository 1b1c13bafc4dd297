"""Where the taps of a layer lie in images that stand row by row, borders included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Tensor


@dataclass(frozen=True, eq=False)
class Geometry:
    """One layer's images, with their borders.

    Attributes
    ----------
    image : (height, width, channels)
    border : ((top, bottom), (left, right))
    places : int64 ndarray of shape (pixels,)
        The first element of each output pixel's taps.
    jump : int
        Elements from one row of taps to the next.
    taps : int64 ndarray of shape (ky * kx,)
        Elements from the first tap to each.
    kernel : (ky, kx)
    by_channel : bool
        A depthwise layer of one output channel each: every channel has its own sum.
    """

    image: tuple[int, int, int]
    border: tuple[tuple[int, int], tuple[int, int]]
    places: Ints
    jump: int
    taps: Ints
    kernel: tuple[int, int]
    by_channel: bool

    @classmethod
    def of(cls, layer: MacLayer, source: Tensor, kernel: tuple[int, int]) -> Geometry:
        """Of a convolution; every row of a linear layer is a pixel."""
        if layer.op == "fully_connected":
            rows = math.prod(source.shape[:-1])
            image, border, stride, dilation = (1, rows, source.shape[-1]), _NONE, (1, 1), (1, 1)
        else:
            image = (source.shape[0], source.shape[1], source.shape[2])
            border, stride, dilation = layer.padding, layer.stride, layer.dilation
        (top, bottom), (left, right) = border
        high, wide, channels = image[0] + top + bottom, image[1] + left + right, image[2]
        reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
        y = np.arange(0, high - reach[0] + 1, stride[0]) * wide
        x = np.arange(0, wide - reach[1] + 1, stride[1])
        taps = np.arange(kernel[0])[:, None] * dilation[0] * wide
        taps = taps + np.arange(kernel[1]) * dilation[1]
        return cls(
            image,
            border,
            ((y[:, None] + x) * channels).ravel().astype(np.int64),
            dilation[0] * wide * channels,
            (taps * channels).ravel().astype(np.int64),
            kernel,
            layer.groups > 1,
        )

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Of one image with its border."""
        (top, bottom), (left, right) = self.border
        height, width, channels = self.image
        return height + top + bottom, width + left + right, channels

    @cached_property
    def size(self) -> int:
        """Elements of one image with its border."""
        return math.prod(self.shape)

    def places_of(self, images: int, tile: int) -> Ints:
        """The places of so many images, the last one repeated to whole tiles."""
        places = (np.arange(images)[:, None] * self.size + self.places).ravel()
        return np.pad(places, (0, -places.size % tile), mode="edge")

    def steps(self, k_order: Sequence[str]) -> Ints:
        """Elements from the first tap to the code of each step, in the array's order."""
        depth = 1 if self.by_channel else self.image[2]
        codes = self.taps.reshape(*self.kernel, 1) + np.arange(depth)
        order = [AXES.index(axis) for axis in k_order]
        return np.ascontiguousarray(codes.transpose(order)).ravel()

    @property
    def in_rows(self) -> bool:
        """Whether the taps of one row lie side by side."""
        return self.kernel[1] == 1 or int(self.taps[1] - self.taps[0]) == self.image[2]

    @cached_property
    def where_rows_lie(self) -> tuple[int, int, int]:
        """Element of an image that its first code is; elements of an image; of a row; borders
        included."""
        (top, _), (left, _) = self.border
        _, width, channels = self.shape
        return (top * width + left) * channels, self.size, width * channels

    def rows_of(self, codes: NDArray[Any]) -> NDArray[np.uint8]:
        """Codes (S, *shape) of bytes as rows: (S, height, width * channels)."""
        height, width, channels = self.image
        rows: NDArray[np.uint8] = np.ascontiguousarray(codes).view(np.uint8)
        return rows.reshape(len(codes), height, width * channels)


AXES = ("ky", "kx", "ic")
_NONE = ((0, 0), (0, 0))
