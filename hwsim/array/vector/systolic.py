"""Waves through one fold of a systolic array, and the stores behind it: the kernels.

See `systolic_sums` for what a wave is; `hwsim.array.cycle_waves` lays out the arrays. Exact sums
and their ranges are made first: until one leaves its register they are what is stored. Where one
does, its waves store once more, with the register's rule, in a function of its own: all vector
registers are its own.
"""

from __future__ import annotations

from typing import Any

from hwsim.array.vector.emission import (
    INDEX,
    VECTOR,
    WORD,
    WORDS,
    Array,
    Emitter,
    call_emitted,
    vector_kernel,
)
from hwsim.array.vector.systolic_registers import (
    ACC,
    CHAIN,
    CHANGED,
    EXACT,
    FINAL_HIGH,
    FINAL_LOW,
    HIGH,
    LOW,
    STORED,
    WAVES,
    ZERO,
    Rule,
    event,
    fixed,
    put,
    some,
)
from hwsim.array.vector.systolic_sums import Tile, Waves


def _fold_behind(
    e: Emitter, x: Array, w: Array, pairs: Any, groups: Any, base: Any, rules: Array, valid: Array,
    found: Array, events: Array, sums: Array, left: Array, work: Array,
) -> None:  # fmt: skip
    """One fold of a column, every group of waves: its chain through all rows, from 0, and one
    store behind the array. Arguments as `hwsim.array.cycle_waves.waves` says."""
    b, chain, adding = e.builder, Rule(e, rules, 0), Rule(e, rules, 1)
    with e.loop(0, groups) as group:
        first = b.mul(group, INDEX(WAVES))
        tile, own = Tile(e, x, w, pairs, first), Waves(e, work, INDEX(0), valid, found)
        slots = [e.slot(ZERO) for _ in range(WAVES)]
        spans = tile.add_exact(slots)
        span, exact = own.joined(spans), [slot() for slot in slots]
        own.widen(CHAIN, LOW, HIGH, span)
        beyond = some(e, [chain.outside(*span)])
        with b.if_then(beyond, likely=False):
            for field, values in (
                (STORED, [ZERO] * WAVES),
                (CHANGED, [ZERO] * WAVES),
                (EXACT, exact),
            ):
                own.store(field, values)
            own.store_spans(spans)
            parts = work, INDEX(0), x, w, pairs, first, rules, INDEX(0), valid, events
            call_emitted(b, _store_again, *parts)
            call_emitted(b, _classify_chain, work, rules, valid, found, first, base)
        own.widen(CHAIN, FINAL_LOW, FINAL_HIGH, own.span(exact))
        behind = Waves(e, sums, first, valid, found)
        before = behind.load(EXACT)
        totals = [b.add(*both) for both in zip(before, exact, strict=True)]
        behind.store(EXACT, totals)
        reached = own.span(totals)
        own.widen(ACC, LOW, HIGH, reached)
        differ = b.icmp_signed("!=", left.load(group, kind=WORD), WORD(0))
        over = b.or_(beyond, some(e, [adding.outside(*reached)]))
        with b.if_then(b.or_(differ, over), likely=False):
            with b.if_then(b.not_(beyond)):
                own.store(STORED, exact)
            with b.if_then(b.not_(differ)):
                behind.store(STORED, before)
            row = b.sub(events.shape[0], INDEX(1))
            call_emitted(b, _add_behind, sums, work, first, rules, INDEX(1), valid, events, row)
            left.store(WORD(1), group)


def _fold_in_place(
    e: Emitter, x: Array, w: Array, pairs: Any, groups: Any, base: Any, rules: Array, valid: Array,
    found: Array, events: Array, sums: Array, left: Array, work: Array,
) -> None:  # fmt: skip
    """Some rows of sums that stay, every group of waves. Arguments: `_fold_behind`."""
    b, rule = e.builder, Rule(e, rules, 1)
    with e.loop(0, groups) as group:
        first = b.mul(group, INDEX(WAVES))
        tile, own = Tile(e, x, w, pairs, first), Waves(e, sums, first, valid, found)
        exact = [e.slot(value) for value in own.load(EXACT)]
        spans = tile.add_exact(exact)
        span = own.joined(spans)
        own.widen(ACC, LOW, HIGH, span)
        differ = b.icmp_signed("!=", left.load(group, kind=WORD), WORD(0))
        with b.if_then(b.or_(differ, some(e, [rule.outside(*span)])), likely=False):
            with b.if_then(b.not_(differ)):
                own.store(STORED, own.load(EXACT))
            own.store_spans(spans)
            parts = sums, first, x, w, pairs, first, rules, INDEX(1), valid, events
            call_emitted(b, _store_again, *parts)
            hits = [own.left(b.add(first, INDEX(i)), rule) for i in range(WAVES)]
            _mark(own, [b.sext(lanes, VECTOR) for lanes in hits])
            left.store(WORD(1), group)
        own.store(EXACT, [slot() for slot in exact])


