"""hwsim bounds and hwsim inspect."""

import csv
import io
import json
import re

import pytest
from cli.runner import hwsim

from hwsim.importers import machine_files


@pytest.mark.parametrize("command", ["bounds", "inspect"])
def test_static_commands_print_every_form(command):
    rows = json.loads(hwsim(command, "digits", "--format", "json").stdout)
    header, *lines = hwsim(command, "digits", "--format", "csv").stdout.splitlines()
    assert len(lines) == len(rows)
    assert header.startswith("name,op,")
    table = hwsim(command, "digits")
    assert table.exit_code == 0
    assert all(row["name"][:20] in table.stdout for row in rows)


def test_bounds_observes_where_data_is_given():
    words = ["bounds", "seed_conv", "--format", "json"]
    (static,) = json.loads(hwsim(*words).stdout)
    (observed,) = json.loads(hwsim(*words, "--data", "seed_conv").stdout)
    assert static["width"]["observed_partial_bits"] is None
    assert "partial" not in hwsim("bounds", "seed_conv").stdout
    assert "partial" in hwsim("bounds", "seed_conv", "--data", "seed_conv").stdout
    assert observed["width"]["observed_partial_bits"] <= static["width"]["weight_bits"]
    assert observed["width"]["weight_bits"] == static["width"]["weight_bits"]


@pytest.mark.parametrize("machine", machine_files.names())
@pytest.mark.parametrize("model", ["digits", "seed_conv"])
def test_inspect_fits_a_hundred_characters_and_shortens_nothing(model, machine):
    result = hwsim("inspect", model, "--hw", machine)
    assert result.exit_code == 0, result.output
    title, header, *_ = lines = result.stdout.splitlines()
    assert title == f"{model} on {machine}"
    assert " ".join(header.split()) == "layer operator output K MACs cycles acc needs shift"
    assert max(map(len, lines)) <= 100
    assert "…" not in result.stdout


def test_inspect_prints_what_bites_below_the_table():
    words = ["inspect", "digits", "--set", "accumulator.bits=16"]
    entries = json.loads(hwsim(*words, "--format", "json").stdout)
    warned = [f"{entry['name']}: {w}" for entry in entries for w in entry.get("warnings", ())]
    text = " ".join(hwsim(*words).stdout.split())
    assert warned
    assert text.endswith(" ".join(" ".join(warned).split()))


def test_inspect_in_rows_carries_every_number():
    (entry,) = json.loads(hwsim("inspect", "seed_conv", "--format", "json").stdout)
    (row,) = csv.DictReader(io.StringIO(hwsim("inspect", "seed_conv", "--format", "csv").stdout))
    assert row["name"] == entry["name"]
    assert row["inputs.0.zero_point"] == str(entry["inputs"][0]["zero_point"])
    assert row["multiplier"].split() == [str(m) for m in entry["multiplier"]]
    assert float(row["output.scale"]) == entry["output"]["scale"]
    assert row["width.chain.weight_bits"] == str(entry["width"]["chain"]["weight_bits"])
    digits = hwsim("inspect", "digits", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(digits)))
    assert [row["inputs.1.name"] for row in rows if row["op"] == "add"] == ["pw3"]


def test_inspect_of_one_layer_says_its_numbers():
    (entry,) = json.loads(hwsim("inspect", "--layer", "conv4", "--format", "json").stdout)
    text = hwsim("inspect", "--layer", "conv4").stdout
    assert entry["name"] == "conv4"
    for number in (entry["k"], *entry["multiplier"], *entry["shift"], *entry["bias"]["range"]):
        assert str(number) in text
    for word in (entry["scheme"], "zero point", "chain", "accumulator", "per channel", "144"):
        assert word in text
    assert hwsim("inspect", "--layer", "add3").stdout.startswith("add3  (add, beside the array)")


def test_a_layer_that_is_not_there_is_refused_with_a_near_name():
    result = hwsim("inspect", "--layer", "conv5")
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(
        r"--layer: name = conv5: must be one of .*; perhaps conv\d\n", result.stderr
    )


def test_bounds_without_data_has_no_use_for_options_of_data():
    result = hwsim("bounds", "--limit", "3")
    assert (result.exit_code, result.stderr) == (2, "--limit: value = 3: must go with --data\n")
