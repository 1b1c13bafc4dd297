"""A machine's YAML to a `Machine`: strict, with file and line of every failure.

Three stages, all failures of a stage listed together: the text (``strict_yaml.py``), each field
by its type and range, rules between fields (``array/checks.py``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hwsim.array import overrides as per_layer
from hwsim.array.checks import check
from hwsim.array.specification import Machine
from hwsim.errors import ConfigError, UnsupportedError
from hwsim.importers import machine_files, strict_yaml
from hwsim.importers.machine_words import MISSING, known_word, must_of, not_built
from hwsim.importers.strict_yaml import Document, Place, dotted, flow

MAX_EXTENDS = 8
SET = Place("--set", 0)


def load(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Machine:
    """Read a machine.

    Parameters
    ----------
    name_or_path : str or Path
        A shipped machine's name, or a YAML file.
    overrides : sequence of str
        ``KEY=VALUE`` words of ``--set``, applied last, in the machine's ``when`` entries too;
        ``KEY=null`` takes a word away.

    Raises
    ------
    ConfigError
        Every failure, one line each: ``<file>:<line>: <field> = <value>: <what must hold>``.
    UnsupportedError
        The machine is understood and not simulated.

    Examples
    --------
    >>> load("edge_ws_16x16", ["accumulator.bits=18"]).accumulator.bits
    18
    """
    file = machine_files.find(name_or_path)
    document = _read(file, str(name_or_path), ())
    for word in overrides:
        _set(document, word)
    return build(document)


def with_words(machine: Machine, words: Sequence[str]) -> Machine:
    """The same machine with ``KEY=VALUE`` words of ``--set``, every stage checked again.

    >>> with_words(load("edge_ws_16x16"), ["accumulator.bits=18"]).accumulator.bits
    18
    """
    tree = machine.model_dump(exclude_none=True)
    document = Document(tree, {(): Place(machine.name, 0)})
    for word in words:
        _set(document, word)
    return build(document)


def build(document: Document) -> Machine:
    """The machine of a resolved document, every stage checked."""
    unsupported = not_built(document.value)
    fields = {field for field, _, _ in unsupported}
    failures = unsupported + [f for f in _invalid(document.value) if f[0] not in fields]
    if failures:
        _refuse(document, failures, UnsupportedError if len(failures) == len(unsupported) else None)
    machine = Machine.model_validate(document.value)
    failures = check(machine)
    if not failures:
        failures = [f for i in range(len(machine.overrides)) for f in _invalid_override(machine, i)]
    if failures:
        _refuse(document, failures)
    return machine


def resolved_yaml(machine: Machine) -> str:
    """Every word of a machine as YAML, in the specification's order; it loads again as the same.

    >>> print(resolved_yaml(load("edge_ws_16x16")).splitlines()[0])
    name: edge_ws_16x16
    """
    tree = machine.model_dump(exclude_none=True)
    return strict_yaml.dump(tree, default_flow_style=None, width=96)


def machine_hash(machine: Machine) -> str:
    """Sixteen hex digits that name the machine's words; its name apart.

    >>> len(machine_hash(load("edge_ws_16x16")))
    16
    """
    tree = machine.model_dump(exclude={"name"}, exclude_none=True)
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


def _read(file: Traversable, shown: str, chain: tuple[str, ...]) -> Document:
    """One file, on top of the machine that it extends."""
    where = shown if isinstance(file, Path) and str(file) == shown else _shown(file, shown)
    document = strict_yaml.load(machine_files.read(file), where)
    if not isinstance(document.value, dict):
        raise ConfigError.at(where, "text", "no mapping", "must be a machine's words, KEY: VALUE")
    chain = (*chain, str(file))
    if "extends" not in document.value:
        return _without_nulls(document)
    base = document.value.pop("extends")
    place = document.places[("extends",)]
    if not isinstance(base, str) or not base:
        raise ConfigError.at(
            str(place), "extends", flow(base), "must be a machine's name or a file"
        )
    if "name" not in document.value:
        raise ConfigError.at(str(place), "name", MISSING, "must be given: names are not inherited")
    try:
        below = machine_files.find(base, Path(str(file)).parent)
    except ConfigError as error:
        raise ConfigError(f"{place}: extends = {base}: {error}") from None
    if str(below) in chain or len(chain) >= MAX_EXTENDS:
        must = f"must end at a machine that extends none, within {MAX_EXTENDS} files"
        raise ConfigError.at(str(place), "extends", base, must)
    return _without_nulls(_merge(_read(below, base, chain), document))


def _shown(file: Traversable, shown: str) -> str:
    """How messages call a file: as the user spelled a path, or the file's name."""
    return shown if shown.endswith(file.name) else file.name


