"""What is drawn is what the CSV says, and it is drawn legibly for any network."""

import csv
import io
import re

import numpy as np
import pytest
from PIL import Image
from report.reader import Reader
from report.summaries import (
    HOSTILE,
    RUNS,
    all_overflow,
    hostile,
    many_layers,
    nine_with_overflow,
    one_layer,
    runtime,
    with_causes,
    with_memory,
)

from hwsim.report import plots
from hwsim.report.drawing import panels
from hwsim.report.drawing.png import REDUCED, SCALE, png_bytes
from hwsim.report.drawing.shapes import Box, Label, Mark
from hwsim.report.drawing.svg import svg
from hwsim.report.plots import (
    accuracy,
    causes,
    error,
    overflow,
    place,
    roofline,
    utilization,
    value_range,
    width,
)


def hints(drawn, key):
    """What each shape of one series says, in order."""
    return [shape.hint for shape in drawn.of(key)]


def rows_of(shapes, drawn):
    """The row that each shape is in, by its place."""
    labels = [shape.y for shape in drawn.shapes if isinstance(shape, Label)
              and shape.anchor == "end" and re.match(r"\d+  ", shape.text)]  # fmt: skip
    middles = [
        shape.y + shape.height / 2 if isinstance(shape, Box) else shape.y for shape in shapes
    ]
    return [min(range(len(labels)), key=lambda i: abs(labels[i] - y)) for y in middles]


@pytest.mark.parametrize("name", RUNS)
def test_every_run_is_drawn(name):
    summary, details = RUNS[name]()
    pictures = plots.draw_all(summary, details)
    assert bool(pictures) == bool(summary["layers"])
    for picture in pictures.values():
        image = Image.open(io.BytesIO(picture.png))
        assert image.width == panels.WIDTH * SCALE / REDUCED
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        header, *rows = csv.reader(io.StringIO(picture.csv))
        assert header[:2] == ["index", "layer"]
        names = [layer["name"] for layer in summary["layers"]]
        assert all(names[int(row[0])] == row[1] for row in rows)


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_drawn_outside_the_picture(name):
    for plot in plots.PLOTS:
        numbers = plot.numbers(*RUNS[name]())
        if not numbers.rows:
            continue
        drawn = plot.draw(numbers)
        for shape in drawn.shapes:
            left, top, right, bottom = extent(shape)
            assert left >= -0.5, (plot.name, shape)
            assert top >= -0.5, (plot.name, shape)
            assert right <= drawn.width + 0.5, (plot.name, shape)
            assert bottom <= drawn.height + 0.5, (plot.name, shape)


