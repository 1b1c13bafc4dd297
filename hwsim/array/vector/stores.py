"""Stores of one tile and their events, in 32-bit and in 16-bit lanes.

In 16-bit lanes both the register's contents and every product fit. What is presented may not: then
the sum saturated at 16 bits still lies beyond the same end of a narrower register, and the sum
wrapped at 16 bits has the other sign, so that the two differ.
"""

from __future__ import annotations

from typing import Any

from hwsim.array.vector.emission import (
    BIT,
    CHANNELS,
    INDEX,
    MASK,
    PAIRS,
    TILE,
    VECTOR,
    WORD,
    WORDS,
    Array,
    Emitter,
    load_tile,
    store_tile,
)
from hwsim.array.vector.functions import vector_kernel
from hwsim.array.vector.kernels import first_sums


class Register:
    """A register's ends, in all lanes of ``kind``, and what it keeps of a value."""

    def __init__(self, e: Emitter, lo: Any, hi: Any, kind: Any) -> None:
        self.e = e
        lane, b = kind.element, e.builder
        high = b.trunc(hi, lane)
        above = b.sub(b.ctlz(high, BIT(0)), lane(1))  # bits of a lane that it does not have
        self.low, self.high = e.splat(b.trunc(lo, lane), kind), e.splat(high, kind)
        self.above = e.splat(above, kind)

    def saturated(self, value: Any) -> Any:
        """The nearest value of the register."""
        return self.e.least(self.e.largest(value, self.low), self.high)

    def wrapped(self, value: Any) -> Any:
        """The low bits."""
        return self.e.builder.ashr(self.e.builder.shl(value, self.above), self.above)


class Events:
    """Events of a tile: which outputs had one, and how many each channel had."""

    def __init__(self, e: Emitter) -> None:
        self.e = e
        self.lost = [e.slot(MASK(0)) for _ in range(CHANNELS)]
        self.counts = [e.slot(INDEX(0)) for _ in range(CHANNELS)]

    def take(self, r: int, flags: Any) -> Any:
        """Events of one store of a channel, one flag for each of its lanes; their number."""
        b = self.e.builder
        mask = b.bitcast(flags, MASK)
        number = self.e.count(mask)
        self.lost[r].set(b.or_(self.lost[r](), mask))
        self.counts[r].set(b.add(self.counts[r](), number))
        return number

    def write(self, events: Array) -> Any:
        """Add the numbers to those of the channels; their sum."""
        total = INDEX(0)
        for r, count in enumerate(self.counts):
            add_to(events, INDEX(r), count())
            total = self.e.builder.add(total, count())
        return total


def add_to(counters: Array, at: Any, number: Any) -> None:
    """Add to a counter."""
    before = counters.load(at, kind=INDEX)
    counters.store(counters.builder.add(before, number), at)


def mark(state: Array, flags: Any, r: int, lane: int) -> None:
    """Set `CHANGED` where ``flags`` is set."""
    before = state.load(1, r, lane, kind=VECTOR)
    state.store(state.builder.or_(before, flags), 1, r, lane)


def mark_words(e: Emitter, state: Array, events: Events) -> None:
    """Set `CHANGED`, from flags in the order of lanes."""
    for r, lane in TILE:
        flags = e.flags(events.lost[r]())
        half = e.shuffle(flags, flags, range(lane, lane + WORDS))
        mark(state, e.builder.sext(half, VECTOR), r, lane)


def store_words(name: str) -> Any:
    """Stores in 32-bit lanes, by one rule of `Register`."""

    def body(
        e: Emitter, w: Array, v: Array, k0: Any, k1: Any, state: Array, by_step: Array,
        lo: Any, hi: Any, events: Array,
    ) -> None:  # fmt: skip
        b, register, found = e.builder, Register(e, lo, hi, VECTOR), Events(e)
        keep = getattr(register, name)
        kept = load_tile(e, state, 0)
        with e.loop(k0, k1) as k:
            pixels, number = v.load(k, kind=PAIRS), INDEX(0)
            for r in range(CHANNELS):
                flags = []
                for half, slot in enumerate(kept[2 * r : 2 * r + 2]):
                    weight = e.splat(w.load(k, half, r, kind=WORD), VECTOR)
                    presented = b.add(slot(), e.product(pixels, weight))
                    slot.set(keep(presented))
                    flags.append(b.icmp_signed("!=", presented, slot()))
                number = b.add(number, found.take(r, e.both(*flags)))
            add_to(by_step, b.add(k, INDEX(1)), number)
        store_tile(kept, state, 0)
        mark_words(e, state, found)
        found.write(events)

    body.__name__ = f"{name}_words"
    return vector_kernel(body)


def saturate_below(e: Emitter, register: Register, kept: Any, addend: Any) -> tuple[Any, Any]:
    """In a register narrower than 16 bits: what it keeps, and flags of events."""
    presented = e.bounded_sum(kept, addend)
    stored = register.saturated(presented)
    return stored, e.builder.icmp_signed("!=", stored, presented)


def saturate_sixteen(e: Emitter, register: Register, kept: Any, addend: Any) -> tuple[Any, Any]:
    """In a register of 16 bits that reaches both ends."""
    stored = e.bounded_sum(kept, addend)
    return stored, e.builder.icmp_signed("!=", stored, e.builder.add(kept, addend))


