"""Plots: each is a table of numbers (its CSV) and a drawing of that table, nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.report.plots import accuracy, error, overflow, place, utilization, value_range, width
from hwsim.report.plots.figure import png_bytes
from hwsim.report.plots.numbers import Arrays, Plot
from hwsim.report.words import Summary

PLOTS: tuple[Plot, ...] = (
    width.PLOT,
    value_range.PLOT,
    overflow.PLOT,
    place.PLOT,
    accuracy.PLOT,
    error.HISTOGRAM,
    error.CHANNELS,
    utilization.PLOT,
)


@dataclass(frozen=True)
class Picture:
    """One drawn plot: what the page shows and what stands in plots/."""

    plot: Plot
    csv: str
    png: bytes


def names() -> list[str]:
    """Every plot's name, in the page's order."""
    return [plot.name for plot in PLOTS]


def draw_all(summary: Summary, details: Arrays) -> dict[str, Picture]:
    """Draw every plot that has numbers; a runtime, for example, has no utilization."""
    pictures = {}
    for plot in PLOTS:
        numbers = plot.numbers(summary, details)
        if numbers.rows:
            pictures[plot.name] = Picture(plot, numbers.csv(), png_bytes(plot.draw(numbers)))
    return pictures
