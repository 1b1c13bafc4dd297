"""Frames: panels whose rows are layers, so that any number of them stays readable, and planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.report import words
from hwsim.report.drawing.font import drawable, text_width
from hwsim.report.drawing.scale import Scale
from hwsim.report.drawing.shapes import (
    BAND,
    GREY,
    GRID,
    SOFT,
    Box,
    Drawing,
    Label,
    Line,
    Mark,
    MarkShape,
)

WIDTH = 960.0
ROW = 26.0  # a layer
LETTERS = 34  # of a layer's name; longer ones lose their middle
TEXT, SMALL = 12.5, 11.5
_GAP, _EDGE = 34.0, 12.0  # between panels; at the picture's edges
_LEGEND_ROW, _TITLE, _AXIS = 22.0, 24.0, 44.0


@dataclass(frozen=True)
class Key:
    """One entry of a legend: ``box`` is a patch, ``line`` a short line."""

    shape: MarkShape | str
    color: str
    text: str


@dataclass
class Panel:
    """One part of a drawing with its own axis across."""

    drawing: Drawing
    left: float
    width: float
    top: float
    height: float
    scale: Scale

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Where the axis is."""
        return self.top + self.height

    def x(self, value: float) -> float:
        """Where a value is."""
        return self.left + self.width * self.scale.share(value)

    def y(self, row: float) -> float:
        """The middle of a row."""
        return self.top + ROW * (row + 0.5)

    def bar(self, row: float, start: float, end: float, color: str, **more: str) -> None:
        """A bar from value to value."""
        x, y = self.x(start), self.y(row)
        self.drawing.add(Box(x, y - 0.31 * ROW, self.x(end) - x, 0.62 * ROW, color, **more))

    def note(self, text: str) -> None:
        """A sentence in place of marks that are not there."""
        x, y = self.left + self.width / 2, self.top + self.height / 2
        wide = text_width(text, 13) + 16
        self.drawing.add(
            Box(x - wide / 2, y - 13, wide, 26, "#ffffff"),
            Label(x, y, text, 13, SOFT, "middle"),
        )

    def axis(self, text: str) -> None:
        """Grid, ticks and what is measured; drawn before the marks."""
        base, last = self.bottom, -1e9
        for value, tick in self.scale.ticks:
            x = self.x(value)
            self.drawing.add(Line(((x, self.top), (x, base)), GRID))
            half = text_width(tick, SMALL) / 2
            if x - half > last + 5:
                self.drawing.add(Label(x, base + 12, tick, SMALL, SOFT, "middle"))
                last = x + half
        self.drawing.add(
            Line(((self.left, base), (self.right, base)), GREY),
            Label(self.left + self.width / 2, base + 31, text, TEXT, SOFT, "middle"),
        )


def labels(layers: dict[int, str]) -> list[str]:
    """Short names, numbered as in the page's table.

    A path that all layers share is dropped, of fused names (``a;b``) the first stays, and the
    middle of what is still too long.

    >>> labels({0: "net/conv", 1: "net/fc;net/relu"})
    ['0  conv', '1  fc;…']
    """
    names = [drawable(name) for name in layers.values()]
    shared = _shared_path(names)
    return [
        f"{index}  {_shortened(name[shared:])}" for index, name in zip(layers, names, strict=True)
    ]


def _shared_path(names: list[str]) -> int:
    """Letters of the folders that all names start with; 0 for a single name."""
    folders = [name.split("/")[:-1] for name in names]
    if len(names) < 2:
        return 0
    depth = 0
    while all(len(path) > depth and path[depth] == folders[0][depth] for path in folders):
        depth += 1
    return sum(len(folder) + 1 for folder in folders[0][:depth])


def _shortened(name: str) -> str:
    first, fused, _ = name.partition(";")
    return words.shortened(f"{first};…" if fused else first, LETTERS)


@dataclass(frozen=True)
class Column:
    """A panel as it is asked for: its title, its axis, what that measures, its share of width."""

    title: str
    scale: Scale
    axis: str
    ratio: float = 1.0


