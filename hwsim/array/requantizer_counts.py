"""Outputs requantized chunk by chunk, what was lost counted by channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import lean_kernel
from hwsim.arith.rounding import Rounding
from hwsim.array.gemm import Ints
from hwsim.array.requantizer import NO_RANDOM, Requantizer
from hwsim.array.requantizer_integers import ZERO_POINT_INSIDE
from hwsim.array.requantizer_kernel import (
    AS_THEY_ARE,
    AT_RUN_TIME,
    FREQUENT,
    SHORT_ROW,
    TABLE_SCHEMES,
    Flags,
    rows_kernel,
)
from hwsim.array.requantizer_stages import ends_of


class CountingRequantizer:
    """A requantizer made ready for one layer's outputs, (S, G, M, N) at a time.

    What it counts since `reset`, ``clipped`` and ``events``, are int64 ndarrays of shape (G, N).
    """

    def __init__(self, requantizer: Requantizer, shape: tuple[int, int, int], at_once: int) -> None:
        groups, m, n = shape
        self.requantizer, self.shape = requantizer, shape
        repeats = m if n < SHORT_ROW else 1
        self.rows = (groups, m // repeats if m else 0, repeats * n)
        r = requantizer
        self.by_row = [
            np.tile(c.reshape(groups, n), (1, repeats)) for c in (r.multiplier, r.shift, r.add)
        ]
        self.reals = np.tile(r.reals.reshape(len(r.reals), groups, n), (1, 1, repeats))
        self.table = np.empty((groups, repeats * n, 0), np.int64)
        self.flags = np.empty((at_once, *self.rows), np.bool_)
        self.values = np.empty((at_once, *self.rows), np.int64)
        captured = int(r.rounding) if r.rounding in FREQUENT else AT_RUN_TIME
        self.kernel = rows_kernel(int(r.scheme), captured) if self._is_plain() else None
        self.ends = ends_of(r.clamp, r.output)
        self.zero_point = 0 if r.scheme in ZERO_POINT_INSIDE else r.zero_point
        self.reset()

    def _is_plain(self) -> bool:
        """Whether all outputs follow one rule that needs neither table nor random numbers."""
        r = self.requantizer
        other = r.narrow is not None or r.lfsr is not None or r.scheme in TABLE_SCHEMES
        late = r.tail_lanes or r.tail < r.multiplier.size
        return not (other or late or r.rounding == Rounding.STOCHASTIC)

    def reset(self) -> None:
        """Counters begin anew."""
        self.counts = np.zeros((2, self.rows[0], self.rows[2]), np.int64)

    @property
    def clipped(self) -> Ints:
        """Outputs that the output format saturated."""
        return self._by_channel(self.counts[0])

    @property
    def events(self) -> Ints:
        """Outputs with an intermediate that wrapped or saturated."""
        return self._by_channel(self.counts[1])

    def _by_channel(self, counts: Ints) -> Ints:
        """From the elements of a row to channels."""
        groups, _, n = self.shape
        found: Ints = counts.reshape(groups, -1, n).sum(axis=1)
        return found

    def __call__(self, accumulator: Ints, codes: NDArray[Any]) -> tuple[Flags, int]:
        """Requantize ``accumulator``, an int64 ndarray of shape (S, G, M, N), to ``codes`` of the
        same shape and of a type that holds the format, and count.

        Which outputs had an event, valid until the next call, and how many."""
        if self.kernel is None:
            done = self.requantizer.apply(accumulator)
            codes[:] = done.codes
            by_row = (-1, *self.rows)
            self.counts[0] += done.clipped.reshape(by_row).sum(axis=(0, 2), dtype=np.int64)
            self.counts[1] += done.events.reshape(by_row).sum(axis=(0, 2), dtype=np.int64)
            return done.events, int(done.events.sum())
        samples, shape = len(codes), (len(codes), *self.rows)
        flags, values = self.flags[:samples], self.values[:samples]
        self.kernel(
            accumulator.reshape(shape),
            *self.by_row,
            self.reals,
            self.table,
            NO_RANDOM,
            int(self.requantizer.rounding),
            AS_THEY_ARE,
            values,
            flags,
        )
        laid = codes.reshape(shape)
        events = count_codes(values, flags, self.zero_point, self.ends, laid, self.counts)
        return flags.reshape(codes.shape), events


@lean_kernel
def count_codes(values, flags, zero_point, ends, codes, counts):  # type: ignore[no-untyped-def]
    """Values to codes: zero point, activation clamp, output format.

    ``values``, ``flags``, ``codes`` : ndarrays of shape (S, G, R, L); ``ends`` : least and
    largest of the clamp, then of the format; ``counts`` : int64 ndarray of shape (2, G, L), to
    which those that the format saturated, and the flags, are added. The number of flags.
    """
    least, largest, lo, hi = ends
    samples, groups, rows, length = values.shape
    number = 0
    for s in range(samples):
        for g in range(groups):
            for r in range(rows):
                row, flag, kept_row = values[s, g, r], flags[s, g, r], codes[s, g, r]
                clipped, events = counts[0, g], counts[1, g]
                for i in range(length):
                    code = min(max(row[i] + zero_point, least), largest)
                    kept = min(max(code, lo), hi)
                    clipped[i] += kept != code
                    events[i] += flag[i]
                    number += int(flag[i])
                    kept_row[i] = kept
    return number
