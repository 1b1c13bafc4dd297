"""Runs of one sign, a channel at a time: the kernels of `hwsim.array.fast_runs`.

A word holds one lane's bytes of four steps; ``vpdpbusd`` adds four unsigned times signed products
to a 32-bit lane. The lanes of `BLOCKS` blocks, or of one less, two vectors each, stay in registers
together with both of their extremes while a channel's pairs run.
"""

from __future__ import annotations

from typing import Any

from hwsim._jit import ir
from hwsim.array.vector.emission import (
    INDEX,
    LANES,
    RUN,
    VECTOR,
    WORD,
    WORDS,
    Array,
    Emitter,
    Slot,
    fixed,
)
from hwsim.array.vector.exact import DOT, HAS_VNNI
from hwsim.array.vector.functions import vector_kernel
from hwsim.array.vector.tile import are_runs

BLOCKS = 4  # of lanes that run together
HAS_RUNS = HAS_VNNI


def _run_pairs(
    e: Emitter, program: tuple[Array, Array, Array], bounds: tuple[Any, Any],
    sums: list[Slot], least: list[Slot], largest: list[Slot],
) -> None:  # fmt: skip
    """Pairs of an up and a down; ``program``: quads, at, words."""
    b, (quads, at, words) = e.builder, program
    quads, at, words = fixed(quads, BLOCKS * LANES, 4), fixed(at, 2), fixed(words, 2, 4)
    with e.loop(*bounds) as j:
        for side, (ends, nearest) in enumerate(((largest, e.largest), (least, e.least))):
            quad = b.zext(at.load(j, side, kind=WORD), INDEX)
            weight = e.splat(words.load(j, side, kind=WORD), VECTOR)
            for i, total in enumerate(sums):
                codes = quads.load(quad, INDEX(i * WORDS), kind=VECTOR)
                total.set(e.call(DOT, VECTOR, total(), codes, weight))
            for total, end in zip(sums, ends, strict=True):
                end.set(nearest(end(), total()))


def _places(blocks: int) -> list[tuple[int, int]]:
    """Where the vectors of some blocks begin: block and lane."""
    return [(block, half) for block in range(blocks) for half in (0, WORDS)]


def _store_ends(
    spans: Array, register: int, r: Any, blocks: int, ends: tuple[list[Slot], list[Slot]]
) -> None:
    """Least and largest sums of one register and channel."""
    for i, (block, half) in enumerate(_places(blocks)):
        for end, slots in enumerate(ends):
            spans.store(slots[i](), block, register, end, r, half)


def _add_runs(blocks: int) -> Any:
    """The kernel of so many blocks."""

    def body(
        e: Emitter, quads: Array, at: Array, words: Array, first: Array, start: Any, used: Array,
        r: Any, total: Array, spans: Array,
    ) -> None:  # fmt: skip
        """All pairs of a channel."""
        value, places = e.splat(e.builder.trunc(start, WORD), VECTOR), _places(blocks)
        begin = [e.builder.mul(value, used.load(*place, kind=VECTOR)) for place in places]
        sums, least, largest = ([e.slot(v) for v in begin] for _ in range(3))
        bounds = first.load(0, kind=INDEX), first.load(1, kind=INDEX)
        _run_pairs(e, (quads, at, words), bounds, sums, least, largest)
        for value, (block, half) in zip(sums, places, strict=True):
            total.store(value(), block, r, half)
        _store_ends(spans, 0, r, blocks, (least, largest))

    body.__name__ = f"add_runs_{blocks}"
    return vector_kernel(body)


add_runs, add_fewer_runs = _add_runs(BLOCKS), _add_runs(BLOCKS - 1)


@vector_kernel
def add_fold_runs(
    e: Emitter, quads: Array, at: Array, words: Array, first: Array, r: Any, ends: Array,
    spans: Array,
) -> None:  # fmt: skip
    """All folds of a channel, each from 0 on."""
    b, places = e.builder, _places(BLOCKS)
    sums, least, largest = ([e.slot(VECTOR(None)) for _ in places] for _ in range(3))
    with e.loop(0, ends.shape[1]) as f:
        for total in sums:
            total.set(VECTOR(None))
        bounds = first.load(f, kind=INDEX), first.load(b.add(f, INDEX(1)), kind=INDEX)
        _run_pairs(e, (quads, at, words), bounds, sums, least, largest)
        for total, (block, half) in zip(sums, places, strict=True):
            ends.store(total(), block, f, r, half)
    _store_ends(spans, 1, r, BLOCKS, (least, largest))


@vector_kernel
def _pack_runs(
    e: Emitter, codes: Array, origin: Array, step: Array, quads: Array, slot: Any
) -> None:
    """Lanes that lie side by side, four steps at a time; behind the last step, that one again."""
    b, run = e.builder, ir.VectorType(WORD, RUN)
    origins = [origin.load(lane, kind=INDEX) for lane in range(0, LANES, RUN)]
    last, lane = b.sub(step.shape[0], INDEX(1)), b.mul(slot, INDEX(LANES))
    with e.loop(0, quads.shape[0]) as q:
        words = [VECTOR(None), VECTOR(None)]
        for i in range(4):
            k = b.add(b.mul(q, INDEX(4)), INDEX(i))
            offset = step.load(b.select(b.icmp_signed("<", k, last), k, last), kind=INDEX)
            runs = [codes.load(b.add(at, offset), kind=run) for at in origins]
            by = ir.Constant(VECTOR, [8 * i] * WORDS)
            for half in range(2):
                lanes = e.shuffle(runs[2 * half], runs[2 * half + 1], range(WORDS))
                words[half] = b.or_(words[half], b.shl(lanes, by))
        for half in range(2):
            quads.store(words[half], q, b.add(lane, INDEX(half * WORDS)))


def pack_quads(codes, origin, step, quads, slot, width):  # type: ignore[no-untyped-def]
    """Quick where the lanes of each run lie side by side."""
    if are_runs(origin):
        _pack_runs(codes, origin, step, quads, slot)
    else:
        lanes = quads[:, slot * width : (slot + 1) * width]
        lanes[:, origin.shape[0] :] = 0
        for i in range(origin.shape[0]):
            for k in range(step.shape[0]):
                lanes[k // 4, i, k % 4] = codes[origin[i] + step[k]]
