"""Waves through a systolic array, from the first fold to the last store: the kernels.

See `systolic_sums` for what a wave is; `hwsim.array.cycle_waves` lays out the arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from hwsim.array.vector.emission import (
    INDEX,
    VECTOR,
    WORD,
    WORDS,
    Array,
    Emitter,
    Slot,
    call_emitted,
    vector_kernel,
)
from hwsim.array.vector.systolic_sums import (
    ACC,
    CHAIN,
    CHANGED,
    EXACT,
    FINAL_HIGH,
    FINAL_LOW,
    FIRST,
    HIGH,
    LOW,
    PERSISTENT,
    STORED,
    TRANSIENT,
    ZERO,
    Block,
    Rule,
    Sums,
)

WAVES = 8 if WORDS == 16 else 4  # side by side: three vectors of each fit the registers


def walk(block: Block, sums: Sums, begin: Any, end: Any, register: int, rule: Rule) -> Any:
    """All stores of rows ``begin`` to ``end``; whether any exact sum left the register. Where
    none does, these are what it stores; else they are done once more, with its rule."""
    b = block.e.builder
    first = [slot() for slot in sums.stored]
    left = block.add_exact(sums, begin, end, register, rule)
    for stored, exact in zip(sums.stored, sums.exact, strict=True):
        stored.set(exact())
    with b.if_then(left, likely=False):
        for i, (value, changed) in enumerate(zip(first, sums.changed, strict=True)):
            block.work.store(value, STORED, i)
            block.work.store(changed(), CHANGED, i)
        again = _again(block.count)
        parts = block.x, block.w, block.wave, block.events, block.work, rule.rules, rule.row
        call_emitted(b, again, *parts, begin, end)
        for i, (stored, changed) in enumerate(zip(sums.stored, sums.changed, strict=True)):
            stored.set(block.work.load(STORED, i, kind=VECTOR))
            changed.set(block.work.load(CHANGED, i, kind=VECTOR))
    return left


def accumulate(block: Block, acc: Sums, left: Slot, addend: Sums, row: Any, rule: Rule) -> None:
    """One store into the accumulator of each wave and column.

    ``left``: whether any sum has left its register, so that stored and exact ones may differ.
    """
    b, before = block.e.builder, [slot() for slot in acc.stored]
    for total, exact in zip(acc.exact, addend.exact, strict=True):
        total.set(b.add(total(), exact()))
    values = [slot() for slot in acc.exact]
    span = block.widen(ACC, LOW, HIGH, values, values)
    left.set(b.or_(left(), block.any([rule.outside(*span)])))
    for stored, value in zip(acc.stored, values, strict=True):
        stored.set(value)
    with b.if_then(left(), likely=False):
        for stored, value in zip(acc.stored, before, strict=True):
            stored.set(value)
        count = block.events.load(row, kind=VECTOR)
        for i, stored in enumerate(addend.stored):
            count = block.store(acc, i, stored(), rule, rule.keep, count)
        block.events.store(count, row)


def close(block: Block, sums: Sums, register: int, rule: Rule) -> None:
    """Final values of a register, and classes of those that had an event."""
    b, values = block.e.builder, [slot() for slot in sums.exact]
    block.widen(register, FINAL_LOW, FINAL_HIGH, values, values)
    hits = [b.icmp_signed("!=", slot(), ZERO) for slot in sums.changed]
    with b.if_then(block.any(hits), likely=False):
        for value, hit in zip(values, hits, strict=True):
            lost = rule.outside(value, value)
            for field, flags in (
                (PERSISTENT, b.and_(hit, lost)),
                (TRANSIENT, b.and_(hit, b.not_(lost))),
            ):
                count = block.found.load(register, field, kind=VECTOR)
                block.found.store(b.add(count, b.zext(flags, VECTOR)), register, field)


def mark_first(block: Block, changed: list[Slot], register: int, wave: Any) -> None:
    """Each column's first wave with an event; ``wave``: number of the first at work."""
    b = block.e.builder
    hits = [b.icmp_signed("!=", slot(), ZERO) for slot in changed]
    with b.if_then(block.any(hits), likely=False):
        for i, hit in enumerate(hits):
            own = block.e.splat(b.trunc(b.add(wave, INDEX(i)), WORD), VECTOR)
            before = block.found.load(register, FIRST, kind=VECTOR)
            earlier = b.select(hit, block.e.least(before, own), before)
            block.found.store(earlier, register, FIRST)


