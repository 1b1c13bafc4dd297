"""Sums that saturate at each addition, of the steps whose code is not 0: lanes are channels.

Every output has its own list of steps, so each addition reads its weights anew: one load with every
instruction, which bounds the time. Weights of a *part* of the steps at a time stay in the
processor's nearest memory while many outputs pass through them; between parts a sum waits where its
result will stand. `hwsim.array.listed_sums` has the definitions.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from hwsim._jit import ir
from hwsim.array.vector.emission import (
    HALF,
    INDEX,
    PAIRS,
    VECTOR,
    WORD,
    WORDS,
    Array,
    Emitter,
    fixed,
)
from hwsim.array.vector.functions import vector_kernel
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.saturating import (
    ENDS,
    HALVES,
    LANE,
    Adding,
    first_total,
    lanes_of_vector,
    words_of,
)

HAS_LISTS = CHOSEN is not None and CHOSEN.name == "avx512"
GROUP = WORDS  # steps whose codes lie side by side
SIXTEEN, BITS = ir.VectorType(HALF, GROUP), ir.VectorType(ir.IntType(1), GROUP)
COMPRESS = f"llvm.x86.avx512.mask.compress.v{GROUP}i32"


@vector_kernel
def lay_lists(
    e: Emitter, x: Array, places: Array, taps: Array, part: Any, codes: Array, steps: Array,
    ends: Array,
) -> None:  # fmt: skip
    """The lists of some outputs; arrays as `hwsim.array.listed_sums.list_steps` has them."""
    b = e.builder
    groups = b.sdiv(taps.shape[0], INDEX(GROUP))
    every = b.sdiv(part, INDEX(GROUP))
    numbers = ir.Constant(VECTOR, list(range(GROUP)))
    low, sixteen = ir.Constant(VECTOR, [0xFFFF] * GROUP), ir.Constant(VECTOR, [16] * GROUP)
    with e.loop(0, places.shape[0]) as p:
        place, end = places.load(p, kind=INDEX), e.slot(INDEX(0))
        ends.store(INDEX(0), p, 0)
        with e.loop(0, groups) as group:
            k = b.mul(group, INDEX(GROUP))
            at = b.add(place, taps.load(k, kind=INDEX))
            code = b.and_(b.sext(x.load(at, kind=SIXTEEN), VECTOR), low)
            there = b.icmp_signed("!=", code, VECTOR(None))
            both = b.or_(code, b.shl(code, sixteen))
            step = b.add(numbers, e.splat(b.trunc(k, WORD), VECTOR))
            kept = [e.call(COMPRESS, VECTOR, v, VECTOR(None), there) for v in (both, step)]
            codes.store(kept[0], p, end())
            steps.store(b.trunc(kept[1], SIXTEEN), p, end())
            many = e.call(f"llvm.ctpop.i{GROUP}", HALF, b.bitcast(there, HALF))
            end.set(b.add(end(), b.zext(many, INDEX)))
            ends.store(end(), p, b.add(b.sdiv(group, every), INDEX(1)))


class Lane(Adding):
    """In 32-bit lanes that saturate where the register does, operands shifted."""

    def __init__(self, e: Emitter, lo: Any, hi: Any, shift: Any) -> None:
        super().__init__(e, LANE, lo, hi)
        self.shift = shift

    def first(self, start: Array, block: Any, lane: int) -> Any:
        """What the sums of a vector begin with."""
        return first_total(self.e, self, start, block, lane, self.shift)

    def words(self, total: Any) -> list[tuple[int, Any]]:
        """Sums as 32-bit lanes, with the lane that each vector begins at."""
        return words_of(self.e, self, total, self.shift)


class Raised(Lane):
    """In 16-bit lanes, sums moved up until the register's upper end is the lane's: what is left of
    its ends is one maximum."""

    def __init__(self, e: Emitter, lo: Any, hi: Any, shift: Any) -> None:
        up = e.builder.sub(INDEX((1 << 15) - 1), hi)
        Adding.__init__(self, e, HALVES, e.builder.add(lo, up), INDEX(0))
        self.shift, self.up = shift, up

    def __call__(self, total: Any, codes: Any, weights: Any) -> Any:
        """What the register holds after one more product."""
        e = self.e
        product = e.builder.mul(e.builder.bitcast(codes, PAIRS), weights)
        return e.largest(e.bounded_sum(total, product), self.lo)

    def first(self, start: Array, block: Any, lane: int) -> Any:
        """Moved up."""
        up = self.e.splat(self.e.builder.trunc(self.up, HALF), PAIRS)
        return self.e.builder.add(super().first(start, block, lane), up)

    def words(self, total: Any) -> list[tuple[int, Any]]:
        """Moved back."""
        up = self.e.splat(self.e.builder.trunc(self.up, WORD), VECTOR)
        return [(word, self.e.builder.sub(value, up)) for word, value in super().words(total)]


FORMS = {LANE: Lane, HALVES: Raised}


@cache
def listed_kernel(form: int, vectors: int) -> Any:
    """The kernel of one form of `hwsim.array.vector.saturating`, and so many vectors of channels at
    a time."""
    width = lanes_of_vector(form)
    lanes = [j * width for j in range(vectors)]

    def body(
        e: Emitter, codes: Array, steps: Array, ends: Array, w: Array, start: Array, late: Array,
        lo: Any, hi: Any, shift: Any, out: Array,
    ) -> None:  # fmt: skip
        """All sums of some outputs."""
        b, add, kept = e.builder, FORMS[form](e, lo, hi, shift), Adding(e, ENDS, lo, hi)
        blocks, w = w.shape[0], fixed(w, vectors * 2 * WORDS)
        outputs, parts = ends.shape[0], b.sub(ends.shape[1], INDEX(1))
        with e.loop(0, blocks) as block:
            first = [add.first(start, block, lane) for lane in lanes]
            with e.loop(0, outputs) as p:
                for lane, value in zip(lanes, first, strict=True):
                    out.store(value, p, block, INDEX(lane))
            with e.loop(0, parts) as part, e.loop(0, outputs) as p:
                sums = [e.slot(out.load(p, block, INDEX(lane), kind=add.kind)) for lane in lanes]
                end = ends.load(p, b.add(part, INDEX(1)), kind=INDEX)
                with e.loop(ends.load(p, part, kind=INDEX), end, unroll=False) as j:
                    step = b.zext(steps.load(p, j, kind=HALF), INDEX)
                    code = e.splat(codes.load(p, j, kind=WORD), VECTOR)
                    for i, total in enumerate(sums):
                        weights = w.load(block, step, INDEX(i * 2 * WORDS), kind=add.kind)
                        total.set(add(total(), code, weights))
                for lane, total in zip(lanes, sums, strict=True):
                    out.store(total(), p, block, INDEX(lane))
            with e.loop(0, outputs) as p:
                for lane in lanes:
                    raw = out.load(p, block, INDEX(lane), kind=add.kind)
                    for word, value in add.words(raw):
                        at = INDEX(lane + word)
                        addend = late.load(block, at, kind=VECTOR)
                        out.store(kept.kept(e.bounded_sum(value, addend)), p, block, at)

    body.__name__ = f"listed_{form}_{vectors}"
    return vector_kernel(body)
