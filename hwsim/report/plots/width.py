"""The width ladder: bits each register has, and bits it needs."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hwsim.report import words
from hwsim.report.plots.figure import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILLION,
    legend,
    rows_figure,
    styled,
)  # fmt: skip
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary

_RUNGS: dict[str, dict[str, Any]] = {
    "type_bits": {"color": PURPLE, "marker": "s", "label": "any weights and inputs"},
    "weight_bits": {"color": ORANGE, "marker": "D", "label": "these weights, any input"},
    "observed_partial_bits": {"color": BLUE, "marker": "o", "label": "seen, partial sums"},
    "observed_final_bits": {"color": GREEN, "marker": "^", "label": "seen, final sums"},
}
_COLUMNS = ("index", "layer", "register", "bits", *_RUNGS)
_SIZES = dict(zip(_RUNGS, (9, 7.5, 6, 4), strict=True))  # nested, so that equal widths show


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """One row a register; the width of a tree is its root's."""
    del details
    rows = []
    for i, layer in enumerate(summary["layers"]):
        width, chain = layer["width"], layer["width"]["chain"]
        needs = [width[rung] for rung in _RUNGS]
        if chain is not None:
            rungs = [chain[rung] for rung in _RUNGS]
            rows.append((i, layer["name"], "chain", words.widest(chain["bits"]), *rungs))
        rows.append((i, layer["name"], "accumulator", width["accumulator_bits"], *needs))
    return Numbers(_COLUMNS, rows)


@styled
def _draw(numbers: Numbers) -> Figure:
    registers = ["chain", "accumulator"] if "chain" in numbers.column("register") else [
        "accumulator"
    ]  # fmt: skip
    titles = [words.STAGE_WORDS[name].capitalize() for name in registers]
    figure, panels = rows_figure(numbers.layers(), titles)
    places = {index: row for row, index in enumerate(numbers.layers())}
    for axes, register in zip(panels, registers, strict=True):
        of_register = [row for row in numbers.rows if row[2] == register]
        _panel(axes, Numbers(numbers.columns, of_register), places)
    _share_axis(panels, numbers)
    handles = [
        Line2D([], [], linestyle="", markersize=min(_SIZES[name] + 1, 8), **rung)
        for name, rung in _RUNGS.items()
    ]
    has = Line2D([], [], linestyle="", marker="|", markersize=13, markeredgewidth=2.5, color=BLACK)
    has.set_label("the register has")
    short = Line2D([], [], color=VERMILLION, linewidth=2.5, label="short on this data")
    legend(figure, [has, *handles, short], columns=3)
    return figure


def _panel(axes: Axes, numbers: Numbers, places: dict[int, int]) -> None:
    """One register: a rail from least to largest need, its rungs, and the width it has."""
    rows = [places[index] for index in numbers.column("index")]
    bits = numbers.column("bits")
    needs = [[row[numbers.columns.index(rung)] for rung in _RUNGS] for row in numbers.rows]
    for row, has, rungs in zip(rows, bits, needs, strict=True):
        known = [rung for rung in rungs if rung is not None]
        axes.plot([min(known), max(known)], [row, row], color="#c8c8c8", linewidth=1.5, zorder=2)
        seen = rungs[2]
        if seen is not None and seen > has:
            axes.plot([has, seen], [row, row], color=VERMILLION, linewidth=3, zorder=2.5)
    for rung, mark in _RUNGS.items():
        points = [(x, y) for x, y in zip(numbers.column(rung), rows, strict=True) if x is not None]
        axes.plot(
            [x for x, _ in points], [y for _, y in points], linestyle="", zorder=3, gid=rung,
            color=mark["color"], marker=mark["marker"], markersize=_SIZES[rung],
            markeredgecolor="white", markeredgewidth=0.4,
        )  # fmt: skip
    axes.vlines(
        bits, [row - 0.46 for row in rows], [row + 0.46 for row in rows],
        color=BLACK, linewidth=2.5, zorder=2.7, gid="bits",
    )  # fmt: skip


def _share_axis(panels: list[Axes], numbers: Numbers) -> None:
    """The same bits for both registers."""
    values = [bits for row in numbers.rows for bits in row[3:] if bits is not None]
    for axes in panels:
        axes.set_xlim(max(min(values) - 1.5, 0), max(values) + 1.5)
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.set_xlabel("width, bits")


PLOT = Plot(
    "width_ladder",
    "Bits that each register has and needs",
    "The black bar is the register's width. From the right: enough for any weights of the format, "
    "enough for these weights with any input, and what this data really used, on the way and at "
    "the end. A mark to the right of the bar does not fit; a red rail is a shortage on this data. "
    "Marks far to the left of the bar are bits that could be saved.",
    _numbers,
    _draw,
)