def extent(shape):
    """Left, top, right and bottom of any shape."""
    if isinstance(shape, Box):
        return shape.x, shape.y, shape.x + shape.width, shape.y + shape.height
    if isinstance(shape, Mark):
        half = shape.size / 2
        return shape.x - half, shape.y - half, shape.x + half, shape.y + half
    if isinstance(shape, Label):
        wide = panels.text_width(shape.text, shape.size, shape.bold)
        left = shape.x - {"start": 0, "middle": 0.5, "end": 1}[shape.anchor] * wide
        return left, shape.y - shape.size / 2, left + wide, shape.y + shape.size / 2
    xs, ys = zip(*shape.points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def test_svg_has_every_shape_and_every_hint_of_the_drawing():
    for plot in plots.PLOTS:
        drawn = plot.draw(plot.numbers(*with_causes())) if plot is not roofline.PLOT else (
            plot.draw(plot.numbers(*with_memory()))
        )  # fmt: skip
        reader = Reader(svg(drawn, "x"))
        titles = reader.named("title")
        assert len(reader.tags) - len(titles) - 1 == len(drawn.shapes)
        assert len(titles) == sum(bool(shape.hint) for shape in drawn.shapes)


def test_hostile_names_are_text_in_a_drawing():
    summary, details = hostile()
    for picture in plots.draw_all(summary, details).values():
        assert "<script" not in picture.svg
        assert "\x1b" not in picture.svg
        assert not re.search(r'="[^"]*<', picture.svg)


def test_runtime_has_no_utilization():
    assert utilization.PLOT.numbers(*runtime()).rows == []


def test_width_marks_are_the_numbers():
    summary, details = nine_with_overflow()
    numbers = width.PLOT.numbers(summary, details)
    drawn = width.PLOT.draw(numbers)
    half = drawn.width / 2 + 60
    for register, inside in (("chain", lambda x: x < half), ("accumulator", lambda x: x > half)):
        rows = [row for row in numbers.rows if row[2] == register]
        for at, rung in enumerate(numbers.columns[4:], start=4):
            marks = [mark for mark in drawn.of(rung) if inside(mark.x)]
            assert rows_of(marks, drawn) == [row[0] for row in rows]
            assert [int(re.search(r"(\d+) bit", mark.hint)[1]) for mark in marks] == [
                row[at] for row in rows
            ]
        bars = {mark.x for mark in drawn.of("bits") if inside(mark.x)}
        assert len(bars) == len({row[3] for row in rows})
    layers = summary["layers"]
    assert numbers.column("weight_bits")[1::2] == [x["width"]["weight_bits"] for x in layers]


def test_marks_stand_in_the_order_of_their_values():
    numbers = width.PLOT.numbers(*nine_with_overflow())
    drawn = width.PLOT.draw(numbers)
    every = [m for rung in numbers.columns[3:] for m in drawn.of(rung) if "accumulator" in m.hint]
    values = [int(re.search(r"(\d+) bit", mark.hint)[1]) for mark in every]
    steps = {(round(a.x - b.x, 6), i - j) for a, i in zip(every, values, strict=True)
             for b, j in zip(every, values, strict=True) if i != j}  # fmt: skip
    assert len({round(distance / bits, 3) for distance, bits in steps}) == 1
    assert min(distance / bits for distance, bits in steps) > 0


def test_a_register_that_is_short_is_red():
    summary, details = nine_with_overflow()
    summary["layers"][0]["width"]["observed_partial_bits"] = 20  # as many as there are
    short = [
        f"{x['name']}, accumulator: 1 bit short on this data"
        for x in summary["layers"] if x["width"]["observed_partial_bits"] > 20
    ]  # fmt: skip
    drawn = width.PLOT.draw(width.PLOT.numbers(summary, details))
    assert hints(drawn, "short") == short
    assert short


def test_accuracy_marks_are_the_numbers():
    summary, details = nine_with_overflow()
    numbers = accuracy.PLOT.numbers(summary, details)
    drawn = accuracy.PLOT.draw(numbers)
    for name, key in (("accumulated", "error"), ("isolated", "error_isolated")):
        values = [layer[key]["sqnr_db"] for layer in summary["layers"]]
        assert numbers.column(f"{name}_db") == values
        marks = drawn.of(name)
        assert rows_of(marks, drawn) == list(range(9))
        assert [mark.hint.rpartition(": ")[2] for mark in marks] == [f"{x:.2f} dB" for x in values]
        assert [m.x for m in sorted(marks, key=lambda m: m.x)] == [
            mark.x for _, mark in sorted(zip(values, marks, strict=True), key=lambda x: x[0])
        ]


def test_overflow_dots_are_the_numbers_where_counts_differ_much():
    summary, details = nine_with_overflow()
    numbers = overflow.PLOT.numbers(summary, details)
    drawn = overflow.PLOT.draw(numbers)
    for kind in ("chain", "accumulator", "persistent", "transient"):
        marks = drawn.of(kind)
        assert {type(mark) for mark in marks} == {Mark}
        expected = [(y, f"{x:,}") for y, x in enumerate(numbers.column(kind)) if x]
        counts = [mark.hint.rpartition(": ")[2] for mark in marks]
        assert list(zip(rows_of(marks, drawn), counts, strict=True)) == expected
    assert numbers.column("accumulator")[6] == 500_000


def test_overflow_bars_stack_to_the_events():
    summary, details = all_overflow()
    numbers = overflow.PLOT.numbers(summary, details)
    drawn = overflow.PLOT.draw(numbers)
    bars = [drawn.of(kind) for kind in ("chain", "accumulator")]
    left = min(bar.x for bar in bars[0])
    unit = {
        round((last.x + last.width - left) / layer["overflow"]["events"], 9)
        for last, layer in zip(bars[1], summary["layers"], strict=True)
    }
    assert len(unit) == 1
    assert [round(a.x + a.width, 6) for a in bars[0]] == [round(b.x, 6) for b in bars[1]]


def test_no_overflow_is_said_in_words():
    drawn = overflow.PLOT.draw(overflow.PLOT.numbers(*one_layer()))
    assert "No overflow in any layer." in drawn.texts()


def test_utilization_bars_are_the_numbers():
    summary, details = nine_with_overflow()
    drawn = utilization.PLOT.draw(utilization.PLOT.numbers(summary, details))
    bars = drawn.of("utilization")
    assert rows_of(bars, drawn) == list(range(9))
    widths = {round(bar.width / layer["utilization"], 9) for bar, layer in
              zip(bars, summary["layers"], strict=True)}  # fmt: skip
    assert len(widths) == 1
    waiting = [shape for shape in drawn.of("waiting") if shape.width > 0]
    assert rows_of(waiting, drawn) == [1, 3, 5, 7]


def test_histogram_keeps_every_count():
    summary, details = nine_with_overflow()
    numbers = error.HISTOGRAM.numbers(summary, details)
    for row in numbers.rows:
        assert list(row[2:]) == details[f"layer{row[0]}_error_histogram"].tolist()
    cells = error.HISTOGRAM.draw(numbers).of("cell")
    drawn = [int(re.search(r": ([\d,]+) outputs", x.hint)[1].replace(",", "")) for x in cells]
    assert drawn == [count for row in numbers.rows for count in row[2:] if count]


def test_histogram_is_darker_where_more_outputs_are():
    numbers = error.HISTOGRAM.numbers(*one_layer())
    cells = error.HISTOGRAM.draw(numbers).of("cell")
    counts = [count for count in numbers.rows[0][2:] if count]
    light = [sum(bytes.fromhex(cell.color[1:])) for cell in cells]
    ranked = sorted(zip(counts, light, strict=True), reverse=True)
    assert [x for _, x in ranked] == sorted(light)
    assert len(set(light)) > 3


def test_channel_dots_are_the_means():
    summary, details = nine_with_overflow()
    drawn = error.CHANNELS.draw(error.CHANNELS.numbers(summary, details))
    for i in range(9):
        means = details[f"layer{i}_channel_mean_lsb"].tolist()
        dots = drawn.of(f"means {i}")
        assert sum(len(x.points) for x in dots) == len(means)
        assert sum(len(x.points) for x in dots if x.color == error.ORANGE) == sum(
            abs(mean) >= 0.5 for mean in means
        )
        farthest = max(range(len(means)), key=lambda c: abs(means[c]))
        assert f"farthest is {farthest} with" in dots[0].hint


def test_range_rows_are_every_channel_with_the_limits():
    summary, details = nine_with_overflow()
    numbers = value_range.PLOT.numbers(summary, details)
    assert numbers.column("partial_lo") == [
        x for i in range(9) for x in details[f"layer{i}_partial_lo"].tolist()
    ]
    assert set(numbers.column("register_lo")) == {-(2**19)}
    assert set(numbers.column("register_hi")) == {2**19 - 1}


def test_symmetric_register_has_a_symmetric_limit():
    summary, details = one_layer()
    summary["layers"][0]["width"]["overflow"] = "saturate_symmetric"
    assert set(value_range.PLOT.numbers(summary, details).column("register_lo")) == {1 - 2**19}


def test_out_of_range_is_red_exactly_beyond_the_limits():
    summary, details = nine_with_overflow()
    drawn = value_range.PLOT.draw(value_range.PLOT.numbers(summary, details))
    outside = [i for i in range(9) if details[f"layer{i}_partial_hi"].max() >= 2**19]
    assert outside == [1, 3, 6]
    for key in ("below", "above"):
        assert sorted(set(rows_of(drawn.of(key), drawn))) == outside


def test_many_channels_share_bars_that_cover_them_all():
    summary, details = one_layer()
    rng = np.random.default_rng(1)
    hi = rng.integers(1, 2**18, 1000)
    details |= {"layer0_partial_hi": hi, "layer0_partial_lo": -hi, "layer0_final_hi": hi // 2,
                "layer0_final_lo": -hi // 2}  # fmt: skip
    numbers = value_range.PLOT.numbers(summary, details)
    assert len(numbers.rows) == 1000
    text = svg(value_range.PLOT.draw(numbers), "x")
    assert len(text) < 12_000
    assert f"{-int(hi.max()):,} to {int(hi.max()):,}" in text


def test_place_counts_every_event_once_on_each_axis():
    summary, details = nine_with_overflow()
    numbers = place.PLOT.numbers(summary, details)
    events = [layer["overflow"]["events"] for layer in summary["layers"]]
    for axis in ("k", "channel"):
        found = [0] * len(events)
        for row in numbers.rows:
            found[row[0]] += row[5] * (row[2] == axis)
        assert found == events
        drawn = [re.search(r": ([\d,]+) event", hint)[1].replace(",", "")
                 for hint in hints(place.PLOT.draw(numbers), axis)]  # fmt: skip
        assert sum(map(int, drawn)) == sum(events)
    counters = details["layer1_events_by_step"].sum(axis=0)  # element k + 1 counts step k
    assert {row[3]: row[5] for row in numbers.of_layer(1).rows if row[2] == "k"} == {
        i - 1: int(counters[i]) for i in np.flatnonzero(counters)
    }


def test_causes_stack_to_the_whole_error():
    numbers = causes.PLOT.numbers(*with_causes())
    drawn = causes.PLOT.draw(numbers)
    of_layer = [box for cause in numbers.column("cause") for box in drawn.of(cause)
                if "conv_2," in box.hint]  # fmt: skip
    boxes = {(box.x, box.width, box.hint) for box in of_layer if box.x < drawn.width / 2 + 60}
    zero = min(box.x for box in drawn.of("weight_quantization"))
    positive = sum(wide for x, wide, _ in boxes if x >= zero - 1e-6)
    negative = sum(wide for x, wide, _ in boxes if x < zero - 1e-6)
    assert round(positive / negative, 6) == 1.25 / 0.25
    assert "no error" in drawn.texts()  # layer 3, alone


def test_causes_are_absent_where_they_were_not_looked_for():
    assert causes.PLOT.numbers(*nine_with_overflow()).rows == []


def test_roofline_is_the_least_of_bandwidth_and_array():
    summary, details = with_memory()
    numbers = roofline.PLOT.numbers(summary, details)
    for row, layer in zip(numbers.rows, summary["layers"], strict=True):
        entry = dict(zip(numbers.columns, row, strict=True))
        density = layer["memory"]["macs_per_byte"]
        assert entry["macs_per_byte"] == density
        assert entry["roof_macs_per_clock"] == min(256, 8 * density)
        clocks = layer["cycles"] + layer["stall_cycles"]
        assert entry["macs_per_clock"] == layer["macs"] / clocks
        assert entry["bound"] == layer["memory"]["bound"]
    drawn = roofline.PLOT.draw(numbers)
    assert len(drawn.of("bandwidth")) == 3
    assert len(drawn.of("compute")) == 6
    assert roofline.PLOT.numbers(*nine_with_overflow()).rows == []


@pytest.mark.parametrize("make", [many_layers, hostile, one_layer])
def test_layer_names_are_never_clipped(make):
    summary, details = make()
    drawn = width.PLOT.draw(width.PLOT.numbers(summary, details))
    names = [x for x in drawn.shapes if isinstance(x, Label) and x.hint and x.anchor == "end"]
    assert len({label.text for label in names}) == len(summary["layers"])
    assert min(extent(label)[0] for label in names) >= 0


def test_hostile_names_become_letters_that_can_be_drawn():
    (label,) = panels.labels({0: HOSTILE})
    assert "\n" not in label
    assert "\x1b" not in label
    assert "$" in label


def test_long_names_lose_their_middle_only():
    (label,) = panels.labels({3: "a" * 30 + "b" * 30})
    assert label == f"3  {'a' * 17}…{'b' * 16}"


def test_equal_numbers_give_equal_bytes():
    numbers = accuracy.PLOT.numbers(*one_layer())
    drawn = [accuracy.PLOT.draw(numbers) for _ in range(2)]
    assert png_bytes(drawn[0]) == png_bytes(drawn[1])
    assert svg(drawn[0], "x") == svg(drawn[1], "x")


def test_colours_of_a_picture_are_the_drawing_s():
    drawn = overflow.PLOT.draw(overflow.PLOT.numbers(*all_overflow()))
    image = Image.open(io.BytesIO(png_bytes(drawn))).convert("RGB")
    scale = SCALE / REDUCED
    for bar in drawn.of("persistent")[:3]:
        middle = (bar.x + bar.width / 2) * scale, (bar.y + bar.height / 2) * scale
        assert image.getpixel(tuple(map(round, middle))) == tuple(bytes.fromhex(bar.color[1:]))
