"""Where in the sum, and in which output channels, registers overflow."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hwsim.report.plots.figure import note, rows_figure, styled
from hwsim.report.plots.numbers import Arrays, Numbers, Plot, detail
from hwsim.report.words import Summary

_COLUMNS = ("index", "layer", "axis", "position", "extent", "events")
_BINS = 50


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """Nonzero counters of layers with events; ``position`` is k (-1 bias, K after) or channel."""
    rows = []
    for i, layer in enumerate(summary["layers"]):
        for axis, name in (("k", "events_by_step"), ("channel", "events_by_channel")):
            counters = detail(details, i, name)
            events = counters.sum(axis=0) if counters.ndim == 2 else counters
            first, extent = (-1, layer["k"]) if axis == "k" else (0, events.size)
            rows += [
                (i, layer["name"], axis, int(at) + first, extent, int(events[at]))
                for at in np.flatnonzero(events)
            ]
    return Numbers(_COLUMNS, rows)


@styled
def _draw(numbers: Numbers) -> Figure:
    titles = ["Along the sum", "Across output channels"]
    figure, panels = rows_figure(numbers.layers(), titles)
    for axes, axis in zip(panels, ("k", "channel"), strict=True):
        _panel(axes, numbers, axis)
    panels[0].set_xlabel("reduction step, % of K (bias at the left end)")
    panels[1].set_xlabel("output channel, % of all channels")
    return figure


def _panel(axes: Axes, numbers: Numbers, axis: str) -> None:
    """One strip a layer: its events in bins of equal length."""
    for row, index in enumerate(numbers.layers()):
        points = [entry for entry in numbers.of_layer(index).rows if entry[2] == axis]
        if not points:
            continue
        extent = max(points[0][4], 1)
        bins = min(_BINS, extent)
        share = np.zeros(bins)
        for *_, position, _, events in points:
            at = min(max(position, 0), extent - 1) * bins // extent
            share[at] += events
        share /= np.bincount(np.arange(extent) * bins // extent)  # a step, not a bin
        edges = np.linspace(0, 100, bins + 1)
        axes.pcolormesh(
            edges, [row - 0.4, row + 0.4], share[None] / share.max(),
            cmap="Blues", vmin=0, vmax=1, zorder=2,
        )  # fmt: skip
    axes.set_xlim(0, 100)
    if not numbers.rows:
        note(axes, "No overflow.")


PLOT = Plot(
    "overflow_place",
    "Where the overflow happens",
    "Each strip is one layer's events, darker where there are more; the darkest is its own most. "
    "Left: from the first product to the last; dark only at the right end means that sums grow "
    "slowly out of range, dark early means a few large products. Right: over the output channels; "
    "a few dark channels could be rescaled instead of widening every register.",
    _numbers,
    _draw,
)
