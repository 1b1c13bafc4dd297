"""A sweep layer by layer: overflow at each width, accuracy of each layer alone, and widths."""

from __future__ import annotations

import math

from hwsim.report import words
from hwsim.report.drawing.panels import ROW, Column, Key, Panel, rows_drawing
from hwsim.report.drawing.scale import Scale, linear
from hwsim.report.drawing.shapes import (
    BLACK,
    BLUE,
    ORANGE,
    PURPLE,
    RAIL,
    WHITE,
    Box,
    Drawing,
    Label,
    Line,
    Mark,
    MarkShape,
    shade,
)
from hwsim.report.plots.numbers import Numbers, Plot
from hwsim.report.sweep_points import FIELD_WORDS, NAME, NUMBER, SweepFolder

_LEAST = 1e-7  # rate below which a cell is as pale as can be
_MOST_PANELS = 4
_OVERFLOW = ("index", "layer", "series", "width", "bits", "outputs_affected", "outputs", "rate",
             "codes_changed")  # fmt: skip
_ALONE = ("index", "layer", "series", "width", "bits", "lost", "samples_changed")
_WIDTHS: dict[str, tuple[str, MarkShape, float, str]] = {
    "type_bits": (PURPLE, "square", 15, "any weights and inputs"),
    "l1_bits": ("#8a6d00", "triangle", 12, "these weights, by their L1 norm"),
    "weight_bits": (ORANGE, "diamond", 11, "these weights, any input"),
    "observed_bits": (BLUE, "circle", 8, "seen on this data"),
    "recommended_bits": (BLACK, "bar", 22, "recommended for this layer"),
}


def _overflow_numbers(sweep: SweepFolder) -> Numbers:
    """One row a uniform point and layer."""
    if sweep.width is None:
        return Numbers(_OVERFLOW, [])
    index = {name: i for i, name in enumerate(sweep.names())}
    values = {point["number"]: point["values"] for point in sweep.uniform}
    samples = sweep.manifest["data"]["samples"]
    rows = []
    for layer in sweep.layers:
        own = values.get(layer[NUMBER])
        if own is None:
            continue
        outputs = samples * layer["groups"] * layer["m"] * layer["n"]
        seen = layer["overflow.outputs_affected"]
        head = (index[layer[NAME]], layer[NAME], sweep.series(own), sweep.width, own[sweep.width])
        rate = seen / outputs if outputs else 0.0
        rows.append((*head, seen, outputs, rate, layer["overflow.codes_changed"]))
    rows.sort(key=lambda row: row[0])
    return Numbers(_OVERFLOW, rows)


def _draw_overflow(numbers: Numbers) -> Drawing:
    names = list(dict.fromkeys(numbers.column("series")))[:_MOST_PANELS]
    scale = _width_scale(numbers)
    axis = FIELD_WORDS[numbers.rows[0][3]]
    panels = [Column(words.shortened(name, 40), scale, axis) for name in names]
    drawing, parts = rows_drawing(numbers.layers(), panels)
    for panel, name in zip(parts, names, strict=True):
        for row, index in enumerate(numbers.layers()):
            for _, layer, series, _, bits, seen, outputs, rate, changed in numbers.of_layer(
                index
            ).rows:
                if series == name:
                    hint = (
                        f"{words.printable(layer)}, {series}, {bits} bits: "
                        f"{words.count(seen)} of {words.count(outputs)} outputs overflow "
                        f"({words.percent(rate)}); {words.several(changed, 'code')} changed"
                    )
                    depth = 1 - math.log(max(rate, _LEAST)) / math.log(_LEAST)
                    color = shade(depth) if seen else WHITE
                    text = _short(rate) if seen and scale.hi - scale.lo < 26 / len(names) else ""
                    _cell(panel, row, bits, color, hint, (text, depth > 0.6))
    return drawing


def _short(rate: float) -> str:
    """Percent in at most three letters, or nothing.

    >>> [_short(rate) for rate in (1.0, 0.12, 0.012, 0.0012, 0.00001)]
    ['100', '12', '1.2', '.12', '']
    """
    value = 100 * rate
    if value >= 9.95:
        return f"{value:.0f}"
    if value >= 0.995:
        return f"{value:.1f}"
    return f"{value:.2f}".removeprefix("0") if value >= 0.01 else ""


def _width_scale(numbers: Numbers) -> Scale:
    bits = numbers.column("bits")
    return linear(min(bits) - 0.5, max(bits) + 0.5, whole=True, most=24)


def _cell(panel: Panel, row: int, bits: int, color: str, hint: str, text: tuple[str, bool]) -> None:
    left, y = panel.x(bits - 0.5), panel.y(row)
    wide = panel.x(bits + 0.5) - left
    box = Box(left + 0.5, y - ROW / 2 + 1, wide - 1, ROW - 2, color, hint, "cell")
    panel.drawing.add(box)
    if text[0]:
        ink = WHITE if text[1] else BLACK
        panel.drawing.add(Label(left + wide / 2, y, text[0], 9.5, ink, "middle", hint=hint))


