"""The order of additions as data: the definition that every faster form must equal.

For every output (g, m, n), with k ascending (DATAPATH.md section 4)::

    no chain       acc = fit(acc + product)                          for every k
    column         chain = 0; chain = fit(chain + product)           for every k of a fold
                   acc = fit(acc + chain)                            for every fold
    tree           node = fit(left + right), adjacent pairs, level by level; an odd one out: + 0
                   acc = fit(acc + root)                             for every fold

before them ``acc = fit(preload)``, after them the row-sum store and the bias added last. A plan
lists these stores, one row each, as sums of two earlier values; one kernel runs any plan. The
slots of values are: 0, the K products, the addends, and the rows' own results, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.overflow import fit
from hwsim.arith.rounding import drop_low_bits
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.array.ledger import is_symmetric

K, REGISTER, LEFT, RIGHT, LAST = range(5)  # columns of a plan
LO, HI, OVERFLOW, WRAP_BITS = range(4)  # columns of a register table
LANES = 16  # outputs that kernels run side by side
UNLIMITED = Register(64, -(1 << 63), (1 << 63) - 1, 1, 0)  # computation is int64


class Plan(NamedTuple):
    """Every store of one output, in order: of a fold the chain's, then the accumulator's.

    Attributes
    ----------
    rows : int64 ndarray of shape (stores, 5)
        ``k``, register, slots of the two values added, whether the sum is the register's final
        value (chain: of a fold).
    registers : int64 ndarray of shape (levels + 2, 4)
        ``lo hi overflow wrap_bits`` of: the accumulator while it adds; the chain, one row a level;
        the accumulator's last store under ``check: final``. ``lo`` of a symmetric register is its
        own least value, ``-hi``.
    first : int
        Slot of the first row's result.
    result : int
        Slot of the accumulator's last value.
    """

    rows: Ints
    registers: Ints
    first: int
    result: int


class _Builder:
    """Rows of a plan, appended one by one."""

    def __init__(self, steps: int, addends: int) -> None:
        self.first = 1 + steps + addends
        self.rows: list[tuple[int, int, int, int, int]] = []

    def add(self, k: int, register: int, left: int, right: int, last: bool = False) -> int:
        """One store; the slot of its result."""
        self.rows.append((k, register, left, right, int(last)))
        return self.first + len(self.rows) - 1

    def column(self, start: int, stop: int) -> int:
        """The chain of one fold; its last slot."""
        chain = 0
        for k in range(start, stop):
            chain = self.add(k, 1, chain, 1 + k, k == stop - 1)
        return chain

    def tree(self, start: int, stop: int, lanes: int) -> int:
        """The adder tree of one fold; its root. Lanes beyond ``stop`` are zero, and so are nodes
        above them alone, which no row is spent on; a node stands at the last k that it covers."""
        nodes, level = [1 + k for k in range(start, stop)], 0
        while (1 << level) < lanes:
            level += 1
            pairs = [(*nodes[j : j + 2], 0)[:2] for j in range(0, len(nodes), 2)]
            nodes = [
                self.add(
                    min(start + ((j + 1) << level), stop) - 1,
                    level,
                    left,
                    right,
                    (1 << level) >= lanes,
                )
                for j, (left, right) in enumerate(pairs)
            ]
        return nodes[0]


def plan(datapath: Datapath, schedule: Schedule) -> Plan:
    """The stores of one output of this layer on this array, and their registers."""
    levels = len(datapath.chain)
    rows, first, result = plan_rows(
        steps=schedule.k,
        fold=schedule.k_tile if levels else 1,
        lanes=schedule.rows if levels and schedule.tree_levels else 0,
        levels=levels,
        before=int(datapath.preload is not None),
        after=(datapath.row_sum is not None) + (datapath.last is not None),
        check_final=datapath.check_final,
    )
    return Plan(rows, register_table(datapath), first, result)


@lru_cache(maxsize=64)
def plan_rows(
    *, steps: int, fold: int, lanes: int, levels: int, before: int, after: int, check_final: bool
) -> tuple[Ints, int, int]:
    """`Plan.rows`, `Plan.first` and `Plan.result`: the same for every width of the registers."""
    rows = _Builder(steps, before + after)
    acc = rows.add(-1, 0, 0, 1 + steps) if before else 0
    for start in range(0, steps, fold):
        stop = min(start + fold, steps)
        addend = 1 + start
        if lanes:
            addend = rows.tree(start, stop, lanes)
        elif levels:
            addend = rows.column(start, stop)
        acc = rows.add(stop - 1, 0, acc, addend)
    for i in range(after):
        acc = rows.add(steps, 0, acc, 1 + steps + before + i)
    if check_final:
        acc = rows.add(steps, levels + 1, acc, 0)
    return np.array(rows.rows, np.int64).reshape(len(rows.rows), 5), rows.first, acc


def unlimited(datapath: Datapath) -> Datapath:
    """The same with registers that hold any sum."""
    chain = tuple(UNLIMITED for _ in datapath.chain)
    return replace(datapath, accumulator=UNLIMITED, chain=chain)


def register_table(datapath: Datapath) -> Ints:
    """`Plan.registers` of a layer."""
    adding = UNLIMITED if datapath.check_final else datapath.accumulator
    return np.array(
        [
            (-r.hi if is_symmetric(r) else r.lo, r.hi, r.overflow, r.wrap_bits)
            for r in (adding, *datapath.chain, datapath.accumulator)
        ],
        np.int64,
    )


class Problem(NamedTuple):
    """One sample of one layer, as kernels take it.

    Attributes
    ----------
    a : int32 or int64 ndarray of shape (G, M, K)
    w : int32 or int64 ndarray of shape (G, K, N)
    before : int64 ndarray of shape (0 or 1, G, N)
        The preload, where there is one.
    after : int64 ndarray of shape (0..2, G, M, N)
        What is added after all products: the row-sum term, the bias added last.
    drop_bits, rounding : int
        Of the product.
    """

    a: Ints
    w: Ints
    before: Ints
    after: Ints
    drop_bits: int
    rounding: int


def sample_problems(datapath: Datapath) -> Iterator[Problem]:
    """The layer's samples, one after the other."""
    by_step = replace(datapath, w=np.ascontiguousarray(datapath.w))
    for sample in range(len(datapath.a)):
        yield _sample_problem(by_step, sample)


