"""Pairs of steps, a channel at a time: the kernels of `hwsim.array.paired_sums`.

Lanes are outputs, 16 bits each. ``vpmaddubsw`` makes both products of an entry and adds them, where
it cannot saturate: ``255 * 128`` fits. Registers are moved up, so that their upper end is the
lane's, where ``vpaddsw`` saturates; the lower end takes one maximum, which costs nothing beside the
rest: a register of all 16 bits is no quicker without it.

The operations of an entry stand by kind, all vectors' products first: one vector after the other
they would wait for each other.
"""

from __future__ import annotations

from typing import Any

from hwsim._jit import ir
from hwsim.array.vector.emission import (
    HALF,
    INDEX,
    LANES,
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
from hwsim.array.vector.turning import turned

HAS_PAIRS = CHOSEN is not None
WIDTH = LANES  # outputs of one vector
WIDE, NARROW = (8, 2) if WORDS == 16 else (4, 2)  # vectors that run together
MULTIPLY = "llvm.x86.avx512.pmaddubs.w.512" if WORDS == 16 else "llvm.x86.avx2.pmadd.ub.sw"
BYTE = ir.IntType(8)
BYTES = ir.VectorType(BYTE, 2 * LANES)
SIDE = 16  # of the squares that are turned: outputs, and pairs or channels
SQUARE_ROW, SUMS = ir.VectorType(HALF, SIDE), ir.VectorType(WORD, SIDE)


def _kernel(vectors: int) -> Any:
    """The kernel of so many vectors."""
    lanes = [i * WIDTH for i in range(vectors)]

    def body(
        e: Emitter, panel: Array, at: Array, words: Array, first: Array, start: Array, least: Any,
        totals: Array,
    ) -> None:  # fmt: skip
        """All channels' entries: ``panel`` (pairs, lanes, 2) to ``totals`` (channels, lanes)."""
        b, panel, words = e.builder, fixed(panel, vectors * WIDTH, 2), fixed(words, 4)
        lower = e.splat(b.trunc(least, HALF), PAIRS)
        with e.loop(0, start.shape[0]) as n:
            begin = e.splat(start.load(n, kind=HALF), PAIRS)
            sums = [e.slot(begin) for _ in lanes]
            end = first.load(b.add(n, INDEX(1)), kind=INDEX)
            with e.loop(first.load(n, kind=INDEX), end) as j:
                pair = b.zext(at.load(j, kind=WORD), INDEX)
                weights = b.bitcast(e.splat(words.load(j, kind=WORD), VECTOR), BYTES)
                codes = [panel.load(pair, INDEX(lane), kind=BYTES) for lane in lanes]
                products = [e.call(MULTIPLY, PAIRS, code, weights) for code in codes]
                found = [e.bounded_sum(s(), p) for s, p in zip(sums, products, strict=True)]
                for slot, value in zip(sums, found, strict=True):
                    slot.set(e.largest(value, lower))
            for slot, lane in zip(sums, lanes, strict=True):
                totals.store(slot(), n, INDEX(lane))

    body.__name__ = f"pairs_{vectors}"
    return vector_kernel(body)


run_wide, run_narrow = _kernel(WIDE), _kernel(NARROW)


@vector_kernel
def pack_square(
    e: Emitter, x: Array, places: Array, lane: Any, tap: Any, panel: Array, pair: Any, begin: Any
) -> None:
    """16 outputs' next 16 pairs, bytes that lie side by side from ``tap`` on, to ``panel[pair:,
    lane:]``; outputs ``places[begin + lane:]``."""
    b, rows = e.builder, []
    for i in range(SIDE):
        place = places.load(b.add(b.add(begin, lane), INDEX(i)), kind=INDEX)
        rows.append(_bytes_at(e, x, b.add(place, tap), SQUARE_ROW))
    for i, row in enumerate(turned(e, rows)):
        panel.store(row, b.add(pair, INDEX(i)), lane)


@vector_kernel
def pack_words(
    e: Emitter, x: Array, places: Array, tap: Any, panel: Array, pair: Any, begin: Any, count: Any
) -> None:
    """One pair of ``count`` outputs, two bytes side by side."""
    b = e.builder
    with e.loop(0, count) as lane:
        place = places.load(b.add(begin, lane), kind=INDEX)
        panel.store(_bytes_at(e, x, b.add(place, tap), HALF), pair, lane)


@vector_kernel
def pack_bytes(
    e: Emitter, x: Array, places: Array, tap: Any, next_tap: Any, panel: Array, pair: Any,
    begin: Any, count: Any,
) -> None:  # fmt: skip
    """One pair of ``count`` outputs, byte by byte."""
    b = e.builder
    with e.loop(0, count) as lane:
        place = places.load(b.add(begin, lane), kind=INDEX)
        low, high = (
            b.zext(_bytes_at(e, x, b.add(place, at), BYTE), HALF) for at in (tap, next_tap)
        )
        panel.store(b.or_(low, b.shl(high, HALF(8))), pair, lane)


@vector_kernel
def write_square(
    e: Emitter, totals: Array, n: Any, lane: Any, late: Array, shift: Any, lo: Any, hi: Any,
    out: Array, begin: Any,
) -> None:  # fmt: skip
    """16 channels' totals of 16 outputs to ``out[begin + lane:, 0, n:]``: moved back, the addend
    put in, and what the register holds of it."""
    b = e.builder
    rows = [totals.load(b.add(n, INDEX(i)), lane, kind=SQUARE_ROW) for i in range(SIDE)]
    move, lower, upper = (e.splat(b.trunc(v, WORD), SUMS) for v in (shift, lo, hi))
    addend = late.load(INDEX(0), n, kind=SUMS)
    for i, row in enumerate(turned(e, rows)):
        value = e.bounded_sum(b.sub(b.sext(row, SUMS), move), addend)
        value = e.least(e.largest(value, lower), upper)
        out.store(value, b.add(b.add(begin, lane), INDEX(i)), INDEX(0), n)


def _bytes_at(e: Emitter, x: Array, at: Any, kind: Any) -> Any:
    """Bytes of an array, wherever they begin."""
    b = e.builder
    return b.load(b.bitcast(b.gep(x.data, [at]), kind.as_pointer()), align=1)
