"""SQNR of each layer: what it inherits and what it adds."""

from __future__ import annotations

from typing import Any, NamedTuple

from hwsim.report import words
from hwsim.report.drawing.panels import Column, Key, Panel, rows_drawing
from hwsim.report.drawing.scale import Scale, linear
from hwsim.report.drawing.shapes import (
    BLUE,
    GREY,
    ORANGE,
    RAIL,
    SOFT,
    Drawing,
    Label,
    Line,
    Mark,
    MarkShape,
)
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary

_COLUMNS = ("index", "layer", "accumulated_db", "isolated_db", "accumulated", "isolated")


class _Kind(NamedTuple):
    color: str
    shape: MarkShape
    size: float  # nested, so that equal values show
    text: str


_MARKS = {
    "accumulated": _Kind(BLUE, "circle", 12, "accumulated: whole network up to here"),
    "isolated": _Kind(ORANGE, "diamond", 7, "isolated: this layer alone, true inputs"),
}


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """SQNR in dB, or a word: ``exact``, ``no signal``."""
    del details
    layers = summary["layers"]
    if not any(layer["error"] or layer["error_isolated"] for layer in layers):
        return Numbers(_COLUMNS, [])
    rows = []
    for i, layer in enumerate(layers):
        pair = (layer["error"], layer["error_isolated"])
        decibels = [error["sqnr_db"] if error else None for error in pair]
        rows.append((i, layer["name"], *decibels, *map(_state, pair)))
    return Numbers(_COLUMNS, rows)


def _state(error: dict[str, Any] | None) -> str:
    if error is None:
        return "no reference"
    return "" if error["sqnr_db"] is not None else words.decibel(error)


def _draw(numbers: Numbers) -> Drawing:
    pairs = list(zip(*(numbers.column(f"{name}_db") for name in _MARKS), strict=True))
    scale = _scale([x for pair in pairs for x in pair if x is not None])
    column = Column("", scale, "SQNR against the float reference, dB (further right is better)")
    legend = [Key(kind.shape, kind.color, kind.text) for kind in _MARKS.values()]
    drawing, (panel,) = rows_drawing(numbers.layers(), [column], legend)
    if scale.lo < 0:
        drawing.add(Line(((panel.x(0), panel.top), (panel.x(0), panel.bottom)), GREY))
    names = list(numbers.layers().values())
    for row, pair in enumerate(pairs):
        y = panel.y(row)
        if None not in pair:
            drawing.add(Line(((panel.x(pair[0]), y), (panel.x(pair[1]), y)), RAIL, 2))
        for (name, kind), value in zip(_MARKS.items(), pair, strict=True):
            if value is not None:
                hint = f"{words.printable(names[row])}, {name}: {value:.2f} dB"
                drawing.add(Mark(panel.x(value), y, kind.shape, kind.size, kind.color, hint, name))
    _states(panel, numbers)
    return drawing


def _scale(values: list[float]) -> Scale:
    """Zero is where the error is as strong as the signal."""
    if not values:
        return Scale(0, 1)
    low, high = min(0.0, *values), max(10.0, *values)
    return linear(low - 0.03 * (high - low), high + 0.05 * (high - low))


def _states(panel: Panel, numbers: Numbers) -> None:
    """Words where there is no number: at the right end, the better one."""
    both = list(zip(numbers.column("accumulated"), numbers.column("isolated"), strict=True))
    if all(pair == ("exact", "exact") for pair in both):
        panel.note("Every layer equals its float reference exactly.")
        return
    for row, pair in enumerate(both):
        if any(pair):
            text = pair[0] if pair[0] == pair[1] else _both(pair)
            panel.drawing.add(Label(panel.right - 4, panel.y(row), text, 11, SOFT, "end"))


def _both(pair: tuple[str, str]) -> str:
    return ", ".join(f"{name}: {state}" for name, state in zip(_MARKS, pair, strict=True) if state)


PLOT = Plot(
    "accuracy",
    "Signal to quantization noise, layer by layer",
    "A blue dot is the error that has built up to this layer; an orange diamond is what the layer "
    "adds when it gets the true inputs. Every 6 dB is one bit. A diamond far to the left of its "
    "neighbours is a layer worth looking at; a blue dot far to the left of its diamond only "
    "inherits its error.",
    _numbers,
    _draw,
)
