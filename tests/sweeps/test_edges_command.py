"""`hwsim sweep` at its edges: what a person reads there, on the screen and in the report."""

import html
import json
import re

import numpy as np
import pytest
from cli.runner import hwsim
from network.networks import INT8
from sweeps.networks_of_sweeps import empty_graph

from hwsim import models
from hwsim.importers import model as model_files
from hwsim.importers import npz
from hwsim.network.graph import Graph, Node, Tensor

NO_WORDS = re.compile(r"\b(nan|inf|None|null|Traceback)\b")
NOTHING_LEFT = re.compile(r"(\w+) +none +(\d+) +(\d+)")  # a rule without a width, and its bounds


def swept(tmp_path, *words):
    """The lines that a sweep prints, sweep.json, and the words of its report."""
    folder = tmp_path / "out"
    result = hwsim("sweep", *map(str, words), "--out", str(folder))
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines[:-2])) <= 100
    page = (folder / "report.html").read_text()
    page = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    read = html.unescape(re.sub(r"<[^>]+>", "\n", page))
    assert NO_WORDS.findall(result.stdout + read) == []
    return lines, json.loads((folder / "sweep.json").read_text()), read


def samples_file(tmp_path, x, y=None):
    """A file of data."""
    path = tmp_path / "given.npz"
    np.savez(path, **{"X": np.asarray(x, np.int8)} | ({} if y is None else {"Y": np.asarray(y)}))
    return path


@pytest.mark.parametrize("labels", [None, []])
def test_empty_data_end_with_two_and_one_line(tmp_path, labels):
    given = samples_file(tmp_path, np.zeros((0, 8, 8, 1)), labels)
    words = ["sweep", "digits", "--accumulator-bits", "12,24", "--data", str(given)]
    result = hwsim(*words, "--out", str(tmp_path / "out"))
    assert (result.exit_code, result.stdout) == (2, "")
    shape = f"{given}: X.shape = (0, 8, 8, 1): must have at least one sample\n"
    assert result.stderr == shape
    assert not (tmp_path / "out").exists()


def test_one_sample_without_labels_says_what_changed_in_place_of_accuracy(tmp_path):
    given = samples_file(tmp_path, models.load("digits")[1].X[:1])
    words = ["digits", "--hw", "edge_os_16x16", "--data", given, "--accumulator-bits", "16,24"]
    lines, manifest, read = swept(tmp_path, *words)
    assert lines[0] == "digits on edge_os_16x16  (given, 1 sample)"
    assert lines[1].split() == ["acc", "events", "outputs", "persistent", "changed", "samples"]
    assert [(line.split()[0], line.split()[-1]) for line in lines[2:4]] == [
        ("16", "1"),
        ("24", "0"),
    ]
    assert "1 sample cannot promise that without a proof: 800 can." in lines
    assert [point["accuracy"] for point in manifest["points"]] == [None, None]
    assert (manifest["recommendation"]["best"]["found"]["bits"]) == 24
    assert "An accumulator of 24 bits is enough." in read
    assert "no labels" in read


def test_widths_at_which_everything_overflows_leave_none_to_recommend(tmp_path):
    words = ["digits", "--hw", "edge_os_16x16", "--limit", 2, "--accumulator-bits", "2:4"]
    lines, manifest, read = swept(tmp_path, *words, "--overflow", "wrap,saturate")
    layers = manifest["recommendation"]["layers"]
    assert lines[0] == "digits on edge_os_16x16  (digits-test, 2 samples)"
    for line, point in zip(lines[2:8], manifest["points"], strict=True):
        assert line.split()[-1] == "2"
        assert point["overflow"]["outputs_affected"] > 0.98 * 2 * 3_466
    assert [
        NOTHING_LEFT.fullmatch(line).groups() for line in lines if NOTHING_LEFT.match(line)
    ] == [
        ("wrap", "22", "19"),
        ("saturate", "22", "19"),
    ]
    assert "No swept width keeps that: sweep wider ones." in lines
    assert max(layer["recommended_bits"] for layer in layers) <= 22
    assert "No accumulator width of this sweep keeps the terms." in read


def test_a_layer_that_multiplies_nothing_has_its_line(tmp_path, monkeypatch):
    """K = 0: its sums are the biases, 3,000 and -70, which need 13 bits."""
    network = model_files.Model(empty_graph(), None)
    monkeypatch.setattr(model_files, "load", lambda *_: network)
    given = samples_file(tmp_path, np.zeros((2, 0)), [0, 1])
    words = ["nothing", "--hw", "edge_ws_16x16", "--data", given, "--accumulator-bits", "12,13"]
    lines, manifest, read = swept(tmp_path, *words)
    assert [line.split()[:5] for line in lines[2:4]] == [
        ["12", "50.0", "%", "2", "2"],
        ["13", "50.0", "%", "0", "0"],
    ]
    assert lines[-5].split() == ["layer", "type", "L1", "norm", "signs", "observed", "headroom",
                                 "recommended"]  # fmt: skip
    assert lines[-4].split() == ["nothing", "13", "13", "13", "13", "0", "13"]
    assert [point["totals"]["macs"] for point in manifest["points"]] == [0, 0]
    assert "An accumulator of 13 bits is enough." in read


def test_a_network_without_a_layer_of_macs_needs_no_register(tmp_path):
    tensors = {"x": Tensor("x", (2, 3), INT8, 0.5, 3), "y": Tensor("y", (6,), INT8, 0.5, 3)}
    flat = Node("flat", "reshape", ("x",), "y", attributes={"shape": (6,)})
    npz.save(Graph("flat", tensors, (flat,), ("x",), ("y",)), tmp_path / "flat.npz")
    given = samples_file(tmp_path, np.arange(12).reshape(2, 2, 3), [5, 0])
    lines, manifest, read = swept(
        tmp_path, tmp_path / "flat.npz", "--data", given, "--accumulator-bits", "8,24"
    )
    assert [line.split()[:4] for line in lines[2:4]] == [
        ["8", "50.0", "%", "0"],
        ["24", "50.0", "%", "0"],
    ]
    assert manifest["recommendation"]["best"]["found"]["proof"] == "guaranteed"
    assert manifest["recommendation"]["layers"] == []
    assert sorted(manifest["recommendation"]["files"]) == ["recommended.svh", "recommended.yaml"]
    assert "An accumulator of 8 bits is enough." in read
