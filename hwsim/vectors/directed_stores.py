"""Every store of a layer and what can arrive there, from the weights alone.

Operands of different taps are free of each other, so the exact sum of a store covers all of
``[constant + sum of least products, constant + sum of largest products]`` but for gaps, and both
ends are reached. What a register *presents* is that exact sum until the first loss; the first
event of every register with lossless inputs is therefore found by these ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hwsim.arith.rounding import drop_low_bits
from hwsim.array import stepwise
from hwsim.array.datapath import operand_ranges
from hwsim.array.gemm import Ints
from hwsim.array.stepwise import LEFT, RIGHT
from hwsim.vectors.case import LayerCase
from hwsim.vectors.directed_plan import Store, stores_of
from hwsim.vectors.directed_solver import Sums


class Seen(NamedTuple):
    """One output, store by store: int64 ndarrays of shape (stores,), and its accumulator."""

    presented: Ints
    stored: Ints
    exact: Ints
    accumulator: int
    exact_accumulator: int


class Ends(NamedTuple):
    """Least and largest of something, for every output channel: int64 ndarrays (G, N)."""

    lo: Ints
    hi: Ints


@dataclass(frozen=True, eq=False)
class Stores:
    """The stores of one layer on one machine, and its operands' range.

    Attributes
    ----------
    case : LayerCase
    """

    case: LayerCase

    @cached_property
    def plan(self) -> stepwise.Plan:
        """The order of additions."""
        run = self.case.runs[0]
        return stepwise.plan(run.datapath, run.schedule)

    @cached_property
    def operands(self) -> tuple[int, int]:
        """Least and largest activation operand of a PE."""
        gemm = self.case.runs[0].prepared.gemm
        return operand_ranges(gemm, self.case.machine)[0]

    @property
    def code_of_zero(self) -> int:
        """The code of operand 0, be it legal or not: ``code = operand + this``."""
        return self.case.runs[0].gemm.a_range[0] - self.operands[0]

    @cached_property
    def weights(self) -> Ints:
        """The weight operands, int64 of shape (G, K, N)."""
        return self.case.runs[0].datapath.w.astype(np.int64)

    @cached_property
    def weights_less_zero(self) -> Ints:
        """What each operand weighs in the end: row sums taken off."""
        datapath = self.case.runs[0].datapath
        if datapath.row_sum is None:
            return self.weights
        return self.weights - datapath.w_zero_point[:, None, :]

    @cached_property
    def stores(self) -> tuple[Store, ...]:
        """All stores into limited registers, in order."""
        return tuple(stores_of(self.case.runs[0].datapath, self.plan))

    @cached_property
    def accumulator_stores(self) -> tuple[Store, ...]:
        """Those of the accumulator."""
        return tuple(s for s in self.stores if s.level == 0)

    @cached_property
    def chains(self) -> tuple[tuple[Store, ...], ...]:
        """Those of the chain, fold by fold."""
        folds: dict[int, list[Store]] = {}
        length = self.case.runs[0].schedule.k_tile
        for s in self.stores:
            if s.level:
                folds.setdefault(s.start // length, []).append(s)
        return tuple(tuple(fold) for fold in folds.values())

    @cached_property
    def _sums_of_ends(self) -> tuple[Ints, Ints]:
        """Sums of the least and of the largest products of taps 0..k-1, (G, K + 1, N) each."""
        datapath = self.case.runs[0].datapath
        ends = [self.weights * end for end in self.operands]
        if datapath.drop_bits:
            rules = datapath.drop_bits, datapath.product_rounding
            for products in ends:
                flat = products.reshape(-1)
                flat[:] = [drop_low_bits(int(p), *rules) for p in flat]
        return _running(np.minimum(*ends)), _running(np.maximum(*ends))

    def product_ends(self, store: Store) -> Ends:
        """Range of the products in a store's sum."""
        lo, hi = self._sums_of_ends
        return Ends(lo[:, store.stop] - lo[:, store.start], hi[:, store.stop] - hi[:, store.start])

    def constant(self, store: Store) -> Ints:
        """What a store's sum holds beside products and row sums, (G, N)."""
        datapath = self.case.runs[0].datapath
        total = np.zeros((datapath.shape[1], datapath.shape[4]), np.int64)
        if store.preload and datapath.preload is not None:
            total = total + datapath.preload
        if store.last and datapath.last is not None:
            total = total + datapath.last
        return total

    def ends(self, store: Store) -> Ends:
        """Range of the exact sum of a store; both ends are reached."""
        if store.row_sum:
            ends = [self.weights_less_zero * end for end in self.operands]
            lo, hi = np.minimum(*ends).sum(axis=1), np.maximum(*ends).sum(axis=1)
        else:
            lo, hi = self.product_ends(store)
        constant = self.constant(store)
        return Ends(lo + constant, hi + constant)

    def ends_of_channel(self, store: Store, g: int, n: int) -> tuple[int, int]:
        """`ends` of one channel."""
        if store.row_sum:
            lo, hi = self.ends(store)
            return int(lo[g, n]), int(hi[g, n])
        constant = self.constant_of_channel(store, g, n)
        lo_, hi_ = self.products_of_channel(store.start, store.stop, g, n)
        return lo_ + constant, hi_ + constant

    def products_of_channel(self, start: int, stop: int, g: int, n: int) -> tuple[int, int]:
        """Range of the sum of some taps' products in one channel."""
        if (g, n) not in self._by_channel:
            self._by_channel.clear()  # channels are looked at one after the other
            lo, hi = (sums[g, :, n].tolist() for sums in self._sums_of_ends)
            self._by_channel[g, n] = lo, hi
        lo, hi = self._by_channel[g, n]
        return lo[stop] - lo[start], hi[stop] - hi[start]

    @cached_property
    def _by_channel(self) -> dict[tuple[int, int], tuple[list[int], list[int]]]:
        """Running sums of the channel at hand."""
        return {}

    def constant_of_channel(self, store: Store, g: int, n: int) -> int:
        """`constant` of one channel."""
        datapath, total = self.case.runs[0].datapath, 0
        if store.preload and datapath.preload is not None:
            total += int(datapath.preload[g, n])
        if store.last and datapath.last is not None:
            total += int(datapath.last[g, n])
        return total

    @cached_property
    def final(self) -> Store:
        """The accumulator's last store."""
        return self.accumulator_stores[-1]

    def sums(self, store: Store, g: int, n: int) -> Sums:
        """The sums that a store's taps have in one channel, constant apart."""
        datapath = self.case.runs[0].datapath
        w = self.weights_less_zero if store.row_sum else self.weights
        return Sums(
            tuple(w[g, store.start : store.stop, n].tolist()), *self.operands,
            datapath.drop_bits, datapath.product_rounding,
        )  # fmt: skip

    @cached_property
    def lossless_chain(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Channels (G, N) whose chain holds every sum."""
        return self._hold([s for fold in self.chains for s in fold])

    @cached_property
    def lossless(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Channels (G, N) of which no register can lose anything."""
        return self.lossless_chain & self._hold(self.accumulator_stores)

    def _hold(
        self, stores: tuple[Store, ...] | list[Store]
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Channels whose exact sums fit all these stores."""
        shape = self.weights.shape
        held = np.ones((shape[0], shape[2]), np.bool_)
        for store in stores:
            lo, hi = self.ends(store)
            held &= (lo >= store.lo) & (hi <= store.hi)
        return held

    def final_range(self, g: int, n: int) -> tuple[int, int]:
        """Least and largest sum that the requantizer can meet in one channel."""
        if self.lossless[g, n]:
            return self.ends_of_channel(self.final, g, n)
        return self.final.lo, self.final.hi

    def see(self, g: int, n: int, operands: list[int]) -> Seen:
        """One output with these operands, by the plan."""
        datapath, plan = self.case.runs[0].datapath, self.plan
        row = np.array([operands], np.int64)
        after = []
        if datapath.row_sum is not None:
            after.append([[[-int(datapath.w_zero_point[g, n]) * sum(operands)]]])
        if datapath.last is not None:
            after.append([[[int(datapath.last[g, n])]]])
        before = [] if datapath.preload is None else [[[int(datapath.preload[g, n])]]]
        problem = stepwise.Problem(
            a=row[None],
            w=np.ascontiguousarray(self.weights[g : g + 1, :, n : n + 1]),
            before=np.array(before, np.int64).reshape(len(before), 1, 1),
            after=np.array(after, np.int64).reshape(len(after), 1, 1, 1),
            drop_bits=datapath.drop_bits,
            rounding=datapath.product_rounding,
        )
        kept, exact = np.zeros((2, plan.first + len(plan.rows), 1), np.int64)
        stepwise.run_outputs(problem, plan, 0, 0, 0, 1, kept, exact)
        presented = kept[plan.rows[:, LEFT], 0] + kept[plan.rows[:, RIGHT], 0]
        first = plan.first
        return Seen(
            presented, kept[first:, 0], exact[first:, 0],
            int(kept[plan.result, 0]), int(exact[plan.result, 0]),
        )  # fmt: skip


def _running(products: Ints) -> Ints:
    """Sums over k of everything before k, from 0: (G, K, N) to (G, K + 1, N)."""
    groups, _, n = products.shape
    return np.concatenate([np.zeros((groups, 1, n), np.int64), products.cumsum(axis=1)], axis=1)
