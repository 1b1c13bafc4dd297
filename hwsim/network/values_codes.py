"""From exact sums to bytes: the requantizer of one layer, its ends taken in the same pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.requantizer import NO_RANDOM, Requantizer
from hwsim.array.requantizer_integers import ZERO_POINT_INSIDE
from hwsim.array.requantizer_kernel import AT_RUN_TIME, FREQUENT, rows_kernel

ROW = 512  # sums that are requantized in one go: with short rows the loop's own cost shows


class Codes:
    """Sums (rows, blocks, lanes) of int32 to codes (images, pixels, channels)."""

    def __init__(self, requantizer: Requantizer, lanes: int) -> None:
        self.channels = requantizer.multiplier.size
        self.lanes = lanes
        integers = (requantizer.multiplier, requantizer.shift, requantizer.add)
        self.repeats = max(1, ROW // lanes)  # outputs of a long row
        self.integers = [self._repeated(values)[None] for values in integers]
        self.reals = self._repeated(requantizer.reals)[:, None]
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
        values = out if self.lanes == self.channels else np.empty(sums.shape, out.dtype)
        whole = len(sums) // self.repeats * self.repeats
        self._make_rows(sums[:whole], values[:whole], self.repeats)
        self._make_rows(sums[whole:], values[whole:], 1)
        if values is not out:
            out[:] = values.reshape(-1, self.lanes)[:, : self.channels].reshape(out.shape)

    def _make_rows(self, sums: NDArray[np.int32], values: NDArray[Any], repeats: int) -> None:
        """Rows of so many outputs: long ones are quicker."""
        if not len(sums):
            return
        length = repeats * self.lanes
        shape = (1, 1, len(sums) // repeats, length)
        integers = [each[:, :length] for each in self.integers]
        self.rows(
            sums.reshape(shape), *integers, self.reals[:, :, :length],
            np.empty((1, length, 0), np.int64), NO_RANDOM, self.rounding, self.output,
            values.reshape(shape), self._events(sums.size).reshape(shape),
        )  # fmt: skip

    def _repeated(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of all lanes, for each output of a long row."""
        return np.tile(padded(values, self.lanes), self.repeats)

    def _events(self, size: int) -> NDArray[np.bool_]:
        """Where the kernel writes what nobody reads; kept, since new memory is slow."""
        scratch = self.scratch  # threads may each put a larger one in its place
        if scratch.size < size:
            scratch = self.scratch = np.empty(size, np.bool_)
        return scratch[:size]


def padded(values: NDArray[Any], lanes: int) -> NDArray[Any]:
    """Values of all channels, the last one repeated to whole blocks of lanes (last axis)."""
    more = -values.shape[-1] % lanes
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, more)], mode="edge")
