"""Per-layer words: the machine as one layer sees it.

``overrides`` is a list of ``{match: GLOB, when: {...}, dotted.key: value, ...}``; the first entry
whose glob matches the layer's name and whose conditions all hold (``conditions.py``) wins, alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from hwsim.array.checks import SELECTORS, check
from hwsim.array.conditions import Conditions, LayerFacts
from hwsim.array.specification import Machine
from hwsim.errors import ConfigError


def set_word(tree: dict[str, Any], dotted: str, value: Any) -> None:
    """Set one word of a machine's tree, in place; None takes the word away.

    >>> tree = {"accumulator": {"bits": 24}}
    >>> set_word(tree, "accumulator.bits", 20)
    >>> set_word(tree, "bias.when", "last")
    >>> tree
    {'accumulator': {'bits': 20}, 'bias': {'when': 'last'}}
    """
    *parents, word = dotted.split(".")
    for parent in parents:
        below = tree.get(parent)
        if not isinstance(below, dict):
            below = tree[parent] = {}
        tree = below
    if value is None:
        tree.pop(word, None)
    else:
        tree[word] = value


def changed(machine: Machine, words: Mapping[str, Any]) -> dict[str, Any]:
    """The machine's tree with dotted words changed and without overrides; not validated."""
    tree = machine.model_dump(exclude_none=True)
    tree["overrides"] = []
    for dotted, value in words.items():
        set_word(tree, dotted, value)
    return tree


def words_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry changes, without the words that say for which layers."""
    return {key: value for key, value in entry.items() if key not in SELECTORS}


def override_of(machine: Machine, layer: LayerFacts) -> Mapping[str, Any]:
    """The words of the first entry that is for ``layer``; empty where none is."""
    for entry in machine.overrides:
        conditions = Conditions.model_validate(entry.get("when", {}))
        if fnmatchcase(layer.name, entry["match"]) and conditions.hold(layer):
            return words_of(entry)
    return {}


def unmatched(machine: Machine, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """``overrides[<i>].match`` and the glob of every entry that is for none of these layers.

    Raises
    ------
    ConfigError
        One of them has no wildcard: the name of a layer, which there is not.
    """
    for i, entry in enumerate(machine.overrides):
        field, glob = f"overrides[{i}].match", entry["match"]
        if glob == "*" or any(fnmatchcase(name, glob) for name in names):
            continue
        if not re.search(r"[*?[]", glob):
            close = difflib.get_close_matches(glob, names, 3)
            known = (
                f"perhaps {', '.join(close)}"
                if close
                else f"there are {', '.join(names) or 'none'}"
            )
            must = f"must be a layer of the network; {known}"
            raise ConfigError.at(machine.name, field, glob, must)
        yield field, glob


def check_names(machine: Machine, names: Collection[str]) -> None:
    """Refuse an override for the name of a layer that is not among these.

    Raises
    ------
    ConfigError
    """
    for _ in unmatched(machine, names):
        pass


def for_layer(machine: Machine, layer: LayerFacts) -> Machine:
    """The machine as ``layer`` sees it: first matching override applied, validated again.

    Raises
    ------
    ConfigError
        The override makes a machine that cannot be built.
    """
    words = override_of(machine, layer)
    if not words:
        return machine
    resolved = Machine.model_validate(changed(machine, words))
    failures = check(resolved)
    if failures:
        where = f"{machine.name}, layer {layer.name}"
        lines = [str(ConfigError.at(where, *f)) for f in failures]
        raise ConfigError.all(lines)
    return resolved