def _sample_problem(datapath: Datapath, sample: int) -> Problem:
    """One sample of the layer, whose weights of one step are neighbours in memory."""
    _, groups, m, _, n = datapath.shape
    after = []
    if datapath.row_sum is not None:
        after.append(-datapath.w_zero_point[:, None, :] * datapath.row_sum[sample][:, :, None])
    if datapath.last is not None:
        after.append(np.broadcast_to(datapath.last[:, None, :], (groups, m, n)))
    before = [] if datapath.preload is None else [datapath.preload]
    return Problem(
        a=np.ascontiguousarray(datapath.a[sample]),
        w=datapath.w,
        before=np.array(before, np.int64).reshape(len(before), groups, n),
        after=np.array(after, np.int64).reshape(len(after), groups, m, n),
        drop_bits=datapath.drop_bits,
        rounding=datapath.product_rounding,
    )


def output_problem(datapath: Datapath, sample: int, g: int, m: int, n: int) -> Problem:
    """One output alone, at (0, 0, 0) of a problem of its own. Its operands are copies: those that
    nobody may write are another type to a kernel, which would be compiled for it."""
    last, preload, row_sum = datapath.last, datapath.preload, datapath.row_sum
    alone = replace(
        datapath,
        a=datapath.a[sample : sample + 1, g : g + 1, m : m + 1].copy(),
        w=datapath.w[g : g + 1, :, n : n + 1].copy(),
        preload=None if preload is None else preload[g : g + 1, n : n + 1],
        row_sum=None if row_sum is None else row_sum[sample : sample + 1, g : g + 1, m : m + 1],
        w_zero_point=datapath.w_zero_point[g : g + 1, n : n + 1],
        last=None if last is None else last[g : g + 1, n : n + 1],
    )
    return _sample_problem(alone, 0)


@kernel
def load(problem, g, m, n0, n1, values):  # type: ignore[no-untyped-def]
    """Fill the slots that precede the rows, for outputs ``n0 <= n < n1`` of one pixel.

    ``values`` : int64 ndarray of shape (slots, >= n1 - n0).
    """
    steps, early, late = problem.a.shape[2], problem.before.shape[0], problem.after.shape[0]
    for n in range(n0, n1):
        values[0, n - n0] = 0
        for k in range(steps):
            a, w = int(problem.a[g, m, k]), int(problem.w[g, k, n])
            values[1 + k, n - n0] = drop_low_bits(a * w, problem.drop_bits, problem.rounding)
        for i in range(early):
            values[1 + steps + i, n - n0] = problem.before[i, g, n]
        for i in range(late):
            values[1 + steps + early + i, n - n0] = problem.after[i, g, m, n]


@kernel
def run_outputs(problem, plan, g, m, n0, n1, kept, exact):  # type: ignore[no-untyped-def]
    """Run the plan on outputs ``n0 <= n < n1`` of one pixel, side by side.

    ``kept, exact`` : int64 ndarrays of shape (slots, >= n1 - n0): what the registers keep, and the
    same sums without any limit. An event is a row whose kept value is not the sum of its two slots.
    """
    load(problem, g, m, n0, n1, kept)
    for slot in range(plan.first):
        for n in range(n1 - n0):
            exact[slot, n] = kept[slot, n]
    for i in range(plan.rows.shape[0]):
        left, right, slot = plan.rows[i, LEFT], plan.rows[i, RIGHT], plan.first + i
        register = plan.registers[plan.rows[i, REGISTER]]
        lo, hi = register[LO], register[HI]
        overflow, wrap_bits = register[OVERFLOW], register[WRAP_BITS]
        for n in range(n1 - n0):
            exact[slot, n] = exact[left, n] + exact[right, n]
            kept[slot, n] = fit(kept[left, n] + kept[right, n], lo, hi, overflow, wrap_bits)
