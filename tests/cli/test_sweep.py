"""hwsim sweep: what it writes and prints, and how it ends."""

import csv
import json

import numpy as np
import pytest
from cli.runner import hwsim

WORDS = ["sweep", "digits", "--hw", "edge_os_16x16", "--limit", "3"]
SWEPT = ["--accumulator-bits", "12:14,24", "--overflow", "wrap,saturate"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One sweep's folder and what it printed."""
    folder = tmp_path_factory.mktemp("cli") / "out"
    result = hwsim(*WORDS, *SWEPT, "--out", str(folder))
    assert result.exit_code == 0, result.output
    return folder, result


def test_sweep_writes_its_folder_and_says_where(finished):
    folder, result = finished
    names = {path.name for path in folder.iterdir()}
    machines = {
        f"recommended{which}.{kind}" for which in ("", "_per_layer") for kind in ("yaml", "svh")
    }
    found = {"begun.json", "points", "samples.npz", "sweep.csv", "sweep.json"}
    assert names == found | machines | {"report.html", "plots"}
    assert len(list((folder / "points").glob("*.json"))) == 8
    ends = f"\nSweep: {folder / 'sweep.csv'}\nReport: {folder / 'report.html'}\n"
    assert result.stdout.endswith(ends)
    assert "Recommended accumulators: at most 0.5 % of top-1 lost" in result.stdout
    assert result.stderr == ""
    assert np.load(folder / "samples.npz")["predicted"].shape == (8, 3)


def test_sweep_prints_a_line_a_point(finished):
    lines = finished[1].stdout.splitlines()
    assert lines[1].split()[:3] == ["acc", "overflow", "top-1"]
    assert [line.split()[:2] for line in lines[2:10]] == [
        [bits, rule] for bits in ("12", "13", "14", "24") for rule in ("wrap", "saturate")
    ]
    assert max(map(len, lines[:-1])) <= 100


def test_the_table_has_a_row_a_point_and_layer(finished):
    folder, _ = finished
    manifest = json.loads((folder / "sweep.json").read_text())
    assert manifest["schema"] == "hwsim.sweep/1"
    assert manifest["fields"] == {
        "accumulator.bits": [12, 13, 14, 24],
        "accumulator.overflow": ["wrap", "saturate"],
    }
    with open(folder / "sweep.csv", newline="") as file:
        table = list(csv.DictReader(file))
    layers = len(table) // 8
    assert list(table[0])[:5] == [
        "accumulator.bits",
        "accumulator.overflow",
        "layer",
        "accuracy.hardware",
        "accuracy.exact",
    ]
    for number, point in enumerate(manifest["points"]):
        rows = table[number * layers : (number + 1) * layers]
        assert {row["accumulator.bits"] for row in rows} == {
            str(point["values"]["accumulator.bits"])
        }
        assert sum(int(row["overflow.events"]) for row in rows) == point["overflow"]["events"]
        assert {float(row["accuracy.hardware"]) for row in rows} == {point["accuracy"]["hardware"]}


def test_the_same_sweep_is_printed_as_json_and_csv(finished, tmp_path):
    folder, _ = finished
    for form, name in (("json", "sweep.json"), ("csv", "sweep.csv")):
        words = [*WORDS, *SWEPT, "--out", str(tmp_path / form), "--format", form]
        printed = hwsim(*words).stdout
        assert printed == (tmp_path / form / name).read_text()
    assert (tmp_path / "csv" / "sweep.csv").read_bytes() == (folder / "sweep.csv").read_bytes()


def test_each_layer_alone_is_named(tmp_path):
    words = [*WORDS, "--accumulator-bits", "13", "--per-layer", "--out", str(tmp_path / "out")]
    lines = hwsim(*words).stdout.splitlines()
    manifest = json.loads((tmp_path / "out" / "sweep.json").read_text())
    alone = [point["only_layer"] for point in manifest["points"]]
    assert lines[1].startswith("layer alone")
    assert [line.split()[0] for line in lines[2 : 2 + len(alone)]] == ["all", *alone[1:]]
    assert alone[0] is None
    assert len(set(alone)) == len(alone) > 3


def test_a_sweep_that_cannot_be_resumed_ends_with_two(finished, tmp_path):
    folder, _ = finished
    words = ["--out", str(folder), "--resume", "--accumulator-bits", "12:15"]
    result = hwsim(*WORDS, *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("--resume: swept fields = ")
    assert result.stderr.count("\n") == 1
    result = hwsim(*WORDS, *SWEPT, "--out", str(tmp_path), "--resume")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_quiet_prints_nothing(tmp_path):
    result = hwsim(*WORDS, "--rows", "8", "--quiet", "--out", str(tmp_path / "out"))
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--budget", "half"], "--budget: percent = half: must be 0% to 100%, like 0.5%"),
        (["--budget", "101%"], "--budget: percent = 101%: must be 0% to 100%, like 0.5%"),
        (["--confidence", "10%"], "--confidence: percent = 10%: must be 50% to below 100%"),
        (["--confidence", "100%"], "--confidence: percent = 100%: must be 50% to below 100%"),
    ],
)
def test_bad_terms_are_refused_in_one_line(words, message, tmp_path):
    result = hwsim(*WORDS, "--accumulator-bits", "12", *words, "--out", str(tmp_path / "o"))
    assert result.exit_code == 2
    assert result.stderr == message + "\n"
    assert not (tmp_path / "o").exists()


def test_a_budget_needs_a_swept_width(tmp_path):
    words = [*WORDS, "--overflow", "wrap,saturate", "--budget", "1%"]
    result = hwsim(*words, "--out", str(tmp_path / "o"))
    assert result.exit_code == 2
    assert "must go with --accumulator-bits" in result.stderr
    assert not (tmp_path / "o").exists()
