"""What a sweep leaves to choose from, on the terminal: machines that no other beats, schedules."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.text import Text

from hwsim.report import words
from hwsim.report.sweep_table import FIELDS
from hwsim.report.tables import text_table

_MOST = 40  # rows; all of them are in sweep.json


def choice_table(manifest: dict[str, Any]) -> Group:
    """What `hwsim sweep` prints below its points: nothing where there is nothing to choose."""
    parts: list[Any] = []
    points = manifest["pareto"]["points"]
    if len(points) > 1 and len(manifest["pareto"]["objectives"]) > 1:
        parts += _front(manifest, [point for point in points if point["non_dominated"]])
    order = manifest.get("order")
    if order:
        parts += _layers(order[0]) if len(order) == 1 else _families(order)
    return Group(*parts)


def _front(manifest: dict[str, Any], points: list[dict[str, Any]]) -> list[Any]:
    """Points that no other point beats."""
    names = [objective["name"] for objective in manifest["pareto"]["objectives"]]
    timed = all(point["time_us"] is not None for point in points)
    headings = [FIELDS.get(name, name) for name in manifest["fields"]]
    headings += [_HEADINGS.get(name, name.replace("_", " ")) for name in names]
    headings += ["time"] if timed else []
    rows: list[list[str | Text]] = []
    for point in points[:_MOST]:
        values = manifest["points"][point["number"]]["values"].values()
        own: list[str | Text] = [str(value).replace("_", " ") for value in values]
        own += [_shown(name, point[name]) for name in names]
        own += [words.metric(point["time_us"] * 1e-6, "s")] if timed else []
        rows.append(own)
    total = len(manifest["pareto"]["points"])
    title = f"Not beaten in all of {', '.join(_SAID.get(n, n.replace('_', ' ')) for n in names)}"
    more = f", {_MOST} shown" if len(points) > _MOST else ""
    return [
        Text(f"{title}: {len(points)} of {words.several(total, 'point')}{more}", style="bold"),
        text_table(headings, rows, text_columns=len(manifest["fields"])),
    ]


_HEADINGS = {"accuracy": "top-1", "samples_changed": "samples"}
_SAID = {"samples_changed": "samples changed"}


def _shown(name: str, value: float) -> str:
    if name == "accuracy":
        return words.percent(value)
    return words.metric(value) if name == "cost" else words.count(value)


def schedule_words(schedule: dict[str, Any]) -> str:
    """A schedule as people say it.

    >>> schedule_words({"array.dataflow": "weight_stationary", "array.rows": 8})
    'weight stationary, rows 8'
    """
    said = []
    for name, value in schedule.items():
        text = str(value).replace("_", " ")
        said.append(text if name == "array.dataflow" else f"{FIELDS[name]} {text}")
    return ", ".join(said)


def _layers(family: dict[str, Any]) -> list[Any]:
    """One family: a line a layer."""
    schedules = [schedule_words(one) for one in family["schedules"]]
    headings = ["layer", "least under", "least", "most", "by all", "by some"]
    rows: list[list[str | Text]] = [
        [
            layer["name"],
            _best(layer["affected"], schedules),
            words.count(min(layer["affected"])),
            words.count(max(layer["affected"])),
            words.count(layer["by_all"]),
            words.count(layer["by_some"]),
        ]
        for layer in family["layers"]
    ]
    return [_title(len(schedules)), text_table(headings, rows, text_columns=2)]


def _families(order: list[dict[str, Any]]) -> list[Any]:
    """Several families: a line each, over all layers."""
    names = list(order[0]["values"])
    headings = [*(FIELDS.get(name, name) for name in names)]
    headings += ["least under", "least", "most", "by all", "by some"]
    rows: list[list[str | Text]] = []
    for family in order[:_MOST]:
        layers = family["layers"]
        schedules = [schedule_words(one) for one in family["schedules"]]
        sums = [sum(layer["affected"][i] for layer in layers) for i in range(len(schedules))]
        rows.append(
            [
                *(str(value).replace("_", " ") for value in family["values"].values()),
                _best(sums, schedules),
                words.count(min(sums)),
                words.count(max(sums)),
                words.count(sum(layer["by_all"] for layer in layers)),
                words.count(sum(layer["by_some"] for layer in layers)),
            ]
        )
    title = _title(len(order[0]["schedules"]))
    return [title, text_table(headings, rows, text_columns=len(names) + 1)]


def _best(affected: list[int], schedules: list[str]) -> str:
    """The schedule with the fewest; nothing where all are alike."""
    least = min(affected)
    return schedules[affected.index(least)] if max(affected) > least else words.NONE


def _title(count: int) -> Text:
    return Text(f"Outputs that overflow under {count} schedules, layers alone", style="bold")
