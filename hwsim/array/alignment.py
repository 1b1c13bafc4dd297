"""Arrays that begin where a cache line does: vectors of one are then read and written at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LINE = 64  # bytes


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of anything.

    >>> aligned((3, 5), np.int16).ctypes.data % LINE
    0
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + size].view(dtype).reshape(shape)


def aligned_copy(values: NDArray[Any]) -> NDArray[Any]:
    """The same values, one behind the other in the order of their indices."""
    copy = aligned(values.shape, values.dtype)
    copy[...] = values
    return copy
