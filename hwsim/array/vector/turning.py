"""Pixels of bytes, channel after channel, to channels of words, pixel after pixel."""

from __future__ import annotations

from typing import Any

from hwsim._jit import ir
from hwsim.array.vector.emission import INDEX, WORD, Array, Emitter
from hwsim.array.vector.functions import vector_kernel

PIXELS, CHANNELS = 8, 16  # of one block
BYTE = ir.IntType(8)
ROW = ir.VectorType(BYTE, CHANNELS)
WORDS = ir.VectorType(WORD, CHANNELS)


@vector_kernel
def turn_block(
    e: Emitter,
    codes: Array,
    at: Any,
    pitch: Any,
    flip: Any,
    offset: Any,
    words: Array,
    to: Any,
    plane: Any,
) -> None:
    """``words[to + c * plane + p] = (codes[at + p * pitch + c] ^ flip) + offset``, 8 pixels p and
    16 channels c.

    ``codes`` : bytes; ``words`` : int32; both flat. The bytes are read as signed once ``flip``, 0
    or 128, has turned their top bit: unsigned ones are turned, and 128 is part of the offset.
    """
    b = e.builder
    top = e.splat(b.trunc(flip, BYTE), ROW)
    rows = []
    for p in range(PIXELS):
        place = b.add(at, b.mul(pitch, INDEX(p)))
        pointer = b.bitcast(b.gep(codes.data, [place]), ROW.as_pointer())
        rows.append(b.xor(b.load(pointer, align=1), top))
    added = e.splat(b.trunc(offset, WORD), WORDS)
    for pair, bytes_of_two in enumerate(turned(e, rows)):
        found = b.add(b.sext(bytes_of_two, WORDS), added)
        for half in range(2):
            place = b.add(to, b.mul(plane, INDEX(2 * pair + half)))
            words.store(e.shuffle(found, found, range(half * PIXELS, (half + 1) * PIXELS)), place)


def turned(e: Emitter, rows: list[Any]) -> list[Any]:
    """Columns of a block, one after the other in as many vectors as it has rows.

    Again and again, lanes of rows half the block apart come to lie beside one another.
    """
    lanes, half = rows[0].type.count, len(rows) // 2
    low = [i // 2 + lanes * (i % 2) for i in range(lanes)]
    high = [lanes // 2 + i for i in low]
    for _ in range(half.bit_length()):
        pairs = zip(rows[:half], rows[half:], strict=True)
        rows = [e.shuffle(*pair, order) for pair in pairs for order in (low, high)]
    return rows
