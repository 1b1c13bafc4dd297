"""Overflow of each layer: at which stage, and how many outputs of which class."""

from __future__ import annotations

from hwsim.report import words
from hwsim.report.drawing.panels import ROW, Column, Key, Panel, rows_drawing
from hwsim.report.drawing.scale import Scale, count_label, linear, logarithmic
from hwsim.report.drawing.shapes import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RAIL,
    SKY,
    SOFT,
    VERMILLION,
    Box,
    Drawing,
    Label,
    Line,
    Mark,
    MarkShape,
)
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary

_Looks = dict[str, tuple[str, MarkShape]]
_STAGES: _Looks = {
    "bias": (PURPLE, "square"),
    "chain": (SKY, "triangle"),
    "accumulator": (BLUE, "circle"),
    "requant": (GREEN, "diamond"),
}
_CLASSES: _Looks = {"persistent": (VERMILLION, "circle"), "transient": (ORANGE, "diamond")}
_COLUMNS = ("index", "layer", *_STAGES, *_CLASSES)
_LINEAR = 50  # above this ratio of largest to least, bars on a linear axis vanish
_LOWEST = 0.7  # left end of a logarithmic axis, below a count of one


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """Events by stage, outputs affected by class."""
    del details
    rows = []
    for i, layer in enumerate(summary["layers"]):
        overflow = layer["overflow"]
        stages = [overflow["by_stage"][stage] for stage in _STAGES]
        rows.append((i, layer["name"], *stages, overflow["persistent"], overflow["transient"]))
    return Numbers(_COLUMNS, rows)


def _draw(numbers: Numbers) -> Drawing:
    panels = [
        ("Events by stage", _STAGES, "stores that changed their value, all samples"),
        ("Sums affected", _CLASSES, "sums with at least one event, all samples"),
    ]
    columns = [
        Column(title, _scale(_totals(numbers, looks)), axis) for title, looks, axis in panels
    ]
    looks = _STAGES | _CLASSES
    kinds = [kind for kind in looks if any(numbers.column(kind))]
    legend = [Key(looks[kind][1], looks[kind][0], _word(kind)) for kind in kinds]
    drawing, parts = rows_drawing(numbers.layers(), columns, legend)
    if not kinds:
        parts[0].note("No overflow in any layer.")
        parts[1].note("No sum left its register.")
        return drawing
    for part, (_, own, _) in zip(parts, panels, strict=True):
        _panel(part, numbers, {kind: own[kind] for kind in own if kind in kinds})
    return drawing


def _totals(numbers: Numbers, looks: _Looks) -> list[int]:
    return [sum(counts) for counts in zip(*map(numbers.column, looks), strict=True)]


def _word(kind: str) -> str:
    return words.STAGE_WORDS.get(kind, kind)


def _scale(totals: list[int]) -> Scale:
    """Linear for bars; logarithmic where counts differ too much for them."""
    positive = [total for total in totals if total]
    if not positive:
        return Scale(0, 1, ((0, "0"),))
    if max(positive) <= _LINEAR * min(positive):
        return linear(0, max(positive) * 1.22, most=5, whole=True, text=count_label)
    return logarithmic(_LOWEST, max(positive) * 14, count_label)


def _panel(panel: Panel, numbers: Numbers, looks: _Looks) -> None:
    """Stacked bars, or one mark a kind on a logarithmic axis."""
    if not looks:
        panel.note("No sum left its register.")
        return
    stacked = panel.scale.lo == 0
    names = list(numbers.layers().values())
    for row, counts in enumerate(zip(*map(numbers.column, looks), strict=True)):
        kinds = {kind: count for kind, count in zip(looks, counts, strict=True) if count}
        if not kinds:
            continue
        hints = {k: f"{words.printable(names[row])}, {_word(k)}: {n:,}" for k, n in kinds.items()}
        draw = _bars if stacked else _marks
        end = draw(panel, row, kinds, hints, looks)
        text = words.metric(sum(kinds.values()))
        panel.drawing.add(Label(end, panel.y(row), text, 11.5, SOFT))


def _bars(
    panel: Panel, row: int, kinds: dict[str, int], hints: dict[str, str], looks: _Looks
) -> float:
    start, y = 0, panel.y(row)
    for kind, count in kinds.items():
        x, end = panel.x(start), panel.x(start + count)
        bar = Box(x, y - 0.31 * ROW, end - x, 0.62 * ROW, looks[kind][0], hints[kind], kind)
        panel.drawing.add(bar)
        start += count
    return panel.x(start) + 5


def _marks(
    panel: Panel, row: int, kinds: dict[str, int], hints: dict[str, str], looks: _Looks
) -> float:
    end, y = panel.x(max(kinds.values())), panel.y(row)
    panel.drawing.add(Line(((panel.left, y), (end, y)), RAIL, 1.5))
    for kind, count in kinds.items():
        color, shape = looks[kind]
        panel.drawing.add(Mark(panel.x(count), y, shape, 9, color, hints[kind], kind))
    return end + 9


PLOT = Plot(
    "overflow",
    "Overflow, layer by layer",
    "Left: stores that could not keep their value, by the register where it happened. Right: how "
    "many sums that touched. Persistent sums end outside the register, so that only more bits "
    "help; transient ones come back into range, which is harmless under wrap and wrong under "
    "saturation. The number is the row's total; where counts span orders of magnitude, dots "
    "on a logarithmic axis replace bars.",
    _numbers,
    _draw,
)
