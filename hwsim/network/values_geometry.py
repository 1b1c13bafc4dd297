"""Where the taps of a layer lie in images of bytes that stand row by row, borders included."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
        The first byte of each output pixel's taps.
    jump : int
        Bytes from one row of taps to the next.
    taps : int64 ndarray of shape (ky * kx,)
        Bytes from the first tap to each.
    """

    image: tuple[int, int, int]
    border: tuple[tuple[int, int], tuple[int, int]]
    places: Ints
    jump: int
    taps: Ints

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
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image with its border."""
        (top, bottom), (left, right) = self.border
        height, width, channels = self.image
        return height + top + bottom, width + left + right, channels

    @property
    def size(self) -> int:
        """Bytes of one image with its border."""
        return math.prod(self.shape)

    def places_of(self, images: int, tile: int) -> Ints:
        """The places of so many images, the last one repeated to whole tiles."""
        places = (np.arange(images)[:, None] * self.size + self.places).ravel()
        return np.pad(places, (0, -places.size % tile), mode="edge")

    def place(self, codes: NDArray[Any], offset: int, images: NDArray[np.uint8]) -> None:
        """Lay codes (S, *shape) of bytes into images whose borders stand, ``offset`` added."""
        (top, _), (left, _) = self.border
        height, width, channels = self.image
        whole = images[: len(codes) * self.size].reshape(len(codes), *self.shape)
        inside = whole[:, top : top + height, left : left + width]
        rows = codes.reshape(len(codes), height, width, channels).view(np.uint8)
        np.bitwise_xor(rows, np.uint8(offset), out=inside)  # + 128 of a byte is its top bit


_NONE = ((0, 0), (0, 0))
