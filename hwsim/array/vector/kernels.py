"""Exact sums of one tile, `CHANNELS` channels of `LANES` outputs each, and moving tiles.

``v`` holds 16-bit pairs: lane i below and lane i + WORDS above. ``w`` holds three words for each
weight: below a zero, above a zero, and in both halves. Which is multiplied with a pair decides
which of its lanes is taken. The functions of `hwsim.array.fast_sums` say what is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hwsim._jit import ir
from hwsim.array.vector.emission import (
    BIT,
    CHANNELS,
    INDEX,
    LANES,
    PAIRS,
    RUN,
    TILE,
    VECTOR,
    WORD,
    WORDS,
    Array,
    Emitter,
    Slot,
    store_tile,
)
from hwsim.array.vector.functions import vector_kernel

LEAST, LARGEST = VECTOR([-(1 << 31)] * WORDS), VECTOR([(1 << 31) - 1] * WORDS)


@vector_kernel
def pack(e: Emitter, codes: Array, origin: Array, step: Array, panel: Array) -> None:
    """Four runs of lanes that lie side by side in ``codes``, step after step, to pairs."""
    b, run = e.builder, ir.VectorType(WORD, RUN)
    origins = [origin.load(lane, kind=INDEX) for lane in range(0, LANES, RUN)]
    with e.loop(0, panel.shape[0]) as k:
        offset = step.load(k, kind=INDEX)
        runs = [codes.load(b.add(at, offset), kind=run) for at in origins]
        low, high = (e.shuffle(runs[at], runs[at + 1], range(WORDS)) for at in (0, 2))
        panel.store(e.paired(low, high), k)


def first_sums(e: Emitter, start: Array, used: Array) -> list[Any]:
    """What every output begins with, in the order of `TILE`."""
    return [
        e.builder.mul(e.splat(start.load(r, kind=WORD), VECTOR), used.load(lane, kind=VECTOR))
        for r, lane in TILE
    ]


def add_step(
    e: Emitter, w: Array, v: Array, k: Any, sums: list[Slot], least: list[Slot], largest: list[Slot]
) -> None:
    """One product to every lane, and the extremes of the sums."""
    pixels = v.load(k, kind=PAIRS)
    for (r, lane), total, lo, hi in zip(TILE, sums, least, largest, strict=True):
        weight = e.splat(w.load(k, lane // WORDS, r, kind=WORD), VECTOR)
        value = e.builder.add(total(), e.product(pixels, weight))
        total.set(value)
        lo.set(e.least(lo(), value))
        hi.set(e.largest(hi(), value))


@vector_kernel
def add_products(
    e: Emitter, w: Array, v: Array, start: Array, used: Array, total: Array, span: Array
) -> None:
    """The products of all steps."""
    first = first_sums(e, start, used)
    sums, least, largest = ([e.slot(value) for value in first] for _ in range(3))
    with e.loop(0, v.shape[0]) as k:
        add_step(e, w, v, k, sums, least, largest)
    store_tile(sums, total)
    store_tile(least, span, 0)
    store_tile(largest, span, 1)


@vector_kernel
def add_chain(e: Emitter, w: Array, v: Array, fold: Any, ends: Array, span: Array) -> None:
    """The products of each fold, from 0 on; the extremes of all folds' sums begin with 0."""
    b = e.builder
    sums, least, largest = ([e.slot(VECTOR(None)) for _ in TILE] for _ in range(3))
    with e.loop(0, ends.shape[0]) as f:
        for total in sums:
            total.set(VECTOR(None))
        start = b.mul(f, fold)
        stop = b.add(start, fold)
        stop = b.select(b.icmp_signed("<", stop, v.shape[0]), stop, v.shape[0])
        with e.loop(start, stop) as k:
            add_step(e, w, v, k, sums, least, largest)
        store_tile(sums, ends, f)
    store_tile(least, span, 0)
    store_tile(largest, span, 1)


