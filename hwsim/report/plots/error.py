"""Errors in LSB: how large, how often, and whether a channel is off by a constant."""

from __future__ import annotations

import math

from hwsim.report import words
from hwsim.report.drawing.panels import ROW, Column, rows_drawing
from hwsim.report.drawing.scale import MINUS, Scale, linear
from hwsim.report.drawing.shapes import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    WHITE,
    Box,
    Dots,
    Drawing,
    Label,
    Line,
    Point,
    shade,
)
from hwsim.report.plots.numbers import Arrays, Numbers, Plot, detail
from hwsim.report.words import Summary

BINS = ("< -8.5", *map(str, range(-8, 9)), "> 8.5")
_COLUMNS = ("index", "layer", *BINS)
_CHANNEL_COLUMNS = ("index", "layer", "channel", "mean_lsb")
_LEAST = 1e-6  # share below which a cell is as pale as can be
_FAR = 20  # LSB; means beyond it call for a logarithmic axis


def _histogram_numbers(summary: Summary, details: Arrays) -> Numbers:
    """Counts of outputs in bins of one LSB around the float result."""
    rows = []
    for i, layer in enumerate(summary["layers"]):
        counts = detail(details, i, "error_histogram")
        if counts.size == len(BINS) and counts.any():
            rows.append((i, layer["name"], *counts.tolist()))
    return Numbers(_COLUMNS, rows)


def _draw_histogram(numbers: Numbers) -> Drawing:
    texts = [f"<{MINUS}8½", *(_signed(int(x)) for x in BINS[1:-1]), ">8½"]
    scale = Scale(-0.5, len(BINS) - 0.5, tuple(enumerate(texts)))
    axis = "accumulated error against the float reference, LSB (cells: % of outputs)"
    drawing, (panel,) = rows_drawing(numbers.layers(), [Column("", scale, axis)])
    drawing.add(Box(panel.left, panel.top, panel.width, panel.height, WHITE))
    wide = panel.width / len(BINS)
    for row, (_, name, *counts) in enumerate(numbers.rows):
        y, total = panel.y(row), sum(counts)
        for at, count in enumerate(counts):
            if count:
                share = count / total
                depth = 1 - math.log(max(share, _LEAST)) / math.log(_LEAST)
                hint = f"{words.printable(name)}, {texts[at]} LSB: {words.count(count)} outputs"
                place = (panel.x(at) - wide / 2, y - ROW / 2 + 1, wide, ROW - 2)
                color = WHITE if depth > 0.6 else BLACK
                text = Label(panel.x(at), y, _percent(share), 10, color, "middle", hint=hint)
                drawing.add(Box(*place, shade(depth), hint, "cell"), text)
    middle = len(BINS) // 2
    for edge in (0.5, middle - 0.5, middle + 0.5, len(BINS) - 1.5):
        ends = ((panel.x(edge), panel.top), (panel.x(edge), panel.bottom))
        drawing.add(Line(ends, GREY, 1, dashed=abs(edge - middle) > 1))
    return drawing


def _signed(value: float) -> str:
    """A number with a true minus, and a plus where it is positive."""
    return "0" if value == 0 else f"{value:+g}".replace("-", MINUS)


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


def _draw_channels(numbers: Numbers) -> Drawing:
    scale = _channel_scale(numbers.column("mean_lsb"))
    axis = "mean error of a channel, LSB (orange: half an LSB and more)"
    drawing, (panel,) = rows_drawing(numbers.layers(), [Column("", scale, axis)])
    drawing.add(Line(((panel.x(0), panel.top), (panel.x(0), panel.bottom)), BLACK))
    golden = 0.6180339887498949  # keeps neighbouring dots of one row apart
    for row, index in enumerate(numbers.layers()):
        channels = numbers.of_layer(index).rows
        points: dict[str, dict[Point, None]] = {BLUE: {}, ORANGE: {}}
        for _, _, channel, mean in channels:
            y = panel.y(row) + ROW * 0.6 * ((channel * golden) % 1 - 0.5)
            place = (round(panel.x(mean), 1), round(y, 1))
            points[BLUE if abs(mean) < 0.5 else ORANGE][place] = None
        farthest = max(channels, key=lambda entry: abs(entry[3]))
        hint = (
            f"{words.printable(farthest[1])}: {words.several(len(channels), 'channel')}, "
            f"farthest is {farthest[2]} with {_signed(round(farthest[3], 3))} LSB"
        )
        for color, there in points.items():
            if there:
                drawing.add(Dots(tuple(there), 5, color, hint, f"means {index}"))
    return drawing


def _channel_scale(means: list[float]) -> Scale:
    """Linear, or logarithmic beyond one LSB where channels are far off."""
    low, high = min(-1.0, *means), max(1.0, *means)
    reach = max(-low, high)
    if reach <= _FAR:
        return linear(1.15 * low, 1.15 * high, text=_signed)
    decades = [10**d for d in range(math.ceil(math.log10(reach)) + 1)]
    ticks = [float(x) for x in [-x for x in reversed(decades)] + [0] + decades]
    shown = tuple((x, _signed(x)) for x in ticks if 1.15 * low <= x <= 1.15 * high)
    return Scale(1.15 * low, 1.15 * high, shown, _symmetric_log)


def _symmetric_log(value: float) -> float:
    """Linear within one LSB, a decade a unit beyond."""
    if abs(value) <= 1:
        return value
    return math.copysign(1 + math.log10(abs(value)), value)


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
