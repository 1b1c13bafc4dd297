"""hwsim extract: one layer alone gives the same codes."""

import re

import numpy as np
import pytest
from cli.runner import hwsim

from hwsim import models
from hwsim.importers import hardware, npz
from hwsim.network import run as network_run

LAYERS = ["conv1", "dw2", "pw3", "conv4", "pool5", "fc6"]


@pytest.fixture(scope="module")
def tensors():
    """Every tensor of digits on the default machine, 3 samples."""
    graph, data = models.load("digits")
    machine = hardware.load("edge_ws_16x16")
    return network_run.run(graph, machine, {"image": data.X[:3]}).codes


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_alone_gives_its_codes(tensors, tmp_path, name):
    file, out = tmp_path / "one.npz", tmp_path / "run"
    result = hwsim("extract", "digits", "--layer", name, "-o", str(file), "--data", "digits",
                   "--limit", "3")  # fmt: skip
    beside = tmp_path / "one.data.npz"
    assert (result.exit_code, result.stdout) == (0, f"Layer: {file}\nData: {beside}\n")
    words = ["run", str(file), "--data", str(beside), "-q", "--out", str(out)]
    if name != "pool5":  # hwsim run is for layers of the array
        assert hwsim(*words).exit_code == 0
        with np.load(out / "outputs.npz") as found:
            assert (found[name] == tensors[name]).all()
    checked = hwsim("verify", str(file), "--dump", str(beside), "-o", str(tmp_path / "c.json"))
    assert checked.exit_code == 0, checked.output


def test_a_node_of_two_inputs_keeps_both(tensors, tmp_path):
    file = tmp_path / "add.npz"
    result = hwsim("extract", "digits", "--layer", "add3", "-o", str(file), "--data", "digits",
                   "--limit", "3")  # fmt: skip
    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "add.data.npz") as found:
        assert set(found) == {"conv1", "pw3", "add3"}
    assert npz.load(file).inputs == ("conv1", "pw3")
    beside = str(tmp_path / "add.data.npz")
    checked = hwsim("verify", str(file), "--dump", beside, "-o", str(tmp_path / "c.json"))
    assert checked.exit_code == 0, checked.output


def test_extract_without_data_writes_the_layer_alone(tmp_path):
    result = hwsim("extract", "digits", "--layer", "fc6", "-o", str(tmp_path / "fc.npz"))
    assert result.exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["fc.npz"]
    node = npz.load(tmp_path / "fc.npz").nodes[0]
    whole = next(n for n in models.load("digits")[0].nodes if n.name == "fc6")
    assert (node.layer.weight == whole.layer.weight).all()
    assert (node.layer.bias == whole.layer.bias).all()
    assert node.layer.clamp == whole.layer.clamp


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--layer", "conv9", "-o", "x.npz"], r"--layer: name = conv9: must be .*; perhaps conv\d"),
        (["--layer", "conv1", "-o", "x.txt"], r"--out: suffix = \.txt: must be \.npz"),
    ],
)
def test_extract_refuses_in_one_line(words, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = hwsim("extract", "digits", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(line + r"\n", result.stderr), result.stderr
    assert not list(tmp_path.iterdir())
