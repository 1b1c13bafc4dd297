"""What is drawn is what the CSV says, and it is drawn legibly for any network."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from report.summaries import (
    HOSTILE,
    RUNS,
    all_overflow,
    hostile,
    many_layers,
    nine_with_overflow,
    one_layer,
    runtime,
)

from hwsim.report import plots
from hwsim.report.plots import (
    accuracy,
    error,
    figure,
    overflow,
    place,
    utilization,
    value_range,
    width,
)


def marks(drawn, gid):
    """Points of every mark of one kind, panel by panel."""
    return [
        [tuple(map(float, point)) for line in axes.lines if line.get_gid() == gid
         for point in line.get_xydata()]
        for axes in drawn.axes
    ]  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_every_run_is_drawn(name):
    summary, details = RUNS[name]()
    pictures = plots.draw_all(summary, details)
    assert bool(pictures) == bool(summary["layers"])
    for picture in pictures.values():
        image = Image.open(io.BytesIO(picture.png))
        assert image.width == figure.WIDTH * figure.DPI
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        header, *rows = csv.reader(io.StringIO(picture.csv))
        assert header[:2] == ["index", "layer"]
        names = [layer["name"] for layer in summary["layers"]]
        assert all(names[int(row[0])] == row[1] for row in rows)


def test_runtime_has_no_utilization():
    assert utilization.PLOT.numbers(*runtime()).rows == []


def test_width_marks_are_the_numbers():
    summary, details = nine_with_overflow()
    numbers = width.PLOT.numbers(summary, details)
    drawn = width.PLOT.draw(numbers)
    for panel, register in enumerate(("chain", "accumulator")):
        rows = [row for row in numbers.rows if row[2] == register]
        for at, rung in enumerate(numbers.columns[4:], start=4):
            expected = [(row[at], row[0]) for row in rows]
            assert marks(drawn, rung)[panel] == expected
        (bars,) = [c for c in drawn.axes[panel].collections if c.get_gid() == "bits"]
        assert [segment[0][0] for segment in bars.get_segments()] == [row[3] for row in rows]
    layers = summary["layers"]
    assert numbers.column("weight_bits")[1::2] == [x["width"]["weight_bits"] for x in layers]


def test_accuracy_marks_are_the_numbers():
    summary, details = nine_with_overflow()
    numbers = accuracy.PLOT.numbers(summary, details)
    drawn = accuracy.PLOT.draw(numbers)
    for name, key in (("accumulated", "error"), ("isolated", "error_isolated")):
        values = [layer[key]["sqnr_db"] for layer in summary["layers"]]
        assert numbers.column(f"{name}_db") == values
        assert marks(drawn, name)[0] == [(x, y) for y, x in enumerate(values)]


def test_overflow_dots_are_the_numbers_where_counts_differ_much():
    summary, details = nine_with_overflow()
    numbers = overflow.PLOT.numbers(summary, details)
    drawn = overflow.PLOT.draw(numbers)
    assert drawn.axes[0].get_xscale() == "log"
    for panel, kinds in enumerate((("chain", "accumulator"), ("persistent", "transient"))):
        for kind in kinds:
            expected = [(x, y) for y, x in enumerate(numbers.column(kind)) if x]
            assert marks(drawn, kind)[panel] == expected
    assert numbers.column("accumulator")[6] == 500_000


def test_overflow_bars_stack_to_the_events():
    summary, details = all_overflow()
    numbers = overflow.PLOT.numbers(summary, details)
    axes = overflow.PLOT.draw(numbers).axes[0]
    assert axes.get_xscale() == "linear"
    ends = {round(bar.get_y() + bar.get_height() / 2): bar.get_x() + bar.get_width()
            for bar in axes.patches if bar.get_gid() == "accumulator"}  # fmt: skip
    assert ends == {i: layer["overflow"]["events"] for i, layer in enumerate(summary["layers"])}


def test_no_overflow_is_said_in_words():
    drawn = overflow.PLOT.draw(overflow.PLOT.numbers(*one_layer()))
    assert "No overflow in any layer." in [text.get_text() for text in drawn.axes[0].texts]


def test_utilization_bars_are_the_numbers():
    summary, details = nine_with_overflow()
    axes = utilization.PLOT.draw(utilization.PLOT.numbers(summary, details)).axes[0]
    drawn = [bar.get_width() for bar in axes.patches if bar.get_gid() == "utilization"]
    assert drawn == [100 * layer["utilization"] for layer in summary["layers"]]


def test_histogram_keeps_every_count():
    summary, details = nine_with_overflow()
    numbers = error.HISTOGRAM.numbers(summary, details)
    for row in numbers.rows:
        assert list(row[2:]) == details[f"layer{row[0]}_error_histogram"].tolist()
    cells = error.HISTOGRAM.draw(numbers).axes[0].images[0].get_array()
    counts = np.array([row[2:] for row in numbers.rows])
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert np.array_equal(cells[counts > 0], shares[counts > 0])


def test_channel_dots_are_the_means():
    summary, details = nine_with_overflow()
    drawn = error.CHANNELS.draw(error.CHANNELS.numbers(summary, details))
    dots = sorted(float(x) for line in drawn.axes[0].lines if line.get_marker() == "o"
                  for x in line.get_xdata())  # fmt: skip
    means = [x for i in range(9) for x in details[f"layer{i}_channel_mean_lsb"].tolist()]
    assert dots == sorted(means)


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
    red = {"above": 0, "below": 0}
    for band in drawn.axes[0].collections:
        if band.get_gid() in red:
            red[band.get_gid()] += len(band.get_paths()) > 0
    assert red == {"above": 3, "below": 3}


def test_place_counts_every_event_once_on_each_axis():
    summary, details = nine_with_overflow()
    numbers = place.PLOT.numbers(summary, details)
    events = [layer["overflow"]["events"] for layer in summary["layers"]]
    for axis in ("k", "channel"):
        found = [0] * len(events)
        for row in numbers.rows:
            found[row[0]] += row[5] * (row[2] == axis)
        assert found == events
    counters = details["layer1_events_by_step"].sum(axis=0)  # element k + 1 counts step k
    assert {row[3]: row[5] for row in numbers.of_layer(1).rows if row[2] == "k"} == {
        i - 1: int(counters[i]) for i in np.flatnonzero(counters)
    }


@pytest.mark.parametrize("make", [many_layers, hostile, one_layer])
def test_layer_names_are_never_clipped(make):
    summary, details = make()
    drawn = width.PLOT.draw(width.PLOT.numbers(summary, details))
    figure.png_bytes(drawn)
    left = min(label.get_window_extent().x0 for label in drawn.axes[0].get_yticklabels())
    assert left >= 0
    labels = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    assert len(set(labels)) == len(summary["layers"])


def test_hostile_names_become_letters_that_can_be_drawn():
    (label,) = figure.labels({0: HOSTILE})
    assert "\n" not in label
    assert "\x1b" not in label
    assert "$" in label


def test_long_names_lose_their_middle_only():
    (label,) = figure.labels({3: "a" * 30 + "b" * 30})
    assert label == f"3  {'a' * 17}…{'b' * 16}"


def test_user_settings_of_matplotlib_change_nothing():
    import matplotlib

    numbers = accuracy.PLOT.numbers(*one_layer())
    before = figure.png_bytes(accuracy.PLOT.draw(numbers))
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        assert figure.png_bytes(accuracy.PLOT.draw(numbers)) == before
