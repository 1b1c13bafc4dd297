"""From exact sums to bytes: the requantizer of one layer, its ends taken in the same pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.requantizer import NO_RANDOM, Requantizer
from hwsim.array.requantizer_integers import ZERO_POINT_INSIDE
from hwsim.array.requantizer_kernel import AT_RUN_TIME, FREQUENT, rows_kernel


class Codes:
    """Sums (rows, blocks, lanes) of int32 to codes (images, pixels, channels)."""

    def __init__(self, requantizer: Requantizer, lanes: int) -> None:
        self.channels = requantizer.multiplier.size
        self.lanes = lanes
        integers = (requantizer.multiplier, requantizer.shift, requantizer.add)
        self.integers = [padded(values, lanes)[None] for values in integers]
        self.reals = padded(requantizer.reals, lanes)[:, None]
        self.table = np.empty((1, lanes, 0), np.int64)
        self.scratch = np.empty(0, np.bool_)
        rounding = requantizer.rounding
        captured = int(rounding) if rounding in FREQUENT else AT_RUN_TIME
        self.rows, self.rounding = rows_kernel(int(requantizer.scheme), captured), int(rounding)
        form, (least, largest) = requantizer.output, requantizer.clamp
        ends = (form.lo if least is None else least, form.hi if largest is None else largest)
        inside = requantizer.scheme in ZERO_POINT_INSIDE
        self.output = (
            0 if inside else requantizer.zero_point,
            *(min(max(end, form.lo), form.hi) for end in ends),
        )

    def make(self, sums: NDArray[np.int32], out: NDArray[Any]) -> None:
        """Requantize into ``out``."""
        shape = (1, 1, len(sums), self.lanes)
        values = out if self.lanes == self.channels else np.empty(sums.shape, out.dtype)
        self.rows(
            sums.reshape(shape), *self.integers, self.reals, self.table, NO_RANDOM,
            self.rounding, self.output, values.reshape(shape),
            self._events(sums.size).reshape(shape),
        )  # fmt: skip
        if values is not out:
            out[:] = values.reshape(-1, self.lanes)[:, : self.channels].reshape(out.shape)

    def _events(self, size: int) -> NDArray[np.bool_]:
        """Where the kernel writes what nobody reads; kept, since new memory is slow."""
        if self.scratch.size < size:
            self.scratch = np.empty(size, np.bool_)
        return self.scratch[:size]


def padded(values: NDArray[Any], lanes: int) -> NDArray[Any]:
    """Values of all channels, the last one repeated to whole blocks of lanes (last axis)."""
    more = -values.shape[-1] % lanes
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, more)], mode="edge")
