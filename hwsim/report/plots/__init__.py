"""Plots: each is a table of numbers (its CSV) and a drawing of that table, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwsim.report import files
from hwsim.report.drawing.png import png_bytes
from hwsim.report.drawing.svg import svg
from hwsim.report.plots import (
    accuracy,
    causes,
    error,
    overflow,
    place,
    roofline,
    utilization,
    value_range,
    width,
)
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary

PLOTS: tuple[Plot, ...] = (
    width.PLOT,
    value_range.PLOT,
    overflow.PLOT,
    place.PLOT,
    accuracy.PLOT,
    causes.PLOT,
    error.HISTOGRAM,
    error.CHANNELS,
    utilization.PLOT,
    roofline.PLOT,
)


@dataclass(frozen=True)
class Picture:
    """One drawn plot: ``svg`` is what the page shows, the others stand in plots/."""

    plot: Plot
    csv: str
    svg: str
    png: bytes


def names() -> list[str]:
    """Every plot's name, in the page's order."""
    return [plot.name for plot in PLOTS]


def picture(plot: Plot, numbers: Numbers) -> Picture:
    """One plot, drawn once for both of its files."""
    drawing = plot.draw(numbers)
    alt = f"{plot.title}; its numbers are in plots/{plot.name}.csv"
    return Picture(plot, numbers.csv(), svg(drawing, alt), png_bytes(drawing))


def draw(plots: Sequence[Plot], *source: Any) -> dict[str, Picture]:
    """Draw every plot that has numbers in what it is drawn from."""
    pictures = {}
    for plot in plots:
        numbers = plot.numbers(*source)
        if numbers.rows:
            pictures[plot.name] = picture(plot, numbers)
    return pictures


def draw_all(summary: Summary, details: Arrays) -> dict[str, Picture]:
    """Draw a run; a runtime, for example, has no utilization."""
    return draw(PLOTS, summary, details)


def write_plots(folder: Path, plots: Sequence[Plot], pictures: Mapping[str, Picture]) -> None:
    """Each plot beside its numbers in ``plots/``; those that no longer apply are removed."""
    for plot in plots:
        if plot.name not in pictures:  # of an earlier rendering
            for suffix in (".png", ".csv"):
                files.remove_file(folder / "plots" / f"{plot.name}{suffix}")
    for name, drawn in pictures.items():
        files.write_file(folder / "plots" / f"{name}.png", drawn.png)
        files.write_file(folder / "plots" / f"{name}.csv", drawn.csv.encode())
