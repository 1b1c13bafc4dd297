"""Sums that saturate at each addition, in vector registers: lanes are output channels.

A code is broadcast from where it lies, and a tile of outputs stays in registers while all steps
run. `hwsim.array.saturating_sums.add_saturating` is the definition. Three forms of one addition:

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
    vector_kernel,
)
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
def tile_kernel(form: int, vectors: int) -> Any:
    """The kernel of one form and width of tile."""
    pixels, width = PIXELS[vectors], lanes_of_vector(form)
    lanes = [j * width for j in range(vectors)]

    def body(
        e: Emitter, x: Array, places: Array, taps: Array, w: Array, start: Array, late: Array,
        lo: Any, hi: Any, shift: Any, out: Array,
    ) -> None:  # fmt: skip
        """Tiles of a layer; arrays as `saturating_sums.add_saturating` has them."""
        b, add = e.builder, Adding(e, form, lo, hi)
        blocks, steps = w.shape[:2]
        with e.loop(0, blocks) as block:
            first = [_first(e, add, start, block, lane, shift) for lane in lanes]
            with e.loop(0, b.sdiv(places.shape[0], INDEX(pixels))) as tile:
                pixel = b.mul(tile, INDEX(pixels))
                at = [places.load(b.add(pixel, INDEX(i)), kind=INDEX) for i in range(pixels)]
                sums = [[e.slot(value) for value in first] for _ in at]
                with e.loop(0, steps) as step:
                    tap = taps.load(step, kind=INDEX)
                    weights = [
                        w.load(block, step, INDEX(j * 2 * WORDS), kind=add.kind)
                        for j in range(vectors)
                    ]
                    for place, row in zip(at, sums, strict=True):
                        codes = e.splat(x.load(b.add(place, tap), kind=add.code), add.kind)
                        for total, weight in zip(row, weights, strict=True):
                            total.set(add(total(), codes, weight))
                ends = Adding(e, ENDS, lo, hi)
                for i, row in enumerate(sums):
                    for lane, total in zip(lanes, row, strict=True):
                        for word, value in _words(e, add, total(), shift):
                            at_lane = INDEX(lane + word)
                            addend = late.load(block, at_lane, kind=VECTOR)
                            kept = ends.kept(e.bounded_sum(value, addend))
                            out.store(kept, b.add(pixel, INDEX(i)), block, at_lane)

    body.__name__ = f"saturating_{form}_{vectors}x{pixels}"
    return vector_kernel(body)


def _first(e: Emitter, add: Adding, start: Array, block: Any, lane: int, shift: Any) -> Any:
    """What the lanes of one vector begin with."""
    words = start.load(block, INDEX(lane), kind=VECTOR)
    if add.form == HALVES:
        upper = start.load(block, INDEX(lane + WORDS), kind=VECTOR)
        both = e.both(words, upper)
        return e.builder.trunc(both, PAIRS)
    return e.builder.shl(words, e.splat(e.builder.trunc(shift, WORD), VECTOR))


def _words(e: Emitter, add: Adding, total: Any, shift: Any) -> list[tuple[int, Any]]:
    """Sums as 32-bit lanes, with the lane that each vector begins at."""
    b = e.builder
    if add.form == HALVES:
        wide = b.sext(total, ir.VectorType(WORD, 2 * WORDS))
        halves = [e.shuffle(wide, wide, range(at, at + WORDS)) for at in (0, WORDS)]
        return [(0, halves[0]), (WORDS, halves[1])]
    return [(0, b.ashr(total, e.splat(b.trunc(shift, WORD), VECTOR)))]
