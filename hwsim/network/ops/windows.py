"""Pooling windows of images: which taps they have, in bounds and out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.network.graph import Node


def taps(x: NDArray[Any], node: Node, outside: float) -> Iterator[NDArray[Any]]:
    """Each tap of the window for all outputs: arrays (S, oy, ox, C), row-major over the window.

    ::

        oy = (iy + top + bottom - window_y) // stride_y + 1

    ``outside``: what a tap beyond the image holds. Attributes: ``window``, ``stride`` (y, x) and
    ``padding`` ((top, bottom), (left, right)), by default none.
    """
    (ky, kx), (sy, sx) = node.attributes["window"], node.attributes["stride"]
    padding = node.attributes.get("padding", ((0, 0), (0, 0)))
    padded = x
    if np.any(padding):
        padded = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=outside)
    oy, ox = (padded.shape[1] - ky) // sy + 1, (padded.shape[2] - kx) // sx + 1
    for j in range(ky):
        for i in range(kx):
            yield padded[:, j : j + (oy - 1) * sy + 1 : sy, i : i + (ox - 1) * sx + 1 : sx]


def in_bounds(node: Node, height: int, width: int) -> Ints:
    """Number of taps inside the image for each output, of shape (oy, ox).

    >>> pool = Node("p", "max_pool_2d", ("x",), "y", attributes={
    ...     "window": (2, 2), "stride": (2, 2), "padding": ((0, 1), (0, 0))})
    >>> in_bounds(pool, 3, 2)
    array([[4],
           [2]])
    """
    image = np.ones((1, height, width, 1), np.int64)
    count: Ints = sum(taps(image, node, 0))[0, :, :, 0]  # type: ignore[index]  # never empty
    return count
