"""The sums of `systolic_sums` in 16-bit lanes, where products fit: two waves to a vector.

Of each pair of halves the low one is a column's sum in one wave, the high one in the next, and an
element of both comes from memory as one word. Exact sums begin at 0 with each fold and saturate at
16 bits: one that did has a range that touches an end, and is made again in 32-bit lanes. A stored
sum is always right: a register of no more bits keeps the same end of a saturated sum, and of a
wrapped one the same low bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hwsim.array.vector.emission import (
    HALF,
    INDEX,
    LANES,
    PAIRS,
    VECTOR,
    WORD,
    WORDS,
    Array,
    Emitter,
    Slot,
    fixed,
)
from hwsim.array.vector.systolic_registers import (
    ABOVE,
    HI,
    LO,
    ONE,
    WAVES,
    Fold,
    Span,
    event,
    fill,
    reduced,
    some,
)

VECTORS = WAVES // 2
NOTHING, ONES = PAIRS(None), PAIRS([1] * LANES)
LOWEST_HALF, HIGHEST_HALF = -(1 << 15), (1 << 15) - 1
LEAST, MOST = (PAIRS([end] * LANES) for end in (LOWEST_HALF, HIGHEST_HALF))


def in_words(e: Emitter, halves: list[Any]) -> list[Any]:
    """Every wave's sums, in 32-bit lanes."""
    return [of_wave(pair) for pair in halves for of_wave in (e.low, e.high)]


def joined(e: Emitter, low: list[Any], high: list[Any]) -> Span:
    """One range around the halves of all vectors, in 32-bit lanes."""
    pairs = reduced(low, e.least), reduced(high, e.largest)
    (least, other), (most, another) = (in_words(e, [pair]) for pair in pairs)
    return e.least(least, other), e.largest(most, another)


class HalfRule:
    """A register of 16 bits or fewer: `systolic_registers.Rule` in 16-bit lanes.

    Where it saturates, sums lie ``LIFT`` higher, so that its upper end is the lane's.
    """

    def __init__(self, e: Emitter, rules: Array, row: Any) -> None:
        b, self.e, rules = e.builder, e, fixed(rules, ABOVE + 1)
        lo, hi, above = (rules.load(row, i, kind=WORD) for i in (LO, HI, ABOVE))
        self.wraps = b.icmp_signed("!=", above, WORD(0))
        lift = b.select(self.wraps, WORD(0), b.sub(WORD(HIGHEST_HALF), hi))
        words = lo, hi, b.sub(above, WORD(16)), lift, b.add(lo, lift)
        halves = [e.splat(b.trunc(word, HALF), PAIRS) for word in words]
        self.lo, self.hi, self.above, self.lift, self.lifted_lo = halves

    def wrapped(self, total: Any, product: Any) -> Span:
        """One store: what is presented, or an end that no register keeps; and what is kept."""
        b, presented = self.e.builder, self.e.bounded_sum(total, product)
        return presented, b.ashr(b.shl(b.add(total, product), self.above), self.above)

    def saturated(self, total: Any, product: Any) -> Span:
        """One store: what is presented, by its low 16 bits (beyond an end of the lane they have
        the other sign); and what is kept."""
        kept = self.e.largest(self.e.bounded_sum(total, product), self.lifted_lo)
        return self.e.builder.add(total, product), kept

    def outside(self, low: Any, high: Any) -> Any:
        """Lanes in which a range leaves the register."""
        b = self.e.builder
        return b.or_(b.icmp_signed("<", low, self.lo), b.icmp_signed(">", high, self.hi))


class Range:
    """Exact sums from 0 on, their least and largest values."""

    def __init__(self, e: Emitter) -> None:
        self.e, self.slots = e, [[e.slot(NOTHING) for _ in range(VECTORS)] for _ in range(3)]

    def add(self, products: list[Any]) -> None:
        """One row."""
        for total, low, high, product in zip(*self.slots, products, strict=True):
            value = self.e.bounded_sum(total(), product)
            total.set(value)
            low.set(self.e.least(low(), value))
            high.set(self.e.largest(high(), value))

    def values(self) -> list[list[Any]]:
        """Sums, least values, largest values: each of all vectors."""
        return [[slot() for slot in slots] for slots in self.slots]

    def touched(self) -> Any:
        """Whether a sum may have saturated."""
        _, low, high = self.values()
        b = self.e.builder
        at_ends = [
            b.icmp_signed("==", reduced(low, self.e.least), LEAST),
            b.icmp_signed("==", reduced(high, self.e.largest), MOST),
        ]
        return some(self.e, [b.or_(*at_ends)])


class HalfTile(Fold):
    """One fold in 16-bit lanes."""

    def places(self) -> list[Any]:
        """Where a word of every two waves lies."""
        b = self.e.builder
        return [b.add(b.lshr(self.wave, ONE), INDEX(i)) for i in range(VECTORS)]

    def spread(self, words: list[Any]) -> list[Any]:
        """Each word in all columns."""
        b = self.e.builder
        return [b.bitcast(self.e.splat(word, VECTOR), PAIRS) for word in words]

    def ones(self, valid: Array) -> list[Any]:
        """1 in all lanes, or 0 of a copy: `Waves.one`."""
        return self.spread([valid.load(1, two, kind=WORD) for two in self.places()])

    def rows(self) -> Iterator[tuple[Any, list[Any]]]:
        """The code of two rows, in a loop over all pairs: row, and what its PEs multiply."""
        b, at = self.e.builder, self.places()
        with self.e.loop(0, self.pairs) as pair:
            for half in range(2):
                weights, row = self.w.load(pair, kind=PAIRS), b.add(b.shl(pair, ONE), INDEX(half))
                weights = self.e.shuffle(
                    weights, weights, [i // 2 * 2 + half for i in range(LANES)]
                )
                elements = self.spread([self.x.load(two, row, kind=WORD) for two in at])
                yield row, [b.mul(x, weights) for x in elements]

    def add_exact(self) -> Range:
        """The exact sums through all rows."""
        found = Range(self.e)
        for _, products in self.rows():
            found.add(products)
        return found

    def add_stored(self, stored: list[Slot], rule: HalfRule, valid: Array, events: Array) -> Range:
        """The same, and sums stored in every PE; events are counted by row and column."""
        e, b, events = self.e, self.e.builder, fixed(events, WORDS)
        found, ones = Range(e), self.ones(valid)
        fill(stored, [b.add(slot(), rule.lift) for slot in stored])
        with b.if_else(rule.wraps) as branches:
            for branch, keep in zip(branches, (rule.wrapped, rule.saturated), strict=True):
                with branch:
                    for row, products in self.rows():
                        count = NOTHING
                        for slot, product, one in zip(stored, products, ones, strict=True):
                            presented, kept = keep(slot(), product)
                            slot.set(kept)
                            flag = event(e, presented, kept)
                            count = b.select(flag, b.add(count, one), count)
                        found.add(products)
                        before = events.load(row, kind=VECTOR)
                        events.store(b.add(before, e.product(count, ONES)), row)
        fill(stored, [b.sub(slot(), rule.lift) for slot in stored])
        return found
