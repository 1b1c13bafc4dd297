"""Exact sums of some waves in 16-bit lanes, where they stay within: what they tell of a fold.

Ranges lie in 16-bit lanes too, and are taken into those found once a fold.
"""

from __future__ import annotations

from typing import Any

from hwsim.array.vector.emission import (
    HALF,
    PAIRS,
    WORD,
    Array,
    Emitter,
    Slot,
)
from hwsim.array.vector.systolic_halves import (
    HIGHEST_HALF,
    LEAST,
    LOWEST_HALF,
    MOST,
    HalfTile,
    Range,
    in_words,
    joined,
)
from hwsim.array.vector.systolic_registers import (
    ACC,
    CHAIN,
    EXACT,
    FINAL_HIGH,
    FINAL_LOW,
    HI,
    HIGH,
    LO,
    LOW,
    NO,
    REGISTER,
    YES,
    Forms,
    Rule,
    fill,
    reduced,
    some,
)
from hwsim.array.vector.systolic_sums import Waves


def since(waves: Waves, made: Range) -> list[list[Any]]:
    """Exact sums of every wave, and their least and largest values, from what they were on."""
    b, before = waves.e.builder, waves.load(EXACT)
    relative = (in_words(waves.e, halves) for halves in made.values())
    return [[b.add(*both) for both in zip(before, words, strict=True)] for words in relative]


class ChainSpans:
    """Ranges of chains in 16-bit lanes, over some groups of waves: all sums, and the last ones."""

    def __init__(self, e: Emitter, form: Forms, rules: Array) -> None:
        b, self.e = e.builder, e
        self.spans = [(e.slot(MOST), e.slot(LEAST)) for _ in range(2)]
        self.any = e.slot(NO)
        limits = []
        for column, within, pick in ((LO, LOWEST_HALF + 1, ">"), (HI, HIGHEST_HALF - 1, "<")):
            end, inside = rules.load(0, column, kind=WORD), WORD(within)
            own = b.and_(form[REGISTER], b.icmp_signed(pick, end, inside))
            limits.append(e.splat(b.trunc(b.select(own, end, inside), HALF), PAIRS))
        self.least, self.most = limits

    def add_exact(self, tile: HalfTile, exact: list[Slot], apart: Slot, wide: Slot) -> None:
        """Exact sums of a group of waves. ``apart``: set where one leaves 16 bits or the register;
        ``wide``: whether they are to be made again in 32-bit lanes."""
        e, b = self.e, self.e.builder
        made = tile.add_exact()
        totals, *spans = made.values()
        low, high = reduced(spans[0], e.least), reduced(spans[1], e.largest)
        beyond = [b.icmp_signed("<", low, self.least), b.icmp_signed(">", high, self.most)]
        apart.set(some(e, beyond))
        wide.set(NO)
        with b.if_else(apart(), likely=False) as (leaves, stays):
            with leaves:
                wide.set(made.touched())
            with stays:
                last = reduced(totals, e.least), reduced(totals, e.largest)
                for (least, most), span in zip(self.spans, ((low, high), last), strict=True):
                    least.set(e.least(least(), span[0]))
                    most.set(e.largest(most(), span[1]))
                self.any.set(YES)
        fill(exact, in_words(e, totals))

    def write(self, own: Waves) -> None:
        """Take them into what is found of the channels."""
        columns = (LOW, HIGH), (FINAL_LOW, FINAL_HIGH)
        with self.e.builder.if_then(self.any()):
            for (low, high), (least, most) in zip(columns, self.spans, strict=True):
                own.widen(CHAIN, low, high, joined(self.e, [least()], [most()]))


def exact_in_place(own: Waves, tile: HalfTile, rule: Rule) -> Any:
    """Exact sums in 16-bit lanes, from what they are on. Whether one leaves 16 bits or the
    register: then nothing is written."""
    e, b = own.e, own.e.builder
    made = tile.add_exact()
    totals, *spans = since(own, made)
    span = own.joined(list(zip(*spans, strict=True)))
    leaves = b.or_(made.touched(), some(e, [rule.outside(*span)]))
    with b.if_then(b.not_(leaves)):
        own.widen(ACC, LOW, HIGH, span)
        own.store(EXACT, totals)
    return leaves
