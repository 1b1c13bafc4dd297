"""Sums that saturate at each addition, in vector registers: lanes are output channels.

A code is broadcast from where it lies, and a tile of outputs stays in registers while all steps
run. `hwsim.array.saturating_sums` has the definitions. Three forms of one addition:

- *lane*: the register's end is the lane's end. ``vpdpwssds`` adds the product of 16-bit operands
  to a 32-bit lane and saturates: of each pair of halves the weight's upper one is 0, so that it
  does not matter which code the upper half of a broadcast word holds. Of a narrower register all
  products, and so all sums, are multiples of ``2**shift``, but for a sum at the upper end, which
  has ones below: the shift at the end drops them, and no comparison before sees them.
- *ends*: minimum and maximum in 32-bit lanes.
- *halves*: the same in 16-bit lanes, where products fit them. A sum saturated at 16 bits lies
  beyond the same end of a narrower register.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from hwsim._jit import cpu_features, ir
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
)
from hwsim.array.vector.functions import vector_kernel
from hwsim.array.vector.instructions import CHOSEN

LANE, ENDS, HALVES = range(3)  # forms of an addition
ADD_PAIRS = "llvm.x86.avx512.vpdpwssds.512"
HAS_LANE = CHOSEN is not None and CHOSEN.name == "avx512" and "avx512vnni" in cpu_features()
PIXELS = {1: 14, 2: 8} if WORDS == 16 else {1: 7, 2: 4}  # of a tile, by vectors of channels


def lanes_of_vector(form: int) -> int:
    """Channels of one vector."""
    return 2 * WORDS if form == HALVES else WORDS


def halves_of(form: int) -> int:
    """16-bit halves that a weight takes."""
    return 1 if form == HALVES else 2


class Adding:
    """One form of an addition: the vectors it works on, and the register's ends in them."""

    def __init__(self, e: Emitter, form: int, lo: Any, hi: Any) -> None:
        self.e, self.form = e, form
        self.kind = PAIRS if form == HALVES else VECTOR
        self.code = HALF if form == HALVES else WORD
        lane = self.kind.element
        self.lo, self.hi = (e.splat(e.builder.trunc(end, lane), self.kind) for end in (lo, hi))

    def __call__(self, total: Any, codes: Any, weights: Any) -> Any:
        """What the register holds after one more product."""
        e = self.e
        if self.form == LANE:
            return e.call(ADD_PAIRS, VECTOR, total, codes, weights)
        if self.form == HALVES:
            return self.kept(e.bounded_sum(total, e.builder.mul(codes, weights)))
        product = e.product(e.builder.bitcast(codes, PAIRS), weights)
        return self.kept(e.builder.add(total, product))

    def kept(self, value: Any) -> Any:
        """The nearest value of the register."""
        return self.e.least(self.e.largest(value, self.lo), self.hi)


@cache
def tile_kernel(form: int, vectors: int, folded: bool) -> Any:
    """The kernel of one form and width of tile; ``folded``: sums of a chain, fold by fold."""
    pixels, width = PIXELS[vectors], lanes_of_vector(form)
    lanes = [j * width for j in range(vectors)]

    def body(
        e: Emitter, x: Array, places: Array, taps: Array, w: Array, start: Array, late: Array,
        link_lo: Any, link_hi: Any, lo: Any, hi: Any, shift: Any, fold: Any, out: Array,
    ) -> None:  # fmt: skip
        """Tiles of a layer; arrays as `saturating_sums` has them."""
        b, add, ends = e.builder, Adding(e, form, link_lo, link_hi), Adding(e, ENDS, lo, hi)
        blocks, steps = w.shape[:2]
        with e.loop(0, blocks) as block, e.loop(0, b.sdiv(places.shape[0], INDEX(pixels))) as tile:
            pixel = b.mul(tile, INDEX(pixels))
            at = [places.load(b.add(pixel, INDEX(i)), kind=INDEX) for i in range(pixels)]
            walk = Walk(e, add, x, at, taps, w, block, vectors)
            if folded:
                totals = [
                    [e.slot(start.load(block, INDEX(lane), kind=VECTOR)) for lane in lanes]
                    for _ in at
                ]
                _add_folds(walk, totals, ends, steps, fold, shift)
                words = [[[(0, total())] for total in row] for row in totals]
            else:
                first = [first_total(e, add, start, block, lane, shift) for lane in lanes]
                sums = [[e.slot(value) for value in first] for _ in at]
                walk.run(sums, INDEX(0), steps)
                words = [[words_of(e, add, total(), shift) for total in row] for row in sums]
            for i, row in enumerate(words):
                for lane, parts in zip(lanes, row, strict=True):
                    for word, value in parts:
                        at_lane = INDEX(lane + word)
                        addend = late.load(block, at_lane, kind=VECTOR)
                        stored = ends.kept(e.bounded_sum(value, addend))
                        out.store(stored, b.add(pixel, INDEX(i)), block, at_lane)

    body.__name__ = f"{'folds' if folded else 'steps'}_{form}_{vectors}x{pixels}"
    return vector_kernel(body)


