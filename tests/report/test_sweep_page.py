"""The page of a sweep: the answer first, and every point of sweep.json in it."""

import csv
import io
import json
import re

import pytest
from PIL import Image
from report import sweep_folders
from report.reader import Reader
from report.sweep_folders import ARRAYS, SWEEPS, WIDTHS, recommendation

from hwsim.errors import DataError
from hwsim.report.plots import sweep_accuracy, sweep_front, sweep_layers
from hwsim.report.sweep_order import order_table
from hwsim.report.sweep_page import PLOTS, front_table, point_table
from hwsim.report.sweep_points import read_sweep
from hwsim.report.sweep_render import render_sweep
from hwsim.report.sweep_verdict import verdict


@pytest.mark.parametrize("name", SWEEPS)
def test_every_sweep_has_a_page_without_network(name, tmp_path):
    folder = sweep_folders.write(tmp_path / "sweep", **SWEEPS[name])
    render_sweep(folder)
    text = (folder / "report.html").read_text(encoding="utf-8")
    reader = Reader(text)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)
    assert "<script>alert" not in text
    assert "\x1b" not in text
    pictures = sorted(path.name for path in (folder / "plots").glob("*.png"))
    assert len(reader.named("svg")) == len(pictures)
    for picture in pictures:
        with Image.open(folder / "plots" / picture) as image:
            assert image.width == 1440
        assert (folder / "plots" / picture).with_suffix(".csv").is_file()