def _store_again(
    e: Emitter, sums: Array, at: Any, x: Array, w: Array, pairs: Any, wave: Any, rules: Array,
    row: Any, valid: Array, events: Array,
) -> None:  # fmt: skip
    """The stores of sums of which one has left its register, or had."""
    waves, rule = Waves(e, sums, at, valid, sums), Rule(e, rules, row)
    Tile(e, x, w, pairs, wave).add_stored(waves, rule, events)


def _classify_chain(
    e: Emitter, sums: Array, rules: Array, valid: Array, found: Array, wave: Any, base: Any
) -> None:
    """Classes and first waves of a fold's chains with an event."""
    waves, rule = Waves(e, sums, INDEX(0), valid, found), Rule(e, rules, 0)
    waves.classify(CHAIN, lambda own: waves.left(own, rule), rule, wave, base)


def _mark(waves: Waves, bits: list[Any]) -> None:
    """Add to the bits that stores changed; where sums stay, all bits stand for an event."""
    pairs = zip(waves.load(CHANGED), bits, strict=True)
    waves.store(CHANGED, [waves.e.builder.or_(*pair) for pair in pairs])


def _add_behind(
    e: Emitter, sums: Array, addends: Array, first: Any, rules: Array, row: Any, valid: Array,
    events: Array, events_row: Any,
) -> None:  # fmt: skip
    """One store behind the array into the accumulator of each wave and column."""
    b, rule, events = e.builder, Rule(e, rules, row), fixed(events, WORDS)
    own, given = Waves(e, sums, first, valid, sums), Waves(e, addends, INDEX(0), valid, sums)
    slots = [e.slot(value) for value in own.load(STORED)]
    addend = zip(slots, given.load(STORED), strict=True)
    stores = [put(e, slot, value, rule.keep) for slot, value in addend]
    own.store(STORED, [kept for _, kept in stores])
    _mark(own, [b.xor(*store) for store in stores])
    flags = [event(e, *store) for store in stores]
    events.store(own.counted(events.load(events_row, kind=VECTOR), flags, first), events_row)


def _finish(
    e: Emitter, groups: Any, base: Any, rules: Array, factor: Array, term: Array, valid: Array,
    found: Array, events: Array, sums: Array, left: Array, work: Array,
) -> None:  # fmt: skip
    """The stores after all folds; final values and classes of the accumulator.

    ``factor`` : int32 of shape (J, LANES), ``term`` : int32 of shape (J, waves), ``events`` : int32
    of shape (J, LANES).
    """
    b, late = e.builder, factor.shape[0]
    with e.loop(0, groups) as group:
        first = b.mul(group, INDEX(WAVES))
        own, given = Waves(e, sums, first, valid, found), Waves(e, work, INDEX(0), valid, found)
        before = b.icmp_signed("!=", left.load(group, kind=WORD), WORD(0))
        with b.if_then(b.not_(before)):
            own.store(STORED, own.load(EXACT))
        with e.loop(0, late) as j:
            row = factor.load(j, kind=VECTOR)
            at = [term.load(j, b.add(first, INDEX(i)), kind=WORD) for i in range(WAVES)]
            given.store(STORED, [b.mul(row, e.splat(word, VECTOR)) for word in at])
            added = zip(own.load(EXACT), given.load(STORED), strict=True)
            totals = [b.add(*both) for both in added]
            own.store(EXACT, totals)
            own.widen(ACC, LOW, HIGH, own.span(totals))
            rule = b.add(j, INDEX(2))
            call_emitted(b, _add_behind, sums, work, first, rules, rule, valid, events, j)
        own.widen(ACC, FINAL_LOW, FINAL_HIGH, own.span(own.load(EXACT)))
        hits = [own.changed(b.add(first, INDEX(i))) for i in range(WAVES)]
        with b.if_then(some(e, hits), likely=False):
            last = Rule(e, rules, b.sub(rules.shape[0], INDEX(1)))
            own.classify(ACC, own.changed, last, first, base)
            left.store(WORD(1), group)


fold_behind, fold_in_place = vector_kernel(_fold_behind), vector_kernel(_fold_in_place)
finish = vector_kernel(_finish)
