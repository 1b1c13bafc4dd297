"""hwsim run and hwsim report: what they write, print, and end with."""

import csv
import json
import re
import shlex
from xml.etree import ElementTree

import numpy as np
import pytest
from cli.runner import hwsim


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run's folder and what it printed."""
    folder = tmp_path_factory.mktemp("cli") / "out"
    result = hwsim("run", "seed_conv", "--limit", "1", "--out", str(folder))
    assert result.exit_code == 0, result.output
    return folder, result


def test_run_writes_its_folder_and_says_where(finished):
    folder, result = finished
    assert {"report.html", "layers.csv", "summary.json", "plots", "outputs.npz"} <= {
        path.name for path in folder.iterdir()
    }
    assert result.stdout.endswith(f"\nReport: {folder / 'report.html'}\n")
    assert result.stderr == ""


def test_run_prints_what_it_wrote(finished, tmp_path):
    words = ["run", "seed_conv", "--limit", "1", "--quiet"]
    text = hwsim(*words, "--out", str(tmp_path / "a"), "--format", "json").stdout
    printed = json.loads(text)
    written = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert printed == {key: written[key] for key in printed}
    table = hwsim(*words, "--out", str(tmp_path / "b"), "--format", "csv").stdout
    assert table == (tmp_path / "b" / "layers.csv").read_text()
    junit = hwsim(*words, "--out", str(tmp_path / "c"), "--format", "junit").stdout
    assert 'failures="0"' in junit


def test_run_says_how_to_reproduce_it(finished, tmp_path):
    folder, _ = finished
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["command"] == f"hwsim run seed_conv --limit 1 --out {folder}"
    assert summary["seed"] is None
    assert summary["command"] in (folder / "report.html").read_text()
    words = ["run", "seed_conv", "-q", "--data", "random", "--seed", "7", "--format", "json"]
    words += ["--fail-on", "overflow.events < 0", "--out", str(tmp_path / "a b")]
    result = hwsim(*words)
    summary = json.loads(result.stdout)
    assert summary["seed"] == 7
    assert shlex.split(summary["command"]) == ["hwsim", *words]
    assert summary == json.loads((tmp_path / "a b" / "summary.json").read_text())