def wrap_sixteen(e: Emitter, register: Register, kept: Any, addend: Any) -> tuple[Any, Any]:
    """In a register of 16 bits or fewer."""
    stored = register.wrapped(e.builder.add(kept, addend))
    return stored, e.builder.icmp_signed("!=", stored, e.bounded_sum(kept, addend))


def store_halves(rule: Any) -> Any:
    """Stores in 16-bit lanes, by one of the rules above."""

    def body(
        e: Emitter, w: Array, v: Array, k0: Any, k1: Any, state: Array, by_step: Array,
        lo: Any, hi: Any, events: Array,
    ) -> None:  # fmt: skip
        b, register, found = e.builder, Register(e, lo, hi, PAIRS), Events(e)
        words = load_tile(e, state, 0)
        kept = [e.slot(e.paired(words[i](), words[i + 1]())) for i in range(0, len(TILE), 2)]
        with e.loop(k0, k1) as k:
            pixels, number = v.load(k, kind=PAIRS), INDEX(0)
            for r, slot in enumerate(kept):
                weight = b.bitcast(e.splat(w.load(k, 2, r, kind=WORD), VECTOR), PAIRS)
                stored, flags = rule(e, register, slot(), b.mul(pixels, weight))
                slot.set(stored)
                number = b.add(number, found.take(r, flags))
            add_to(by_step, b.add(k, INDEX(1)), number)
        for r, slot in enumerate(kept):
            lost = b.sext(e.flags(found.lost[r]()), PAIRS)
            for lane, half in ((0, e.low), (WORDS, e.high)):
                state.store(half(slot()), 0, r, lane)
                mark(state, half(lost), r, lane)
        found.write(events)

    body.__name__ = f"{rule.__name__}_halves"
    return vector_kernel(body)


saturate_words, wrap_words = store_words("saturated"), store_words("wrapped")
saturate_halves, full_halves = store_halves(saturate_below), store_halves(saturate_sixteen)
wrap_halves = store_halves(wrap_sixteen)


def store_once(
    e: Emitter, state: Array, kept: list[Any], addends: list[Any], rule: tuple[Any, Any, Any]
) -> Events:
    """One store in every lane, of vectors in the order of `TILE`; ``rule``: ``lo hi wraps``."""
    b, found, (lo, hi, wraps) = e.builder, Events(e), rule
    register, wrapping = Register(e, lo, hi, VECTOR), b.icmp_signed("!=", wraps, INDEX(0))
    flags = []
    for at, before, addend in zip(TILE, kept, addends, strict=True):
        presented = b.add(before, addend)
        stored = b.select(wrapping, register.wrapped(presented), register.saturated(presented))
        state.store(stored, 0, *at)
        flags.append(b.icmp_signed("!=", presented, stored))
    for r in range(CHANNELS):
        found.take(r, e.both(*flags[2 * r : 2 * r + 2]))
    return found


@vector_kernel
def store_first(
    e: Emitter, start: Array, used: Array, state: Array, by_step: Array, lo: Any, hi: Any,
    wraps: Any, events: Array,
) -> None:  # fmt: skip
    """A register that held 0 stores what it begins with."""
    for at in TILE:
        state.store(VECTOR(None), 1, *at)
    for r in range(CHANNELS):
        events.store(INDEX(0), r)
    first = first_sums(e, start, used)
    found = store_once(e, state, [VECTOR(None)] * len(TILE), first, (lo, hi, wraps))
    mark_words(e, state, found)
    add_to(by_step, INDEX(0), found.write(events))


@vector_kernel
def put(
    e: Emitter, addend: Array, state: Array, by_step: Array, at: Any, lo: Any, hi: Any, wraps: Any,
    events: Array,
) -> None:  # fmt: skip
    """One store of an addend of its own for every lane."""
    kept = [state.load(0, *i, kind=VECTOR) for i in TILE]
    addends = [addend.load(*i, kind=VECTOR) for i in TILE]
    found = store_once(e, state, kept, addends, (lo, hi, wraps))
    mark_words(e, state, found)
    add_to(by_step, at, found.write(events))


@vector_kernel
def classify(e: Emitter, exact: Array, changed: Array, lo: Any, hi: Any, pair: Array) -> None:
    """Outputs that lost something, by whether their final value fits the register."""
    b, register = e.builder, Register(e, lo, hi, VECTOR)
    for r in range(CHANNELS):
        lost, fits = [], []
        for lane in (0, WORDS):
            value = exact.load(r, lane, kind=VECTOR)
            nothing = b.icmp_signed("==", changed.load(r, lane, kind=VECTOR), VECTOR(None))
            lost.append(b.not_(nothing))
            fits.append(b.icmp_signed("==", value, register.saturated(value)))
        all_lost = b.bitcast(e.both(*lost), MASK)
        fitting = b.and_(all_lost, b.bitcast(e.both(*fits), MASK))
        pair.store(e.count(fitting), 0, r)
        pair.store(b.sub(e.count(all_lost), e.count(fitting)), 1, r)
