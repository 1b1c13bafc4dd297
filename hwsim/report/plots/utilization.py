"""How busy the array is, and where the clocks go."""

from __future__ import annotations

from hwsim.report import words
from hwsim.report.drawing.panels import Column, Key, rows_drawing
from hwsim.report.drawing.scale import linear
from hwsim.report.drawing.shapes import BLUE, SKY, SOFT, WHITE, Drawing, Label
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary

_COLUMNS = ("index", "layer", "utilization", "cycles", "stall_cycles", "clock_share")


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """Per image; nothing for a runtime, which has no clocks."""
    del details
    layers = summary["layers"]
    if any(layer["cycles"] is None for layer in layers):
        return Numbers(_COLUMNS, [])
    total = sum(layer["cycles"] + (layer["stall_cycles"] or 0) for layer in layers)
    rows = []
    for i, layer in enumerate(layers):
        stall = layer["stall_cycles"] or 0
        share = (layer["cycles"] + stall) / total if total else 0.0
        rows.append((i, layer["name"], layer["utilization"] or 0.0, layer["cycles"], stall, share))
    return Numbers(_COLUMNS, rows)


def _draw(numbers: Numbers) -> Drawing:
    cycles, stalls = numbers.column("cycles"), numbers.column("stall_cycles")
    total = sum(cycles) + sum(stalls) or 1
    longest = max(a + b for a, b in zip(cycles, stalls, strict=True)) * 100 / total
    columns = [
        Column("PEs doing useful work", linear(0, 100), "utilization, % of PE clocks"),
        Column(
            "Clocks spent",
            linear(0, longest * 1.5 or 1, most=6),
            "share of the network's clocks, %",
        ),
    ]
    legend = [Key("box", BLUE, "computing"), Key("box", SKY, "waiting for memory")]
    shown = legend if any(stalls) else []
    drawing, (busy, clocks) = rows_drawing(numbers.layers(), columns, shown)
    for row, (_, name, share, compute, stall, part) in enumerate(numbers.rows):
        use, who, y = 100 * share, words.printable(name), busy.y(row)
        hint = f"{who}: {words.percent(share)} of the PE clocks do useful work"
        busy.bar(row, 0, use, BLUE, hint=hint, key="utilization")
        inside = use > 85
        at = busy.x(use) + (-6 if inside else 6)
        color = WHITE if inside else SOFT
        drawing.add(Label(at, y, f"{use:.1f} %", 11.5, color, "end" if inside else "start"))
        first = 100 * compute / total
        hint = f"{who}: {compute:,} clocks computing, {stall:,} waiting"
        clocks.bar(row, 0, first, BLUE, hint=hint, key="computing")
        clocks.bar(row, first, first + 100 * stall / total, SKY, hint=hint, key="waiting")
        text = f"{words.percent(part)} · {words.metric(compute + stall)}"
        drawing.add(Label(clocks.x(100 * part) + 6, y, text, 11.5, SOFT))
    return drawing


PLOT = Plot(
    "utilization",
    "Utilization and clocks",
    "Left: useful multiply-adds as a share of all PE clocks of the layer. Right: the layer's share "
    "of the network's clocks, with their number per image. A long bar on the right beside a short "
    "one on the left is where a better mapping would pay.",
    _numbers,
    _draw,
)
