"""The promise of summary.json, checked: a reader of ``summary_schema.json``, the only rule.

Only the words that the schema uses are read; every other word is refused, so that none is
silently ignored. The tests hold this reader against jsonschema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hwsim.errors import DataError

SCHEMA_VERSION = 1
Schema = dict[str, Any]

_ANNOTATIONS = {"$schema", "$defs", "title", "description"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


@cache
def summary_schema() -> Schema:
    """JSON Schema of summary.json, as shipped."""
    text = Path(__file__).with_name("summary_schema.json").read_text(encoding="utf-8")
    schema: Schema = json.loads(text)
    return schema


def resolve(schema: Schema) -> Schema:
    """The schema that a ``$ref`` stands for; any other schema itself."""
    if "$ref" not in schema:
        return schema
    found: Schema = summary_schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return found


def validate_summary(summary: dict[str, Any]) -> None:
    """Check a summary against the schema.

    Raises
    ------
    DataError
        One line for each failure: ``summary.json: layers[2].macs = -1: must be at least 0``.

    Examples
    --------
    >>> validate_summary({})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    hwsim.errors.DataError: summary.json: schema = null: is missing
    ...
    """
    failures = [
        str(DataError.at("summary.json", where or "summary", _short(value), must))
        for where, value, must in _failures(summary, summary_schema(), "")
    ]
    if failures:
        raise DataError.all(failures)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and not isinstance(value, bool)


def _failures(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    """Every (place, value, what must hold) that fails, in the schema's order."""
    schema = resolve(schema)
    for word in schema:
        if word not in _ANNOTATIONS:
            yield from _CHECKS[word](value, schema, where)


def _type(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is(value, name) for name in names):
        yield where, value, f"must be {' or '.join(names)}"


def _const(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    if value != schema["const"]:
        yield where, value, f"must be {json.dumps(schema['const'])}"


def _enum(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    if value not in schema["enum"]:
        yield where, value, f"must be one of {', '.join(map(str, schema['enum']))}"


def _limits(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    if not _is(value, "number"):
        return
    if value < schema.get("minimum", value):
        yield where, value, f"must be at least {schema['minimum']}"
    if value > schema.get("maximum", value):
        yield where, value, f"must be at most {schema['maximum']}"


def _required(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, dict):
        for name in schema["required"]:
            if name not in value:
                yield f"{where}.{name}".lstrip("."), None, "is missing"


def _properties(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, dict):
        for name, entry in value.items():
            if name in schema["properties"]:
                place = f"{where}.{name}".lstrip(".")
                yield from _failures(entry, schema["properties"][name], place)


def _additional(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, dict) and not schema["additionalProperties"]:
        for name in value:
            if name not in schema["properties"]:
                yield f"{where}.{name}".lstrip("."), value[name], "is not part of schema 1"


def _items(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, list):
        for i, entry in enumerate(value):
            yield from _failures(entry, schema["items"], f"{where}[{i}]")


def _beside_minimum(value: Any, schema: Schema, where: str) -> Iterator[tuple[str, Any, str]]:
    if "minimum" not in schema:
        yield from _limits(value, schema, where)


_CHECKS = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "minimum": _limits,
    "maximum": _beside_minimum,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
}