@dataclass(frozen=True)
class Walk:
    """The products of one tile, step by step: outputs ``at`` places times vectors of a block."""

    e: Emitter
    add: Adding
    x: Array
    at: list[Any]
    taps: Array
    w: Array
    block: Any
    vectors: int

    def run(self, sums: list[list[Slot]], begin: Any, end: Any) -> None:
        """Add the products of steps ``begin`` to ``end`` to their sums.

        Step by step: the codes of two at once would not fit the registers, and where a sum waits
        in memory, time depends on where the stack lies.
        """
        e, b, add = self.e, self.e.builder, self.add
        with e.loop(begin, end, unroll=False) as step:
            tap = self.taps.load(step, kind=INDEX)
            weights = [
                self.w.load(self.block, step, INDEX(j * 2 * WORDS), kind=add.kind)
                for j in range(self.vectors)
            ]
            for place, row in zip(self.at, sums, strict=True):
                codes = e.splat(self.x.load(b.add(place, tap), kind=add.code), add.kind)
                for total, weight in zip(row, weights, strict=True):
                    total.set(add(total(), codes, weight))


def _add_folds(
    walk: Walk, totals: list[list[Slot]], ends: Adding, steps: Any, fold: Any, shift: Any
) -> None:
    """Every fold's chain begins at 0; its sum is one store into the total."""
    e, b = walk.e, walk.e.builder
    with e.loop(0, b.sdiv(b.add(steps, b.sub(fold, INDEX(1))), fold)) as number:
        begin = b.mul(number, fold)
        end = b.add(begin, fold)
        end = b.select(b.icmp_signed("<", end, steps), end, steps)
        chains = [[e.slot(VECTOR(None)) for _ in row] for row in totals]
        walk.run(chains, begin, end)
        for row, chain_row in zip(totals, chains, strict=True):
            for total, chain in zip(row, chain_row, strict=True):
                addend = b.ashr(chain(), e.splat(b.trunc(shift, WORD), VECTOR))
                total.set(ends.kept(b.add(total(), addend)))


def first_total(e: Emitter, add: Adding, start: Array, block: Any, lane: int, shift: Any) -> Any:
    """What the lanes of one vector begin with."""
    words = start.load(block, INDEX(lane), kind=VECTOR)
    if add.form == HALVES:
        upper = start.load(block, INDEX(lane + WORDS), kind=VECTOR)
        both = e.both(words, upper)
        return e.builder.trunc(both, PAIRS)
    return e.builder.shl(words, e.splat(e.builder.trunc(shift, WORD), VECTOR))


def words_of(e: Emitter, add: Adding, total: Any, shift: Any) -> list[tuple[int, Any]]:
    """Sums as 32-bit lanes, with the lane that each vector begins at."""
    b = e.builder
    if add.form == HALVES:
        wide = b.sext(total, ir.VectorType(WORD, 2 * WORDS))
        halves = [e.shuffle(wide, wide, range(at, at + WORDS)) for at in (0, WORDS)]
        return [(0, halves[0]), (WORDS, halves[1])]
    return [(0, b.ashr(total, e.splat(b.trunc(shift, WORD), VECTOR)))]