def test_full_trace_records_the_part_that_was_chosen(tmp_path):
    words = ["run", "digits", "--limit", "2", "--trace", "full", "--out", str(tmp_path / "out")]
    words += ["--trace-layer", "*v*", "--trace-cycles", "3:9", "--trace-sample", "1"]
    result = hwsim(*words)
    assert result.exit_code == 0, result.output
    assert f"\nTraces: {tmp_path / 'out' / 'trace'}\n" in result.stdout
    assert {p.name for p in (tmp_path / "out" / "trace").iterdir()} == {"conv1", "conv4"}
    with np.load(tmp_path / "out" / "trace" / "conv4" / "full.npz") as trace:
        assert trace["clock"].tolist() == [3, 4, 5, 6, 7, 8, 9]
        assert trace["sample"] == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["--trace-layer", "nosuch"],
            r"--trace full: layer = nosuch: must match one of: conv1, .*",
        ),
        (["--trace-sample", "2"], r"--trace full: sample = 2: must be 0\.\.1"),
        (["--trace-cycles", "9:3"], r"--trace-cycles: clocks = 9:3: must be FIRST:LAST.*"),
        (["--hw", "onnxruntime"], r"--trace full: array\.dataflow = none: .*runtime.*"),
    ],
)
def test_full_trace_of_nothing_is_refused_before_the_run(words, line, tmp_path, monkeypatch):
    monkeypatch.setattr("hwsim.network.run.run", None)
    base = ["run", "digits", "--limit", "2", "--trace", "full", "--out", str(tmp_path / "out")]
    result = hwsim(*base, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(line + r"\n", result.stderr), result.stderr
    assert not (tmp_path / "out").exists()


def test_run_quiet_prints_nothing(tmp_path):
    result = hwsim("run", "seed_conv", "--limit", "1", "-q", "--out", str(tmp_path / "out"))
    assert (result.exit_code, result.output) == (0, "")


def test_run_writes_to_reports_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hwsim("run", "seed_conv", "--hw", "edge_os_16x16", "-q").exit_code == 0
    assert (tmp_path / "reports" / "seed_conv--edge_os_16x16" / "summary.json").is_file()


def test_run_obeys_set_and_fail_on(tmp_path):
    words = ["run", "seed_conv", "-q", "--set", "accumulator.bits=12"]
    words += ["--fail-on", "overflow.events>0", "--fail-on", "macs<0"]
    result = hwsim(*words, "--out", str(tmp_path / "a"), "--format", "junit")
    assert result.exit_code == 1
    assert re.fullmatch(r"--fail-on: overflow.events = [1-9]\d*: must not be > 0\n", result.stderr)
    suite = ElementTree.fromstring(result.stdout)
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    (failed,) = (case.get("name") for case in suite if case.find("failure") is not None)
    assert failed == "seed_conv"  # the whole network: no layer is blamed for a sum
    assert (tmp_path / "a" / "summary.json").is_file()
    held = hwsim(*words[:3], "--out", str(tmp_path / "b"), "--fail-on", "overflow.events>0")
    assert (held.exit_code, held.stderr) == (0, "")


def test_run_on_random_codes_repeats_with_its_seed(tmp_path):
    def sha256(seed: str, name: str) -> str:
        words = ["run", "seed_conv", "-q", "--data", "random", "--limit", "2", "--seed", seed]
        result = hwsim(*words, "--out", str(tmp_path / name), "--format", "json")
        return json.loads(result.stdout)["data"]["sha256"]

    assert sha256("1", "a") == sha256("1", "b")
    assert sha256("1", "a") != sha256("2", "c")


def test_report_renders_again(finished):
    folder, _ = finished
    page = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    result = hwsim("report", str(folder))
    assert (result.exit_code, result.stdout) == (0, f"Rendered {folder / 'report.html'}\n")
    assert (folder / "report.html").read_bytes() == page


@pytest.mark.parametrize(("scale", "warned"), [(None, True), ("1/255", False)])
def test_data_beyond_the_input_is_said(scale, warned, tmp_path):
    np.save(tmp_path / "pixels.npy", np.full((2, 8, 8, 1), 255, np.uint8))
    words = ["run", "-q", "--data", str(tmp_path / "pixels.npy"), "--out", str(tmp_path / "out")]
    result = hwsim(*words, *([] if scale is None else ["--input-scale", scale]))
    assert (result.exit_code, result.stdout) == (0, "")
    line = (
        r".*pixels.npy: 100.00% of the values are beyond the network's input, .* --input-scale\?\n"
    )
    assert re.fullmatch(line if warned else "", result.stderr), result.stderr


def test_out_that_is_the_root_is_refused():
    result = hwsim("run", "seed_conv", "-q", "--out", "/")
    line = "/: kind = the root: must be a directory of its own\n"
    assert (result.exit_code, result.stderr) == (2, line)


def test_a_model_that_is_not_there_is_refused_with_a_near_name():
    result = hwsim("run", "digts")
    line = "hwsim: model = digts: must be a file or one of: digits, seed_conv; perhaps digits\n"
    assert (result.exit_code, result.stderr) == (2, line)


def test_error_by_cause_is_in_the_summary_and_in_a_table(tmp_path):
    words = ["run", "digits", "--limit", "3", "--causes", "2", "-q", "--out", str(tmp_path / "a")]
    assert hwsim(*words).exit_code == 0
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary["causes_samples"] == 2
    assert 0 < len(summary["changes"]) <= 3
    gains = [change["gain"] for change in summary["changes"]]
    assert gains == sorted(gains, reverse=True)
    with open(tmp_path / "a" / "causes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for layer in summary["layers"]:
        for inputs, part in (("true", "alone"), ("network", "accumulated")):
            causes = layer["causes"][part]["causes"]
            assert layer["causes"][part]["outputs"] == 2 * np.prod(layer["shape"])
            own = [r for r in rows if (r["layer"], r["inputs"]) == (layer["name"], inputs)]
            assert [float(row["share"]) for row in own] == [cause["share"] for cause in causes]
    assert "causes" not in (tmp_path / "a" / "layers.csv").read_text()


def test_error_by_cause_is_of_32_images_unless_told_and_absent_unless_asked_for(tmp_path):
    words = ["run", "seed_conv", "--limit", "1", "--out", str(tmp_path / "a"), "--format", "json"]
    plain = json.loads(hwsim(*words).stdout)
    assert not {"causes_samples", "changes"} & plain.keys()
    assert not (tmp_path / "a" / "causes.csv").exists()
    asked = json.loads(hwsim(*words, "--data", "random", "--limit", "40", "--causes").stdout)
    assert asked["causes_samples"] == 32
    assert hwsim(*words, "--causes", "0").exit_code == 2


@pytest.mark.parametrize("command", ["run", "bounds", "inspect", "vectors", "sweep"])
def test_an_override_of_no_layer_is_refused_or_said(command, tmp_path):
    def words(glob):
        entry = f"overrides=[{{match: '{glob}', accumulator.bits: 20}}]"
        out = {"bounds": [], "inspect": []}.get(command, ["--out", str(tmp_path / "out")])
        return [command, "seed_conv", "--set", entry, *out]

    refused = hwsim(*words("conv_x"))
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1
    assert "overrides[0].match = conv_x: must be a layer of the network" in refused.stderr
    assert not (tmp_path / "out").exists()
    if command != "sweep":  # which takes longer, and says it in the same place
        said = hwsim(*words("nothing*"))
        assert said.exit_code == 0, said.stderr
        line = "edge_ws_16x16: overrides[0].match = nothing*: has no layer in seed_conv\n"
        assert line in said.stderr
        assert "overrides" not in hwsim(*words("*")).stderr
