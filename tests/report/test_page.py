"""The page: self-contained, safe with any name, and it says the figures."""

import re
from html.parser import HTMLParser

import pytest
from report.summaries import HOSTILE, RUNS, hostile, nine_with_overflow, no_layers, runtime

from hwsim.report import layer_table
from hwsim.report.page import html
from hwsim.report.plots import PLOTS, Picture

PICTURES = {plot.name: Picture(plot, "", b"png") for plot in PLOTS}


class Reader(HTMLParser):
    """Tags with their attributes, and whether they close in order."""

    VOID = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.mark.parametrize("name", RUNS)
def test_page_is_well_formed_and_needs_no_network(name):
    text = html(RUNS[name]()[0], PICTURES)
    reader = Reader(text)
    assert not re.search(r"https?:|//[a-z]", text.replace('"use strict"', ""))
    assert reader.named("link") == []
    for image in reader.named("img"):
        assert image["src"].startswith("data:image/png;base64,")
        assert image["alt"]
    assert len(reader.named("script")) == 1
    assert "src" not in reader.named("script")[0]


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
