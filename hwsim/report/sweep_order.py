"""Which overflows vanish when only the schedule changes: ``order`` of sweep.json as a table."""

from __future__ import annotations

from typing import Any

from hwsim.report import words
from hwsim.report.page_table import Cell, Column, count_cell, name_cell
from hwsim.report.sweep_points import Entry, SweepFolder, field_value

_COLUMNS = (
    Column("Layer", "alone, on the inputs of the exact run", names=True, text=True),
    Column("Registers", "what all schedules of a row share", text=True),
    Column("Outputs", "of all samples"),
    Column("Persistent", "the exact final sum does not fit: no order helps"),
    Column("By all", "outputs that overflow under every schedule"),
    Column("Vanish", "outputs that overflow under some schedules and not under others"),
    Column("Best", "outputs that overflow under the best schedule"),
    Column("Best schedule", "with the fewest", text=True),
    Column("Worst", "outputs that overflow under the worst schedule"),
    Column("Worst schedule", "with the most", text=True),
)


def order_table(sweep: SweepFolder) -> dict[str, Any] | None:
    """One row a family of machines and layer; layers that no schedule affects are left out."""
    families = sweep.manifest.get("order")
    if not families:
        return None
    rows = [
        _row(family, layer)
        for family in families
        for layer in family["layers"]
        if layer["by_all"] or layer["by_some"]
    ]
    return {"columns": _COLUMNS, "rows": rows}


def _row(family: Entry, layer: Entry) -> list[Cell]:
    schedules = [_words(values) for values in family["schedules"]]
    return [
        name_cell(layer["name"]),
        name_cell(_words(family["values"]) or "the machine's"),
        count_cell(layer["outputs"]),
        count_cell(layer["persistent"]),
        count_cell(layer["by_all"]),
        count_cell(layer["by_some"]),
        count_cell(layer["affected"][layer["best"]]),
        name_cell(schedules[layer["best"]]),
        count_cell(layer["affected"][layer["worst"]]),
        name_cell(schedules[layer["worst"]]),
    ]


def _words(values: Entry) -> str:
    return ", ".join(words.printable(field_value(name, value)) for name, value in values.items())
