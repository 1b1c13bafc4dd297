"""From a .tflite file's bytes to its records: every index and size is checked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.tflite.buffer import Buffer, Table
from hwsim.importers.tflite.records import ABSENT, MAX_SHOWN, FileOperator, FileTensor, TfliteFile
from hwsim.importers.tflite.schema import IDENTIFIER, OPERATORS, OPTIONS, TENSOR_TYPES, VERSION

MAX_BYTES = 1 << 31
MAX_PARTS = 1 << 17  # tensors, operators, buffers
MAX_AXES = 8
MAX_ELEMENTS = (1 << 31) - 1  # of one tensor
MAX_NAME = 1 << 16

_ITEM_BITS = {
    "float32": 32,
    "float16": 16,
    "int32": 32,
    "uint8": 8,
    "int64": 64,
    "bool": 8,
    "int16": 16,
    "int8": 8,
    "int4": 4,
}


def read(path: Path) -> TfliteFile:
    """Read and check a file.

    Raises
    ------
    ModelError
        Unreadable, or broken: the first offset, length, index or size that cannot be.
    UnsupportedError
        Several subgraphs, sparse tensors, custom operators.
    """
    where = str(path)
    try:
        with open(path, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as reason:
        words = str(getattr(reason, "strerror", None) or reason).splitlines()[0]
        raise ModelError.at(where, "file", path.name, f"must be readable: {words}") from None
    if len(content) > MAX_BYTES:
        raise ModelError.at(where, "size", len(content), f"must be at most {MAX_BYTES} bytes")
    return parse(content, where)


def parse(content: bytes, where: str) -> TfliteFile:
    """The records of a file's bytes; see `read`."""
    buffer = Buffer(content, where)
    model = buffer.root(IDENTIFIER)
    version = model.number(0, "I", 0, "version")
    if version != VERSION:
        raise UnsupportedError.at(where, "version", version, f"must be {VERSION}")
    graphs = _parts(model, 2, "subgraphs")
    if len(graphs) != 1:
        raise UnsupportedError.at(where, "subgraphs", len(graphs), "must be 1: no control flow")
    data = [_content(table) for table in _parts(model, 4, "buffers")]
    kinds = [_kind(table) for table in _parts(model, 1, "operator_codes")]
    tables = _parts(graphs[0], 0, "tensors")
    names = _names([table.text(3, "name") for table in tables], buffer)
    tensors = [_tensor(i, *pair, data) for i, pair in enumerate(zip(names, tables, strict=True))]
    count = len(tensors)
    return TfliteFile(
        where,
        buffer,
        tensors,
        [
            _operator(i, table, kinds, count)
            for i, table in enumerate(_parts(graphs[0], 3, "operators"))
        ],
        _indexes(graphs[0], 1, "inputs", count),
        _indexes(graphs[0], 2, "outputs", count),
    )


def _parts(table: Table, slot: int, name: str) -> list[Table]:
    parts = table.tables(slot, name)
    if len(parts) > MAX_PARTS:
        raise table.buffer.refusal(name, len(parts), f"must be at most {MAX_PARTS}")
    return parts


def _content(table: Table) -> NDArray[np.uint8] | None:
    """A buffer's bytes: in the table, or behind the flatbuffer at a place of the file."""
    offset, size = table.number(1, "Q", 0, "offset"), table.number(2, "Q", 0, "size")
    if offset > 1:  # 1: a place that a writer left open
        return table.buffer.array(offset, size, "<u1", f"{table.field}.data")
    data = table.vector(0, "<u1", "data")
    return None if data is None or not data.size else data


def _kind(table: Table) -> str:
    """The operator that a code stands for; the code moved to a wider field when 127 were there."""
    code = max(table.number(0, "b", 0, "code"), table.number(3, "i", 0, "builtin_code"))
    if not 0 <= code < len(OPERATORS):
        must = f"must be below {len(OPERATORS)}"
        raise UnsupportedError.at(table.buffer.where, f"{table.field}.builtin_code", code, must)
    kind = OPERATORS[code]
    return f"CUSTOM {table.text(1, 'custom_code')[:MAX_SHOWN]!r}" if kind == "CUSTOM" else kind


