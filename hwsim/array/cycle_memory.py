"""The accumulator memory behind the array, and the counters of both registers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.arith.formats import signed_bits
from hwsim.arith.overflow import Overflow, fit
from hwsim.array.cycle_clocks import COUNT, EXACT, FIRST, HIGH, LOW, MAX_LEVELS, SUM
from hwsim.array.cycle_fold import FIELDS
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.array.ledger import Place, RegisterLedger, is_symmetric

UNLIMITED = Register(64, -(1 << 63), (1 << 63) - 1, int(Overflow.SATURATE), 0)


@kernel
def accumulate(memory, m, n, addends, lo, hi, overflow, wrap_bits, steps_left):  # type: ignore[no-untyped-def]
    """``acc = fit(acc + addend)`` for one tile of outputs; returns the number of events.

    Parameters
    ----------
    memory : int64 ndarray of shape (6, M, N)
        Stored and exact sum, least and largest exact value, events, steps left at the first.
    m, n : int
        The tile's first output.
    addends : int64 ndarray of shape (2, tile of m, tile of n)
        As stored by the array, and exact.
    """
    found = 0
    for i in range(addends.shape[1]):
        for j in range(addends.shape[2]):
            at = memory[:, m + i, n + j]
            presented = at[SUM] + addends[0, i, j]
            at[SUM] = fit(presented, lo, hi, overflow, wrap_bits)
            at[EXACT] += addends[1, i, j]
            at[LOW] = min(at[LOW], at[EXACT])
            at[HIGH] = max(at[HIGH], at[EXACT])
            if at[SUM] != presented:
                at[COUNT] += 1
                at[FIRST] = max(at[FIRST], steps_left)
                found += 1
    return found


def adding_register(datapath: Datapath) -> Register:
    """The accumulator while it adds: without a limit under ``check: final``."""
    return UNLIMITED if datapath.check_final else datapath.accumulator


def fits(values: Ints, register: Register) -> NDArray[np.bool_]:
    """Whether the register holds these values unchanged (bool)."""
    lo = -register.hi if is_symmetric(register) else register.lo
    return (values >= lo) & (values <= register.hi)


class Counters:
    """`RegisterLedger` in the making, for one register of one layer."""

    def __init__(self, registers: tuple[Register, ...], groups: int, n: int, k: int) -> None:
        self.registers = registers
        self.events, self.persistent, self.transient = np.zeros((3, groups, n), np.int64)
        self.steps = np.zeros(k + 2, np.int64)
        far = np.iinfo(np.int64)
        self.low, self.final_low = np.full((2, groups, n), far.max)
        self.high, self.final_high = np.full((2, groups, n), far.min)
        self.first: Place | None = None
        self.excess_bits = 0

    def count(self, group: int, channels: slice, tile: Ints) -> None:
        """Take a tile of finished sums, int64 of shape (6, M, tile of n)."""
        at = (group, channels)
        exact, events = tile[EXACT], tile[COUNT]
        for own, seen, better in (
            (self.low, tile[LOW].min(axis=0), np.minimum),
            (self.high, tile[HIGH].max(axis=0), np.maximum),
            (self.final_low, exact.min(axis=0), np.minimum),
            (self.final_high, exact.max(axis=0), np.maximum),
        ):
            own[at] = better(own[at], seen)
        if events.any():
            affected, fitting = events > 0, fits(exact, self.registers[-1])
            self.events[at] += events.sum(axis=0)
            self.persistent[at] += (affected & ~fitting).sum(axis=0)
            self.transient[at] += (affected & fitting).sum(axis=0)

    def widen(self, level: int, low: int, high: int) -> None:
        """Take one exact range into the largest excess."""
        register = self.registers[level]
        bits = signed_bits(low, high, symmetric=is_symmetric(register))
        self.excess_bits = max(self.excess_bits, bits - register.bits)

    def ledger(self, *, final: bool = False) -> RegisterLedger:
        """The finished ledger. ``final``: the largest excess is that of the exact final values."""
        seen, ended = self.low <= self.high, self.final_low <= self.final_high
        low, high = np.where(seen, self.low, 0), np.where(seen, self.high, 0)
        final_low, final_high = (
            np.where(ended, end, 0) for end in (self.final_low, self.final_high)
        )
        widest = (final_low, final_high) if final else (low, high)
        if len(self.registers) == 1 and low.size:
            self.widen(0, int(widest[0].min()), int(widest[1].max()))
        return RegisterLedger(
            bits=self.registers[-1].bits,
            symmetric=is_symmetric(self.registers[-1]),
            events_by_channel=self.events,
            events_by_step=self.steps,
            persistent=self.persistent,
            transient=self.transient,
            partial_lo=low,
            partial_hi=high,
            final_lo=final_low,
            final_hi=final_high,
            excess_bits=self.excess_bits,
            first=self.first,
        )


def new_memory(m: int, n: int) -> Ints:
    """All accumulators of one image and group, at 0."""
    return np.zeros((FIELDS, m, n), np.int64)


def first_output(first: Ints) -> tuple[int, int] | None:
    """The least (m, n) with an event; ``first`` is positive there."""
    if not first.any():
        return None
    m, n = np.unravel_index(int(np.argmax(first > 0)), first.shape)
    return int(m), int(n)


def earlier(own: Ints, first: Ints, k: int) -> None:
    """Keep each output's first event in the chain, as a number that is larger for earlier ones.

    ``first`` : as in `FoldResult`.
    """
    order = ((k - first[0]) * MAX_LEVELS + MAX_LEVELS - first[1]) * (first[0] >= 0)
    np.maximum(own, order, out=own)


def step_and_level(order: int, k: int) -> tuple[int, int]:
    """Step and tree level of a number of `earlier`.

    >>> step_and_level((10 - 3) * MAX_LEVELS + MAX_LEVELS - 2, 10)
    (3, 2)
    """
    left, rest = divmod(order - 1, MAX_LEVELS)
    return k - left, MAX_LEVELS - 1 - rest
