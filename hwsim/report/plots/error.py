"""Errors in LSB: how large, how often, and whether a channel is off by a constant."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from hwsim.report.plots.figure import BLUE, GREY, ORANGE, rows_figure, styled
from hwsim.report.plots.numbers import Arrays, Numbers, Plot, detail
from hwsim.report.words import Summary

BINS = ("< -8.5", *map(str, range(-8, 9)), "> 8.5")
_COLUMNS = ("index", "layer", *BINS)
_CHANNEL_COLUMNS = ("index", "layer", "channel", "mean_lsb")
_LEAST = 1e-6  # share below which a cell is as pale as can be


def _histogram_numbers(summary: Summary, details: Arrays) -> Numbers:
    """Counts of outputs in bins of one LSB around the float result."""
    rows = []
    for i, layer in enumerate(summary["layers"]):
        counts = detail(details, i, "error_histogram")
        if counts.size == len(BINS) and counts.any():
            rows.append((i, layer["name"], *counts.tolist()))
    return Numbers(_COLUMNS, rows)


@styled
def _draw_histogram(numbers: Numbers) -> Figure:
    figure, (axes,) = rows_figure(numbers.layers(), [""])
    counts = np.array([row[2:] for row in numbers.rows], np.float64)
    share = counts / counts.sum(axis=1, keepdims=True)
    axes.grid(False)
    axes.imshow(
        np.maximum(share, _LEAST), aspect="auto", cmap="Blues", norm=LogNorm(_LEAST, 1),
        interpolation="nearest", zorder=1,
    )  # fmt: skip
    for row, col in zip(*np.nonzero(counts), strict=True):
        value = share[row, col]
        axes.text(
            col, row, _percent(value), ha="center", va="center", fontsize=7,
            color="white" if value > 0.03 else "black", in_layout=False,
        )  # fmt: skip
    for row in range(1, len(share)):
        axes.axhline(row - 0.5, color="white", linewidth=1.2)
    for edge in (0.5, len(BINS) - 1.5):
        axes.axvline(edge, color=GREY, linewidth=0.8, linestyle=":")
    middle = len(BINS) // 2
    for edge in (middle - 0.5, middle + 0.5):
        axes.axvline(edge, color=GREY, linewidth=0.8)
    ticks = ["<\N{MINUS SIGN}8½", *(_signed(int(x)) for x in BINS[1:-1]), ">8½"]
    axes.set_xticks(range(len(BINS)), ticks)
    axes.set_xlabel("accumulated error against the float reference, LSB (cells: % of outputs)")
    return figure


def _signed(value: int) -> str:
    """A number with a true minus, and a plus where it is positive."""
    return "0" if value == 0 else f"{value:+d}".replace("-", "\N{MINUS SIGN}")


def _percent(share: float) -> str:
    """Percent in at most four letters.

    >>> [_percent(share) for share in (1.0, 0.993, 0.0412, 0.0004, 0.00001)]
    ['100', '99.3', '4.1', '0.04', '<.01']
    """
    value = 100 * share
    if value >= 99.95:
        return "100"
    if value >= 0.095:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.0095 else "<.01"


def _channel_numbers(summary: Summary, details: Arrays) -> Numbers:
    """Mean error of every output channel."""
    rows = []
    for i, layer in enumerate(summary["layers"]):
        means = detail(details, i, "channel_mean_lsb")
        rows += [(i, layer["name"], channel, float(mean)) for channel, mean in enumerate(means)]
    return Numbers(_CHANNEL_COLUMNS, rows)


@styled
def _draw_channels(numbers: Numbers) -> Figure:
    figure, (axes,) = rows_figure(numbers.layers(), [""])
    for row, index in enumerate(numbers.layers()):
        means = np.array(numbers.of_layer(index).column("mean_lsb"))
        spread = _spread(len(means))
        small = np.abs(means) < 0.5
        for part, color in ((small, BLUE), (~small, ORANGE)):
            axes.plot(
                means[part], row + spread[part], linestyle="", marker="o", markersize=3.2,
                color=color, alpha=0.75, markeredgewidth=0, zorder=3,
            )  # fmt: skip
    _channel_axis(axes, numbers.column("mean_lsb"))
    return figure


def _spread(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Heights that keep neighbouring dots of one row apart, the same in every run."""
    golden = 0.6180339887498949
    return np.asarray(((np.arange(count) * golden) % 1 - 0.5) * 0.6)


def _channel_axis(axes: Axes, means: list[float]) -> None:
    """Linear, or logarithmic beyond one LSB where channels are far off."""
    low, high = min(-1.0, *means), max(1.0, *means)
    reach = max(-low, high)
    axes.axvline(0, color="black", linewidth=1)
    if reach > 20:
        axes.set_xscale("symlog", linthresh=1)
        decades = [10**d for d in range(int(np.ceil(np.log10(reach))) + 1)]
        ticks = [-x for x in reversed(decades)] + [0] + decades
        axes.set_xticks(ticks, [_signed(x) for x in ticks])
        axes.minorticks_off()
    axes.set_xlim(1.15 * low, 1.15 * high)
    axes.set_xlabel("mean error of a channel, LSB (orange: half an LSB and more)")


HISTOGRAM = Plot(
    "error_histogram",
    "How far outputs are from the float reference",
    "Each row is a layer, each cell the share of its outputs that are this many LSB away from the "
    "float result; an empty cell is none at all. The column between the lines is within half an "
    "LSB, as good as rounding can be. Mass on one side is a systematic error; mass in the outer "
    "columns is saturation or overflow.",
    _histogram_numbers,
    _draw_histogram,
)

CHANNELS = Plot(
    "channel_error",
    "Mean error of each output channel",
    "Each dot is one output channel of the layer: the mean of its error. Random rounding averages "
    "out to zero; a dot away from the line is a constant offset, which a bias correction could "
    "remove.",
    _channel_numbers,
    _draw_channels,
)