def _names(texts: list[str], buffer: Buffer) -> list[str]:
    """Names that are there once: ``#<index>`` is appended to an empty or repeated one."""
    names: list[str] = []
    seen: set[str] = set()
    for index, text in enumerate(texts):
        if len(text) > MAX_NAME or any(c < " " or c == "\x7f" for c in text):
            must = f"must be printable, at most {MAX_NAME} characters"
            raise buffer.refusal(f"tensors[{index}].name", repr(text[:40]), must)
        name = text or f"#{index}"
        while name in seen:
            name += f"#{index}"
        seen.add(name)
        names.append(name)
    return names


def _tensor(
    index: int, name: str, table: Table, data: list[NDArray[np.uint8] | None]
) -> FileTensor:
    refusal, field = table.buffer.refusal, f"tensor {index}"
    extents = table.vector(0, "<i4", "shape")
    shape = () if extents is None else tuple(extents.tolist())
    if len(shape) > MAX_AXES or min(shape, default=0) < 0 or math.prod(shape) > MAX_ELEMENTS:
        must = f"must be up to {MAX_AXES} extents from 0, {MAX_ELEMENTS} elements"
        raise refusal(f"{field}.shape", shape[: MAX_AXES + 1], must)
    number, buffer = table.number(1, "b", 0, "type"), table.number(2, "I", 0, "buffer")
    if not 0 <= number < len(TENSOR_TYPES):
        raise refusal(f"{field}.type", number, f"must be below {len(TENSOR_TYPES)}")
    if buffer >= len(data):
        raise refusal(f"{field}.buffer", buffer, f"must be below {len(data)}")
    kind, content = TENSOR_TYPES[number], data[buffer]
    sparse = table.table(6, "sparsity") is not None
    if content is not None and kind in _ITEM_BITS and not sparse:
        needed = (math.prod(shape) * _ITEM_BITS[kind] + 7) // 8
        if content.size != needed:
            must = f"must be {needed} for {kind} of shape {shape}"
            raise refusal(f"{field}.buffer", f"{content.size} bytes", must)
    obstacle = "a variable" if table.number(5, "?", False, "is_variable") else ""
    obstacle = "sparse" if sparse else obstacle
    quantization = table.table(4, "quantization")
    empty = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    parts = empty
    if quantization is not None:
        scale = quantization.vector(2, "<f4", "scale")
        zero = quantization.vector(3, "<i8", "zero_point")
        axis = quantization.number(6, "i", 0, "quantized_dimension")
        parts = (empty[0] if scale is None else scale, empty[1] if zero is None else zero, axis)
        if quantization.number(4, "B", 0, "details_type"):
            obstacle = obstacle or "quantized by a scheme of its own"
    return FileTensor(index, name, shape, kind, *parts, content, obstacle)


def _operator(index: int, table: Table, kinds: list[str], tensors: int) -> FileOperator:
    code = table.number(0, "I", 0, "opcode_index")
    if code >= len(kinds):
        must = f"must be below {len(kinds)}"
        raise table.buffer.refusal(f"operator {index}.opcode_index", code, must)
    return FileOperator(
        index,
        kinds[code],
        _indexes(table, 1, "inputs", tensors, optional=True),
        _indexes(table, 2, "outputs", tensors),
        _options(index, table, kinds[code]),
    )


def _indexes(
    table: Table, slot: int, name: str, tensors: int, optional: bool = False
) -> tuple[int, ...]:
    values = table.vector(slot, "<i4", name)
    indexes = () if values is None else tuple(values.tolist())
    for index in indexes:
        if not (0 <= index < tensors or (optional and index == ABSENT)):
            must = f"must be a tensor, below {tensors}"
            raise table.buffer.refusal(f"{table.field}.{name}", index, must)
    return indexes


def _options(index: int, table: Table, kind: str) -> dict[str, Any]:
    """An operator's options by name; defaults where the file has none."""
    if kind not in OPTIONS:
        return {}
    number, fields = OPTIONS[kind]
    given, options = table.number(3, "B", 0, "options_type"), table.table(4, "options")
    if options is not None and given != number:
        must = f"must be {number} for {kind}"
        raise table.buffer.refusal(f"operator {index}.builtin_options_type", given, must)
    if options is None:
        return {name: field.default for name, field in fields.items()}
    return {name: options.number(*field, name) for name, field in fields.items()}
