"""Arrays that no other beats: accuracy against clocks."""

from __future__ import annotations

from hwsim.report import words
from hwsim.report.drawing.panels import Key, plane_drawing
from hwsim.report.drawing.scale import count_label, linear, logarithmic
from hwsim.report.drawing.shapes import GREY, RAIL, Drawing, Mark
from hwsim.report.plots.numbers import Numbers, Plot
from hwsim.report.plots.sweep_accuracy import COLORS, SHAPES
from hwsim.report.sweep_points import ARRAY, Entry, SweepFolder, field_value, good_share

_COLUMNS = (
    "number", "array", "dataflow", "accumulator_bits", "share", "clocks", "adder_bits",
    "register_bits", "sram_bytes", "dram_bytes", "cost", "non_dominated",
)  # fmt: skip


def _array_of(sweep: SweepFolder, point: Entry) -> tuple[str, str, int | None]:
    """Array, dataflow and accumulator bits of a point: swept, or the machine's."""
    machine = sweep.manifest.get("machine") or {}
    array, accumulator = machine.get("array") or {}, machine.get("accumulator") or {}
    values = point["values"]
    rows, cols, flow = (
        values.get(f"array.{name}", array.get(name)) for name in ("rows", "cols", "dataflow")
    )
    bits: int | None = values.get("accumulator.bits", accumulator.get("bits"))
    return f"{rows} × {cols}", str(flow), bits


def _numbers(sweep: SweepFolder) -> Numbers:
    """Machines of a sweep of arrays, as ``pareto`` of sweep.json weighs them."""
    entries = (sweep.manifest.get("pareto") or {}).get("points") or []
    if not any(len(sweep.manifest["fields"].get(name, ())) > 1 for name in ARRAY):
        return Numbers(_COLUMNS, [])
    samples = sweep.manifest["data"]["samples"] or 1
    points = {point["number"]: point for point in sweep.uniform}
    rows = []
    for entry in entries:
        point = points.get(entry["number"])
        if point is None or entry["cycles"] is None:
            continue
        share = good_share(point)
        share = 1 - point["samples_changed"] / samples if share is None else share
        name, flow, bits = _array_of(sweep, point)
        takes = [entry.get(key) for key in _COLUMNS[6:-1]]
        rows.append((entry["number"], name, flow, bits, share, entry["cycles"], *takes,
                     int(entry["non_dominated"])))  # fmt: skip
    return Numbers(_COLUMNS, rows)


def _draw(numbers: Numbers) -> Drawing:
    arrays = list(dict.fromkeys(numbers.column("array")))
    flows = list(dict.fromkeys(numbers.column("dataflow")))
    legend = [Key("box", COLORS[i % len(COLORS)], name) for i, name in enumerate(arrays)]
    legend += [
        Key(SHAPES[i % len(SHAPES)], GREY, field_value("array.dataflow", flow))
        for i, flow in enumerate(flows)
    ]
    shares = [100 * share for share in numbers.column("share")]
    room = max(0.06 * (max(shares) - min(shares)), 0.2)
    up = linear(max(min(shares) - room, -1), min(max(shares) + room, 101), most=8)
    spent = numbers.column("clocks")
    across = logarithmic(min(spent) / 1.3, max(spent) * 1.3, count_label)
    up_text = "top-1 accuracy, or of unlabelled samples those that stay the same, %"
    texts = ("clocks of one image, stalls included (further left is better)", up_text)
    drawing, plane = plane_drawing(across, up, texts, legend)
    for row in sorted(numbers.rows, key=lambda row: row[-1]):
        point = dict(zip(_COLUMNS, row, strict=True))
        best, name, flow = point["non_dominated"], point["array"], point["dataflow"]
        hint = (
            f"{name}, {field_value('array.dataflow', flow)}, {point['accumulator_bits']} "
            f"accumulator bits: {words.percent(point['share'])}, "
            f"{words.count(point['clocks'])} clocks{'; no other is better in all' if best else ''}"
        )
        x, y = plane.x(point["clocks"]), plane.height_of(100 * point["share"])
        color = COLORS[arrays.index(name) % len(COLORS)] if best else RAIL
        shape = SHAPES[flows.index(flow) % len(SHAPES)]
        drawing.add(Mark(x, y, shape, 11 if best else 8, color, hint, "front" if best else "rest"))
    return drawing


PLOT = Plot(
    "array_front",
    "Arrays that no other beats",
    "Each mark is one machine. Coloured ones are non-dominated: no other machine of this sweep has "
    "at least its accuracy with no more clocks, adder and register bits (or cost, where the sweep "
    "was given costs). Grey ones are beaten.",
    _numbers,
    _draw,
)
