"""Width ladders on the terminal: one model's, or several and what all of them need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from hwsim.report import words
from hwsim.report.tables import ladder_table


def bounds_table(
    models: Mapping[str, Sequence[Mapping[str, Any]]], widest: Mapping[str, Any] | None
) -> Group:
    """What `hwsim bounds` prints.

    ``models`` : ladders of each model's layers; ``widest`` : `hwsim.analysis.untrained.widest`.
    """
    if len(models) == 1 or widest is None:
        layers = [layer for own in models.values() for layer in own]
        return Group(ladder_table({"layers": layers}))
    parts: list[RenderableType] = []
    for name, own in models.items():
        parts += [Text(words.printable(name), style="bold"), ladder_table({"layers": list(own)})]
    parts += [Text("all of them", style="bold"), ladder_table({"layers": [widest]})]
    for register, by in reversed(widest["by"].items()):
        ladder = widest["width"] if register == "accumulator" else widest["width"]["chain"]
        bits = ladder["weight_bits"]
        parts.append(Text(f"{register}: {bits} bits, for {words.printable(by)}"))
    return Group(*parts)
