"""Shapes in pixels, y down: what a plot draws, before it is SVG or PNG."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# Okabe and Ito, "Color Universal Design" (2008): told apart with any colour vision
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#767676"
YELLOW = "#F0E442"
INK, SOFT, RAIL, GRID, BAND, WHITE = (
    "#1b1f24", "#4a525b", "#c8c8c8", "#e4e4e4", "#f6f6f6", "#ffffff",
)  # fmt: skip
PALE, MIDDLE, DEEP = (0xE6, 0xEF, 0xF8), (0x56, 0x9F, 0xD0), (0x08, 0x30, 0x6B)

Point = tuple[float, float]
MarkShape = Literal["circle", "square", "diamond", "triangle", "bar", "ring"]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Box:
    """A filled rectangle. ``hint``: what hovering says; ``key``: the series that it is of."""

    x: float
    y: float
    width: float
    height: float
    color: str
    hint: str = ""
    key: str = ""


@dataclass(frozen=True)
class Line:
    """An open line through points."""

    points: tuple[Point, ...]
    color: str
    width: float = 1.0
    dashed: bool = False
    hint: str = ""
    key: str = ""


@dataclass(frozen=True)
class Area:
    """A filled polygon."""

    points: tuple[Point, ...]
    color: str
    hint: str = ""
    key: str = ""


@dataclass(frozen=True)
class Mark:
    """One value: a shape centred at a point, ``size`` across."""

    x: float
    y: float
    shape: MarkShape
    size: float
    color: str
    hint: str = ""
    key: str = ""


@dataclass(frozen=True)
class Dots:
    """Many small circles of one colour."""

    points: tuple[Point, ...]
    size: float
    color: str
    hint: str = ""
    key: str = ""


@dataclass(frozen=True)
class Label:
    """Text; y is the middle of its line."""

    x: float
    y: float
    text: str
    size: float = 12.5
    color: str = INK
    anchor: Anchor = "start"
    bold: bool = False
    hint: str = ""


Shape = Box | Line | Area | Mark | Dots | Label


@dataclass
class Drawing:
    """Shapes in the order in which they cover each other."""

    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Draw on top of what is there."""
        self.shapes += shapes

    def of(self, key: str) -> list[Shape]:
        """The shapes of one series."""
        return [shape for shape in self.shapes if not isinstance(shape, Label) and shape.key == key]

    def texts(self) -> list[str]:
        """Every label."""
        return [shape.text for shape in self.shapes if isinstance(shape, Label)]


def shade(share: float) -> str:
    """A colour for 0..1, pale to dark; its lightness alone tells the order.

    >>> shade(0), shade(1)
    ('#e6eff8', '#08306b')
    """
    share = min(max(share, 0.0), 1.0)
    low, high = (PALE, MIDDLE) if share < 0.5 else (MIDDLE, DEEP)
    at = 2 * share - (share >= 0.5)
    return "#" + "".join(f"{round(a + (b - a) * at):02x}" for a, b in zip(low, high, strict=True))


def corners(mark: Mark) -> list[Point]:
    """The polygon of a mark that is no circle."""
    x, y, half = mark.x, mark.y, mark.size / 2
    if mark.shape == "square":
        half *= 0.9
        return [
            (x - half, y - half),
            (x + half, y - half),
            (x + half, y + half),
            (x - half, y + half),
        ]
    if mark.shape == "bar":
        return [(x - 1.5, y - half), (x + 1.5, y - half), (x + 1.5, y + half), (x - 1.5, y + half)]
    if mark.shape == "triangle":
        return [(x, y - half), (x + half, y + half * 0.8), (x - half, y + half * 0.8)]
    half *= 1.15
    return [(x, y - half), (x + half, y), (x, y + half), (x - half, y)]
