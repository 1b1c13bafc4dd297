"""The sums of some waves through a systolic array, in vector registers.

A *wave* is what meets one element of the stream on its way through a fold: at clock ``load + t +
r + c`` element t stands in PE (r, c), where one store takes place. That store waits for the one in
the PE above alone (where sums stay: for the last one in the same PE), so that columns are lanes,
each a clock behind its left neighbour, and several waves run side by side.
`hwsim.array.cycle_clocks` is the definition, clock by clock; `systolic` has the kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hwsim._jit import ir
from hwsim.array.vector.emission import (
    INDEX,
    PAIRS,
    VECTOR,
    WORD,
    WORDS,
    Array,
    Emitter,
    Slot,
    number,
)

CHAIN, ACC = range(2)  # registers: rows of `found`
LOW, HIGH, FINAL_LOW, FINAL_HIGH, PERSISTENT, TRANSIENT, FIRST = range(7)  # columns of `found`
LO, HI, LEAST, MOST, ABOVE = range(5)  # columns of `rules`
STORED, EXACT, CHANGED = range(3)  # what travels with a sum: rows of `start` and `work`
ZERO = VECTOR(None)
MASK = ir.IntType(WORDS)


@dataclass
class Sums:
    """The sums of some waves, in slots: stored, exact, and the bits that stores changed."""

    stored: list[Slot]
    exact: list[Slot]
    changed: list[Slot]


class Rule:
    """A register: ``min(max(wrap(v), LEAST), MOST)``, where one of the two does nothing."""

    def __init__(self, e: Emitter, rules: Array, row: Any) -> None:
        self.e, self.rules, self.row = e, rules, number(row)
        self.lo, self.hi, self.least, self.most, self.above = (
            e.splat(rules.load(row, i, kind=WORD), VECTOR) for i in range(ABOVE + 1)
        )
        self.one = e.builder.neg(e.builder.ashr(self.lo, VECTOR([31] * WORDS)))  # see `store`
        self.wraps = e.builder.icmp_signed("!=", rules.load(row, ABOVE, kind=WORD), WORD(0))

    def wrapped(self, value: Any) -> Any:
        """The low bits: ``ABOVE`` are lost."""
        return self.e.builder.ashr(self.e.builder.shl(value, self.above), self.above)

    def saturated(self, value: Any) -> Any:
        """The nearest value of the register."""
        return self.e.least(self.e.largest(value, self.least), self.most)

    def keep(self, value: Any) -> Any:
        """What the register stores."""
        return self.saturated(self.wrapped(value))

    def outside(self, low: Any, high: Any) -> Any:
        """Lanes in which a range leaves the register."""
        b = self.e.builder
        return b.or_(b.icmp_signed("<", low, self.lo), b.icmp_signed(">", high, self.hi))


@dataclass
class Block:
    """Waves at work: their elements of the stream, the tile, and where results go."""

    e: Emitter
    x: Array
    w: Array
    wave: Any  # the first of them
    count: int
    found: Array
    events: Array
    work: Array

    def slots(self, values: list[Any]) -> list[Slot]:
        """One slot for each wave."""
        return [self.e.slot(value) for value in values]

    def sums(self, start: Array | None) -> Sums:
        """Sums that begin with 0, or with what the PEs or accumulators hold."""
        begin = [ZERO] * 3 if start is None else [start.load(i, kind=VECTOR) for i in range(3)]
        return Sums(*(self.slots([value] * self.count) for value in begin))

    def products(self, step: Any) -> list[Any]:
        """What the PEs of row ``step`` multiply: one product for each wave and column."""
        weight = self.w.load(step, kind=VECTOR)
        found = []
        for i in range(self.count):
            element = self.x.load(self.e.builder.add(self.wave, INDEX(i)), step, kind=WORD)
            pairs = self.e.builder.bitcast(self.e.splat(element, VECTOR), PAIRS)
            found.append(self.e.product(pairs, weight))
        return found

    def widen(self, register: int, low: int, high: int, least: list[Any], most: list[Any]) -> Any:
        """Take values into a range of each column; their own range."""
        bounds = []
        for field, values, pick in ((low, least, self.e.least), (high, most, self.e.largest)):
            bound = values[0]
            for value in values[1:]:
                bound = pick(bound, value)
            before = self.found.load(register, field, kind=VECTOR)
            self.found.store(pick(before, bound), register, field)
            bounds.append(bound)
        return bounds

    def add_exact(self, sums: Sums, begin: Any, end: Any, register: int, rule: Rule) -> Any:
        """The exact sums through rows ``begin`` to ``end``; whether one left the register."""
        e, b = self.e, self.e.builder
        low, high = ([e.slot(exact()) for exact in sums.exact] for _ in range(2))
        with e.loop(begin, end) as step:
            for exact, lo, hi, product in zip(
                sums.exact, low, high, self.products(step), strict=True
            ):
                value = b.add(exact(), product)
                exact.set(value)
                lo.set(e.least(lo(), value))
                hi.set(e.largest(hi(), value))
        span = self.widen(register, LOW, HIGH, [s() for s in low], [s() for s in high])
        return self.any([rule.outside(*span)])

    def add_stored(self, sums: Sums, begin: Any, end: Any, rule: Rule) -> None:
        """The same sums, stored in every PE; events are counted by row and column."""
        b = self.e.builder
        with b.if_else(rule.wraps) as branches:
            for branch, keep in zip(branches, (rule.wrapped, rule.saturated), strict=True):
                with branch, self.e.loop(begin, end) as step:
                    count = self.events.load(step, kind=VECTOR)
                    for i, product in enumerate(self.products(step)):
                        count = self.store(sums, i, product, rule, keep, count)
                    self.events.store(count, step)

    def store(
        self, sums: Sums, i: int, addend: Any, rule: Rule, keep: Callable[[Any], Any], count: Any
    ) -> Any:
        """One store of one wave; the number of events so far.

        ``rule.one`` is 1 as the sign of ``LO``: a masked addition, where of a constant LLVM makes
        a mask in lanes and a subtraction.
        """
        b = self.e.builder
        presented = b.add(sums.stored[i](), addend)
        stored = keep(presented)
        sums.stored[i].set(stored)
        sums.changed[i].set(b.or_(sums.changed[i](), b.xor(presented, stored)))
        event = b.icmp_signed("!=", presented, stored)
        return b.select(event, b.add(count, rule.one), count)

    def any(self, flags: list[Any]) -> Any:
        """Whether any flag of any lane is set."""
        b, joined = self.e.builder, flags[0]
        for flag in flags[1:]:
            joined = b.or_(joined, flag)
        return b.icmp_unsigned("!=", b.bitcast(joined, MASK), MASK(0))
