"""Waves through one fold of a systolic array, and the stores behind it: the kernels.

See `systolic_sums` for what a wave is; `hwsim.array.cycle_waves` lays out the arrays. Exact sums
and their ranges are made first: until one leaves its register they are what is stored. Where one
does, its waves store once more, with the register's rule. Where products and register fit 16-bit
lanes, one pass does both, and does so at once after waves that left the register. Exact sums of a
fold that leave 16 bits are made in 32-bit lanes, and so are those of its next waves. Whichever way
is taken, the same bits are found.
"""

from __future__ import annotations

from typing import Any

from hwsim.array.vector.emission import INDEX, VECTOR, WORD, WORDS, Array, Emitter, Slot
from hwsim.array.vector.functions import call_emitted, vector_kernel
from hwsim.array.vector.systolic_halves import HalfTile
from hwsim.array.vector.systolic_registers import (
    ACC,
    CHAIN,
    EXACT,
    EXPECTED,
    FINAL_HIGH,
    FINAL_LOW,
    HIGH,
    LOW,
    NO,
    REGISTER,
    STORED,
    TOUCHED,
    WAVES,
    YES,
    ZERO,
    Forms,
    Rule,
    Trial,
    fill,
    some,
)
from hwsim.array.vector.systolic_spans import ChainSpans, exact_in_place
from hwsim.array.vector.systolic_stores import (
    add_behind,
    classify_chain,
    store_again,
    store_chain,
    store_in_place,
)
from hwsim.array.vector.systolic_sums import Tile, Waves

NO_SPAN = VECTOR([(1 << 31) - 1] * WORDS), VECTOR([-(1 << 31)] * WORDS)


def _fold_behind(
    e: Emitter, x: Array, w: Array, pairs: Any, groups: Any, base: Any, rules: Array, valid: Array,
    found: Array, events: Array, sums: Array, left: Array, work: Array, forms: Array,
) -> None:  # fmt: skip
    """One fold of a column, every group of waves: its chain through all rows, from 0, and one
    store behind the array. Arguments as `hwsim.array.cycle_waves.waves` says."""
    b, form, chain, adding = e.builder, Forms(e, forms), Rule(e, rules, 0), Rule(e, rules, 1)
    narrow, spans = Trial(e, form), ChainSpans(e, form, rules)
    reached = [e.slot(end) for end in NO_SPAN]
    with e.loop(0, groups) as group:
        first = b.mul(group, INDEX(WAVES))
        own, behind = (Waves(e, *at, valid, found) for at in ((work, INDEX(0)), (sums, first)))
        parts = x, w, pairs, first
        exact, wide = [e.slot(ZERO) for _ in range(WAVES)], e.slot(YES)
        apart = e.slot(b.and_(form[REGISTER], form[EXPECTED]))
        form[EXPECTED] = NO
        with b.if_then(b.and_(narrow(), b.not_(apart()))):
            spans.add_exact(HalfTile(e, *parts), exact, apart, wide)
            narrow.end(wide(), group)
            apart.set(b.and_(form[REGISTER], apart()))
        with b.if_then(apart()):
            call_emitted(b, store_chain, work, *parts, base, rules, valid, found, events, forms)
            wide.set(form[TOUCHED])
            narrow.end(wide(), group)
            fill(exact, own.load(EXACT))
        with b.if_then(wide()):
            fill(exact, [ZERO] * WAVES)
            _wide_chain(own, Tile(e, *parts), chain, rules, exact, apart(), events, form, base)
        _add_chain(own, behind, exact, form[EXPECTED], adding, rules, events, left, group, reached)
    found_by = Waves(e, work, INDEX(0), valid, found)
    spans.write(found_by)
    found_by.widen(ACC, LOW, HIGH, (reached[0](), reached[1]()))


def _wide_chain(
    own: Waves, tile: Tile, rule: Rule, rules: Array, exact: list[Slot], stored: Any, events: Array,
    form: Forms, base: Any,
) -> None:  # fmt: skip
    """Exact sums in 32-bit lanes; stored ones too where one leaves its register, if they are not
    ``stored`` yet."""
    e, b = own.e, own.e.builder
    spans = tile.add_exact(exact)
    span, totals = own.joined(spans), [slot() for slot in exact]
    own.widen(CHAIN, LOW, HIGH, span)
    own.widen(CHAIN, FINAL_LOW, FINAL_HIGH, own.span(totals))
    beyond = some(e, [rule.outside(*span)])
    form[EXPECTED] = beyond
    with b.if_then(beyond, likely=False):
        own.store(EXACT, totals)
        own.store_spans(spans)
        with b.if_then(b.not_(stored)):
            own.store(STORED, [ZERO] * WAVES)
            parts = tile.x, tile.w, tile.pairs, tile.wave
            store = own.sums, INDEX(0), *parts, rules, INDEX(0), own.valid, events
            call_emitted(b, store_again, *store)
        call_emitted(b, classify_chain, own.sums, rules, own.valid, own.found, tile.wave, base)


