"""Registers of a systolic array in vector code, and what the kernels' arrays hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hwsim._jit import ir
from hwsim.array.vector.emission import (
    BIT,
    INDEX,
    VECTOR,
    WORD,
    WORDS,
    Array,
    Emitter,
    Slot,
    fixed,
    number,
)

WAVES = 8 if WORDS == 16 else 4  # side by side: three vectors of each fit the registers
CHAIN, ACC = range(2)  # registers: rows of `found`
LOW, HIGH, FINAL_LOW, FINAL_HIGH, PERSISTENT, TRANSIENT, FIRST = range(7)  # columns of `found`
LO, HI, LEAST, MOST, ABOVE = range(5)  # columns of `rules`
STORED, EXACT, CHANGED, LOWEST, HIGHEST = range(5)  # of each wave: rows of `start` and of sums
PRODUCTS, REGISTER, EXPECTED, TOUCHED, RESTING = range(5)  # `forms`: see `Forms`
REST = 7  # folds
ZERO, YES, NO = VECTOR(None), BIT(1), BIT(0)
LOW_HALF, SIXTEEN = VECTOR([0xFFFF] * WORDS), VECTOR([16] * WORDS)
ONE = INDEX(1)
Span = tuple[Any, Any]  # least and largest of each column


@dataclass
class Fold:
    """One fold: elements of the stream, two waves to a pair, and weights, two rows to a pair.

    ``x`` : int32 ndarray of shape (waves / 2, rows + 1), ``w`` : int32 ndarray of shape
    (pairs, columns).
    """

    e: Emitter
    x: Array
    w: Array
    pairs: Any
    wave: Any  # the first of those at work

    def __post_init__(self) -> None:
        self.w = fixed(self.w, WORDS)


class Forms:
    """Where sums are made in 16-bit lanes (`systolic_halves`): an int32 array.

    ``PRODUCTS``: all products fit. ``REGISTER``: so does the register of most stores. ``EXPECTED``:
    a sum of the waves before left it, so that the next ones are stored at once. ``TOUCHED``: of the
    waves at work, an exact sum may have left 16 bits. ``RESTING``: folds for which no waves are
    tried in them.
    """

    def __init__(self, e: Emitter, words: Array) -> None:
        self.e, self.words = e, words

    def __getitem__(self, form: int) -> Any:
        """Whether it is so."""
        return self.e.builder.icmp_signed("!=", self.words.load(form, kind=WORD), WORD(0))

    def __setitem__(self, form: int, truth: Any) -> None:
        """Write one."""
        self.words.store(self.e.builder.zext(truth, WORD), INDEX(form))


class Trial:
    """Whether exact sums of the next waves are tried in 16-bit lanes: not after others of the same
    fold left them, and where the first ones did, not in the next `REST` folds either."""

    def __init__(self, e: Emitter, form: Forms) -> None:
        b, self.e, self.form = e.builder, e, form
        resting = form.words.load(RESTING, kind=WORD)
        rested = b.icmp_signed("==", resting, WORD(0))
        left = b.select(rested, resting, b.sub(resting, WORD(1)))
        form.words.store(left, INDEX(RESTING))
        self.next = e.slot(b.and_(form[PRODUCTS], rested))

    def __call__(self) -> Any:
        """Whether they are."""
        return self.next()

    def end(self, wide: Any, group: Any) -> None:
        """``wide``: whether sums of a group of waves left 16 bits."""
        b = self.e.builder
        self.next.set(b.not_(wide))
        with b.if_then(b.and_(wide, b.icmp_signed("==", group, INDEX(0))), likely=False):
            self.form.words.store(WORD(REST), INDEX(RESTING))


class Rule:
    """A register: ``min(max(wrap(v), LEAST), MOST)``, where one of the two does nothing."""

    def __init__(self, e: Emitter, rules: Array, row: Any) -> None:
        self.e, self.row, rules = e, number(row), fixed(rules, ABOVE + 1)
        self.lo, self.hi, self.least, self.most, self.above = (
            e.splat(rules.load(row, i, kind=WORD), VECTOR) for i in range(ABOVE + 1)
        )
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


def fill(slots: list[Slot], values: Sequence[Any]) -> None:
    """Write some slots."""
    for slot, value in zip(slots, values, strict=True):
        slot.set(value)


def put(e: Emitter, slot: Slot, addend: Any, keep: Callable[[Any], Any]) -> tuple[Any, Any]:
    """One store of one wave: what is presented, and what is kept."""
    presented = e.builder.add(slot(), addend)
    slot.set(keep(presented))
    return presented, slot()


def event(e: Emitter, presented: Any, kept: Any) -> Any:
    """Lanes with an event."""
    return e.builder.icmp_signed("!=", presented, kept)


def reduced(values: Sequence[Any], pick: Callable[[Any, Any], Any]) -> Any:
    """One of all values, two by two."""
    while len(values) > 1:
        values = [pick(*values[i : i + 2]) for i in range(0, len(values), 2)]
    return values[0]


def some(e: Emitter, flags: list[Any]) -> Any:
    """Whether any flag of any lane is set."""
    joined = reduced(flags, e.builder.or_)
    mask = ir.IntType(joined.type.count)
    return e.builder.icmp_unsigned("!=", e.builder.bitcast(joined, mask), mask(0))
