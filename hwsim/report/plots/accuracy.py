"""SQNR of each layer: what it inherits and what it adds."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hwsim.report import words
from hwsim.report.plots.figure import BLUE, GREY, ORANGE, legend, note, rows_figure, styled
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary

_COLUMNS = ("index", "layer", "accumulated_db", "isolated_db", "accumulated", "isolated")
_MARKS: dict[str, dict[str, Any]] = {  # nested sizes, so that equal values show
    "accumulated": {"color": BLUE, "marker": "o", "markersize": 8},
    "isolated": {"color": ORANGE, "marker": "D", "markersize": 4.5},
}
_LABELS = {
    "accumulated": "accumulated: whole network up to here",
    "isolated": "isolated: this layer alone, true inputs",
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


@styled
def _draw(numbers: Numbers) -> Figure:
    figure, (axes,) = rows_figure(numbers.layers(), [""])
    pairs = [numbers.column(f"{name}_db") for name in _MARKS]
    for row, pair in enumerate(zip(*pairs, strict=True)):
        if None not in pair:
            axes.plot(pair, [row, row], color="#c8c8c8", linewidth=2, zorder=2)
    for name, mark in _MARKS.items():
        points = [(x, y) for y, x in enumerate(numbers.column(f"{name}_db")) if x is not None]
        axes.plot(
            [x for x, _ in points], [y for _, y in points], linestyle="", gid=name, zorder=3, **mark
        )
    _limits(axes, [x for column in pairs for x in column if x is not None])
    _states(axes, numbers)
    axes.set_xlabel("SQNR against the float reference, dB (further right is better)")
    legend(
        figure,
        [Line2D([], [], linestyle="", label=_LABELS[name], **_MARKS[name]) for name in _MARKS],
    )
    return figure


def _limits(axes: Axes, values: list[float]) -> None:
    """Zero is where the error is as strong as the signal."""
    if not values:
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        return
    low, high = min(0.0, *values), max(10.0, *values)
    axes.set_xlim(low - 0.03 * (high - low), high + 0.05 * (high - low))
    if low < 0:
        axes.axvline(0, color=GREY, linewidth=1)


def _states(axes: Axes, numbers: Numbers) -> None:
    """Words where there is no number: at the right end, the better one."""
    both = list(zip(numbers.column("accumulated"), numbers.column("isolated"), strict=True))
    if all(pair == ("exact", "exact") for pair in both):
        note(axes, "Every layer equals its float reference exactly.")
        return
    for row, pair in enumerate(both):
        if any(pair):
            text = pair[0] if pair[0] == pair[1] else _both(pair)
            axes.text(
                0.995, row, text, transform=axes.get_yaxis_transform(), ha="right", va="center",
                fontsize=8, color="#333333",
            )  # fmt: skip


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