def _add_chain(
    own: Waves, behind: Waves, exact: list[Slot], beyond: Any, adding: Rule, rules: Array,
    events: Array, left: Array, group: Any, accumulators: list[Slot],
) -> None:  # fmt: skip
    """One store behind the array; ``beyond``: stored sums of the chain are not the exact ones."""
    e, b = own.e, own.e.builder
    before, chains = behind.load(EXACT), [slot() for slot in exact]
    totals = [b.add(*both) for both in zip(before, chains, strict=True)]
    behind.store(EXACT, totals)
    reached = own.span(totals)
    for slot, end, pick in zip(accumulators, reached, (e.least, e.largest), strict=True):
        slot.set(pick(slot(), end))
    differ = b.icmp_signed("!=", left.load(group, kind=WORD), WORD(0))
    over = b.or_(beyond, some(e, [adding.outside(*reached)]))
    with b.if_then(b.or_(differ, over), likely=False):
        with b.if_then(b.not_(beyond)):
            own.store(STORED, chains)
        with b.if_then(b.not_(differ)):
            behind.store(STORED, before)
        row = b.sub(events.shape[0], INDEX(1))
        parts = behind.first, rules, INDEX(1), own.valid, events, row
        call_emitted(b, add_behind, behind.sums, own.sums, *parts)
        left.store(WORD(1), group)


def _fold_in_place(
    e: Emitter, x: Array, w: Array, pairs: Any, groups: Any, base: Any, rules: Array, valid: Array,
    found: Array, events: Array, sums: Array, left: Array, work: Array, forms: Array,
) -> None:  # fmt: skip
    """Some rows of sums that stay, every group of waves. Arguments: `_fold_behind`."""
    b, form, rule = e.builder, Forms(e, forms), Rule(e, rules, 1)
    narrow = Trial(e, form)
    with e.loop(0, groups) as group:
        first = b.mul(group, INDEX(WAVES))
        parts, own = (x, w, pairs, first), Waves(e, sums, first, valid, found)
        wide, differ = e.slot(YES), b.icmp_signed("!=", left.load(group, kind=WORD), WORD(0))
        apart = e.slot(b.and_(form[REGISTER], b.or_(form[EXPECTED], differ)))
        form[EXPECTED] = NO
        with b.if_then(b.and_(narrow(), b.not_(b.or_(apart(), differ)))):
            leaves = exact_in_place(own, HalfTile(e, *parts), rule)
            apart.set(b.and_(form[REGISTER], leaves))
            wide.set(b.and_(leaves, b.not_(apart())))
            narrow.end(wide(), group)
        with b.if_then(apart()):
            with b.if_then(b.not_(differ)):
                own.store(STORED, own.load(EXACT))
            call_emitted(b, store_in_place, sums, *parts, rules, valid, found, events, forms)
            wide.set(form[TOUCHED])
            narrow.end(wide(), group)
        with b.if_then(wide()):
            _wide_in_place(own, Tile(e, *parts), rule, rules, differ, apart(), events, form)
        left.store(b.zext(b.or_(differ, form[EXPECTED]), WORD), group)


def _wide_in_place(
    own: Waves, tile: Tile, rule: Rule, rules: Array, differ: Any, stored: Any, events: Array,
    form: Forms,
) -> None:  # fmt: skip
    """The same in 32-bit lanes; stored sums too where one leaves its register or ``differ``, if
    they are not ``stored`` yet."""
    e, b = own.e, own.e.builder
    exact = [e.slot(value) for value in own.load(EXACT)]
    spans = tile.add_exact(exact)
    span = own.joined(spans)
    own.widen(ACC, LOW, HIGH, span)
    beyond = some(e, [rule.outside(*span)])
    form[EXPECTED] = beyond
    with b.if_then(b.or_(differ, beyond), likely=False):
        own.store_spans(spans)
        with b.if_then(b.not_(stored)):
            with b.if_then(b.not_(differ)):
                own.store(STORED, own.load(EXACT))
            parts = tile.x, tile.w, tile.pairs, tile.wave
            store = own.sums, own.first, *parts, rules, INDEX(1), own.valid, events
            call_emitted(b, store_again, *store)
        own.mark_left(rule)
    own.store(EXACT, [slot() for slot in exact])


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
            call_emitted(b, add_behind, sums, work, first, rules, rule, valid, events, j)
        own.widen(ACC, FINAL_LOW, FINAL_HIGH, own.span(own.load(EXACT)))
        hits = [own.changed(b.add(first, INDEX(i))) for i in range(WAVES)]
        with b.if_then(some(e, hits), likely=False):
            last = Rule(e, rules, b.sub(rules.shape[0], INDEX(1)))
            own.classify(ACC, own.changed, last, first, base)
            left.store(WORD(1), group)


fold_behind, fold_in_place = vector_kernel(_fold_behind), vector_kernel(_fold_in_place)
finish = vector_kernel(_finish)
