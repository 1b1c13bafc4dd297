"""A drawing as inline SVG: a few attributes a shape, hints as ``<title>``, so hovering needs no
script."""

from __future__ import annotations

from html import escape

from hwsim.report.drawing.shapes import (
    WHITE,
    Area,
    Box,
    Dots,
    Drawing,
    Label,
    Line,
    Mark,
    Point,
    Shape,
    corners,
)


def svg(drawing: Drawing, alt: str) -> str:
    """The drawing, as wide as the page lets it; ``alt`` says what it shows."""
    head = (
        f'<svg class="chart" viewBox="0 0 {_n(drawing.width)} {_n(drawing.height)}" role="img" '
        f'aria-label="{escape(alt)}">'
    )
    return "\n".join([head, *map(_shape, drawing.shapes), "</svg>"])


def _n(value: float) -> str:
    """A coordinate, in tenths of a pixel.

    >>> _n(12.04), _n(3.0), _n(-0.01)
    ('12', '3', '0')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _points(points: tuple[Point, ...] | list[Point]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)


def _shape(shape: Shape) -> str:
    if isinstance(shape, Label):
        return _label(shape)
    name, attributes = _outline(shape)
    if not shape.hint:
        return f"<{name} {attributes}/>"
    return f"<{name} {attributes}><title>{escape(shape.hint)}</title></{name}>"


def _outline(shape: Box | Line | Area | Mark | Dots) -> tuple[str, str]:
    """Tag and attributes of everything but text."""
    if isinstance(shape, Box):
        size = f'width="{_n(shape.width)}" height="{_n(shape.height)}"'
        return "rect", f'x="{_n(shape.x)}" y="{_n(shape.y)}" {size} fill="{shape.color}"'
    if isinstance(shape, Line):
        dash = ' stroke-dasharray="5 4"' if shape.dashed else ""
        stroke = f'stroke="{shape.color}" stroke-width="{_n(shape.width)}"{dash}'
        return "polyline", f'points="{_points(shape.points)}" fill="none" {stroke}'
    if isinstance(shape, Area):
        return "polygon", f'points="{_points(shape.points)}" fill="{shape.color}"'
    if isinstance(shape, Dots):
        path = "".join(f"M{_n(x)} {_n(y)}h0" for x, y in shape.points)
        stroke = f'stroke="{shape.color}" stroke-width="{_n(shape.size)}" stroke-linecap="round"'
        return "path", f'd="{path}" {stroke}'
    return _mark(shape)


def _mark(mark: Mark) -> tuple[str, str]:
    if mark.shape in ("circle", "ring"):
        place = f'cx="{_n(mark.x)}" cy="{_n(mark.y)}" r="{_n(mark.size / 2)}"'
        if mark.shape == "ring":
            return "circle", f'{place} fill="none" stroke="{mark.color}" stroke-width="2.5"'
        return "circle", f'{place} fill="{mark.color}" stroke="{WHITE}" stroke-width=".5"'
    return "polygon", f'points="{_points(corners(mark))}" fill="{mark.color}"'


def _label(label: Label) -> str:
    more = "" if label.anchor == "start" else f' text-anchor="{label.anchor}"'
    more += ' font-weight="700"' if label.bold else ""
    place = f'x="{_n(label.x)}" y="{_n(label.y)}" dy=".35em" font-size="{_n(label.size)}"'
    title = f"<title>{escape(label.hint)}</title>" if label.hint else ""
    return f'<text {place} fill="{label.color}"{more}>{title}{escape(label.text)}</text>'
