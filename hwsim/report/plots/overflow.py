"""Overflow of each layer: at which stage, and how many outputs of which class."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from hwsim.report import words
from hwsim.report.plots.figure import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    count_axis,
    count_label,
    legend,
    note,
    rows_figure,
    styled,
)  # fmt: skip
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary

_STAGE_COLORS = {"bias": PURPLE, "chain": SKY, "accumulator": BLUE, "requant": GREEN}
_STAGE_MARKS = {"bias": "s", "chain": "^", "accumulator": "o", "requant": "D"}
_CLASS_COLORS = {"persistent": VERMILLION, "transient": ORANGE}
_CLASS_MARKS = {"persistent": "o", "transient": "D"}
_COLUMNS = ("index", "layer", *words.STAGES, *_CLASS_COLORS)
_LINEAR = 50  # above this ratio of largest to least, bars on a linear axis vanish


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """Events by stage, outputs affected by class."""
    del details
    rows = []
    for i, layer in enumerate(summary["layers"]):
        overflow = layer["overflow"]
        stages = [overflow["by_stage"][stage] for stage in words.STAGES]
        rows.append((i, layer["name"], *stages, overflow["persistent"], overflow["transient"]))
    return Numbers(_COLUMNS, rows)


@styled
def _draw(numbers: Numbers) -> Figure:
    titles = ["Events by stage", "Sums affected"]
    figure, (events, outputs) = rows_figure(numbers.layers(), titles)
    if not any(any(row[2:]) for row in numbers.rows):
        _nothing(events, "No overflow in any layer.")
        _nothing(outputs, "No sum left its register.")
    else:
        handles = _panel(events, numbers, _STAGE_COLORS, _STAGE_MARKS)
        handles += _panel(outputs, numbers, _CLASS_COLORS, _CLASS_MARKS)
        legend(figure, handles, columns=6)
    events.set_xlabel("stores that changed their value, all samples")
    outputs.set_xlabel("sums with at least one event, all samples")
    return figure


def _panel(
    axes: Axes, numbers: Numbers, colors: dict[str, str], marks: dict[str, str]
) -> list[Any]:
    """Stacked bars; where counts differ too much for them, one dot a kind on a log axis."""
    kinds = [kind for kind in colors if any(numbers.column(kind))]
    totals = [sum(counts) for counts in zip(*map(numbers.column, colors), strict=True)]
    positive = [total for total in totals if total]
    if not positive:
        _nothing(axes, "No sum left its register.")
        return []
    if max(positive) <= _LINEAR * min(positive):
        _bars(axes, numbers, {kind: colors[kind] for kind in kinds}, totals)
        return [Patch(color=colors[kind], label=_word(kind)) for kind in kinds]
    _dots(axes, numbers, kinds, colors, marks)
    return [
        Line2D([], [], linestyle="", marker=marks[kind], color=colors[kind], label=_word(kind))
        for kind in kinds
    ]


def _nothing(axes: Axes, text: str) -> None:
    """Say in words that there is nothing to draw."""
    axes.set_xlim(0, 1)
    axes.set_xticks([0])
    note(axes, text)


def _word(kind: str) -> str:
    return words.STAGE_WORDS.get(kind, kind)


def _bars(axes: Axes, numbers: Numbers, colors: dict[str, str], totals: list[int]) -> None:
    left = [0] * len(totals)
    for kind, color in colors.items():
        counts = numbers.column(kind)
        axes.barh(range(len(counts)), counts, left=left, height=0.62, color=color, gid=kind)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    for row, total in enumerate(totals):
        text = f" {words.metric(total)}" if total else ""
        axes.text(total, row, text, va="center", fontsize=8, color="#333333")
    axes.set_xlim(0, max(totals) * 1.18)
    count_axis(axes)


def _dots(
    axes: Axes, numbers: Numbers, kinds: list[str], colors: dict[str, str], marks: dict[str, str]
) -> None:
    axes.set_xscale("log")
    largest = max(max(numbers.column(kind)) for kind in kinds)
    axes.set_xlim(0.7, largest * 12)
    for row, counts in enumerate(zip(*map(numbers.column, kinds), strict=True)):
        if any(counts):
            axes.plot([0.7, max(counts)], [row, row], color="#c8c8c8", linewidth=1.5, zorder=2)
            axes.text(
                max(counts) * 1.5, row, words.metric(sum(counts)), va="center", fontsize=8,
                color="#333333",
            )  # fmt: skip
    for kind in kinds:
        points = [(x, y) for y, x in enumerate(numbers.column(kind)) if x]
        axes.plot(
            [x for x, _ in points], [y for _, y in points], linestyle="", markersize=6, gid=kind,
            color=colors[kind], marker=marks[kind], zorder=3,
            markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(count_label))


PLOT = Plot(
    "overflow",
    "Overflow, layer by layer",
    "Left: stores that could not keep their value, by the register where it happened. Right: how "
    "many sums that touched. Persistent sums end outside the register, so that only more bits "
    "help; transient ones come back into range, which is harmless under wrap and wrong under "
    "saturation. The number is the row's total; where counts span orders of magnitude, dots "
    "on a logarithmic axis replace bars.",
    _numbers,
    _draw,
)
