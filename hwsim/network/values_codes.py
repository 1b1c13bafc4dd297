"""From exact sums to bytes: the requantizer of one layer, its ends taken in the same pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.scale import Reals
from hwsim.array.alignment import aligned_copy
from hwsim.array.gemm import Ints
from hwsim.array.requantizer import NO_RANDOM, Requantizer
from hwsim.array.requantizer_integers import ZERO_POINT_INSIDE
from hwsim.array.requantizer_kernel import AT_RUN_TIME, FREQUENT, rows_kernel
from hwsim.array.requantizer_near import near_constants, near_rows

ROW = 512  # sums that are requantized in one go: with short rows the loop's own cost shows


class Codes:
    """Sums (rows, blocks, lanes) of int32 to codes (images, pixels, channels)."""

    def __init__(self, requantizer: Requantizer, lanes: int) -> None:
        self.channels = requantizer.multiplier.size
        self.lanes = lanes
        self.repeats = max(1, ROW // lanes)  # outputs of a long row
        form, (least, largest) = requantizer.output, requantizer.clamp
        ends = (form.lo if least is None else least, form.hi if largest is None else largest)
        kept = tuple(min(max(end, form.lo), form.hi) for end in ends)
        self.output = (requantizer.zero_point, *kept)
        self.scheme, self.rounding = int(requantizer.scheme), int(requantizer.rounding)
        near = near_constants(requantizer)
        self.is_near = near is not None
        self.kernel: Callable[..., None]
        if near is not None:
            self.kernel = near_rows(self.scheme, self.rounding)
        else:
            self.kernel, near = EveryScheme(requantizer), every_constants(requantizer)
        self.constants = {
            repeats: tuple(aligned_copy(np.tile(padded(each, lanes), repeats)) for each in near)
            for repeats in {self.repeats, 1}
        }

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
        if len(sums):
            shape = (-1, repeats * self.lanes)
            rows, codes = sums.reshape(shape), values.reshape(shape)
            self.kernel(rows, self.constants[repeats], self.output, codes)


def every_constants(requantizer: Requantizer) -> tuple[NDArray[Any], ...]:
    """What `EveryScheme` reads of every channel (last axis)."""
    return requantizer.multiplier, requantizer.shift, requantizer.add, requantizer.reals


class EveryScheme:
    """The loop over outputs that has every scheme."""

    def __init__(self, requantizer: Requantizer) -> None:
        rounding = requantizer.rounding
        captured = int(rounding) if rounding in FREQUENT else AT_RUN_TIME
        self.rows, self.rounding = rows_kernel(int(requantizer.scheme), captured), int(rounding)
        self.inside = requantizer.scheme in ZERO_POINT_INSIDE
        self.scratch = np.empty(0, np.bool_)

    def __call__(
        self,
        sums: NDArray[np.int32],
        constants: tuple[Ints, Ints, Ints, Reals],
        output: tuple[int, int, int],
        codes: NDArray[Any],
    ) -> None:
        """Rows of sums to ``codes``."""
        shape = (1, 1, *sums.shape)
        multiplier, shift, add, reals = constants
        zero_point, *ends = output
        self.rows(
            sums.reshape(shape), multiplier[None], shift[None], add[None], reals[:, None],
            np.empty((1, sums.shape[1], 0), np.int64), NO_RANDOM, self.rounding,
            (0 if self.inside else zero_point, *ends), codes.reshape(shape),
            self._events(sums.size).reshape(shape),
        )  # fmt: skip

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
