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
    AT_RUN_TIME,
    FREQUENT,
    TABLE_SCHEMES,
    Flags,
    rows_kernel,
)
from hwsim.array.requantizer_stages import ends_of
from hwsim.array.room import Room

ROW = 1024  # outputs of a row, at most, where several pixels make one: short rows are slow
NARROW = 15  # bits of a format whose neighbours on both sides are int16 too
MOST_ROWS = (1 << 15) - 1  # that an int16 counts
INT64 = -(1 << 63), (1 << 63) - 1


class CountingRequantizer:
    """A requantizer made ready for one layer's outputs, (S, G, M, N) at a time.

    What it counts since `reset`, ``clipped`` and ``events``, are int64 ndarrays of shape (G, N).

    Parameters
    ----------
    requantizer : Requantizer
    shape : (G, M, N)
    room : Room, optional
        For what is read once.
    """

    def __init__(
        self, requantizer: Requantizer, shape: tuple[int, int, int], room: Room | None = None
    ) -> None:
        groups, m, n = shape
        self.requantizer, self.shape, self.room = requantizer, shape, room or Room()
        repeats = divisor(m, ROW // max(n, 1))
        self.rows = (groups, m // repeats, repeats * n)
        r = requantizer
        self.by_row = [
            np.tile(c.reshape(groups, n), (1, repeats)) for c in (r.multiplier, r.shift, r.add)
        ]
        self.reals = np.tile(r.reals.reshape(len(r.reals), groups, n), (1, 1, repeats))
        self.table = np.empty((groups, repeats * n, 0), np.int64)
        captured = int(r.rounding) if r.rounding in FREQUENT else AT_RUN_TIME
        self.kernel = rows_kernel(int(r.scheme), captured) if self._is_plain() else None
        self.narrow = r.output.bits <= NARROW
        self.part = np.zeros(repeats * n, np.int16 if self.narrow else np.int64)
        self.output = self._output()
        self.reset()

    def _is_plain(self) -> bool:
        """Whether all outputs follow one rule that needs neither table nor random numbers."""
        r = self.requantizer
        other = r.narrow is not None or r.lfsr is not None or r.scheme in TABLE_SCHEMES
        late = r.tail_lanes or r.tail < r.multiplier.size
        return not (other or late or r.rounding == Rounding.STOCHASTIC)

    def _output(self) -> tuple[int, int, int]:
        """Zero point, least and largest value of `rows_kernel`: the clamp's ends, but none farther
        out than the format's neighbours. What lies beyond the format still does."""
        least, largest, lo, hi = ends_of(self.requantizer.clamp, self.requantizer.output)
        below, above = max(lo - 1, INT64[0]), min(hi + 1, INT64[1])
        r = self.requantizer
        zero_point = 0 if r.scheme in ZERO_POINT_INSIDE else r.zero_point
        return zero_point, max(least, below), max(min(largest, above), below)

    def reset(self) -> None:
        """Counters begin anew."""
        self.counts = self._counters(1)

    def _counters(self, samples: int) -> Ints:
        """What is clipped, and events; of all samples together where ``samples`` is 1."""
        return np.zeros((2, samples, self.rows[0], self.rows[2]), np.int64)

    @property
    def clipped(self) -> Ints:
        """Outputs that the output format saturated."""
        found: Ints = self._by_channel(self.counts[0])[0]
        return found

    @property
    def events(self) -> Ints:
        """Outputs with an intermediate that wrapped or saturated."""
        found: Ints = self._by_channel(self.counts[1])[0]
        return found

    def _by_channel(self, counts: Ints) -> Ints:
        """From the elements of a row to channels."""
        groups, _, n = self.shape
        found: Ints = counts.reshape(len(counts), groups, -1, n).sum(axis=2)
        return found

    def __call__(self, accumulator: Ints, codes: NDArray[Any]) -> tuple[Flags, int]:
        """Requantize ``accumulator``, an int64 ndarray of shape (S, G, M, N), to ``codes`` of the
        same shape and of a type that holds the format, and count.

        Which outputs had an event, valid until the next call, and how many."""
        return self._requantize(accumulator, codes, self.counts)

    def by_sample(self, accumulator: Ints, codes: NDArray[Any]) -> tuple[Flags, Ints, Ints]:
        """As a call, counted sample by sample and nothing added to the counters: which outputs had
        an event, then ``clipped`` and ``events``, int64 ndarrays of shape (S, G, N)."""
        counts = self._counters(len(codes))
        flags, _ = self._requantize(accumulator, codes, counts)
        return flags, self._by_channel(counts[0]), self._by_channel(counts[1])

    def _requantize(
        self, accumulator: Ints, codes: NDArray[Any], counts: Ints
    ) -> tuple[Flags, int]:
        """As a call; ``counts``: of `_counters`, to which is added."""
        if self.kernel is None:
            done = self.requantizer.apply(accumulator)
            codes[:] = done.codes
            counts[0] += self._in_rows(done.clipped, counts)
            counts[1] += self._in_rows(done.events, counts)
            return done.events, int(done.events.sum())
        shape = (len(codes), *self.rows)
        values = self.room.of("values", codes.size, self.part.dtype).reshape(shape)
        flags = self.room.of("flags", codes.size, np.bool_).reshape(shape)
        self.kernel(
            accumulator.reshape(shape),
            *self.by_row,
            self.reals,
            self.table,
            NO_RANDOM,
            int(self.requantizer.rounding),
            self.output,
            values,
            flags,
        )
        form, laid = self.requantizer.output, codes.reshape(shape)
        count_codes(values, form.lo, form.hi, laid, self.part, counts[0])
        events = int(np.count_nonzero(flags))
        if events:
            counts[1] += self._in_rows(flags, counts)
        return flags.reshape(codes.shape), events

    def uncounted(self, accumulator: Ints, codes: NDArray[Any]) -> Flags:
        """As a call, nothing added to the counters: which outputs had an event."""
        counts = self.counts
        self.reset()
        flags, _ = self(accumulator, codes)
        self.counts = counts
        return flags

    def _in_rows(self, flags: Flags, counts: Ints) -> Ints:
        """How often each element of a row is set, sample by sample where ``counts`` is."""
        together = flags.reshape(counts.shape[1], -1, *self.rows)
        found: Ints = together.sum(axis=(1, 3), dtype=np.int64)
        return found


def divisor(number: int, most: int) -> int:
    """The largest divisor of ``number`` that is not above ``most``, at least 1.

    >>> divisor(49, 10), divisor(48, 10), divisor(48, 0), divisor(0, 5)
    (7, 8, 1, 1)
    """
    return next((d for d in range(min(most, number), 1, -1) if number % d == 0), 1)


@lean_kernel
def count_codes(values, lo, hi, codes, part, clipped):  # type: ignore[no-untyped-def]
    """Values, zero point and activation clamp in them, to codes of the output format.

    ``values``, ``codes`` : ndarrays of shape (S, G, R, L); ``lo``, ``hi`` : of the format;
    ``clipped`` : int64 ndarray of shape (S, G, L), or (1, G, L) of all samples, to which those that
    it saturated are added; ``part`` : zeros of shape (L,) and of the values' type, which count some
    rows at a time.
    """
    samples, groups, rows, length = values.shape
    kind = values.dtype.type
    least, largest, zero, one = kind(lo), kind(hi), kind(0), kind(1)
    together = len(clipped) < samples
    for g in range(groups):
        counted = 0
        for s in range(samples):
            into, last = clipped[0 if together else s, g], not together or s + 1 == samples
            for r in range(rows):
                row, kept_row = values[s, g, r], codes[s, g, r]
                for i in range(length):
                    kept = min(max(row[i], least), largest)
                    part[i] += one if kept != row[i] else zero
                    kept_row[i] = kept
                counted += 1
                if counted == MOST_ROWS or (last and r + 1 == rows):
                    for i in range(length):
                        into[i] += part[i]
                        part[i] = zero
                    counted = 0
