"""FlatBuffers, read within bounds: the few rules of the format that a reader needs.

A table begins with the distance back to its vtable; the vtable says how far into the table each
field lies (0: absent, so the default holds). Vectors, texts and other tables are behind an offset.
Every access is checked against the file first, and the bytes that are handed out are counted: a
file whose parts point at one another cannot claim to hold many times what it holds.

Source: https://flatbuffers.dev/internals ("FlatBuffer Internals").
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import ModelError

OVERLAP = 16
"""How many times its own size a file may hand out, before it is refused."""
SMALL = 1 << 20  # bytes that any file may hand out

_LENGTH = struct.Struct("<I")
_VTABLE = struct.Struct("<i")
_SLOT = struct.Struct("<H")


class Buffer:
    """A file's bytes; ``where`` is the file's name in messages."""

    def __init__(self, content: bytes, where: str) -> None:
        self.content = content
        self.where = where
        self.left = OVERLAP * len(content) + SMALL

    def root(self, identifier: bytes) -> Table:
        """The outermost table of a file with this identifier."""
        if len(self.content) < 8 or self.content[4:8] != identifier:
            found = repr(bytes(self.content[4:8]))
            raise self.refusal("identifier", found, f"must be {identifier!r} at byte 4")
        return Table(self, self.word(0, "root"), "model")

    def refusal(self, field: str, value: Any, must: str) -> ModelError:
        """The error for a broken part."""
        error = ModelError.at(self.where, field, value, must)
        assert isinstance(error, ModelError)
        return error

    def check(self, position: int, size: int, field: str) -> None:
        """Bytes ``position .. position + size`` lie inside the file."""
        if position < 0 or position + size > len(self.content):
            must = f"must lie inside the file of {len(self.content)} bytes"
            raise self.refusal(field, f"{size} bytes at byte {position}", must)

    def count(self, size: int, field: str) -> None:
        """Take ``size`` bytes off what the file may still hand out."""
        self.left -= size
        if self.left < 0:
            must = f"must not repeat parts of the file more than {OVERLAP} times"
            raise self.refusal(field, f"{size} bytes", must)

    def word(self, position: int, field: str) -> int:
        """The unsigned 32-bit integer at a byte."""
        self.check(position, 4, field)
        value: int = _LENGTH.unpack_from(self.content, position)[0]
        return value

    def array(self, position: int, count: int, dtype: str, field: str) -> NDArray[Any]:
        """So many numbers from a byte on, as a view of the file."""
        kind = np.dtype(dtype)
        size = count * kind.itemsize
        self.check(position, size, field)
        self.count(size, field)
        return np.frombuffer(self.content, kind, count, position)


class Table:
    """One table; fields are asked for by their slot, their number in the schema."""

    __slots__ = ("buffer", "field", "position", "size", "slots", "vtable")

    def __init__(self, buffer: Buffer, position: int, field: str) -> None:
        self.buffer, self.position, self.field = buffer, position, field
        buffer.check(position, 4, field)
        self.vtable = position - int(_VTABLE.unpack_from(buffer.content, position)[0])
        buffer.check(self.vtable, 4, f"{field}'s vtable")
        self.slots, self.size = struct.unpack_from("<HH", buffer.content, self.vtable)
        if self.slots < 4 or self.slots % 2 or self.size < 4:
            must = "must be an even size from 4, and a table from 4 bytes"
            raise buffer.refusal(f"{field}'s vtable", f"{self.slots}, {self.size}", must)
        buffer.check(self.vtable, self.slots, f"{field}'s vtable")
        buffer.check(position, self.size, field)
        buffer.count(self.slots + self.size, field)

    def place(self, slot: int, size: int, name: str) -> int:
        """The byte at which a field of so many bytes lies; 0 where it is absent."""
        entry = 4 + 2 * slot
        if entry + 2 > self.slots:
            return 0
        offset: int = _SLOT.unpack_from(self.buffer.content, self.vtable + entry)[0]
        if offset == 0:
            return 0
        if offset < 4 or offset + size > self.size:
            must = f"must lie inside its table of {self.size} bytes"
            raise self.buffer.refusal(f"{self.field}.{name}", f"byte {offset}", must)
        return self.position + offset

    def number(self, slot: int, kind: str, default: Any, name: str) -> Any:
        """A number; ``kind`` as `struct` writes it: b, B, ?, i, I, Q, f."""
        place = self.place(slot, struct.calcsize(kind), name)
        return struct.unpack_from(f"<{kind}", self.buffer.content, place)[0] if place else default

    def behind(self, slot: int, name: str) -> int | None:
        """The byte that an offset points to; None where it is absent."""
        place = self.place(slot, 4, name)
        return place + self.buffer.word(place, name) if place else None

    def vector(self, slot: int, dtype: str, name: str) -> NDArray[Any] | None:
        """A vector of numbers, a view of the file."""
        start = self.behind(slot, name)
        if start is None:
            return None
        field = f"{self.field}.{name}"
        return self.buffer.array(start + 4, self.buffer.word(start, field), dtype, field)

    def text(self, slot: int, name: str) -> str:
        """A text in UTF-8; empty where it is absent."""
        content = self.vector(slot, "<u1", name)
        if content is None:
            return ""
        try:
            return content.tobytes().decode("utf-8")
        except UnicodeDecodeError:
            raise self.buffer.refusal(
                f"{self.field}.{name}", f"{content.size} bytes", "must be UTF-8"
            ) from None

    def table(self, slot: int, name: str) -> Table | None:
        """The table behind an offset."""
        start = self.behind(slot, name)
        return None if start is None else Table(self.buffer, start, f"{self.field}.{name}")

    def tables(self, slot: int, name: str) -> list[Table]:
        """The tables behind a vector of offsets; none where it is absent."""
        offsets = self.vector(slot, "<u4", name)
        if offsets is None:
            return []
        start = self.behind(slot, name)
        assert start is not None
        return [
            Table(self.buffer, start + 4 + 4 * i + offset, f"{name}[{i}]")
            for i, offset in enumerate(offsets.tolist())
        ]
