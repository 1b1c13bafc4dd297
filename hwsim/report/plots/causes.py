"""Error by cause: shares that sum to the whole error, stacked for each layer."""

from __future__ import annotations

from itertools import groupby

from hwsim.report import words
from hwsim.report.drawing.panels import ROW, Column, Key, Panel, rows_drawing
from hwsim.report.drawing.scale import linear
from hwsim.report.drawing.shapes import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    SOFT,
    VERMILLION,
    YELLOW,
    Box,
    Drawing,
    Label,
    Line,
)
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary

_COLORS = {  # the commonest get the colours that differ most
    "weight_quantization": BLUE,
    "activation_quantization": SKY,
    "inherited": "#c4c9cf",
    "bias_quantization": PURPLE,
    "zero_point": "#5d3a9b",
    "product_rounding": "#88ccee",
    "overflow_persistent": VERMILLION,
    "overflow_transient": ORANGE,
    "multiplier": YELLOW,
    "output_quantization": GREEN,
    "rounding_rule": "#661100",
    "requantizer_overflow": BLACK,
    "output_clipping": GREY,
}
_OTHER = "#999933"  # a cause that is not in the list
_COLUMNS = (
    "index", "layer", "inputs", "cause", "share", "share_least", "share_largest", "mean_lsb",
    "rms_lsb",
)  # fmt: skip
_INPUTS = {"accumulated": "On the network's own inputs", "alone": "Alone, on true inputs"}


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """One row a layer, kind of input and cause; nothing where causes were not looked for."""
    del details
    rows = []
    for i, layer in enumerate(summary["layers"]):
        for inputs in _INPUTS if layer.get("causes") else ():
            for cause in layer["causes"][inputs]["causes"]:
                figures = [cause[name] for name in _COLUMNS[4:]]
                rows.append((i, layer["name"], inputs, cause["cause"], *figures))
    return Numbers(_COLUMNS, rows)


def word(cause: str) -> str:
    """A cause as people say it.

    >>> word("overflow_persistent")
    'overflow, persistent'
    """
    if cause.startswith("overflow_"):
        return cause.replace("_", ", ")
    return cause.replace("_", " ")


def _draw(numbers: Numbers) -> Drawing:
    there = [cause for cause in _COLORS if cause in numbers.column("cause")]
    there += sorted(set(numbers.column("cause")) - set(there))
    legend = [Key("box", _COLORS.get(cause, _OTHER), word(cause)) for cause in there]
    columns = []
    for inputs, title in _INPUTS.items():
        least, most = _reach(numbers, inputs)
        scale = linear(100 * least - 2, 100 * most + 2, most=6)
        columns.append(Column(title, scale, "share of the squared error, %"))
    drawing, panels = rows_drawing(numbers.layers(), columns, legend)
    for panel, inputs in zip(panels, _INPUTS, strict=True):
        for row, index in enumerate(numbers.layers()):
            _bar(panel, row, numbers.of_layer(index), inputs)
        ends = ((panel.x(0), panel.top), (panel.x(0), panel.bottom))
        drawing.add(Line(ends, SOFT, 1.2))
    return drawing


def _reach(numbers: Numbers, inputs: str) -> tuple[float, float]:
    """Least and largest end of a stack, at least 0 and 1."""
    least, most = 0.0, 1.0
    entries = [row for row in numbers.rows if row[2] == inputs]
    for _, rows in groupby(entries, key=lambda row: row[0]):
        shares = [row[4] for row in rows]
        least = min(least, sum(share for share in shares if share < 0))
        most = max(most, sum(share for share in shares if share > 0))
    return least, most


def _bar(panel: Panel, row: int, numbers: Numbers, inputs: str) -> None:
    """Positive shares to the right of 0, negative ones to its left."""
    right = left = 0.0
    entries = [entry for entry in numbers.rows if entry[2] == inputs]
    y = panel.y(row)
    if not entries:
        panel.drawing.add(Label(panel.x(0) + 6, y, "no error", 11, SOFT))
    for _, layer, _, cause, share, least, most, mean, rms in entries:
        start, end = (right, right + share) if share > 0 else (left + share, left)
        right, left = (end, left) if share > 0 else (right, start)
        hint = (
            f"{words.printable(layer)}, {word(cause)}: {100 * share:.1f} % of the squared error "
            f"({100 * least:.1f} to {100 * most:.1f} % with the order), "
            f"mean {mean:+.3f} LSB, rms {rms:.3f} LSB"
        )
        x = panel.x(100 * start)
        wide = panel.x(100 * end) - x
        color = _COLORS.get(cause, _OTHER)
        panel.drawing.add(Box(x, y - 0.36 * ROW, wide, 0.72 * ROW, color, hint, cause))
        if 0 < wide < 2:
            continue
        panel.drawing.add(Line(((x, y - 0.36 * ROW), (x, y + 0.36 * ROW)), "#ffffff", 0.6))


PLOT = Plot(
    "causes",
    "Error by cause",
    "Each bar is a layer's squared error against the float reference, divided among its causes: "
    "the shares of a bar sum to 100 %. A part to the left of 0 makes the error smaller. Left: as "
    "the network ran, where “inherited” came with the inputs. Right: the layer by itself. Causes "
    "are taken in the order of the datapath; the range that another order gives is in the hint and "
    "in the CSV.",
    _numbers,
    _draw,
)
