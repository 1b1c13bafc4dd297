"""hwsim identify: the machines that fit, what tells them apart, and policies where none fits."""

import csv
import io
import json
import re

import numpy as np
import pytest
from cli.runner import hwsim

from hwsim import models
from hwsim.importers import hardware
from hwsim.network import run as network_run

GRAPH = models.load("digits")[0]
IMAGES = np.random.default_rng(11).integers(-128, 128, (6, 8, 8, 1))
FEW = ["--hw", "tflite_reference", "--hw", "onnxruntime", "--hw", "edge_ws_16x16"]


def dumped(machine, tmp_path, names=None):
    """A dump of digits on a machine."""
    tensors = network_run.run(GRAPH, machine, {"image": IMAGES}).codes
    kept = {name: codes for name, codes in tensors.items() if names is None or name in names}
    np.savez(tmp_path / "device.npz", **kept)
    return str(tmp_path / "device.npz")


def identify(dump, *words):
    """hwsim identify digits among a few machines."""
    return hwsim("identify", "digits", "--dump", dump, *FEW, *words)


def test_the_machine_is_named_and_the_proof_counted(tmp_path):
    dump = dumped(hardware.load("tflite_reference"), tmp_path)
    result = identify(dump)
    assert (result.exit_code, result.stderr) == (0, "")
    last = result.stdout.splitlines()[-1]
    assert re.fullmatch(
        r"Fits: tflite_reference: proven equal on this data, [\d,]+ values of 8 tensors", last
    )
    found = json.loads(identify(dump, "--format", "json").stdout)
    assert found["fits"] == ["tflite_reference"]
    assert found["machines"][0]["machine"] == "tflite_reference"
    assert all(row["different"] for row in found["machines"][1:])
    rows = list(csv.DictReader(io.StringIO(identify(dump, "--format", "csv").stdout)))
    assert [row["machine"] for row in rows] == [row["machine"] for row in found["machines"]]


def test_where_several_fit_an_input_tells_them_apart(tmp_path):
    """Logits of a blank image are the same on all: the device is asked another question."""
    blank = {"image": np.full((1, 8, 8, 1), -128)}
    machine = hardware.load("tflite_reference")
    np.savez(tmp_path / "d.npz", image=blank["image"],
             fc6=network_run.run(GRAPH, machine, blank).codes["fc6"])  # fmt: skip
    result = identify(str(tmp_path / "d.npz"), "--format", "json", "-o", str(tmp_path / "t.npz"))
    found = json.loads(result.stdout)
    assert {"tflite_reference", "onnxruntime"} <= set(found["fits"])
    assert any("differ on a random input (seed 0)" in note for note in found["notes"])
    assert any(re.search(r"accumulator -?\d+ becomes -?\d+ and -?\d+", n) for n in found["notes"])
    words = ["verify", "digits", "--data", str(tmp_path / "t.npz"), "-q"]
    pair = found["fits"][:2]
    told = hwsim(*words, "--hw", pair[0], "--against", pair[1], "-o", str(tmp_path / "c.json"))
    assert told.exit_code == 1  # the file holds an input on which they really differ


def test_where_no_machine_fits_a_machine_is_made_that_does(tmp_path):
    words = ["requantize.default.rounding=half_up", "requantize.fully_connected.scheme=shift_only"]
    hidden = hardware.load(
        "tflite_reference", [*words, "requantize.fully_connected.rounding=floor"]
    )
    dump = dumped(hidden, tmp_path)
    result = identify(dump)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith("Fits: identified: proven equal on this data")
    text = result.stdout.partition("As a machine:\n")[2].rpartition("Fits:")[0]
    file = tmp_path / "identified.yaml"
    file.write_text(text)
    check = hwsim("verify", "digits", "--hw", str(file), "--dump", dump, "-o", str(tmp_path / "c"))
    assert check.exit_code == 0, check.output


def test_final_outputs_alone_are_ranked(tmp_path):
    dump = dumped(hardware.load("shift_only_16x16"), tmp_path, ("image", "fc6"))
    result = identify(dump, "--format", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    counts = [row["equal"] for row in found["machines"]]
    assert counts == sorted(counts, reverse=True)
    assert (found["fits"], found["policies"], found["elements"]) == ([], None, 60)
    assert re.fullmatch(r".*: nearest = \w+, \d+ of 60 values: .*\n", result.stderr)


def test_the_input_is_needed(tmp_path):
    dump = dumped(hardware.load("onnxruntime"), tmp_path, ("fc6",))
    result = identify(dump)
    must = "must be among the dumped tensors, or given by --data"
    assert (result.exit_code, result.stderr) == (2, f"{dump}: input = image: {must}\n")
    np.savez(tmp_path / "x.npz", X=IMAGES.astype(np.int8))
    assert identify(dump, "--data", str(tmp_path / "x.npz"), "-q").output == ""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--dump", "nosuch"], r"nosuch: folder = missing: .*"),
        (["--dump", ".", "--hw", "nosuch"], r"hardware: name = nosuch: .*"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, line):
    result = hwsim("identify", "digits", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(line + r"\n", result.stderr), result.stderr