def rows_drawing(
    layers: dict[int, str], columns: Sequence[Column], legend: Sequence[Key] = ()
) -> tuple[Drawing, list[Panel]]:
    """One row a layer, the first on top, and panels side by side that share the rows."""
    names = labels(layers)
    left = _EDGE + max((text_width(name, TEXT) for name in names), default=0) + 10
    lines = _legend_lines(legend, WIDTH - 2 * _EDGE)
    titled = any(column.title for column in columns)
    top = 8 + _LEGEND_ROW * len(lines) + (_TITLE if titled else 0)
    height = ROW * max(len(names), 2)
    drawing = Drawing(WIDTH, top + height + _AXIS)
    _draw_legend(drawing, lines)
    for row in range(1, len(names), 2):
        drawing.add(Box(left, top + ROW * row, WIDTH - left - _EDGE, ROW, BAND))
    for row, (name, whole) in enumerate(zip(names, layers.values(), strict=True)):
        y = top + ROW * (row + 0.5)
        full = words.printable(whole)
        drawing.add(Label(left - 10, y, name, TEXT, anchor="end", hint=full))
    room = WIDTH - left - 2 * _EDGE - _GAP * (len(columns) - 1)
    unit = room / sum(column.ratio for column in columns)
    panels = []
    for column in columns:
        panel = Panel(drawing, left, unit * column.ratio, top, height, column.scale)
        if column.title:
            title = fitting(column.title, panel.width + _GAP - 10)
            drawing.add(Label(left, top - 12, title, 13, bold=True, hint=column.title))
        panel.axis(column.axis)
        panels.append(panel)
        left = panel.right + _GAP
    return drawing, panels


def fitting(text: str, room: float, size: float = 13) -> str:
    """A bold text without its middle, where it is too long."""
    letters = len(text)
    shown = text
    while letters > 3 and text_width(shown, size, bold=True) > room:
        letters -= 1
        shown = words.shortened(text, letters)
    return shown


def _entry_width(key: Key) -> float:
    return 20 + text_width(key.text, SMALL) + 18


def _legend_lines(keys: Sequence[Key], room: float) -> list[list[Key]]:
    """Entries in lines that fit."""
    lines: list[list[Key]] = []
    for key in keys:
        if lines and sum(map(_entry_width, [*lines[-1], key])) <= room:
            lines[-1].append(key)
        else:
            lines.append([key])
    return lines


def _draw_legend(drawing: Drawing, lines: list[list[Key]], left: float = _EDGE) -> None:
    for at, line in enumerate(lines):
        x, y = left, 14 + _LEGEND_ROW * at
        for key in line:
            _draw_key(drawing, key, x, y)
            drawing.add(Label(x + 20, y, key.text, SMALL, SOFT))
            x += _entry_width(key)


def _draw_key(drawing: Drawing, key: Key, x: float, y: float) -> None:
    if key.shape == "box":
        drawing.add(Box(x + 1, y - 6, 13, 12, key.color))
    elif key.shape in ("line", "dashed"):
        ends = ((x, y), (x + 15, y))
        drawing.add(Line(ends, key.color, 2.5, key.shape == "dashed"))
    else:
        shape: MarkShape = key.shape  # type: ignore[assignment]  # the rest of its values
        drawing.add(Mark(x + 7, y, shape, 14 if shape == "bar" else 9, key.color))


@dataclass
class Plane(Panel):
    """A panel with values upwards too."""

    up: Scale

    def height_of(self, value: float) -> float:
        """Where a value is on the axis upwards."""
        return self.bottom - self.height * self.up.share(value)


def plane_drawing(
    across: Scale, up: Scale, texts: tuple[str, str], legend: Sequence[Key] = (), tall: float = 340
) -> tuple[Drawing, Plane]:
    """Axes in both directions; ``texts`` says what they measure, across and upwards."""
    left = _EDGE + max((text_width(text, SMALL) for _, text in up.ticks), default=20) + 14
    lines = _legend_lines(legend, WIDTH - 2 * _EDGE)
    top = 8 + _LEGEND_ROW * len(lines) + _TITLE
    drawing = Drawing(WIDTH, top + tall + _AXIS)
    _draw_legend(drawing, lines)
    plane = Plane(drawing, left, WIDTH - left - 2 * _EDGE, top, tall, across, up)
    drawing.add(Label(_EDGE, top - 12, texts[1], TEXT, SOFT))
    for value, tick in up.ticks:
        y = plane.height_of(value)
        drawing.add(
            Line(((left, y), (plane.right, y)), GRID),
            Label(left - 8, y, tick, SMALL, SOFT, "end"),
        )
    plane.axis(texts[0])
    return drawing, plane
