"""Roofline: how much work each byte from memory brings, and what the array makes of it."""

from __future__ import annotations

from hwsim.report import words
from hwsim.report.drawing.font import text_width
from hwsim.report.drawing.panels import Key, Plane, plane_drawing
from hwsim.report.drawing.scale import logarithmic
from hwsim.report.drawing.shapes import (
    BLACK,
    BLUE,
    GREY,
    SOFT,
    VERMILLION,
    Drawing,
    Label,
    Line,
    Mark,
)
from hwsim.report.plots.numbers import Arrays, Numbers, Plot
from hwsim.report.words import Summary

_COLUMNS = (
    "index", "layer", "macs_per_byte", "macs_per_clock", "roof_macs_per_clock", "bound", "pes",
    "bytes_per_clock",
)  # fmt: skip
_LOOKS = {"compute": (BLUE, "circle"), "bandwidth": (VERMILLION, "diamond")}


def _numbers(summary: Summary, details: Arrays) -> Numbers:
    """One row a layer; nothing where the machine has no memory."""
    del details
    machine = summary.get("machine") or {}
    array, memory = machine.get("array") or {}, machine.get("memory") or {}
    pes = (array.get("rows") or 0) * (array.get("cols") or 0)
    bus = memory.get("bytes_per_cycle")
    rows = []
    for i, layer in enumerate(summary["layers"]):
        moved = layer.get("memory")
        clocks = (layer["cycles"] or 0) + (layer["stall_cycles"] or 0)
        if not moved or not moved["macs_per_byte"] or not clocks or not pes or not bus:
            continue
        density = moved["macs_per_byte"]
        roof = min(pes, bus * density)
        work = layer["macs"] / clocks
        rows.append((i, layer["name"], density, work, roof, moved["bound"], pes, bus))
    return Numbers(_COLUMNS, rows)


def _draw(numbers: Numbers) -> Drawing:
    pes, bus = numbers.rows[0][6], numbers.rows[0][7]
    ridge = pes / bus
    across = numbers.column("macs_per_byte")
    low, high = min(*across, ridge) / 2, max(*across, ridge) * 3
    least = min(numbers.column("macs_per_clock")) / 2
    legend = [
        Key("circle", BLUE, "bound by the array"),
        Key("diamond", VERMILLION, "bound by the memory's bandwidth"),
        Key("line", BLACK, "the machine's roof"),
    ]
    texts = (
        "multiply-adds per byte moved between DRAM and SRAM",
        "multiply-adds per clock, stalls included",
    )
    drawing, plane = plane_drawing(
        logarithmic(low, high), logarithmic(min(least, low * bus), pes * 2), texts, legend
    )
    _roof(plane, low, ridge, high, pes, bus)
    marks = [(plane.x(row[2]), plane.height_of(row[3])) for row in numbers.rows]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in marks]
    for index, name, density, work, roof, bound, _, _ in numbers.rows:
        color, shape = _LOOKS[bound]
        x, y = plane.x(density), plane.height_of(work)
        drawing.add(Line(((x, y), (x, plane.height_of(roof))), GREY, 0.7, dashed=True))
        hint = (
            f"{words.printable(name)}: {density:.2f} MACs per byte, {work:.1f} MACs per clock, "
            f"{words.percent(work / roof)} of the roof; bound by {bound}"
        )
        drawing.add(
            Mark(x, y, "circle" if shape == "circle" else "diamond", 10, color, hint, bound)
        )
        _number(drawing, x, y, str(index), taken)
    return drawing


def _roof(plane: Plane, low: float, ridge: float, high: float, pes: int, bus: int) -> None:
    """The bandwidth's slope, then the array's ceiling."""
    corners = [(low, low * bus), (ridge, pes), (high, pes)]
    points = tuple((plane.x(x), plane.height_of(y)) for x, y in corners)
    hint = f"{pes} PEs, {bus} bytes a clock: they meet at {ridge:g} MACs per byte"
    plane.drawing.add(Line(points, BLACK, 2, hint=hint, key="roof"))
    x, y = points[-1]
    text = f"{pes} PEs; {bus} bytes a clock"
    plane.drawing.add(Label(x - 4, y - 11, text, 11.5, SOFT, "end"))


def _number(
    drawing: Drawing, x: float, y: float, text: str, taken: list[tuple[float, float, float, float]]
) -> None:
    """The layer's number beside its mark, where nothing else is written."""
    wide = text_width(text, 11)
    for left, up in ((x + 8, y), (x - 8 - wide, y), (x - wide / 2, y - 13), (x - wide / 2, y + 13)):
        place = (left, up - 6, left + wide, up + 6)
        if not any(
            place[0] < b[2] and b[0] < place[2] and place[1] < b[3] and b[1] < place[3]
            for b in taken
        ):
            taken.append(place)
            drawing.add(Label(left, up, text, 11, SOFT))
            return


PLOT = Plot(
    "roofline",
    "Roofline: work for each byte",
    "Each mark is a layer, by its number in the table. The black line is the most that the machine "
    "can do: the slope is the memory's bandwidth, the flat part all PEs at work. A red diamond "
    "waits for memory: more bytes a clock, larger buffers or another dataflow move it. A blue dot "
    "far below the line (dotted) leaves PEs idle for other reasons: shapes, fill and drain.",
    _numbers,
    _draw,
)
