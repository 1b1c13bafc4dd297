"""The numbers of an ONNX tensor: from the message or from a file beside the model.

Sizes are checked before anything is allocated. External data is read from the model's own folder
alone: no absolute path, no ``..``, no symbolic link.
"""

from __future__ import annotations

import os
import stat
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.arrays import MAX_BYTES
from hwsim.importers.onnx.source import Array, Stored

_PLAIN = {  # ONNX's number of a type -> numpy's, and the field that holds unpacked values
    1: ("float32", "float_data"),
    2: ("uint8", "int32_data"),
    3: ("int8", "int32_data"),
    4: ("uint16", "int32_data"),
    5: ("int16", "int32_data"),
    6: ("int32", "int32_data"),
    7: ("int64", "int64_data"),
    9: ("bool", "int32_data"),
    10: ("float16", "int32_data"),
    11: ("float64", "double_data"),
    12: ("uint32", "uint64_data"),
    13: ("uint64", "uint64_data"),
}
_NIBBLES = {21: False, 22: True}  # uint4, int4: two in a byte, the low half first
_MAX_AXES = 16
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Neither a link nor a pipe that nobody writes."""


def type_of(number: int, where: str, field: str) -> tuple[np.dtype[Any], IntFormat | None]:
    """The numpy type and the integer format of an ONNX element type.

    >>> type_of(22, "file", "w"), type_of(1, "file", "x")
    ((dtype('int8'), int4), (dtype('float32'), None))
    """
    if number in _NIBBLES:
        signed = _NIBBLES[number]
        return np.dtype("int8" if signed else "uint8"), IntFormat(4, signed)
    if number not in _PLAIN:
        must = "must be a float of 16 to 64 bits or an integer of 4 to 64 bits"
        raise UnsupportedError.at(where, f"{field}.data_type", number, must)
    dtype = np.dtype(_PLAIN[number][0])
    if dtype.kind not in "iu" or dtype.itemsize > 4:
        return dtype, None
    return dtype, IntFormat(8 * dtype.itemsize, dtype.kind == "i")


class TensorReader:
    """Reads the tensors of one file within one budget of bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)
        self.budget = MAX_BYTES

    def read(self, tensor: Any, name: str) -> Stored:
        """One ``TensorProto``.

        Raises
        ------
        ModelError, UnsupportedError
            Sizes that contradict each other or exceed the limit; a type that is not a number.
        """
        dtype, form = type_of(tensor.data_type, self.where, name)
        shape = self._shape(tensor, name)
        elements = prod(shape)
        packed = tensor.data_type in _NIBBLES
        size = (elements + 1) // 2 if packed else elements * dtype.itemsize
        needed = 8 * elements  # what computing with them takes
        if needed > self.budget:
            must = f"must be at most {MAX_BYTES // 8} numbers (all constants together)"
            raise ModelError.at(self.where, f"{name}.dims", shape, must)
        self.budget -= needed
        if tensor.data_location == 1:
            content = self._external(tensor, size, name)
        elif tensor.HasField("raw_data"):
            content = tensor.raw_data
        else:
            return Stored(self._unpacked(tensor, dtype, elements, packed, name, shape), form)
        if len(content) != size:
            must = f"must be {size} bytes for shape {shape}"
            raise ModelError.at(self.where, f"{name}.data", f"{len(content)} bytes", must)
        if packed:
            flat = _nibbles(np.frombuffer(content, np.uint8), elements, dtype)
        else:
            flat = np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype)
        return Stored(flat.reshape(shape), form)

    def _shape(self, tensor: Any, name: str) -> tuple[int, ...]:
        shape = tuple(int(extent) for extent in tensor.dims)
        if len(shape) > _MAX_AXES or any(extent < 0 for extent in shape):
            must = f"must be at most {_MAX_AXES} extents from 0"
            raise ModelError.at(self.where, f"{name}.dims", shape[:20], must)
        if tensor.HasField("segment"):
            raise UnsupportedError.at(self.where, f"{name}.segment", "there", "must be absent")
        return shape

    def _unpacked(
        self,
        tensor: Any,
        dtype: np.dtype[Any],
        elements: int,
        packed: bool,
        name: str,
        shape: tuple[int, ...],
    ) -> Array:
        """Values as numbers of the message: one each; of 4 bits two in each."""
        field = "int32_data" if packed else _PLAIN[tensor.data_type][1]
        values = getattr(tensor, field)
        wanted = (elements + 1) // 2 if packed else elements
        if len(values) != wanted:
            must = f"must have {wanted} values for shape {shape}"
            raise ModelError.at(self.where, f"{name}.{field}", f"{len(values)} values", must)
        if dtype.kind == "f" and dtype.itemsize > 2:
            return np.array(values, dtype).reshape(shape)
        wide = np.array(values, np.uint64 if field == "uint64_data" else np.int64)
        if packed:
            return _nibbles((wide & 255).astype(np.uint8), elements, dtype).reshape(shape)
        if dtype == np.float16:
            return (wide & 0xFFFF).astype(np.uint16).view(np.float16).reshape(shape)
        kept = wide.astype(dtype)
        if not np.array_equal(kept, wide):
            raise ModelError.at(self.where, f"{name}.{field}", "a value", f"must fit {dtype}")
        return kept.reshape(shape)

    def _external(self, tensor: Any, size: int, name: str) -> bytes:
        """The bytes of a tensor that lie in a file beside the model."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        path = self._beside(entries.get("location", ""), name)
        offset = self._number(entries.get("offset", "0"), f"{name}.offset")
        length = self._number(entries.get("length", str(size)), f"{name}.length")
        if length != size:
            raise ModelError.at(self.where, f"{name}.length", length, f"must be {size} bytes")
        try:
            with os.fdopen(os.open(path, _OPEN), "rb") as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode) or offset + length > status.st_size:
                    must = f"must be a regular file of at least {offset + length} bytes"
                    raise ModelError.at(self.where, f"{name}.location", path.name, must)
                stream.seek(offset)
                return stream.read(length)
        except OSError as reason:
            must = f"must be readable: {reason.strerror}"
            raise ModelError.at(self.where, f"{name}.location", path.name[:80], must) from None

    def _beside(self, location: str, name: str) -> Path:
        """A path inside the model's folder, no part of it a symbolic link."""
        folder = self.path.parent.resolve()
        parts = Path(location).parts
        plain = location and location.isprintable() and not Path(location).is_absolute()
        if not plain or ".." in parts or "\\" in location or ":" in location:
            must = "must be a path inside the model's folder"
            raise ModelError.at(self.where, f"{name}.location", repr(location), must)
        target = folder.joinpath(*parts)
        try:
            same = target.resolve() == target
        except (OSError, RuntimeError):
            same = False
        if not same:
            must = "must be a path inside the model's folder, not a symbolic link"
            raise ModelError.at(self.where, f"{name}.location", repr(location), must)
        return target

    def _number(self, text: str, field: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise ModelError.at(self.where, field, repr(text[:40]), "must be a number from 0")
        return int(text)


def _nibbles(packed: Array, elements: int, dtype: np.dtype[Any]) -> Array:
    """Codes of 4 bits, two in a byte, the low half first.

    >>> _nibbles(np.array([0x8F, 0x01], np.uint8), 3, np.dtype("int8")).tolist()
    [-1, -8, 1]
    """
    halves = np.stack([packed & 15, packed >> 4], axis=1).reshape(-1)[:elements].astype(np.int16)
    if dtype.kind == "i":
        halves = (halves ^ 8) - 8
    return halves.astype(dtype)
