"""``--fail-on 'overflow.persistent>0'``: what a summary must not be, as a small exact language.

::

    criterion = KEY OP NUMBER          OP: > >= < <= == !=

KEY is a dotted key of summary.json: of the whole (``accuracy.hardware``, ``totals.cycles``, or
``cycles`` for short), or of its layers (``error.sqnr_db``, ``overflow.persistent``). Counts below
``overflow`` are summed over the layers; any other key of a layer is tested layer by layer.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hwsim.errors import ConfigError

_GRAMMAR = re.compile(
    r"\s*([A-Za-z_]\w*(?:\.\w+)*)\s*(>=|<=|==|!=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*",
    re.ASCII,
)
_OPERATIONS = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_NOT_SUMMED = ("overflow.excess_bits", "overflow.max_code_change", "overflow.first.")


@dataclass(frozen=True)
class Finding:
    """One value for which a criterion holds; ``layer`` None where it is the whole network's."""

    layer: str | None
    key: str
    value: float
    criterion: str

    def __str__(self) -> str:
        where = "--fail-on" if self.layer is None else self.layer
        return f"{where}: {self.key} = {self.value}: must not be {self.criterion}"


@dataclass(frozen=True)
class Criterion:
    """One parsed expression.

    >>> criterion = Criterion.parse("overflow.persistent > 0")
    >>> layers = [{"name": n, "overflow": {"persistent": p}} for n, p in (("a", 1), ("b", 2))]
    >>> [str(finding) for finding in criterion.findings({"totals": {}, "layers": layers})]
    ['--fail-on: overflow.persistent = 3: must not be > 0']
    """

    key: str
    operation: str
    number: float

    @classmethod
    def parse(cls, text: str) -> Criterion:
        """Read one expression.

        Raises
        ------
        ConfigError
            It is no ``KEY OP NUMBER``, or no summary can hold such a number.
        """
        match = _GRAMMAR.fullmatch(text)
        if match is None:
            must = "must be like overflow.persistent>0, with > >= < <= == or !="
            raise ConfigError.at("--fail-on", "expression", text, must)
        key, operation, number = match.groups()
        if not _is_promised(key):
            raise ConfigError.at("--fail-on", "key", key, "must be a number of summary.json")
        return cls(key, operation, int(number) if number.lstrip("+-").isdigit() else float(number))

    def findings(self, summary: Mapping[str, Any]) -> list[Finding]:
        """Every value of ``summary`` for which the criterion holds.

        Raises
        ------
        ConfigError
            The key names no number of this summary: a check that cannot fail is refused.
        """
        values = self._values(summary)
        if not values:
            must = "must be a number of summary.json that this run measured"
            raise ConfigError.at("--fail-on", "key", self.key, must)
        holds = _OPERATIONS[self.operation]
        criterion = f"{self.operation} {self.number}"
        return [
            Finding(layer, self.key, value, criterion)
            for layer, value in values
            if holds(value, self.number)
        ]

    def _values(self, summary: Mapping[str, Any]) -> list[tuple[str | None, float]]:
        """The numbers that the key names, with the layer that each belongs to."""
        for whole in (summary, summary["totals"]):
            value = _number(whole, self.key)
            if value is not None:
                return [(None, value)]
        found = [(layer["name"], _number(layer, self.key)) for layer in summary["layers"]]
        numbers: list[tuple[str | None, float]] = [(n, v) for n, v in found if v is not None]
        summed = self.key.startswith("overflow.") and not self.key.startswith(_NOT_SUMMED)
        return [(None, sum(value for _, value in numbers))] if numbers and summed else numbers


def _is_promised(key: str) -> bool:
    """Whether the schema of summary.json has a number at a key.

    >>> _is_promised("overflow.persistent"), _is_promised("overflow.presistent")
    (True, False)
    """
    from hwsim.report.schema import resolve, summary_schema

    whole = summary_schema()
    starts = (whole, whole["properties"]["totals"], whole["$defs"]["layer"])
    for node in starts:
        for part in key.split("."):
            node = resolve(resolve(node).get("properties", {}).get(part, {}))
        kinds = node.get("type", ())
        if {"integer", "number"} & {*([kinds] if isinstance(kinds, str) else kinds)}:
            return True
    return False


def _number(tree: Any, key: str) -> float | None:
    """The number at a dotted key, or None."""
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    is_number = isinstance(tree, int | float) and not isinstance(tree, bool)
    return tree if is_number else None
