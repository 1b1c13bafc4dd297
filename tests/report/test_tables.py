"""Tables for the console and for other programs."""

import io
import json
from xml.etree import ElementTree

import pytest
from report.summaries import RUNS, hostile, nine_with_overflow
from rich.console import Console

from hwsim.report.tables import ladder_table, run_csv, run_json, run_junit, run_table


def printed(renderable):
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("table", [run_table, ladder_table])
def test_tables_fit_a_hundred_characters_and_keep_their_numbers(name, table):
    summary = RUNS[name]()[0]
    text = printed(table(summary))
    assert max(map(len, text.splitlines()), default=0) <= 100
    for layer in summary["layers"]:
        assert str(layer["width"]["weight_bits"]) in text
    assert text.count("…") <= len(summary["layers"]) + 1  # names alone are shortened
    assert "\x1b" not in text


def test_run_table_shows_events_and_verdict():
    text = printed(run_table(nine_with_overflow()[0]))
    assert "500 k" in text
    assert "Overflow in 3 of 9 layers." in text


def test_markup_in_a_name_is_text():
    summary = hostile()[0]
    summary["layers"][1]["name"] = "[red]x[/red]"
    assert "[red]x[/red]" in printed(run_table(summary))


def test_ladder_spare_bits_are_width_minus_need():
    rows = [line.split() for line in printed(ladder_table(nine_with_overflow()[0])).splitlines()]
    accumulator = next(row for row in rows if "accumulator" in row)
    assert accumulator[-1] == "-1"  # 20 bits, 21 needed
    chain = next(row for row in rows if "chain" in row)
    assert chain[-1] == "+1"  # 20 bits, 19 needed


def test_tree_widths_are_all_shown():
    summary = nine_with_overflow()[0]
    summary["layers"][0]["width"]["chain"]["bits"] = [17, 18, 19]
    assert "17/18/19" in printed(ladder_table(summary))
    assert "17x18x19" in run_csv(summary)


def test_ladder_without_data_shows_no_number():
    summary = nine_with_overflow()[0]
    for layer in summary["layers"]:
        for ladder in (layer["width"], layer["width"]["chain"]):
            ladder["observed_partial_bits"] = ladder["observed_final_bits"] = None
    text = printed(ladder_table(summary))
    assert text.split("\n")[0].split() == [
        "layer",
        "register",
        "rule",
        "has",
        "type",
        "weight",
        "spare",
    ]
    assert "None" not in text


def test_json_comes_back():
    summary = nine_with_overflow()[0]
    assert json.loads(run_json(summary)) == summary


def test_junit_fails_exactly_the_named_layers():
    summary = hostile()[0]
    name = summary["layers"][0]["name"]
    root = ElementTree.fromstring(run_junit(summary, {name: "overflow.persistent = 3 > 0"}))
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert [len(case) for case in root] == [1, 0]
    assert root[0][0].get("message") == "overflow.persistent = 3 > 0"