@cache
def _again(count: int) -> Callable[..., None]:
    """The stores of a walk that overflows, in a function of its own: all registers are its own."""

    def body(
        e: Emitter, x: Array, w: Array, wave: Any, events: Array, work: Array, rules: Array,
        row: Any, begin: Any, end: Any,
    ) -> None:  # fmt: skip
        block = Block(e, x, w, wave, count, events, events, work)
        sums = Sums(
            *(
                [e.slot(work.load(field, i, kind=VECTOR)) for i in range(count)]
                for field in (STORED, EXACT, CHANGED)
            )
        )
        block.add_stored(sums, begin, end, Rule(e, rules, row))
        for field, slots in ((STORED, sums.stored), (CHANGED, sums.changed)):
            for i, slot in enumerate(slots):
                work.store(slot(), field, i)

    body.__name__ = f"again_{count}"
    return body


def _waves(count: int, name: str) -> Any:
    """The kernel of so many waves side by side."""

    def body(
        e: Emitter, x: Array, w: Array, rows: Any, chained: Any, start: Array, rules: Array,
        factor: Array, term: Array, begin: Any, end: Any, origin: Any, base: Any, found: Array,
        events: Array, work: Array, out: Array,
    ) -> None:  # fmt: skip
        """Waves ``begin`` to ``end``, a whole number of blocks, as `cycle_waves.waves` says."""
        b = e.builder
        blocks = b.sdiv(b.sub(end, begin), INDEX(count))
        with e.loop(0, blocks) as index:
            wave = b.add(begin, b.mul(index, INDEX(count)))
            first = b.add(base, wave)
            block = Block(e, x, w, wave, count, found, events, work)
            acc = block.sums(start)
            left = e.slot(block.any([b.icmp_signed("!=", acc.changed[0](), ZERO)]))
            chain = b.icmp_signed("!=", chained, INDEX(0))
            with b.if_else(chain) as (columns, in_place):
                with columns:
                    _folds(block, acc, left, rows, rules, first)
                with in_place:
                    adding = Rule(e, rules, 1)
                    beyond = walk(block, acc, INDEX(0), w.shape[0], ACC, adding)
                    left.set(b.or_(left(), beyond))
            _close(block, acc, left, rules, factor, term, first)
            for i in range(count):
                for row, slot in enumerate((acc.stored[i], acc.exact[i])):
                    at = b.add(b.sub(wave, origin), INDEX(i))
                    out.store(slot(), row, at)

    body.__name__ = name
    return vector_kernel(body)


def _folds(block: Block, acc: Sums, left: Slot, rows: Any, rules: Array, first: Any) -> None:
    """Every fold of a column: its chain through the rows, and one store behind the array."""
    e, b, steps = block.e, block.e.builder, block.w.shape[0]
    chain, adding = Rule(e, rules, 0), Rule(e, rules, 1)
    hits = block.slots([ZERO] * block.count)
    with e.loop(0, b.sdiv(b.add(steps, b.sub(rows, INDEX(1))), rows)) as fold:
        begin = b.mul(fold, rows)
        end = b.add(begin, rows)
        end = b.select(b.icmp_signed("<", end, steps), end, steps)
        sums = block.sums(None)
        beyond = walk(block, sums, begin, end, CHAIN, chain)
        close(block, sums, CHAIN, chain)
        for hit, changed in zip(hits, sums.changed, strict=True):
            hit.set(b.or_(hit(), changed()))
        left.set(b.or_(left(), beyond))
        accumulate(block, acc, left, sums, b.add(steps, fold), adding)
    mark_first(block, hits, CHAIN, first)


def _close(
    block: Block, acc: Sums, left: Slot, rules: Array, factor: Array, term: Array, first: Any
) -> None:
    """The stores after all folds; final values and classes of the accumulator."""
    e, b = block.e, block.e.builder
    late = factor.shape[0]
    with e.loop(0, late) as j:
        row = factor.load(j, kind=VECTOR)
        addends = [
            b.mul(row, e.splat(term.load(j, b.add(block.wave, INDEX(i)), kind=WORD), VECTOR))
            for i in range(block.count)
        ]
        addend = Sums(block.slots(addends), block.slots(addends), [])
        at = b.add(b.sub(block.events.shape[0], late), j)
        accumulate(block, acc, left, addend, at, Rule(e, rules, b.add(j, INDEX(2))))
    close(block, acc, ACC, Rule(e, rules, b.sub(rules.shape[0], INDEX(1))))
    mark_first(block, acc.changed, ACC, first)


some_waves, one_wave = _waves(WAVES, "some_waves"), _waves(1, "one_wave")
