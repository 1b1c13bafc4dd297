"""The ledger: counters of what every register lost (DATAPATH.md sections 6 and 7).

An **event** is a store with ``fit(v) != v``. The ledger is always on and is counters only; the
list of single events exists under ``--trace overflow`` (trace.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import signed_bits
from hwsim.arith.overflow import Overflow
from hwsim.array.gemm import Ints, Register

STAGES = ("bias", "chain", "accumulator", "requant")  # order of one output's stores at equal k


@dataclass(frozen=True, order=True)
class Place:
    """Where an event happened; places compare by (sample, group, m, n, k, stage).

    ``k``: index of the reduction step; -1 a preloaded bias, K a store after all products. The k of
    an accumulator store is the last k of its fold; of a tree node, the last k it covers. ``cycle``:
    compute clock since the layer's start for that sample, stalls excluded; -1 without an array.
    ``row``, ``col``: the PE, or -1.
    """

    sample: int
    group: int
    m: int
    n: int
    k: int
    stage_order: int
    stage: str = field(compare=False)
    row: int = field(compare=False)
    col: int = field(compare=False)
    cycle: int = field(compare=False)

    def __str__(self) -> str:
        return (
            f"sample {self.sample}, group {self.group}, m {self.m}, n {self.n}, k {self.k}, "
            f"{self.stage}, PE ({self.row}, {self.col}), cycle {self.cycle}"
        )


@dataclass(eq=False)
class RegisterLedger:
    """Counters of one register of one layer, summed over samples.

    Attributes
    ----------
    bits, symmetric
        Width, and whether its range is ``+-(2**(bits-1) - 1)``.
    events_by_channel : int64 ndarray of shape (G, N)
    events_by_step : int64 ndarray of shape (K + 2,)
        Element ``k + 1`` counts step k; element 0 the preload, the last one stores after K.
    persistent, transient : int64 ndarray of shape (G, N)
        Outputs with at least one event (chain: one for each fold), whose exact final value does
        not fit, or does.
    partial_lo, partial_hi : int64 ndarray of shape (G, N)
        Range of the *exact* sums at every store, start and bias included.
    final_lo, final_hi : int64 ndarray of shape (G, N)
        Range of the exact final values (chain: of every fold).
    excess_bits : int
        Bits of the widest exact partial sum minus the register's width, 0 where none exceeds it.
    first : Place or None
    """

    bits: int
    symmetric: bool
    events_by_channel: Ints
    events_by_step: Ints
    persistent: Ints
    transient: Ints
    partial_lo: Ints
    partial_hi: Ints
    final_lo: Ints
    final_hi: Ints
    excess_bits: int
    first: Place | None

    @property
    def events(self) -> int:
        """Number of stores that changed their value."""
        return int(self.events_by_channel.sum())

    @property
    def observed_partial_bits(self) -> int:
        """Smallest width that holds every exact partial sum seen."""
        return self._width(self.partial_lo, self.partial_hi)

    @property
    def observed_final_bits(self) -> int:
        """Smallest width that holds every exact final value seen."""
        return self._width(self.final_lo, self.final_hi)

    def _width(self, lo: Ints, hi: Ints) -> int:
        if lo.size == 0:
            return 1
        return signed_bits(int(lo.min()), int(hi.max()), symmetric=self.symmetric)

    def merge(self, other: RegisterLedger) -> RegisterLedger:
        """The ledger of both sets of samples together."""
        firsts = [place for place in (self.first, other.first) if place is not None]
        return RegisterLedger(
            self.bits,
            self.symmetric,
            self.events_by_channel + other.events_by_channel,
            self.events_by_step + other.events_by_step,
            self.persistent + other.persistent,
            self.transient + other.transient,
            np.minimum(self.partial_lo, other.partial_lo),
            np.maximum(self.partial_hi, other.partial_hi),
            np.minimum(self.final_lo, other.final_lo),
            np.maximum(self.final_hi, other.final_hi),
            max(self.excess_bits, other.excess_bits),
            min(firsts, default=None),
        )


@dataclass(frozen=True, eq=False)
class EventList:
    """Every event, one row each, in order of (sample, group, m, n, k, stage).

    Made under ``--trace overflow`` only. All are int64 ndarrays of shape (events,), by the names
    below; ``stage`` indexes `STAGES`; ``presented`` is v, ``stored`` is fit(v).
    """

    columns: dict[str, NDArray[np.int64]]

    NAMES = (
        "sample", "group", "m", "n", "k", "row", "col", "cycle", "stage", "presented", "stored",
    )  # fmt: skip


@dataclass(eq=False)
class Execution:
    """What an engine gives back.

    Attributes
    ----------
    accumulator : int64 ndarray of shape (S, G, M, N)
        The register's content after its last store.
    exact : int64 ndarray of shape (S, G, M, N)
        The same sums without any register's limit (the bias as stored). Where nothing overflowed
        it may be the same array.
    chain : RegisterLedger or None
    accumulator_ledger : RegisterLedger
    events : EventList or None
        Chain and accumulator events, under ``--trace overflow`` only.
    """

    accumulator: Ints
    exact: Ints
    chain: RegisterLedger | None
    accumulator_ledger: RegisterLedger
    events: EventList | None = None


def is_symmetric(register: Register) -> bool:
    """Whether the register's own range leaves out its least code."""
    return register.overflow == Overflow.SATURATE_SYMMETRIC
