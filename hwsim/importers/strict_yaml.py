"""YAML without its traps: every value says where it stands, and nothing is guessed.

A subset of YAML 1.2: mappings with text keys, lists, and plain scalars that are ``null``, ``true``,
``false``, a decimal or ``0x`` integer, a decimal float, or text. Everything that YAML 1.1 guesses
(``on``, ``0o17``, ``017``, ``1_000``, ``12:30``, dates) stays text, so that a number's field
refuses it. Duplicate keys, anchors, aliases, tags and second documents are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from hwsim.errors import ConfigError

MAX_BYTES = 1 << 18
MAX_DEPTH = 16
MAX_SHOWN = 60
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,19})|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(
    r"[-+]?([0-9]{1,20}\.[0-9]*|\.[0-9]+|[0-9]{1,20}(?=[eE]))([eE][-+]?[0-9]{1,3})?"
)
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A line of a file; ``line`` 0 where there are no lines (``--set``)."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Document:
    """Plain values, and the place of every key: ``places[("accumulator", "bits")]``."""

    value: Any
    places: dict[Path, Place]


class _Loader(yaml.SafeLoader):
    """SafeLoader's parser; the values are made here, not by its resolver."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:  # an alias names its anchor too
            raise _refused("anchors and aliases are not read: write the value out", event)
        if getattr(event, "tag", None) is not None:
            raise _refused("tags are not read: write the plain value", event)
        if self.depth >= MAX_DEPTH:
            raise _refused(f"more than {MAX_DEPTH} levels", event)
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _refused(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]


def scalar(text: str) -> Any:
    """The value of a plain scalar.

    >>> [scalar(t) for t in ("12", "0x1F", "1e3", "true", "~", "on", "017", "1_000", "12:30")]
    [12, 31, 1000.0, True, None, 'on', '017', '1_000', '12:30']
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 16 if text.startswith("0x") else 10)
    return float(text) if _FLOAT.fullmatch(text) else text


def load(text: bytes | str, file: str) -> Document:
    """Read one YAML document.

    Parameters
    ----------
    text : bytes or str
        At most 256 KiB; bytes are UTF-8.
    file : str
        What messages call it.

    Raises
    ------
    ConfigError
        Not YAML, not this subset, or duplicate keys: one line each.

    Examples
    --------
    >>> document = load("accumulator:\\n  bits: 24\\n", "edge.yaml")
    >>> document.value, str(document.places["accumulator", "bits"])
    ({'accumulator': {'bits': 24}}, 'edge.yaml:2')
    """
    if len(text) > MAX_BYTES:
        raise ConfigError.at(file, "size", f"over {MAX_BYTES} bytes", "must be a machine's YAML")
    node = _compose(text, file)
    places: dict[Path, Place] = {(): Place(file, 1)}
    failures: list[str] = []
    value = None if node is None else _value(node, (), file, places, failures)
    if failures:
        raise ConfigError.all(failures)
    return Document(value, places)


def _compose(text: bytes | str, file: str) -> yaml.Node | None:
    """The tree of nodes of the only document."""
    try:
        loader = _Loader(text)
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1 if mark is not None else 1)
        raise _not_yaml(place, error.problem or error.context) from None
    except yaml.YAMLError as error:
        raise _not_yaml(Place(file, 1), str(error).splitlines()[0]) from None
    return node


def _not_yaml(place: Place, problem: str | None) -> ConfigError:
    return ConfigError(f"{place}: text = {problem}: must be plain YAML in UTF-8")


def _value(
    node: yaml.Node, path: Path, file: str, places: dict[Path, Place], failures: list[str]
) -> Any:
    """Plain values of a node; notes the place of every key and element below ``path``."""
    if isinstance(node, yaml.ScalarNode):
        return scalar(node.value) if node.style is None else node.value
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            places[(*path, i)] = Place(file, item.start_mark.line + 1)
        return [_value(x, (*path, i), file, places, failures) for i, x in enumerate(node.value)]
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = Place(file, key_node.start_mark.line + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            failures.append(f"{place}: key = {key_node.id}: must be a word")
            continue
        inner = (*path, key_node.value)
        if key_node.value in result:
            field, first = dotted(inner), places[inner]
            failures.append(f"{place}: {field} = again: key already set on line {first.line}")
            continue
        places[inner] = place
        result[key_node.value] = _value(value_node, inner, file, places, failures)
    return result


class _Dumper(yaml.SafeDumper):
    """SafeDumper that also quotes text which `scalar` would read as a number or a word."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if scalar(text) == text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(value: Any, **style: Any) -> str:
    """Plain values as YAML that `load` reads as the same.

    >>> dump({"name": "1e3", "bits": 20}), load(dump({"name": "1e3"}), "m.yaml").value
    ("name: '1e3'\\nbits: 20\\n", {'name': '1e3'})
    """
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, **style)
    return text


def flow(value: Any) -> str:
    """A value as one line of YAML, cut where it is long.

    >>> flow({"bits": 20, "signed": True})
    '{bits: 20, signed: true}'
    """
    text = dump(value, default_flow_style=True, width=1 << 20).removesuffix("...\n").strip()
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def dotted(path: Path) -> str:
    """``("overrides", 0, "match")`` as people write it.

    >>> dotted(("overrides", 0, "match"))
    'overrides[0].match'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