@vector_kernel
def add_ends(
    e: Emitter, ends: Array, start: Array, used: Array, total: Array, span: Array, end_span: Array
) -> None:
    """The sum of every fold to the accumulator; extremes of its sums, and of the folds' own."""
    for at, first in zip(TILE, first_sums(e, start, used), strict=True):
        acc, lo, hi = (e.slot(first) for _ in range(3))
        end_lo, end_hi = e.slot(LARGEST), e.slot(LEAST)
        with e.loop(0, ends.shape[0]) as f:
            end = ends.load(f, *at, kind=VECTOR)
            acc.set(e.builder.add(acc(), end))
            for slot, value in ((lo, acc()), (end_lo, end)):
                slot.set(e.least(slot(), value))
            for slot, value in ((hi, acc()), (end_hi, end)):
                slot.set(e.largest(slot(), value))
        total.store(acc(), *at)
        for array, slots in ((span, (lo, hi)), (end_span, (end_lo, end_hi))):
            for i, slot in enumerate(slots):
                array.store(slot(), i, *at)


@vector_kernel
def widen(
    e: Emitter, low: Array, high: Array, n: Any, lo: Any, hi: Any, limits: Array, left: Array
) -> None:
    """The range of each channel, by its first ``n`` lanes."""
    b = e.builder
    count, outside = e.splat(b.trunc(n, WORD), VECTOR), BIT(0)
    used = {
        lane: b.icmp_signed("<", VECTOR([lane + i for i in range(WORDS)]), count)
        for lane in (0, WORDS)
    }
    for i, array, none, pick, beyond, end in (
        (0, low, LARGEST, e.least, "<", lo),
        (1, high, LEAST, e.largest, ">", hi),
    ):
        rows = []
        for r in range(CHANNELS):
            halves = [
                b.select(used[lane], array.load(r, lane, kind=VECTOR), none) for lane in (0, WORDS)
            ]
            rows.append(pick(*halves))
        values = e.widened(reduced(e, rows, pick))
        before = limits.load(i, 0, kind=values.type)
        nearer = b.icmp_signed(beyond, before, values)
        limits.store(b.select(nearer, before, values), i, 0)
        beyond_end = b.icmp_signed(beyond, values, e.splat(end, values.type))
        mask = b.bitcast(beyond_end, ir.IntType(CHANNELS))
        outside = b.or_(outside, b.icmp_unsigned("!=", mask, mask.type(0)))
    left.store(b.or_(left.load(0, kind=INDEX), b.zext(outside, INDEX)), 0)


def reduced(e: Emitter, rows: list[Any], pick: Callable[[Any, Any], Any]) -> Any:
    """One value of each row's lanes, by ``pick`` of two vectors: a vector of as many lanes."""
    values, rows_of_lanes = interleaved(e, rows, pick), len(rows)
    while values.type.count > rows_of_lanes:
        half = values.type.count // 2
        parts = [e.shuffle(values, values, range(at, at + half)) for at in (0, half)]
        values = pick(*parts)
    return values


def interleaved(e: Emitter, rows: list[Any], pick: Callable[[Any, Any], Any]) -> Any:
    """Rows reduced to one vector, whose lane i belongs to row ``i % len(rows)``."""
    if len(rows) == 1:
        return rows[0]
    even, odd = (interleaved(e, rows[at::2], pick) for at in (0, 1))
    half, count = even.type.count // 2, even.type.count
    orders = [[at + i // 2 + i % 2 * count for i in range(count)] for at in (0, half)]
    return pick(*(e.shuffle(even, odd, order) for order in orders))


@vector_kernel
def write(e: Emitter, values: Array, places: Array, first: Any, out: Array) -> None:
    """Every lane's channels side by side, as 64-bit integers."""
    b = e.builder
    for lane in (0, WORDS):
        rows = [values.load(r, lane, kind=VECTOR) for r in range(CHANNELS)]
        pairs = [
            e.shuffle(one, other, [i // 2 + i % 2 * WORDS for i in range(LANES)])
            for one, other in zip(rows[::2], rows[1::2], strict=True)
        ]
        for i in range(WORDS):
            order = [2 * i + j % 2 + j // 2 * LANES for j in range(CHANNELS)]
            lane_values = e.shuffle(pairs[0], pairs[-1], order)
            place = b.add(places.load(INDEX(lane + i), kind=INDEX), first)
            out.store(e.widened(lane_values), place)