def test_rendering_again_gives_identical_bytes(tmp_path):
    folder = sweep_folders.write(tmp_path, WIDTHS, recommendation=recommendation())
    render_sweep(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    render_sweep(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_every_point_is_a_row_with_its_numbers(tmp_path):
    sweep = read_sweep(sweep_folders.write(tmp_path, WIDTHS))
    table = point_table(sweep)
    headings = [column.heading for column in table["columns"]]
    assert len(table["rows"]) == len(sweep.manifest["points"]) == 12
    for point, row in zip(sweep.manifest["points"], table["rows"], strict=True):
        cells = dict(zip(headings, row, strict=True))
        assert cells["#"].text == str(point["number"])
        assert cells["Accumulator bits"].key == point["values"]["accumulator.bits"]
        assert cells["Top-1"].key == point["accuracy"]["hardware"]
        assert cells["Events"].key == point["overflow"]["events"]
        assert cells["Samples"].key == point["samples_changed"]
        assert cells["Clocks"].key == point["totals"]["cycles"] + 10


def test_accuracy_marks_are_the_points(tmp_path):
    sweep = read_sweep(sweep_folders.write(tmp_path, WIDTHS, recommendation=recommendation()))
    numbers = sweep_accuracy.PLOT.numbers(sweep)
    shares = [point["accuracy"]["hardware"] for point in sweep.manifest["points"]]
    assert numbers.column("share") == shares
    drawn = sweep_accuracy.PLOT.draw(numbers)
    assert len(drawn.of("point")) == 12
    (wrap, saturate) = drawn.of("recommended")
    assert wrap.hint.startswith("recommended: wrap, 15 bits")
    assert saturate.hint.startswith("recommended: saturate, 16 bits")
    (bound,) = drawn.of("guaranteed")
    xs = {mark.x for mark in drawn.of("point")}
    assert bound.points[0][0] > max(xs)
    (exact,) = drawn.of("exact")
    (real,) = drawn.of("float")
    assert real.points[0][1] < exact.points[0][1] <= min(m.y for m in drawn.of("point"))


def test_without_labels_the_axis_is_samples_that_stay(tmp_path):
    sweep = read_sweep(sweep_folders.write(tmp_path, WIDTHS, labels=False))
    numbers = sweep_accuracy.PLOT.numbers(sweep)
    changed = [point["samples_changed"] for point in sweep.manifest["points"]]
    assert numbers.column("share") == [1 - count / 100 for count in changed]
    texts = sweep_accuracy.PLOT.draw(numbers).texts()
    assert "samples of which no output changed, %" in texts
    assert "Top-1" not in [column.heading for column in point_table(sweep)["columns"]]


def test_layer_cells_are_the_rows_of_sweep_csv(tmp_path):
    folder = sweep_folders.write(tmp_path, WIDTHS)
    rows = list(csv.DictReader(io.StringIO((folder / "sweep.csv").read_text())))
    numbers = sweep_layers.OVERFLOW.numbers(read_sweep(folder))
    assert len(numbers.rows) == len(rows) == 36
    ours = {(r[1], r[2], r[4]): (r[5], r[6], r[8]) for r in numbers.rows}
    for row in rows:
        key = (row["layer"], row["accumulator.overflow"], int(row["accumulator.bits"]))
        seen, changed = int(row["overflow.outputs_affected"]), int(row["overflow.codes_changed"])
        assert ours[key] == (seen, 100 * 64 * 16, changed)
    cells = sweep_layers.OVERFLOW.draw(numbers).of("cell")
    assert len(cells) == 36
    assert sum(cell.color == "#ffffff" for cell in cells) == sum(r[5] == 0 for r in numbers.rows)


def test_layers_alone_are_the_points_of_one_layer(tmp_path):
    fields = {"accumulator.bits": [14, 15]}
    sweep = read_sweep(sweep_folders.write(tmp_path, fields, per_layer=True))
    numbers = sweep_layers.ALONE.numbers(sweep)
    alone = [p for p in sweep.manifest["points"] if p["only_layer"] is not None]
    assert [(r[1], r[4]) for r in numbers.rows] == [
        (p["only_layer"], p["values"]["accumulator.bits"]) for p in alone
    ]
    assert numbers.column("lost") == [0.9375 - p["accuracy"]["hardware"] for p in alone]
    assert len(sweep_layers.ALONE.draw(numbers).of("cell")) == 6
    assert len(sweep_accuracy.PLOT.numbers(sweep).rows) == 2


def test_recommended_widths_are_those_of_the_manifest(tmp_path):
    given = recommendation()
    sweep = read_sweep(sweep_folders.write(tmp_path, WIDTHS, recommendation=given))
    numbers = sweep_layers.LADDER.numbers(sweep)
    for name in numbers.columns[2:]:
        assert numbers.column(name) == [layer[name] for layer in given["layers"]]
    drawn = sweep_layers.LADDER.draw(numbers)
    assert len(drawn.of("recommended_bits")) == 3


def test_front_is_what_sweep_json_says(tmp_path):
    sweep = read_sweep(sweep_folders.write(tmp_path, ARRAYS, pareto=sweep_folders.pareto(ARRAYS)))
    numbers = sweep_front.PLOT.numbers(sweep)
    entries = sweep.manifest["pareto"]["points"]
    assert numbers.column("non_dominated") == [int(x["non_dominated"]) for x in entries]
    assert numbers.column("clocks") == [x["cycles"] for x in entries]
    drawn = sweep_front.PLOT.draw(numbers)
    best = [x["number"] for x in entries if x["non_dominated"]]
    assert len(drawn.of("front")) == len(best)
    assert len(drawn.of("rest")) == len(entries) - len(best)
    table = front_table(sweep)
    assert [row[0].key for row in table["rows"]] == best
    assert [column.heading for column in table["columns"]][-2:] == ["Register bits", "SRAM bytes"]
    for fields in (WIDTHS, ARRAYS):
        plain = read_sweep(sweep_folders.write(tmp_path, fields))
        assert sweep_front.PLOT.numbers(plain).rows == []
        assert front_table(plain) is None


def test_order_rows_are_the_layers_that_some_schedule_affects(tmp_path):
    order = sweep_folders.order()
    sweep = read_sweep(sweep_folders.write(tmp_path, ARRAYS, order=order))
    (row,) = order_table(sweep)["rows"]
    assert [cell.text for cell in row] == [
        "conv_1", "accumulator bits 15", "1,000", "3", "5", "20", "5",
        "output stationary, rows 8", "25", "weight stationary, rows 8",
    ]  # fmt: skip
    render_sweep(tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Which overflows vanish with the schedule?" in text
    assert order_table(read_sweep(sweep_folders.write(tmp_path, ARRAYS))) is None


def test_verdict_says_the_recommendation_and_its_confidence(tmp_path):
    folder = sweep_folders.write(tmp_path, WIDTHS, recommendation=recommendation())
    found = verdict(read_sweep(folder))
    assert found.level == "good"
    assert found.headline == "An accumulator of 15 bits is enough (wrap)."
    text = " ".join(found.sentences)
    for words in (
        "at most 5.0 % of accuracy lost", "a confidence of 95.0 %", "3 lost and 1 gained",
        "McNemar p 0.62", "as many others lose at most 5.0 %", "elsewhere at most 0.003 %",
        "Guaranteed for any input: 21 bits", "needed 17", "headroom of 4 bits",
        "Otherwise: 16 bits (saturate).", "A width for each layer: 13 to 15 bits",
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"loss": 0.0, "loss_bound": 0.08},
         "may lose up to 8.0 %, though these lost 0 %: more images would tell."),
        ({"loss": 0.2, "loss_bound": 0.3}, "may lose up to 30.0 %."),
        ({"loss": 0.0, "loss_bound": 0.01, "rate_bound": 0.5},
         "may lose up to 1.0 %, but 50.0 % of the outputs may overflow."),
    ],
)  # fmt: skip
def test_verdict_says_why_not_a_bit_less(tmp_path, figures, words):
    given = recommendation()
    narrower = sweep_folders.found(14) | figures
    given["best"]["widths"] = [sweep_folders.found(15), narrower, sweep_folders.found(13)]
    folder = sweep_folders.write(tmp_path, WIDTHS, recommendation=given)
    sentences = verdict(read_sweep(folder)).sentences
    assert f"With 14 bits as many other images {words}" in sentences


