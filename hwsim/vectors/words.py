"""Words of a bundle: lanes side by side in a beat, and beats as the lines of a ``.hex`` file.

One line is one beat: lane 0 in the lowest bits, every lane in two's complement, the word filled
with zeros to whole nibbles. ``$readmemh(file, memory, 0, count - 1)`` reads it.

Inside Python a file is a matrix of bits (uint8 0 and 1) of shape (beats, width), bit 0 first, so
that parts stand beside each other by ``numpy.concatenate(parts, axis=1)``.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.errors import DataError

Bits = NDArray[np.uint8]
WIDEST_LANE = 64


def bits_of(lanes: Ints, lane_bits: int) -> Bits:
    """Beats of equal lanes as bits.

    Parameters
    ----------
    lanes : int64 ndarray of shape (beats, lanes)
        The lowest ``lane_bits`` bits of each are taken, two's complement.
    lane_bits : int
        1..64.

    Returns
    -------
    uint8 ndarray of shape (beats, lanes * lane_bits)

    >>> bits_of(np.array([[1, -2]]), 3).tolist()
    [[1, 0, 0, 0, 1, 1]]
    """
    beats, count = lanes.shape
    raw = np.ascontiguousarray(lanes, "<i8").view(np.uint8).reshape(beats, count, 8)
    raw = raw[:, :, : (lane_bits + 7) // 8]
    bits = np.unpackbits(raw, axis=2, bitorder="little")[:, :, :lane_bits]
    return bits.reshape(beats, count * lane_bits)


def lanes_of(bits: Bits, lane_bits: int, *, signed: bool) -> Ints:
    """The inverse of `bits_of`: int64 ndarray of shape (beats, lanes).

    An unsigned lane of 64 bits is given as the int64 of the same bits.

    >>> lanes_of(np.array([[1, 0, 0, 0, 1, 1]], np.uint8), 3, signed=True).tolist()
    [[1, -2]]
    """
    beats, width = bits.shape
    count = width // lane_bits
    filled = np.zeros((beats, count, WIDEST_LANE), np.uint8)
    filled[:, :, :lane_bits] = bits.reshape(beats, count, lane_bits)
    if signed:
        filled[:, :, lane_bits:] = filled[:, :, lane_bits - 1 : lane_bits]
    raw = np.packbits(filled, axis=2, bitorder="little")
    return raw.view("<i8").reshape(beats, count).astype(np.int64)


def digits(width: int) -> int:
    """Hexadecimal digits of a word.

    >>> digits(8), digits(9)
    (2, 3)
    """
    return -(-width // 4)


def hex_text(bits: Bits) -> bytes:
    """Beats as lines of lower-case hexadecimal digits, highest first.

    >>> hex_text(bits_of(np.array([[1, -2], [0, 3]]), 3))
    b'31\\n18\\n'
    """
    beats, width = bits.shape
    packed = np.packbits(bits, axis=1, bitorder="little")[:, ::-1]
    text = packed.tobytes().hex()
    length, used = 2 * packed.shape[1], digits(width)
    lines = (text[i * length + length - used : (i + 1) * length] for i in range(beats))
    return "".join(line + "\n" for line in lines).encode()


def read_hex(content: bytes, width: int, count: int, where: str) -> Bits:
    """The inverse of `hex_text`, for a file that another wrote.

    Parameters
    ----------
    content : bytes
        Exactly ``count`` lines of ``digits(width)`` hexadecimal digits; either case.
    width, count : int
        Bits of a word, words.
    where : str
        The file, for errors.

    Raises
    ------
    DataError
        Too few or too many lines, another width, something that is no digit, or a bit beyond
        ``width``: the message names the line.
    """
    used = digits(width)
    lines = content.split()
    if len(lines) != count:
        raise DataError.at(where, "words", len(lines), f"must be {count}")
    wanted = re.compile(rb"[0-9a-fA-F]{%d}" % used)
    for number, line in enumerate(lines, 1):
        if not wanted.fullmatch(line):
            shown = repr(line[:40])[1:]
            raise DataError.at(f"{where}:{number}", "word", shown, f"must be {used} hex digits")
    even = used + used % 2
    text = b"".join(line.rjust(even, b"0") for line in lines).decode()
    packed = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(count, even // 2)[:, ::-1]
    bits = np.unpackbits(packed, axis=1, bitorder="little")
    beyond = np.flatnonzero(bits[:, width:].any(axis=1))
    if beyond.size:
        at = f"{where}:{beyond[0] + 1}"
        raise DataError.at(at, "word", lines[beyond[0]].decode(), f"must fit {width} bits")
    return bits[:, :width]


def words_of(bits: Bits) -> list[int]:
    """Every beat as one unsigned integer.

    >>> words_of(bits_of(np.array([[1, -2]]), 3))
    [49]
    """
    packed = np.packbits(bits, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]
