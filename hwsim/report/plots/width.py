"""The width ladder: bits each register has, and bits it needs."""

from __future__ import annotations

from typing import NamedTuple

from hwsim.report import words
from hwsim.report.drawing.panels import Column, Key, Panel, rows_drawing
from hwsim.report.drawing.scale import linear
from hwsim.report.drawing.shapes import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RAIL,
    VERMILLION,
    Drawing,
    Line,
    Mark,
    MarkShape,
)
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary


class _Rung(NamedTuple):
    color: str
    shape: MarkShape
    size: float  # nested, so that equal widths show
    text: str


_RUNGS = {
    "type_bits": _Rung(PURPLE, "square", 15, "any weights and inputs"),
    "weight_bits": _Rung(ORANGE, "diamond", 12, "these weights, any input"),
    "observed_partial_bits": _Rung(BLUE, "circle", 9, "seen, partial sums"),
    "observed_final_bits": _Rung(GREEN, "triangle", 6, "seen, final sums"),
}
_COLUMNS = ("index", "layer", "register", "bits", *_RUNGS)


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """One row a register; the width of a tree is its root's."""
    del details
    rows = []
    for i, layer in enumerate(summary["layers"]):
        width, chain = layer["width"], layer["width"]["chain"]
        needs = [width[rung] for rung in _RUNGS]
        if chain is not None:
            rungs = [chain[rung] for rung in _RUNGS]
            rows.append((i, layer["name"], "chain", words.widest(chain["bits"]), *rungs))
        rows.append((i, layer["name"], "accumulator", width["accumulator_bits"], *needs))
    return Numbers(_COLUMNS, rows)


def _draw(numbers: Numbers) -> Drawing:
    registers = [name for name in ("chain", "accumulator") if name in numbers.column("register")]
    values = [bits for row in numbers.rows for bits in row[3:] if bits is not None]
    scale = linear(max(min(values) - 1.5, 0), max(values) + 1.5, whole=True, most=11)
    columns = [
        Column(words.STAGE_WORDS[name].capitalize(), scale, "width, bits") for name in registers
    ]
    legend = [Key("bar", BLACK, "the register has")]
    legend += [Key(rung.shape, rung.color, rung.text) for rung in _RUNGS.values()]
    legend += [Key("line", VERMILLION, "short on this data")]
    drawing, panels = rows_drawing(numbers.layers(), columns, legend)
    places = {index: row for row, index in enumerate(numbers.layers())}
    for panel, register in zip(panels, registers, strict=True):
        for entry in numbers.rows:
            if entry[2] == register:
                _ladder(panel, places[entry[0]], entry)
    return drawing


def _ladder(panel: Panel, row: int, entry: tuple[object, ...]) -> None:
    """One register: a rail from least to largest need, its rungs, and the width it has."""
    layer, register, has = str(entry[1]), entry[2], entry[3]
    assert isinstance(has, int)
    rungs = dict(zip(_RUNGS, entry[4:], strict=True))
    known = [bits for bits in rungs.values() if isinstance(bits, int)]
    y, seen = panel.y(row), rungs["observed_partial_bits"]
    panel.drawing.add(Line(((panel.x(min(known)), y), (panel.x(max(known)), y)), RAIL, 1.5))
    who = f"{words.printable(layer)}, {register}: "
    if isinstance(seen, int) and seen > has:
        short = f"{who}{words.several(seen - has, 'bit')} short on this data"
        ends = ((panel.x(has), y), (panel.x(seen), y))
        panel.drawing.add(Line(ends, VERMILLION, 4, hint=short, key="short"))
    hint = f"{who}the register has {has} bits"
    panel.drawing.add(Mark(panel.x(has), y, "bar", 24, BLACK, hint, "bits"))
    for name, rung in _RUNGS.items():
        bits = rungs[name]
        if isinstance(bits, int):
            hint = f"{who}{words.several(bits, 'bit')} ({rung.text})"
            mark = Mark(panel.x(bits), y, rung.shape, rung.size, rung.color, hint, name)
            panel.drawing.add(mark)


PLOT = Plot(
    "width_ladder",
    "Bits that each register has and needs",
    "The black bar is the register's width. From the right: enough for any weights of the format, "
    "enough for these weights with any input, and what this data really used, on the way and at "
    "the end. A mark to the right of the bar does not fit; a red rail is a shortage on this data. "
    "Marks far to the left of the bar are bits that could be saved.",
    _numbers,
    _draw,
)
