"""Two runs, layer by layer: error, overflow and clocks."""

from __future__ import annotations

from typing import NamedTuple

from hwsim.report import words
from hwsim.report.comparison import WORSE, clocks, decibels, marked, shared_layers
from hwsim.report.drawing.panels import Column, Key, Panel, rows_drawing
from hwsim.report.drawing.scale import Scale, count_label, linear, logarithmic
from hwsim.report.drawing.shapes import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILLION,
    Drawing,
    Line,
    Mark,
    MarkShape,
)
from hwsim.report.plots.numbers import Numbers, Plot
from hwsim.report.words import Summary

_COLUMNS = (
    "index", "layer", "accumulator_bits_a", "accumulator_bits_b", "sqnr_db_a", "sqnr_db_b",
    "events_a", "events_b", "clocks_a", "clocks_b",
)  # fmt: skip
_LEAST = 0.5  # where a count of 0 stands on a logarithmic axis


class _Look(NamedTuple):
    color: str
    shape: MarkShape
    size: float


_LOOKS = {"a": _Look(BLUE, "circle", 11), "b": _Look(ORANGE, "diamond", 8)}
_PANELS = (
    ("sqnr_db", "Accumulated SQNR", "dB (further right is better)", True),
    ("events", "Overflow events", "all samples (0 at the left end)", False),
    ("clocks", "Clocks", "of one image, stalls included", False),
)


def _numbers(a: Summary, b: Summary) -> Numbers:
    """One row a shared layer."""
    rows = []
    for i, x, y in shared_layers(a, b):
        bits = (x["width"]["accumulator_bits"], y["width"]["accumulator_bits"])
        events = (x["overflow"]["events"], y["overflow"]["events"])
        decibel = (decibels(x), decibels(y))
        rows.append((i, x["name"], *bits, *decibel, *events, clocks(x), clocks(y)))
    return Numbers(_COLUMNS, rows)


def _draw(numbers: Numbers) -> Drawing:
    panels = [panel for panel in _PANELS if _values(numbers, panel[0])]
    columns = [Column(title, _scale(numbers, name), axis) for name, title, axis, _ in panels]
    legend = [Key(look.shape, look.color, f"run {run.upper()}") for run, look in _LOOKS.items()]
    legend += [Key("line", GREEN, "B is better"), Key("line", VERMILLION, "B is worse")]
    drawing, parts = rows_drawing(numbers.layers(), columns, legend)
    for part, (name, _, _, more) in zip(parts, panels, strict=True):
        pairs = zip(numbers.column(f"{name}_a"), numbers.column(f"{name}_b"), strict=True)
        for row, (a, b) in enumerate(pairs):
            layer = words.printable(numbers.rows[row][1])
            _pair(part, row, (a, b), more, f"{layer}: A {_text(a)}, B {_text(b)}")
    return drawing


def _text(value: float | None) -> str:
    """A count or decibels."""
    return words.number(value) if isinstance(value, float) else words.count(value)


def _values(numbers: Numbers, name: str) -> list[float]:
    both = [*numbers.column(f"{name}_a"), *numbers.column(f"{name}_b")]
    return [value for value in both if value is not None]


def _scale(numbers: Numbers, name: str) -> Scale:
    values = _values(numbers, name)
    if name == "sqnr_db":
        low, high = min(0.0, *values), max(10.0, *values)
        return linear(low - 0.03 * (high - low), high + 0.05 * (high - low), most=5)
    return logarithmic(max(_LEAST, min(values) / 2), max(*values, 10) * 2, count_label)


def _pair(
    panel: Panel, row: int, pair: tuple[float | None, float | None], more: bool, hint: str
) -> None:
    """Both runs' figure of one layer, and the way between them."""
    y = panel.y(row)
    places = [None if v is None else panel.x(max(v, panel.scale.lo)) for v in pair]
    mark = marked(*pair, more)
    if mark and places[0] is not None and places[1] is not None:
        color = VERMILLION if mark == WORSE else GREEN
        panel.drawing.add(Line(((places[0], y), (places[1], y)), color, 3, hint=hint, key=mark))
    for x, (run, look) in zip(places, _LOOKS.items(), strict=True):
        if x is not None:
            panel.drawing.add(Mark(x, y, look.shape, look.size, look.color, hint, run))


PLOT = Plot(
    "comparison",
    "Layer by layer",
    "Blue is run A, orange run B; a green line between them says that B is better, a red one that "
    "it is worse.",
    _numbers,
    _draw,
)
