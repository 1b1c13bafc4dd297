"""How busy the PEs are, and where the clocks go."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hwsim.report import words
from hwsim.report.plots.figure import BLUE, GREY, SKY, legend, rows_figure, styled
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


@styled
def _draw(numbers: Numbers) -> Figure:
    titles = ["PEs doing useful work", "Clocks spent"]
    figure, (busy, clocks) = rows_figure(numbers.layers(), titles)
    rows = range(len(numbers.rows))
    use = [100 * share for share in numbers.column("utilization")]
    busy.barh(rows, use, height=0.62, color=BLUE, gid="utilization")
    for row, value in zip(rows, use, strict=True):
        inside = value > 85
        busy.text(
            value - 1.5 if inside else value + 1.5, row, f"{value:.1f} %", va="center", fontsize=8,
            ha="right" if inside else "left", color="white" if inside else "#333333",
        )  # fmt: skip
    busy.set_xlim(0, 100)
    busy.set_xlabel("utilization, % of PE clocks")
    compute, stall = _shares(numbers)
    clocks.barh(rows, compute, height=0.62, color=BLUE)
    clocks.barh(rows, stall, height=0.62, left=compute, color=SKY, hatch="////", edgecolor="white")
    for row, a, b, cycles in zip(rows, compute, stall, numbers.column("cycles"), strict=True):
        total = cycles + numbers.column("stall_cycles")[row]
        text = f" {words.percent((a + b) / 100)} · {words.metric(total)}"
        clocks.text(a + b, row, text, va="center", fontsize=8, color="#333333")
    longest = max([a + b for a, b in zip(compute, stall, strict=True)], default=0)
    clocks.set_xlim(0, longest * 1.45 or 1)
    clocks.set_xlabel("share of the network's clocks, %")
    if any(stall):
        legend(
            figure,
            [Patch(color=BLUE, label="computing"),
             Patch(facecolor=SKY, hatch="////", edgecolor="white", label="waiting for memory")],
        )  # fmt: skip
    clocks.spines["bottom"].set_color(GREY)
    return figure


def _shares(numbers: Numbers) -> tuple[list[float], list[float]]:
    """Compute and stall clocks of each layer, in % of all."""
    cycles, stalls = numbers.column("cycles"), numbers.column("stall_cycles")
    total = sum(cycles) + sum(stalls) or 1
    return [100 * c / total for c in cycles], [100 * s / total for s in stalls]


PLOT = Plot(
    "utilization",
    "Utilization and clocks",
    "Left: useful multiply-adds as a share of all PE clocks of the layer. Right: the layer's share "
    "of the network's clocks, with their number per image. A long bar on the right beside a short "
    "one on the left is where a better mapping would pay.",
    _numbers,
    _draw,
)
