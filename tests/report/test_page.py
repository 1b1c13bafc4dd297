"""The page: self-contained, safe with any name, and it says the figures."""

import re

import pytest
from report.reader import Reader
from report.summaries import (
    CAUSES,
    HOSTILE,
    RUNS,
    hostile,
    nine_with_overflow,
    no_layers,
    runtime,
    with_causes,
    with_memory,
)

from hwsim.report import layer_table
from hwsim.report.page import html
from hwsim.report.plots import PLOTS, Picture, draw_all
from hwsim.report.plots.causes import word
from hwsim.report.verdict import page_verdict

PICTURES = {plot.name: Picture(plot, "", "<svg></svg>", b"png") for plot in PLOTS}


@pytest.mark.parametrize("name", RUNS)
def test_page_is_well_formed_and_needs_no_network(name):
    summary, details = RUNS[name]()
    text = html(summary, draw_all(summary, details))
    reader = Reader(text)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", text)
    assert {tag for tag, _ in reader.tags} & {"link", "img", "iframe", "object", "base"} == set()
    assert len(reader.named("script")) == 1
    assert "src" not in reader.named("script")[0]
    assert len(reader.named("svg")) == len(draw_all(summary, details))
    for drawn in reader.named("svg"):
        assert drawn["aria-label"]


def without_script(text):
    return re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)


def test_page_without_its_script_is_complete():
    summary, details = with_causes()
    whole = html(summary, draw_all(summary, details))
    left = without_script(whole)
    assert left != whole
    assert "hidden" not in re.sub(r"<style>.*?</style>", "", left, flags=re.DOTALL)
    reader = Reader(left)
    for layer in summary["layers"]:
        assert layer["name"] in left
        assert f"{layer['overflow']['events']:,}" in left
    assert len([x for x in reader.named("details") if x.get("class") == "layer"]) == 9
    hints = re.findall(r"<title>(.*?)</title>", left)
    assert any("the register has 20 bits" in hint for hint in hints)


def test_every_layer_is_a_row_a_panel_and_a_link_between_them():
    summary, details = nine_with_overflow()
    reader = Reader(html(summary, draw_all(summary, details)))
    heads = [x["title"] for x in reader.named("th") if x.get("scope") == "row"]
    assert heads == [layer["name"] for layer in summary["layers"]]
    links = [x["href"] for x in reader.named("a") if x["href"].startswith("#layer-")]
    ids = [x["id"] for x in reader.named("details") if "id" in x]
    assert links == [f"#{name}" for name in ids]
    every = [x["id"] for _, x in reader.tags if "id" in x]
    assert len(every) == len(set(every))
    targets = {x["href"][1:] for x in reader.named("a")}
    assert targets <= set(every)


def test_cells_sort_by_the_summary_s_numbers():
    summary, _ = nine_with_overflow()
    headings = [column.heading for column in layer_table.columns(summary)]
    for index, layer in enumerate(summary["layers"]):
        cells = dict(zip(headings, layer_table.row(index, layer, summary), strict=True))
        assert cells["Cycles"].key == layer["cycles"]
        assert cells["Overflow"].key == layer["overflow"]["events"]
        assert cells["Seen"].key == layer["width"]["observed_partial_bits"]
        assert cells["SQNR"].key == layer["error"]["sqnr_db"]
        assert (cells["Seen"].mark == "alarm") == (layer["overflow"]["events"] > 0)


def test_verdict_names_worst_layers_and_those_that_wait_for_memory():
    summary, _ = with_memory()
    said = page_verdict(summary).sentences
    worst = min(summary["layers"], key=lambda layer: layer["error"]["sqnr_db"])
    assert any(x.startswith(f"Furthest from the float reference: {worst['name']}") for x in said)
    names = "fc_2, fc_1 and logits"  # 100 stall clocks before none
    assert f"Bound by the memory's bandwidth: 3 layers of 9 ({names})." in said
    assert not any("bandwidth" in x for x in page_verdict(nine_with_overflow()[0]).sentences)


def test_causes_and_changes_are_shown_where_they_are_known():
    summary, details = with_causes()
    text = html(summary, draw_all(summary, details))
    for cause in CAUSES:
        assert word(cause) in text
    assert "What would recover most" in text
    assert "finer weights in every layer" in text
    assert "of 32 samples" in text
    plain = html(nine_with_overflow()[0], {})
    assert "What would recover most" not in plain
    assert "Error by cause" not in plain


def test_hostile_names_are_text():
    text = html(hostile()[0], PICTURES)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "\x1b" not in text
    assert not re.search(r'="[^"]*<', text)


def test_page_has_a_row_a_layer_and_a_cell_a_column():
    for make in (nine_with_overflow, runtime):
        summary = make()[0]
        text = html(summary, PICTURES)
        rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
        assert len(rows) == 1 + len(summary["layers"])
        columns = len(layer_table.columns(summary))
        assert {len(re.findall("<t[hd]", row)) for row in rows} == {columns}


def test_page_shows_machine_command_and_first_overflow():
    text = html(nine_with_overflow()[0], PICTURES)
    for words in (
        "dataflow: weight_stationary", "hwsim run digits --hw edge_ws_16x16",
        "layer conv_2: output channel n = 5", "y = 2, x = 1", "row 15, column 5",
        "Overflow in 3 of 9 layers.", "97.2", "87.2", "18.6",
    ):  # fmt: skip
        assert words in text, words


def test_optional_keys_may_be_absent():
    summary = nine_with_overflow()[0]
    for name in ("engine", "seed", "time_s", "float_reference", "machine", "command", "clock_mhz"):
        del summary[name]
    for layer in summary["layers"]:
        layer.pop("memory", None)
        for name in ("dataflow_folds", "latency_cycles", "shape", "formats", "scheme"):
            del layer[name]
    Reader(html(summary, PICTURES))


def test_page_without_layers_still_says_so():
    assert "No layer of this network runs on the array." in html(no_layers()[0], {})


def test_command_is_shown_as_typed():
    summary = nine_with_overflow()[0]
    summary["command"] = "hwsim run <x> & y"
    assert "hwsim run &lt;x&gt; &amp; y" in html(summary, {})
    assert HOSTILE not in html(hostile()[0], {})
