"""What one layer's exact sums reach, sample by sample: every width's answer.

A sample whose sums all fit their registers needs no second look: its registers hold the exact sums,
and its part of the ledger is known. The others are run.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwsim.array.fast_range import (
    CHAIN_HI,
    CHAIN_LO,
    END_HI,
    END_LO,
    PARTIAL_HI,
    PARTIAL_LO,
    Sums,
)
from hwsim.array.fast_tally import FAR, empty_tally, register_ledger
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.array.ledger import RegisterLedger, is_symmetric
from hwsim.array.sample_ranges import join_pixels

Flags = NDArray[np.bool_]
Ledgers = tuple[RegisterLedger, RegisterLedger | None]  # of accumulator and chain


@dataclass(frozen=True, eq=False)
class Observed:
    """Ranges of the exact sums of one layer on one order of additions.

    Attributes
    ----------
    ends : int64 ndarray of shape (8, S, G, N)
        Least and largest partial sum of the accumulator and of the chain, final value of the
        chain's folds and of the accumulator.
    levels : int64 ndarray of shape (S, levels, 2)
        Of every level of an adder tree.
    whole : list of Ledgers
        Those of all samples, once they were asked for.
    """

    ends: Ints
    levels: Ints
    whole: list[Ledgers] = field(default_factory=list)

    @classmethod
    def of(cls, sums: Sums) -> Observed:
        """Ranges over the pixels of each sample."""
        _, samples, groups, _, n = sums.ends.shape
        ends = np.empty((8, samples, groups, n), np.int64)
        ends[0::2], ends[1::2] = FAR, -FAR
        for row in range(0, len(sums.ends), 2):
            join_pixels(sums.ends[row], sums.ends[row + 1], ends[row], ends[row + 1])
        join_pixels(sums.exact, sums.exact, ends[6], ends[7])
        return cls(ends, sums.levels)

    @classmethod
    def joined(cls, parts: list[Observed]) -> Observed:
        """Batches of samples, one after the other."""
        return cls(
            np.concatenate([part.ends for part in parts], axis=1),
            np.concatenate([part.levels for part in parts]),
        )

    @cached_property
    def farthest(self) -> Ints:
        """The ranges of all channels together: int64 ndarray of shape (8, S)."""
        farthest = np.empty(self.ends.shape[:2], np.int64)
        farthest[0::2] = self.ends[0::2].min(axis=(2, 3), initial=FAR)
        farthest[1::2] = self.ends[1::2].max(axis=(2, 3), initial=-FAR)
        return farthest

    def leaves(self, datapath: Datapath) -> Flags:
        """Which samples have a sum that a register cannot hold: bool ndarray of shape (S,)."""
        first = 6 if datapath.check_final else PARTIAL_LO
        lo, hi = self.farthest[first], self.farthest[first + 1]
        left = outside(lo, hi, datapath.accumulator)
        for level, link in enumerate(datapath.chain):
            left |= outside(self.levels[:, level, 0], self.levels[:, level, 1], link)
        return left

    def ledgers(self, datapath: Datapath, samples: Flags) -> Ledgers:
        """Accumulator's and chain's ledger of some samples whose registers hold every sum."""
        if not samples.all():
            return self._ledgers(datapath, samples)
        if not self.whole:  # widths alone change from point to point
            self.whole.append(self._ledgers(datapath, samples))
        acc, chain = self.whole[0]
        of_chain = None if chain is None else of_register(chain, datapath.chain[-1])
        return of_register(acc, datapath.accumulator), of_chain

    def _ledgers(self, datapath: Datapath, samples: Flags) -> Ledgers:
        """The same, computed."""
        ends = self.ends[:, samples]
        lo, hi = ends[0::2].min(axis=1, initial=FAR), ends[1::2].max(axis=1, initial=-FAR)
        levels = self.levels[samples]
        tree = np.stack(
            [
                levels[:, :, 0].min(axis=0, initial=FAR),
                levels[:, :, 1].max(axis=0, initial=-FAR),
            ],
            axis=-1,
        )
        partial = [[lo[0].min(initial=FAR), hi[0].max(initial=-FAR)]]
        own = (datapath.accumulator,)
        final = datapath.check_final
        acc = quiet_ledger(datapath, own, lo[[0, 3]], hi[[0, 3]], partial, final=final)
        if not datapath.chain:
            return acc, None
        link = datapath.chain
        return acc, quiet_ledger(datapath, link, lo[1:3], hi[1:3], tree, final=False)


def of_register(ledger: RegisterLedger, register: Register) -> RegisterLedger:
    """What one register holds without a loss, in another that holds it too."""
    return replace(ledger, bits=register.bits, symmetric=is_symmetric(register))


def quiet_ledger(
    datapath: Datapath,
    registers: tuple[Register, ...],
    lo: Ints,
    hi: Ints,
    levels: ArrayLike,
    *,
    final: bool,
) -> RegisterLedger:
    """A register that lost nothing; ``lo``, ``hi`` : of partial sums, and of final values."""
    _, groups, _, k, n = datapath.shape
    tally = empty_tally(groups, n, k, len(registers))._replace(
        partial_lo=lo[0],
        partial_hi=hi[0],
        final_lo=lo[1],
        final_hi=hi[1],
        level_range=np.asarray(levels, np.int64),
    )
    return register_ledger(tally, registers, None, final=final)


def outside(lo: Ints, hi: Ints, register: Register) -> Flags:
    """Whether a range leaves a register; an empty one, ``lo > hi``, leaves none."""
    least = -register.hi if is_symmetric(register) else register.lo
    return (lo < least) | (hi > register.hi)


assert (PARTIAL_HI, CHAIN_HI, END_HI) == (PARTIAL_LO + 1, CHAIN_LO + 1, END_LO + 1)
