"""The sums of some waves through a systolic array, in vector registers.

A *wave* is what meets one element of the stream on its way through a fold: at clock ``load + t +
r + c`` element t stands in PE (r, c), where one store takes place. That store waits for the one in
the PE above alone (where sums stay: for the last one in the same PE), so that columns are lanes,
each a clock behind its left neighbour, and several waves run side by side.
`hwsim.array.cycle_clocks` is the definition, clock by clock; `systolic` has the kernels.

Weights of two rows lie in one pair of 16-bit halves, and so do elements of two waves. A product
takes one weight; the other half of its pairs is 0, so that it does not matter what lies in memory
above an element's 16 bits. `systolic_halves` makes both waves' sums at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hwsim.array.vector.emission import (
    HALF,
    INDEX,
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
    CHANGED,
    EXACT,
    FIRST,
    HIGHEST,
    LOW_HALF,
    LOWEST,
    ONE,
    PERSISTENT,
    SIXTEEN,
    STORED,
    TRANSIENT,
    WAVES,
    ZERO,
    Fold,
    Rule,
    Span,
    event,
    put,
    reduced,
)


@dataclass
class Waves:
    """Waves side by side: where their sums lie in an array ``[wave, field, column]``.

    ``valid`` : int32 ndarray of shape (2, waves): 1, or 0 where a wave is a copy that fills the
    registers, which no counter counts; then the same of two waves, as halves of a word.
    """

    e: Emitter
    sums: Array
    first: Any
    valid: Array
    found: Array

    def __post_init__(self) -> None:
        self.sums = fixed(self.sums, HIGHEST + 1, WORDS)
        self.found = fixed(self.found, FIRST + 1, WORDS)

    def load(self, field: int) -> list[Any]:
        """A field of every wave."""
        at = [self.e.builder.add(self.first, INDEX(i)) for i in range(WAVES)]
        return [self.sums.load(wave, field, kind=VECTOR) for wave in at]

    def store(self, field: int, values: list[Any]) -> None:
        """Write a field of every wave."""
        for i, value in enumerate(values):
            self.sums.store(value, self.e.builder.add(self.first, INDEX(i)), field)

    def store_spans(self, spans: list[Span]) -> None:
        """Write the ranges of every wave."""
        for field, values in zip((LOWEST, HIGHEST), zip(*spans, strict=True), strict=True):
            self.store(field, list(values))

    def one(self, wave: Any) -> Any:
        """1 in all lanes, or 0 of a copy.

        It comes from memory: of a constant LLVM makes a mask in lanes and a subtraction, where
        this is one masked addition.
        """
        return self.e.splat(self.valid.load(0, wave, kind=WORD), VECTOR)

    def counted(self, start: Any, flags: Iterable[Any], first: Any) -> Any:
        """``start`` and the number of flags of each lane; ``first``: the wave of the first."""
        b = self.e.builder
        for i, flag in enumerate(flags):
            start = b.select(flag, b.add(start, self.one(b.add(first, INDEX(i)))), start)
        return start

    def widen(self, register: Any, low: int, high: int, span: Span) -> None:
        """Take a range of each column into the one found."""
        for field, bound, pick in zip(
            (low, high), span, (self.e.least, self.e.largest), strict=True
        ):
            before = self.found.load(register, field, kind=VECTOR)
            self.found.store(pick(before, bound), register, field)

    def span(self, values: list[Any]) -> Span:
        """The range of some values, in each column."""
        return self.joined([(value, value) for value in values])

    def joined(self, spans: list[Span]) -> Span:
        """One range around some, in each column."""
        low, high = zip(*spans, strict=True)
        return reduced(low, self.e.least), reduced(high, self.e.largest)

    def left(self, wave: Any, rule: Rule) -> Any:
        """Lanes of a wave whose exact sums left the register: those that had an event, for until
        its first one a register holds the exact sum."""
        return rule.outside(*(self.sums.load(wave, f, kind=VECTOR) for f in (LOWEST, HIGHEST)))

    def changed(self, wave: Any) -> Any:
        """Lanes of a wave in which a store changed a value."""
        return self.e.builder.icmp_signed("!=", self.sums.load(wave, CHANGED, kind=VECTOR), ZERO)

    def mark(self, bits: list[Any]) -> None:
        """Add to the bits that stores changed; where sums stay, all bits stand for an event."""
        pairs = zip(self.load(CHANGED), bits, strict=True)
        self.store(CHANGED, [self.e.builder.or_(*pair) for pair in pairs])

    def mark_left(self, rule: Rule) -> None:
        """Mark the sums that left the register."""
        b = self.e.builder
        hits = [self.left(b.add(self.first, INDEX(i)), rule) for i in range(WAVES)]
        self.mark([b.sext(lanes, VECTOR) for lanes in hits])

    def classify(
        self, register: int, hit: Callable[[Any], Any], rule: Rule, first: Any, base: Any
    ) -> None:
        """Classes of sums with an event, by their exact values, and each column's first wave.

        ``hit(wave)``: lanes of a wave with an event; ``first``: number of the first wave, in a
        stretch that begins with number ``base``.
        """
        e, b, fields = self.e, self.e.builder, (PERSISTENT, TRANSIENT, FIRST)
        kept = [e.slot(self.found.load(register, field, kind=VECTOR)) for field in fields]
        persistent, transient, earliest = kept
        with e.loop(0, WAVES) as i:
            wave, number = b.add(self.first, i), b.add(first, i)
            exact, flags = self.sums.load(wave, EXACT, kind=VECTOR), hit(wave)
            lost, one = rule.outside(exact, exact), self.one(number)
            for slot, lanes in ((persistent, lost), (transient, b.not_(lost))):
                slot.set(b.select(b.and_(flags, lanes), b.add(slot(), one), slot()))
            own = e.splat(b.trunc(b.add(base, number), WORD), VECTOR)
            earliest.set(b.select(flags, e.least(earliest(), own), earliest()))
        for field, slot in zip(fields, kept, strict=True):
            self.found.store(slot(), register, field)


class Tile(Fold):
    """One fold in 32-bit lanes."""

    def rows(self) -> Iterator[tuple[Any, list[Any]]]:
        """The code of two rows, in a loop over all pairs: row, and what its PEs multiply."""
        b = self.e.builder
        with self.e.loop(0, self.pairs) as pair:
            for half in range(2):
                weights, row = self.w.load(pair, kind=VECTOR), b.add(b.shl(pair, ONE), INDEX(half))
                weights = b.lshr(weights, SIXTEEN) if half else b.and_(weights, LOW_HALF)
                yield row, [self.e.product(x, weights) for x in self.elements(row)]

    def elements(self, row: Any) -> list[Any]:
        """What the row's PEs get: an element of each wave, in all columns."""
        b = self.e.builder
        first, halves = b.lshr(self.wave, ONE), b.bitcast(self.x.data, HALF.as_pointer())
        x = Array(b, halves, (*self.x.shape, INDEX(2)))
        at = [(b.add(first, INDEX(i // 2)), row, INDEX(i % 2)) for i in range(WAVES)]
        words = [x.load(*place, kind=WORD) for place in at]
        return [b.bitcast(self.e.splat(word, VECTOR), PAIRS) for word in words]

    def add_exact(self, exact: list[Slot]) -> list[Span]:
        """The exact sums through all rows; the range of each, start included."""
        e = self.e
        low, high = ([e.slot(slot()) for slot in exact] for _ in range(2))
        for _, products in self.rows():
            for total, lo, hi, product in zip(exact, low, high, products, strict=True):
                value = e.builder.add(total(), product)
                total.set(value)
                lo.set(e.least(lo(), value))
                hi.set(e.largest(hi(), value))
        return [(lo(), hi()) for lo, hi in zip(low, high, strict=True)]

    def add_stored(self, waves: Waves, rule: Rule, events: Array) -> None:
        """The same sums, stored in every PE; events are counted by row and column."""
        e, b, events = self.e, self.e.builder, fixed(events, WORDS)
        stored = [e.slot(value) for value in waves.load(STORED)]
        with b.if_else(rule.wraps) as branches:
            for branch, keep in zip(branches, (rule.wrapped, rule.saturated), strict=True):
                with branch:
                    for row, products in self.rows():
                        stores = zip(stored, products, strict=True)
                        flags = (event(e, *put(e, *store, keep)) for store in stores)
                        count = events.load(row, kind=VECTOR)
                        events.store(waves.counted(count, flags, self.wave), row)
        waves.store(STORED, [slot() for slot in stored])
