"""Where in the sum, and in which output channels, registers overflow."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hwsim.report import words
from hwsim.report.drawing.panels import ROW, Column, Panel, rows_drawing
from hwsim.report.drawing.scale import linear
from hwsim.report.drawing.shapes import Box, Drawing, shade
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


def _draw(numbers: Numbers) -> Drawing:
    columns = [
        Column("Along the sum", linear(0, 100), "reduction step, % of K (bias at the left end)"),
        Column("Across output channels", linear(0, 100), "output channel, % of all channels"),
    ]
    drawing, panels = rows_drawing(numbers.layers(), columns)
    for panel, axis in zip(panels, ("k", "channel"), strict=True):
        for row, index in enumerate(numbers.layers()):
            entries = [entry for entry in numbers.of_layer(index).rows if entry[2] == axis]
            _strip(panel, row, entries)
        if not numbers.rows:
            panel.note("No overflow.")
    return drawing


def _strip(panel: Panel, row: int, entries: list[tuple[int, str, str, int, int, int]]) -> None:
    """One layer: its events in bins of equal length, darker where a step has more."""
    if not entries:
        return
    extent = max(entries[0][4], 1)
    bins = min(_BINS, extent)
    counts = [0] * bins
    for *_, position, _, events in entries:
        counts[min(max(position, 0), extent - 1) * bins // extent] += events
    firsts = [-(-at * extent // bins) for at in range(bins + 1)]
    sizes = [b - a for a, b in pairwise(firsts)]
    most = max(count / size for count, size in zip(counts, sizes, strict=True))
    for at, (count, size) in enumerate(zip(counts, sizes, strict=True)):
        if count:
            left, right = panel.x(100 * at / bins), panel.x(100 * (at + 1) / bins)
            last = f"..{firsts[at + 1] - 1}" if size > 1 else ""
            hint = (
                f"{words.printable(entries[0][1])}, {entries[0][2]} {firsts[at]}{last}: "
                f"{words.several(count, 'event')}"
            )
            top = panel.y(row) - 0.4 * ROW
            color = shade(count / size / most)
            panel.drawing.add(Box(left, top, right - left, 0.8 * ROW, color, hint, entries[0][2]))


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
