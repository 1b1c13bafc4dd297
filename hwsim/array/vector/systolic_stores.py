"""Stores of some waves, each a function of its own: all vector registers are its own.

`store_chain` and `store_in_place` store a fold's sums in 16-bit lanes, with the exact ones. What
those tell is written where none may have saturated at 16 bits; else `TOUCHED` says that they are to
be made again. `store_again` stores in 32-bit lanes what exact sums are known of.
"""

from __future__ import annotations

from typing import Any

from hwsim.array.vector.emission import INDEX, PAIRS, VECTOR, WORD, WORDS, Array, Emitter, fixed
from hwsim.array.vector.systolic_halves import (
    HIGHEST_HALF,
    MOST,
    NOTHING,
    ONES,
    HalfRule,
    HalfTile,
    in_words,
    joined,
)
from hwsim.array.vector.systolic_registers import (
    ACC,
    CHAIN,
    EXACT,
    EXPECTED,
    FINAL_HIGH,
    FINAL_LOW,
    FIRST,
    HIGH,
    LOW,
    PERSISTENT,
    STORED,
    TOUCHED,
    TRANSIENT,
    WAVES,
    Forms,
    Rule,
    event,
    some,
)
from hwsim.array.vector.systolic_spans import since
from hwsim.array.vector.systolic_sums import Tile, Waves

NONE = VECTOR([HIGHEST_HALF] * WORDS)  # of `MOST`


def store_chain(
    e: Emitter, sums: Array, x: Array, w: Array, pairs: Any, wave: Any, base: Any, rules: Array,
    valid: Array, found: Array, events: Array, forms: Array,
) -> None:  # fmt: skip
    """Chains from 0."""
    b, rule, form = e.builder, HalfRule(e, rules, 0), Forms(e, forms)
    waves, tile = Waves(e, sums, INDEX(0), valid, found), HalfTile(e, x, w, pairs, wave)
    stored = [e.slot(NOTHING) for _ in range(WAVES // 2)]
    made = tile.add_stored(stored, rule, valid, events)
    waves.store(STORED, in_words(e, [slot() for slot in stored]))
    touched = made.touched()
    form[TOUCHED] = touched
    with b.if_then(b.not_(touched), likely=True):
        exact, low, high = made.values()
        waves.store(EXACT, in_words(e, exact))
        waves.widen(CHAIN, LOW, HIGH, joined(e, low, high))
        waves.widen(CHAIN, FINAL_LOW, FINAL_HIGH, joined(e, exact, exact))
        hits = [rule.outside(*span) for span in zip(low, high, strict=True)]
        beyond = some(e, hits)
        form[EXPECTED] = beyond
        with b.if_then(beyond, likely=True):
            _classify(waves, tile, rule, hits, exact, b.add(base, wave))


def _classify(
    waves: Waves, tile: HalfTile, rule: HalfRule, hits: list[Any], exact: list[Any], number: Any
) -> None:
    """`Waves.classify` of chains that left their register (``hits``); ``number``: of the first
    wave. A chain whose last sum lies outside has left it."""
    e, b, found = waves.e, waves.e.builder, waves.found
    ones = tile.ones(waves.valid)
    lost = [rule.outside(value, value) for value in exact]
    all_hits, persistent, first = NOTHING, NOTHING, MOST
    for i in reversed(range(WAVES // 2)):
        all_hits = b.select(hits[i], b.add(all_hits, ones[i]), all_hits)
        persistent = b.select(lost[i], b.add(persistent, ones[i]), persistent)
        first = b.select(hits[i], PAIRS([2 * i, 2 * i + 1] * WORDS), first)
    for field, count in ((PERSISTENT, persistent), (TRANSIENT, b.sub(all_hits, persistent))):
        before = found.load(CHAIN, field, kind=VECTOR)
        found.store(b.add(before, e.product(count, ONES)), CHAIN, field)
    own, earliest = e.least(e.low(first), e.high(first)), found.load(CHAIN, FIRST, kind=VECTOR)
    own_number = b.add(own, e.splat(b.trunc(number, WORD), VECTOR))
    none = b.icmp_signed("==", own, NONE)
    found.store(b.select(none, earliest, e.least(earliest, own_number)), CHAIN, FIRST)


def store_in_place(
    e: Emitter, sums: Array, x: Array, w: Array, pairs: Any, wave: Any, rules: Array, valid: Array,
    found: Array, events: Array, forms: Array,
) -> None:  # fmt: skip
    """Sums that stay."""
    b, form = e.builder, Forms(e, forms)
    waves, tile = Waves(e, sums, wave, valid, found), HalfTile(e, x, w, pairs, wave)
    before = waves.load(STORED)
    stored = [e.slot(e.paired(*before[i : i + 2])) for i in range(0, WAVES, 2)]
    made = tile.add_stored(stored, HalfRule(e, rules, 1), valid, events)
    waves.store(STORED, in_words(e, [slot() for slot in stored]))
    touched = made.touched()
    form[TOUCHED] = touched
    with b.if_then(b.not_(touched), likely=True):
        rule, (exact, *spans) = Rule(e, rules, 1), since(waves, made)
        span = waves.joined(list(zip(*spans, strict=True)))
        waves.widen(ACC, LOW, HIGH, span)
        waves.store(EXACT, exact)
        hits = [rule.outside(*one) for one in zip(*spans, strict=True)]
        form[EXPECTED] = some(e, hits)
        waves.mark([b.sext(lanes, VECTOR) for lanes in hits])


def store_again(
    e: Emitter, sums: Array, at: Any, x: Array, w: Array, pairs: Any, wave: Any, rules: Array,
    row: Any, valid: Array, events: Array,
) -> None:  # fmt: skip
    """The stores of sums of which one has left its register, or had."""
    waves, rule = Waves(e, sums, at, valid, sums), Rule(e, rules, row)
    Tile(e, x, w, pairs, wave).add_stored(waves, rule, events)


def classify_chain(
    e: Emitter, sums: Array, rules: Array, valid: Array, found: Array, wave: Any, base: Any
) -> None:
    """Classes and first waves of a fold's chains with an event."""
    waves, rule = Waves(e, sums, INDEX(0), valid, found), Rule(e, rules, 0)
    waves.classify(CHAIN, lambda own: waves.left(own, rule), rule, wave, base)


def add_behind(
    e: Emitter, sums: Array, addends: Array, first: Any, rules: Array, row: Any, valid: Array,
    events: Array, events_row: Any,
) -> None:  # fmt: skip
    """One store behind the array into the accumulator of each wave and column."""
    b, rule, events = e.builder, Rule(e, rules, row), fixed(events, WORDS)
    own, given = Waves(e, sums, first, valid, sums), Waves(e, addends, INDEX(0), valid, sums)
    addend = zip(own.load(STORED), given.load(STORED), strict=True)
    presented = [b.add(*both) for both in addend]
    own.store(STORED, presented)
    with b.if_then(some(e, [rule.outside(*own.span(presented))]), likely=False):
        kept = [rule.keep(value) for value in presented]
        own.store(STORED, kept)
        stores = list(zip(presented, kept, strict=True))
        own.mark([b.xor(*store) for store in stores])
        flags = [event(e, *store) for store in stores]
        events.store(own.counted(events.load(events_row, kind=VECTOR), flags, first), events_row)