def _alone_numbers(sweep: SweepFolder) -> Numbers:
    """One row a point with one layer alone: accuracy lost against ample registers."""
    if sweep.width is None:
        return Numbers(_ALONE, [])
    index = {name: i for i, name in enumerate(sweep.names())}
    rows = []
    for point in sweep.manifest["points"]:
        name, accuracy = point["only_layer"], point["accuracy"]
        if name is None or name not in index:
            continue
        lost = None if accuracy is None else accuracy["exact"] - accuracy["hardware"]
        head = (index[name], name, sweep.series(point["values"]), sweep.width)
        rows.append((*head, point["values"][sweep.width], lost, point["samples_changed"]))
    rows.sort(key=lambda row: row[0])
    return Numbers(_ALONE, rows)


def _draw_alone(numbers: Numbers) -> Drawing:
    names = list(dict.fromkeys(numbers.column("series")))[:_MOST_PANELS]
    axis = FIELD_WORDS[numbers.rows[0][3]]
    panels = [Column(words.shortened(name, 40), _width_scale(numbers), axis) for name in names]
    drawing, parts = rows_drawing(numbers.layers(), panels)
    most = max(numbers.column("samples_changed")) or 1
    worst = max([x for x in numbers.column("lost") if x is not None], default=0) or 1
    for panel, name in zip(parts, names, strict=True):
        for row, index in enumerate(numbers.layers()):
            for _, layer, series, _, bits, lost, changed in numbers.of_layer(index).rows:
                if series == name:
                    said = "" if lost is None else f"{100 * lost:.2f} points of top-1 lost; "
                    depth = changed / most if lost is None else max(lost, 0) / worst
                    hint = (
                        f"{words.printable(layer)} alone, {series}, {bits} bits: {said}"
                        f"outputs changed in {words.several(changed, 'sample')}"
                    )
                    color = shade(depth) if changed else WHITE
                    text = "" if lost is None or not changed else f"{100 * lost:.1f}"
                    wide = len(numbers.rows) / len(numbers.layers()) / len(names)
                    shown = text if wide * len(names) <= 26 else ""
                    _cell(panel, row, bits, color, hint, (shown, depth > 0.6))
    return drawing


def _ladder_numbers(sweep: SweepFolder) -> Numbers:
    """One row a layer of the recommendation."""
    layers = (sweep.recommendation or {}).get("layers") or []
    columns = ("index", "layer", *_WIDTHS)
    rows = [
        (i, layer["name"], *(layer.get(name) for name in _WIDTHS)) for i, layer in enumerate(layers)
    ]
    return Numbers(columns, rows)


def _draw_ladder(numbers: Numbers) -> Drawing:
    values = [bits for row in numbers.rows for bits in row[2:] if bits is not None]
    scale = linear(max(min(values) - 1.5, 0), max(values) + 1.5, whole=True, most=20)
    legend = [Key(shape, color, text) for color, shape, _, text in _WIDTHS.values()]
    drawing, (panel,) = rows_drawing(
        numbers.layers(), [Column("", scale, "accumulator width, bits")], legend
    )
    for row, (_, layer, *rungs) in enumerate(numbers.rows):
        known = [bits for bits in rungs if bits is not None]
        y = panel.y(row)
        drawing.add(Line(((panel.x(min(known)), y), (panel.x(max(known)), y)), RAIL, 1.5))
        named = dict(zip(_WIDTHS, rungs, strict=True))
        for name in ("recommended_bits", *list(_WIDTHS)[:-1]):  # the bar below the others
            color, shape, size, text = _WIDTHS[name]
            if named[name] is not None:
                hint = f"{words.printable(layer)}: {words.several(named[name], 'bit')}, {text}"
                drawing.add(Mark(panel.x(named[name]), y, shape, size, color, hint, name))
    return drawing


OVERFLOW = Plot(
    "overflow_by_width",
    "Which layer overflows at which width",
    "Each cell is one layer on a machine with registers of that width: darker, more of its outputs "
    "overflow (logarithmic; numbers are %). White is none at all. Of more than four combinations "
    "of the other fields, the first four; the CSV has all.",
    _overflow_numbers,
    _draw_overflow,
)
ALONE = Plot(
    "layer_alone",
    "What each layer alone would cost",
    "As above, but only this layer has the narrow registers, all others hold every sum. Numbers "
    "are points of top-1 lost against ample registers: the layers that need their bits are dark.",
    _alone_numbers,
    _draw_alone,
)
LADDER = Plot(
    "recommended_widths",
    "Accumulator bits that each layer needs",
    "From the right: enough for any weights, for these weights by their L1 norm (A2Q), for these "
    "weights by their signs, and what this data used. The gap between the blue dot and the orange "
    "diamond is the headroom between observed and guaranteed; the bar is the recommended width.",
    _ladder_numbers,
    _draw_ladder,
)
