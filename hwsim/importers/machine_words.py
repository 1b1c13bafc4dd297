"""The words of a machine, read off the specification's own schema: no second list of ranges."""

from __future__ import annotations

import difflib
from functools import cache
from typing import Any

from pydantic_core import ErrorDetails

from hwsim.array.specification import Machine
from hwsim.importers.strict_yaml import Path, dotted

MISSING = "missing"
_YET = "not simulated yet"
_NOT_BUILT: dict[tuple[str, ...], tuple[Any, str]] = {  # word -> (its only value, what must hold)
    ("product", "kind"): ("exact", f"{_YET}: must be exact"),
    ("accumulator", "kind"): ("integer", f"{_YET}: must be integer"),
    ("accumulator", "group_size"): (None, f"{_YET}: leave it out, K is then one group"),
    ("operands", "activation", "encoding"): ("int", f"{_YET}: must be int"),
    ("operands", "weight", "encoding"): ("int", f"{_YET}: must be int"),
}
_FORESEEN = {  # values that DESIGN.md leaves room for; others are plain mistakes
    ("product", "kind"): ("table",),
    ("accumulator", "kind"): ("float",),
    ("operands", "activation", "encoding"): ("table", "minifloat", "float", "mx"),
    ("operands", "weight", "encoding"): ("table", "minifloat", "float", "mx"),
}


def not_built(tree: Any) -> list[tuple[str, Any, str]]:
    """Words that are understood and not simulated yet.

    >>> not_built({"product": {"kind": "table"}})[0][2]
    'not simulated yet: must be exact'
    """
    found = []
    for path, (only, must) in _NOT_BUILT.items():
        value = _at(tree, path)
        foreseen = value in _FORESEEN[path] if path in _FORESEEN else value is not MISSING
        if foreseen and value != only:
            found.append((dotted(path), value, must))
    return found


def _at(tree: Any, path: Path) -> Any:
    """The value at ``path``, or MISSING."""
    for part in path:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return tree


@cache
def _schema() -> dict[str, Any]:
    return Machine.model_json_schema()


def _options(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The forms that a value may take, references followed, null left out."""
    if "$ref" in node:
        return [_schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]]
    forms = [form for option in node.get("anyOf", ()) for form in _options(option)]
    return [form for form in forms or [node] if form.get("type") != "null"]


def _below(node: dict[str, Any], part: str | int) -> dict[str, Any] | None:
    """The schema of one key or element of a value."""
    for form in _options(node):
        if isinstance(part, int):
            if "items" in form:
                return dict(form["items"])
        elif part in form.get("properties", {}):
            return dict(form["properties"][part])
        elif isinstance(form.get("additionalProperties"), dict):
            return dict(form["additionalProperties"])
    return None


def _node(path: Path) -> dict[str, Any] | None:
    node: dict[str, Any] | None = _schema()
    for part in path:
        node = None if node is None else _below(node, part)
    return node


def known_word(key: str) -> bool:
    """Whether a dotted key is a word of a machine.

    >>> known_word("accumulator.bits"), known_word("accumulator.width")
    (True, False)
    """
    path = tuple(key.split("."))
    return _node(path) is not None or any(path[: len(p)] == p for p in _NOT_BUILT)


def must_of(detail: ErrorDetails, tree: Any) -> tuple[str, Any, str]:
    """One failure of pydantic's in our words: field, value, what must hold."""
    path: Path = ()
    node: dict[str, Any] = _schema()
    for part in detail["loc"]:
        below = _below(node, part)
        if below is None:
            break
        path, node = (*path, part), below
    if detail["type"] == "extra_forbidden":
        word = str(detail["loc"][-1])
        return dotted((*path, word)), detail["input"], _unknown(word, node)
    return dotted(path), _at(tree, path), f"must be {_form(node)}"


def _unknown(word: str, node: dict[str, Any]) -> str:
    known = [key for form in _options(node) for key in form.get("properties", ())]
    close = difflib.get_close_matches(word, known, 1)
    hint = f"; perhaps {close[0]}" if close else ""
    return f"unknown word, must be one of {', '.join(known)}{hint}"


def _form(node: dict[str, Any]) -> str:
    """What a value must be, in words."""
    return " or ".join(_one_form(form) for form in _options(node))


def _one_form(form: dict[str, Any]) -> str:
    if "enum" in form:
        return "one of " + ", ".join(form["enum"])
    if "const" in form:
        return str(form["const"])
    kind = form.get("type")
    if kind == "integer":
        return f"an integer, {form['minimum']}..{form['maximum']}"
    if kind == "number":
        return f"a finite number above {form['exclusiveMinimum']}"
    if kind == "boolean":
        return "true or false"
    if kind == "array":
        return f"a list, each {_form(form['items'])}"
    if kind == "string":
        return f"text, {form['pattern']}" if "pattern" in form else "text"
    return f"a mapping of {', '.join(form.get('properties', ('words',)))}"
