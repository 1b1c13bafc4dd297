"""Exact sums of byte codes: four products to a 32-bit lane at a time.

Lanes are output channels, in blocks of 16; a tile of ``pixels`` outputs times some vectors of lanes
stays in registers while K runs. With VNNI one instruction, ``vpdpbusd``, adds four unsigned times
signed products to each lane and never saturates. Elsewhere bytes 0 and 2, then 1 and 3 of each
word become 16-bit pairs, and ``pmaddwd`` makes two products at a time: 2 * 255 * 128 fits its lane.
`hwsim.array.exact_sums.add_exact` is the definition.
"""

from __future__ import annotations

from typing import Any

from hwsim._jit import cpu_features, ir
from hwsim.array.vector.emission import INDEX, PAIRS, VECTOR, WORD, WORDS, Array, Emitter, Value
from hwsim.array.vector.functions import vector_kernel
from hwsim.array.vector.instructions import CHOSEN

LANES = 16  # channels of a block, or a multiple
DOT = "llvm.x86.avx512.vpdpbusd.512"
HAS_VNNI = CHOSEN is not None and CHOSEN.name == "avx512" and "avx512vnni" in cpu_features()
WITH_VNNI = {1: 14, 2: 12, 4: 6}  # blocks of channels: pixels, so that 31 registers hold the tile
OF_PAIRS = {1: 8, 2: 6, 4: 4} if WORDS == LANES else {1: 4, 2: 2, 4: 1}  # 32 registers, or 16
SHAPES = WITH_VNNI if HAS_VNNI else OF_PAIRS
LOW_BYTES, BYTE = 0x00FF00FF, 8


def _all(kind: Value, number: int) -> Value:
    """The same number in all lanes."""
    return ir.Constant(kind, [number] * kind.count)


def _split_weights(e: Emitter, weight: Value) -> tuple[Value, ...]:
    """Four signed bytes of each word: as they are, or bytes 0 and 2, and 1 and 3, as pairs."""
    if HAS_VNNI:
        return (weight,)
    pairs, by = e.builder.bitcast(weight, PAIRS), _all(PAIRS, BYTE)
    return e.builder.ashr(e.builder.shl(pairs, by), by), e.builder.ashr(pairs, by)


def _split_codes(e: Emitter, codes: Value) -> tuple[Value, ...]:
    """The same of four unsigned bytes."""
    if HAS_VNNI:
        return (codes,)
    b, low = e.builder, _all(VECTOR, LOW_BYTES)
    parts = b.and_(codes, low), b.and_(b.lshr(codes, _all(VECTOR, BYTE)), low)
    return tuple(b.bitcast(part, PAIRS) for part in parts)


def _added(e: Emitter, total: Value, codes: tuple[Value, ...], weight: tuple[Value, ...]) -> Value:
    """Four products to every lane."""
    if HAS_VNNI:
        return e.call(DOT, VECTOR, total, *codes, *weight)
    for one, other in zip(codes, weight, strict=True):
        total = e.builder.add(total, e.product(one, e.builder.bitcast(other, VECTOR)))
    return total


def _kernel(blocks_at_once: int, pixels: int) -> Any:
    """The kernel of one shape of tile."""
    firsts = range(0, blocks_at_once * LANES, WORDS)  # channels where vectors begin

    def exact(
        e: Emitter, x: Array, places: Array, jump: Any, w: Array, start: Array, out: Array
    ) -> None:
        """Tiles of a layer; arrays as `exact_sums.add_exact` has them."""
        b = e.builder
        blocks, runs, steps = w.shape[:3]
        with e.loop(0, blocks) as block:
            first = [start.load(block, INDEX(n), kind=VECTOR) for n in firsts]
            with e.loop(0, b.sdiv(places.shape[0], INDEX(pixels))) as tile:
                pixel = b.mul(tile, INDEX(pixels))
                at = [places.load(b.add(pixel, INDEX(i)), kind=INDEX) for i in range(pixels)]
                sums = [[e.slot(value) for value in first] for _ in range(pixels)]
                with e.loop(0, runs) as run, e.loop(0, steps) as step:
                    words = [w.load(block, run, step, INDEX(4 * n), kind=VECTOR) for n in firsts]
                    weights = [_split_weights(e, word) for word in words]
                    offset = b.add(b.mul(run, jump), b.mul(step, INDEX(4)))
                    for place, row in zip(at, sums, strict=True):
                        four = x.load(b.add(place, offset), kind=WORD)
                        codes = _split_codes(e, e.splat(four, VECTOR))
                        for total, weight in zip(row, weights, strict=True):
                            total.set(_added(e, total(), codes, weight))
                for i, row in enumerate(sums):
                    for n, total in zip(firsts, row, strict=True):
                        out.store(total(), b.add(pixel, INDEX(i)), block, INDEX(n))

    exact.__name__ = f"exact_{blocks_at_once}x{pixels}"
    return vector_kernel(exact)


one_block, two_blocks, four_blocks = (_kernel(v, pixels) for v, pixels in SHAPES.items())
