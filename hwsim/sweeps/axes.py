"""What a sweep changes: fields of the machine, and the values that each takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwsim.array.rule_names import OVERFLOW_ALIASES, ROUNDING_ALIASES
from hwsim.array.specification import Machine
from hwsim.errors import ConfigError

Value = int | str


@dataclass(frozen=True)
class Field:
    """One field that can be swept; ``option`` of the command line, ``numeric`` where it counts.

    ``separator`` : stands between two values.
    """

    name: str
    option: str
    numeric: bool
    separator: str = ","


FIELDS = {
    field.name: field
    for field in (
        Field("accumulator.bits", "--accumulator-bits", True),
        Field("accumulator.overflow", "--overflow", False),
        Field("chain.bits", "--chain-bits", True),
        Field("chain.overflow", "--chain-overflow", False),
        Field("requantize.rounding", "--rounding", False),
        Field("requantize.multiplier_bits", "--multiplier-bits", True),
        Field("array.dataflow", "--dataflow", False),
        Field("array.rows", "--rows", True),
        Field("array.cols", "--cols", True),
        Field("array.k_order", "--k-order", False, ":"),
    )
}
REGISTERS = ("accumulator.bits", "accumulator.overflow", "chain.bits", "chain.overflow")
_ALIASES = OVERFLOW_ALIASES | ROUNDING_ALIASES
MOST_VALUES = 4096  # of one field
Axes = Mapping[str, tuple[Value, ...]]


def axes_of(
    given: Mapping[str, str | int | Sequence[Value] | None],
) -> dict[str, tuple[Value, ...]]:
    """Fields in their order, each with its values; those that are None are left out.

    >>> axes_of({"accumulator.overflow": "wrap,saturate", "accumulator.bits": "12:14,20"})
    {'accumulator.bits': (12, 13, 14, 20), 'accumulator.overflow': ('wrap', 'saturate')}

    Raises
    ------
    ConfigError
        No list of values, or one twice.
    """
    axes = {}
    for name, field in FIELDS.items():
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, int):
            value = [value]
        values = tuple(_parsed(value, field) if isinstance(value, str) else value)
        twice = sorted({str(v) for v in values if values.count(v) > 1})
        if twice:
            raise ConfigError.at(field.option, "value", twice[0], "must be given once")
        if not values:
            raise ConfigError.at(field.option, "values", "none", "must be at least one")
        axes[name] = values
    return axes


def _parsed(text: str, field: Field) -> Iterator[Value]:
    """``12:32,40`` as numbers, both ends included; ``wrap,saturate`` as words."""
    for part in text.split(field.separator):
        part = part.strip()
        if not field.numeric:
            if not part:
                must = f"must be words, like a{field.separator}b"
                raise ConfigError.at(field.option, "values", text, must)
            yield _ALIASES.get(part, part)
            continue
        ends = part.split(":")
        if len(ends) > 2 or not all(end.isascii() and end.isdigit() for end in ends):
            raise ConfigError.at(field.option, "values", text, "must be like 12:32 or 12,16,20")
        first, last = int(ends[0]), int(ends[-1])
        if not first <= last <= first + MOST_VALUES:
            must = f"must ascend, {MOST_VALUES} values at most"
            raise ConfigError.at(field.option, "values", part, must)
        yield from range(first, last + 1)


def words(machine: Machine, name: str, value: Value) -> list[str]:
    """The words of ``--set`` that give a field its value.

    Raises
    ------
    ConfigError
        The machine has nothing that the field could change.
    """
    if not name.startswith("requantize."):
        if name == "array.k_order":
            return [f"{name}=[{value}]"]
        gone = name == "array.dataflow" and value == "output_stationary" and machine.chain
        return [f"{name}={value}", *(["chain=null"] if gone else [])]
    word = name.removeprefix("requantize.")
    keys = [
        f"requantize.{operator}.{word}"
        for operator, policy in machine.requantize.items()
        if getattr(policy, word) is not None
    ]
    if not keys:
        must = f"must have requantize.*.{word}, so that it can be swept"
        raise ConfigError.at(FIELDS[name].option, "machine", machine.name, must)
    return [f"{key}={value}" for key in keys]


def value_of(machine: Machine, name: str) -> Any:
    """What a machine has in a field; of requantization, its default policy's; None: nothing.

    >>> from hwsim.importers.hardware import load
    >>> value_of(load("edge_ws_16x16"), "requantize.rounding")
    'half_up'
    """
    tree: Any = machine.model_dump()
    if name.startswith("requantize."):
        name = name.replace("requantize.", "requantize.default.")
    for part in name.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree
