"""The promise of summary.json: ``summary_schema.json``, the only rule, and its check."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwsim.errors import DataError

if TYPE_CHECKING:
    from jsonschema import ValidationError

SCHEMA_VERSION = 1
Schema = dict[str, Any]

_NOTES = frozenset({"$schema", "$defs", "title", "description"})  # keywords that ask for nothing
_OF_OBJECTS = frozenset({"required", "properties", "additionalProperties"})
_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
LONGEST_VALUE = 60  # characters of a wrong value that a message shows


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


def surely_valid(value: Any, schema: Schema) -> bool:
    """Whether a value keeps a schema, told without jsonschema, which takes long to load.

    True is certain. False is not: a keyword that is not known here, 1.0 for an integer; then
    jsonschema judges, and says what is wrong.

    >>> surely_valid({"n": 3}, {"properties": {"n": {"type": "integer", "minimum": 0}}})
    True
    >>> surely_valid(True, {"type": "integer"})
    False
    """
    if "$ref" in schema:
        return schema.keys() <= _NOTES | {"$ref"} and surely_valid(value, resolve(schema))
    return all(word in _NOTES or _keeps(value, word, schema) for word in schema)


def _keeps(value: Any, word: str, schema: Schema) -> bool:
    """Whether a value surely keeps one keyword of a schema."""
    asked = schema[word]
    if word == "type":
        kinds = [asked] if isinstance(asked, str) else asked
        return any(type(value) in _TYPES[kind] for kind in kinds)
    if word in ("enum", "const"):
        choices = asked if word == "enum" else [asked]
        return any(type(value) is type(choice) and value == choice for choice in choices)
    if word in ("minimum", "maximum"):
        if type(value) not in _TYPES["number"]:
            return True
        return bool(value >= asked if word == "minimum" else value <= asked)
    if word == "items":
        return not isinstance(value, list) or all(surely_valid(one, asked) for one in value)
    if not isinstance(value, dict):
        return word in _OF_OBJECTS
    if word == "required":
        return value.keys() >= set(asked)
    if word == "properties":
        return all(surely_valid(value[key], asked[key]) for key in value.keys() & asked.keys())
    if word == "additionalProperties":
        return asked is False and value.keys() <= schema.get("properties", {}).keys()
    return False


def validate_summary(summary: dict[str, Any]) -> None:
    """Check a summary against the schema.

    Raises
    ------
    DataError
        One line for each failure:
        ``summary.json: layers[2].macs = -1: -1 is less than the minimum of 0``.

    Examples
    --------
    >>> validate_summary({})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    hwsim.errors.DataError: summary.json: summary = {}: 'schema' is a required property
    ...
    """
    if surely_valid(summary, summary_schema()):
        return
    from jsonschema import Draft202012Validator

    failures = [
        _failure(error) for error in Draft202012Validator(summary_schema()).iter_errors(summary)
    ]
    if failures:
        raise DataError.all(failures)


def _failure(error: ValidationError) -> str:
    """One failure as one line; a missing or unknown key is named itself."""
    where = error.json_path.removeprefix("$").lstrip(".") or "summary"
    text = json.dumps(error.instance, default=str)
    must = error.message.partition("\n")[0]
    if len(text) > LONGEST_VALUE:
        must = must.replace(repr(error.instance), "the value")
        text = f"{text[: LONGEST_VALUE - 3]}..."
    return str(DataError.at("summary.json", where, text, must[:300]))