def _merge(base: Document, child: Document) -> Document:
    """Child's words on top of base's: mappings merge, everything else is replaced."""

    def merged(below: Any, above: Any) -> Any:
        if not (isinstance(below, dict) and isinstance(above, dict)):
            return above
        both = {key: merged(below[key], above[key]) for key in below.keys() & above.keys()}
        return {key: both.get(key, value) for key, value in (below | above).items()}

    return Document(merged(base.value, child.value), base.places | child.places)


def _without_nulls(document: Document) -> Document:
    """``KEY: null`` takes the key away."""

    def stripped(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: stripped(inner) for key, inner in value.items() if inner is not None}

    return Document(stripped(document.value), document.places)


def _set(document: Document, word: str) -> None:
    """Apply one ``KEY=VALUE``."""
    key, equals, text = word.partition("=")
    key = key.strip()
    if not equals or not text.strip():
        raise ConfigError.at("--set", "KEY=VALUE", word, "must be like accumulator.bits=18")
    if not known_word(key):
        raise ConfigError.at("--set", key, text, "must be a word of the machine; see hwsim hw show")
    value = strict_yaml.load(text, "--set").value
    per_layer.set_word(document.value, key, value)
    _set_where_conditions_hold(document.value.get("overrides"), key, value)
    path = tuple(key.split("."))
    for depth in range(1, len(path) + 1):
        if depth == len(path) or path[:depth] not in document.places:
            document.places[path[:depth]] = SET
    for below in [p for p in document.places if p[: len(path)] == path]:
        document.places[below] = SET


def _set_where_conditions_hold(overrides: Any, key: str, value: Any) -> None:
    """The word also in entries with ``when``: those are the machine's own rules for some layers.

    An entry for a layer by name alone keeps its word: it is somebody's choice for that layer.
    """
    for entry in overrides if isinstance(overrides, list) else ():
        if isinstance(entry, dict) and "when" in entry and key in entry:
            entry[key] = value


def _invalid(tree: Any) -> list[tuple[str, Any, str]]:
    """Fields whose own value is wrong, unknown or missing; each once."""
    try:
        Machine.model_validate(tree)
    except ValidationError as error:
        found: dict[str, tuple[str, Any, str]] = {}
        for detail in error.errors():
            field, value, must = must_of(detail, tree)
            found.setdefault(field, (field, value, must))
        return list(found.values())
    return []


def _invalid_override(machine: Machine, index: int) -> list[tuple[str, Any, str]]:
    """What one override breaks: unknown words, bad values, rules between fields."""
    words = per_layer.words_of(machine.overrides[index])
    prefix = f"overrides[{index}]"
    must = "must be a word of the machine, dotted"
    unknown = [(f"{prefix}.{key}", words[key], must) for key in words if not known_word(key)]
    if unknown:
        return unknown
    tree = per_layer.changed(machine, words)
    failures = not_built(tree) or _invalid(tree) or check(Machine.model_validate(tree))
    return [(f"{prefix}.{field}", value, must) for field, value, must in failures]


def _refuse(
    document: Document,
    failures: list[tuple[str, Any, str]],
    kind: type[ConfigError] | type[UnsupportedError] | None = None,
) -> None:
    """Raise every failure, in the order of the lines that they stand on."""
    placed = sorted(
        ((place_of(document, failure[0]), failure) for failure in failures),
        key=lambda item: item[0],
    )
    lines = [f"{place}: {field} = {flow(value)}: {must}" for place, (field, value, must) in placed]
    raise (kind or ConfigError).all(lines)


def place_of(document: Document, field: str) -> Place:
    """Where a dotted field stands; for one that is missing, the nearest word around it."""
    longest = max(
        (path for path in document.places if _covers(dotted(path), field)),
        key=lambda p: len(dotted(p)),
    )
    return document.places[longest]


def _covers(around: str, field: str) -> bool:
    return not around or field == around or field.startswith((f"{around}.", f"{around}["))