def test_verdict_says_where_nothing_keeps_the_terms(tmp_path):
    folder = sweep_folders.write(tmp_path, WIDTHS, recommendation=recommendation(None))
    found = verdict(read_sweep(folder))
    assert (found.level, found.headline) == (
        "bad", "No accumulator width of this sweep keeps the terms.",
    )  # fmt: skip


def test_verdict_without_recommendation_says_what_overflows(tmp_path):
    assert (
        "Nothing overflows from 16 bits on."
        in verdict(read_sweep(sweep_folders.write(tmp_path, WIDTHS))).sentences
    )
    narrow = sweep_folders.write(tmp_path, {"accumulator.bits": [12, 13]})
    assert (
        "Registers overflow at every width of this sweep." in verdict(read_sweep(narrow)).sentences
    )


def test_plots_that_no_longer_apply_are_removed(tmp_path):
    folder = sweep_folders.write(tmp_path, ARRAYS, pareto=sweep_folders.pareto(ARRAYS))
    render_sweep(folder)
    assert (folder / "plots" / "array_front.png").is_file()
    render_sweep(sweep_folders.write(tmp_path, WIDTHS))
    left = {path.stem for path in (folder / "plots").iterdir()}
    assert left == {"accuracy_by_width", "overflow_by_width"}
    assert left <= {plot.name for plot in PLOTS}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sweep.json", b"{"),
        ("sweep.json", b"[]"),
        ("sweep.json", b'{"schema": "hwsim.sweep/1"}'),
        ("sweep.csv", b"layer\nconv_1\n"),
        ("sweep.csv", b"\xff"),
    ],
)
def test_broken_sweep_is_refused_in_one_line(tmp_path, name, content):
    folder = sweep_folders.write(tmp_path, WIDTHS)
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as refusal:
        render_sweep(folder)
    assert len(str(refusal.value).splitlines()) == 1


def test_columns_that_a_sweep_lacks_are_refused_in_one_line(tmp_path):
    folder = sweep_folders.write(tmp_path, WIDTHS)
    text = (folder / "sweep.csv").read_text().replace("overflow.outputs_affected", "other")
    (folder / "sweep.csv").write_text(text)
    with pytest.raises(DataError) as refusal:
        render_sweep(folder)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_sweep_as_it_was_made_is_rendered(tmp_path):
    from hwsim import load_model
    from hwsim.sweeps.sweep import sweep

    made = sweep(load_model("seed_conv"), "edge_os_16x16", accumulator_bits="12:14",
                 overflow="wrap,saturate", directory=tmp_path)  # fmt: skip
    render_sweep(tmp_path)
    read = read_sweep(tmp_path)
    assert read.manifest == json.loads(json.dumps(made.manifest))
    events = {(p["number"]): p["overflow"]["outputs_affected"] for p in made.points}
    ours = dict.fromkeys(events, 0)
    for row in read.layers:
        ours[row["number"]] += row["overflow.outputs_affected"]
    assert ours == events
