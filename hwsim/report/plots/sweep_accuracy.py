"""Accuracy against register width: one line for each combination of the other fields."""

from __future__ import annotations

from hwsim.report import words
from hwsim.report.drawing.panels import Key, Plane, plane_drawing
from hwsim.report.drawing.scale import Scale, linear
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
    Drawing,
    Label,
    Line,
    Mark,
    MarkShape,
)
from hwsim.report.plots.numbers import Numbers, Plot
from hwsim.report.sweep_points import FIELD_WORDS, Entry, SweepFolder, good_share

COLORS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, GREY, BLACK)
SHAPES: tuple[MarkShape, ...] = ("circle", "diamond", "square", "triangle")
_COLUMNS = (
    "series", "width", "bits", "share", "samples_changed", "exact", "float", "recommended",
    "guaranteed_bits", "labelled",
)  # fmt: skip


def _numbers(sweep: SweepFolder) -> Numbers:
    """One row a point; ``share``: accuracy, or of unlabelled data samples that stay the same."""
    if sweep.width is None:
        return Numbers(_COLUMNS, [])
    answers = (sweep.recommendation or {}).get("uniform") or []
    samples = sweep.manifest["data"]["samples"] or 1
    rows = []
    for point in sweep.uniform:
        others = {name: v for name, v in point["values"].items() if name != sweep.width}
        bits, accuracy = point["values"][sweep.width], point["accuracy"]
        answer = next((a for a in answers if a["values"] == others), None)
        found = (None if answer is None else answer["found"]) or {}
        share = good_share(point)
        rows.append(
            (
                sweep.series(point["values"]),
                sweep.width,
                bits,
                1 - point["samples_changed"] / samples if share is None else share,
                point["samples_changed"],
                None if accuracy is None else accuracy["exact"],
                None if accuracy is None else accuracy["float"],
                int(sweep.width == "accumulator.bits" and found.get("bits") == bits),
                None if answer is None else answer["guaranteed_bits"],
                int(share is not None),
            )
        )
    return Numbers(_COLUMNS, rows)


def _draw(numbers: Numbers) -> Drawing:
    names = list(dict.fromkeys(numbers.column("series")))
    looks = {
        name: (COLORS[i % len(COLORS)], SHAPES[(i + i // len(COLORS)) % len(SHAPES)])
        for i, name in enumerate(names)
    }
    legend = [Key(shape, color, name) for name, (color, shape) in looks.items()]
    ends = [("exact", "line", "unlimited registers"), ("float", "dashed", "floating point")]
    ends = [end for end in ends if any(x is not None for x in numbers.column(end[0]))]
    legend += [Key(shape, GREY, text) for _, shape, text in ends]
    if any(numbers.column("recommended")):
        legend.append(Key("ring", BLACK, "recommended"))
    word = FIELD_WORDS[numbers.rows[0][1]]
    labelled = numbers.rows[0][-1]
    up = "top-1 accuracy, %" if labelled else "samples of which no output changed, %"
    drawing, plane = plane_drawing(_across(numbers), _up(numbers), (word, up), legend)
    for name, shape, text in ends:
        for value in {x for x in numbers.column(name) if x is not None}:
            y = plane.height_of(100 * value)
            points = ((plane.left, y), (plane.right, y))
            hint = f"{text}: {words.percent(value)}"
            drawing.add(Line(points, GREY, 1.6, shape == "dashed", hint, name))
    _guaranteed(plane, numbers)
    for i, (name, (color, mark)) in enumerate(looks.items()):
        wide = max(1.0, 1.6 - 0.2 * i)  # nested, so that equal lines show
        _series(plane, [row for row in numbers.rows if row[0] == name], color, mark, wide)
    return drawing


def _across(numbers: Numbers) -> Scale:
    bits = numbers.column("bits") + [x for x in numbers.column("guaranteed_bits") if x is not None]
    return linear(min(bits) - 0.6, max(bits) + 0.9, whole=True, most=22)


def _up(numbers: Numbers) -> Scale:
    """From below the worst point to above the best."""
    values = [
        100 * x
        for name in ("share", "exact", "float")
        for x in numbers.column(name)
        if x is not None
    ]
    low, high = min(values), max(values)
    room = max(0.06 * (high - low), 0.2)
    return linear(max(low - room, -1), min(high + room, 101), most=8)


def _guaranteed(plane: Plane, numbers: Numbers) -> None:
    """The width that no input can overflow."""
    for bits in {x for x in numbers.column("guaranteed_bits") if x is not None}:
        x = plane.x(bits)
        hint = f"{bits} bits hold every input, with these weights"
        ends = ((x, plane.top), (x, plane.bottom))
        plane.drawing.add(Line(ends, BLACK, 1.5, dashed=True, hint=hint, key="guaranteed"))
        text = f"guaranteed: {bits} bits"
        plane.drawing.add(Label(x - 6, plane.bottom - 14, text, 11.5, SOFT, "end"))


def _series(
    plane: Plane, rows: list[tuple[object, ...]], color: str, shape: MarkShape, wide: float
) -> None:
    entries: list[Entry] = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    entries.sort(key=lambda entry: float(entry["bits"]))
    places = tuple((plane.x(e["bits"]), plane.height_of(100 * e["share"])) for e in entries)
    if len(places) > 1:
        plane.drawing.add(Line(places, color, 2 * wide))
    for entry, (x, y) in zip(entries, places, strict=True):
        hint = (
            f"{entry['series']}, {words.several(entry['bits'], 'bit')}: "
            f"{words.percent(entry['share'])}, outputs changed in "
            f"{words.several(entry['samples_changed'], 'sample')}"
        )
        plane.drawing.add(Mark(x, y, shape, 8 * wide, color, hint, "point"))
        if entry["recommended"]:
            said = f"recommended: {hint}"
            plane.drawing.add(
                Mark(x, y, "ring", 19, BLACK, said, "recommended"),
                Label(x, y + 19, f"{entry['bits']} bits", 11.5, BLACK, "middle", bold=True),
            )


PLOT = Plot(
    "accuracy_by_width",
    "Accuracy against register width",
    "Each mark is one machine, simulated bit by bit on all samples. To the right of the dashed "
    "line no input can overflow; between a ring and that line are the bits that this data did not "
    "need. Where wrapping stays high and saturation falls, sums leave the range and come back.",
    _numbers,
    _draw,
)
