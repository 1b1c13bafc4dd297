"""Two runs side by side: their own numbers, their difference, and which way is better."""

import copy
import csv
import io
import re

import pytest
from report.reader import Reader
from report.summaries import (
    RUNS,
    hostile,
    nine_with_overflow,
    no_layers,
    one_layer,
    runtime,
)

from hwsim.errors import DataError
from hwsim.report import comparison, files
from hwsim.report.compare_page import compare, html
from hwsim.report.plots.comparison import PLOT


def wider():
    """The same run with wider registers: nothing overflows, one layer is worse."""
    summary = copy.deepcopy(nine_with_overflow()[0])
    for layer in summary["layers"]:
        layer["width"]["accumulator_bits"] = 24
        layer["overflow"] |= {"events": 0, "persistent": 0, "transient": 0, "codes_changed": 0}
        layer["error"]["sqnr_db"] += 1.0 if layer["name"] != "pool" else -2.0
    summary["totals"]["overflow_events"] = 0
    summary["accuracy"]["hardware"] = summary["accuracy"]["exact"]
    summary["machine"]["accumulator"]["bits"] = 24
    summary["machine"]["chain"] = {"bits": 20}
    return summary


def page(a, b):
    return html(a, b, ("runs/a", "runs/b"))


@pytest.mark.parametrize("name", RUNS)
def test_every_run_compares_with_itself(name):
    summary, _ = RUNS[name]()
    text = page(summary, summary)
    Reader(text)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)
    assert "A and B are as good." in text
    marks = re.findall(r'class="(better|worse)', text)
    assert marks == []


def test_numbers_are_both_summaries_and_their_difference():
    a, b = nine_with_overflow()[0], wider()
    found = {pair.name: pair for pair in comparison.totals(a, b)}
    events = a["totals"]["overflow_events"]
    assert found["Overflow events"].texts == (f"{events:,}", "0")
    assert found["Overflow events"].difference == f"−{events:,}"
    assert found["Overflow events"].mark == "better"
    assert found["Top-1 accuracy"].texts == ("87.22 %", "97.22 %")
    assert found["Top-1 accuracy"].difference == "+10.00 points"
    assert found["Top-1 accuracy"].mark == "better"
    assert found["Compute clocks"].difference == "="
    swapped = {pair.name: pair for pair in comparison.totals(b, a)}
    assert {p.mark for p in found.values()} - {""} == {"better"}
    assert {p.mark for p in swapped.values()} - {""} == {"worse"}


def test_each_shared_layer_is_a_row_and_a_mark():
    a, b = nine_with_overflow()[0], wider()
    numbers = PLOT.numbers(a, b)
    assert numbers.column("layer") == [layer["name"] for layer in a["layers"]]
    assert numbers.column("events_a") == [x["overflow"]["events"] for x in a["layers"]]
    assert numbers.column("sqnr_db_b") == [x["error"]["sqnr_db"] for x in b["layers"]]
    drawn = PLOT.draw(numbers)
    assert len(drawn.of("worse")) == 1
    assert "pool" in drawn.of("worse")[0].hint
    assert len(drawn.of("better")) == 8 + 3  # SQNR of the others, events of three
    text = page(a, b)
    assert text.count(" worse</td>") == 1
    assert "B is better." in text


def test_counts_over_other_samples_are_not_judged():
    a, b = nine_with_overflow()[0], wider()
    b["data"]["sha256"] = "00" * 32
    pairs = {pair.name: pair for pair in comparison.totals(a, b)}
    assert pairs["Overflow events"].mark == ""
    assert "counts of events do not compare" in page(a, b)


def test_settings_that_differ_are_listed_and_no_other():
    a, b = nine_with_overflow()[0], wider()
    assert comparison.machine_differences(a, b) == [
        ("accumulator.bits", "20", "24"),
        ("chain.bits", "–", "20"),
    ]


def test_a_runtime_compares_with_an_array():
    a, b = nine_with_overflow()[0], runtime()[0]
    text = page(a, b)
    Reader(text)
    assert "Only in A: conv_3/pointwise, pool, fc_1, fc_2, logits." in text.replace("\n", "")


def test_layers_of_one_name_pair_in_order():
    a, b = (copy.deepcopy(nine_with_overflow()[0]) for _ in range(2))
    for summary in (a, b):
        summary["layers"][3]["name"] = "conv_1"
    pairs = comparison.shared_layers(a, b)
    assert [(i, y["tensor"]) for i, _, y in pairs] == [
        (i, layer["tensor"]) for i, layer in enumerate(a["layers"])
    ]


def test_other_models_are_refused_in_one_line_unless_layers_share_names():
    a = nine_with_overflow()[0]
    b = copy.deepcopy(a)
    b["model"] = "other"
    comparison.check_comparable(a, b)
    for layer in b["layers"]:
        layer["name"] += "_b"
    with pytest.raises(DataError) as refusal:
        comparison.check_comparable(a, b)
    assert str(refusal.value) == (
        "--compare: models = digits and other: must have layers of the same names"
    )
    with pytest.raises(DataError):
        comparison.check_comparable(a, hostile()[0])
    comparison.check_comparable(no_layers()[0], no_layers()[0])


def test_files_stand_beside_the_page(tmp_path):
    for name, summary in (("a", nine_with_overflow()[0]), ("b", wider())):
        files.write_file(tmp_path / name / "summary.json", files.json_bytes(summary))
    compare(tmp_path / "a", tmp_path / "b", tmp_path / "out" / "page.html")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "page.csv", "page.html", "page.png",
    ]  # fmt: skip
    text = (tmp_path / "out" / "page.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["accumulator_bits_b"] for row in rows] == ["24"] * 9


def test_hostile_names_are_text():
    a = hostile()[0]
    a["machine"]["<b>"] = "<i>"
    text = page(a, {**hostile()[0], "model": "<u>"})
    assert "<script>alert" not in text
    assert "<u>" not in text
    assert "<i>" not in text
    assert "&lt;b&gt;" in text
    assert "\x1b" not in text


def test_a_run_without_labels_or_reference_compares():
    a = one_layer()[0]
    b = copy.deepcopy(a)
    a["accuracy"] = None
    a["layers"][0]["error"] = None
    Reader(page(a, b))
