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
