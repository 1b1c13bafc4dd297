"""hwsim verify: what is equal, what is not, and exit code 1 whenever anything differs."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from cli.runner import hwsim

from hwsim import models
from hwsim.importers import hardware
from hwsim.network import run as network_run

MACHINE = "tflite_reference"
SAMPLES = 5


@pytest.fixture(scope="module")
def tensors():
    """Every tensor of digits on the machine."""
    graph, data = models.load("digits")
    inputs = {"image": data.X[:SAMPLES]}
    return network_run.run(graph, hardware.load(MACHINE), inputs).codes


@pytest.fixture
def dump(tensors, tmp_path):
    """The same as files, one a tensor."""
    folder = tmp_path / "dump"
    folder.mkdir()
    for name, codes in tensors.items():
        np.save(folder / f"{name}.npy", codes.astype(np.int8))
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Certificates land in a folder of their own."""
    monkeypatch.chdir(tmp_path)


def verify(dump, *words):
    """hwsim verify digits against a dump."""
    return hwsim("verify", "digits", "--hw", MACHINE, "--dump", str(dump), *words)


def test_own_tensors_are_equal(dump, tmp_path):
    result = verify(dump)
    assert (result.exit_code, result.stderr) == (0, "")
    last = result.stdout.splitlines()[-1]
    assert last.startswith(f"digits: hwsim's {MACHINE} and the dump {dump} are equal: ")
    assert last.endswith(f" values of 8 tensors, {SAMPLES} samples")
    assert (tmp_path / f"reports/digits--{MACHINE}--dump.certificate.json").is_file()


@pytest.mark.parametrize("name", ["conv1", "add3", "fc6"])
def test_one_altered_code_is_exit_code_1_and_named(dump, tensors, name):
    altered = tensors[name].astype(np.int8)
    altered.flat[altered.size // 2] ^= 1
    np.save(dump / f"{name}.npy", altered)
    result = verify(dump)
    assert result.exit_code == 1
    assert re.fullmatch(
        rf"digits: hwsim's {MACHINE} and the dump .*: different = 1 of [\d,]+ values "
        rf"in 1 of 8 tensors, first {name}: must be equal\n",
        result.stderr,
    )
    assert re.search(
        rf"^Likely cause at {name}: rounding: off by one LSB at 1 of", result.stdout, re.M
    )


def test_a_dump_of_another_rounding_names_it(dump, tmp_path):
    graph, _ = models.load("digits")
    codes = np.random.default_rng(0).integers(-128, 128, (24, 8, 8, 1))
    machine = hardware.load(MACHINE, ["requantize.default.rounding=half_up"])
    found = network_run.run(graph, machine, {"image": codes}).codes
    np.savez(tmp_path / "other.npz", **found)
    result = verify(tmp_path / "other.npz")
    assert result.exit_code == 1
    (line,) = re.findall("^Likely cause at pw3: (.*)$", result.stdout, re.M)
    assert "scheme multiplier_shift_double, rounding half_up" in line
    assert (
        verify(tmp_path / "other.npz", "--set", "requantize.default.rounding=half_up").exit_code
        == 0
    )


def test_a_dump_with_a_known_mistake_names_it_with_its_evidence(tmp_path):
    graph, data = models.load("digits")
    layers = {node.name: node.layer for node in graph.mac_nodes}
    bare = replace(layers["dw2"], bias=0 * layers["dw2"].bias)
    nodes = tuple(replace(n, layer=bare) if n.name == "dw2" else n for n in graph.nodes)
    codes = {graph.inputs[0]: data.X[:4]}
    np.savez(
        tmp_path / "bare.npz",
        **network_run.run(replace(graph, nodes=nodes), hardware.load(MACHINE), codes).codes,
    )
    result = verify(tmp_path / "bare.npz", "-o", str(tmp_path / "c.json"))
    assert result.exit_code == 1
    (block,) = re.findall(
        r"^Mistakes that look like this at dw2:\n((?:  .*\n)+)", result.stdout, re.M
    )
    assert block.startswith("  bias: it is dropped\n    explains ")
    assert max(map(len, block.splitlines())) <= 100
    (finding, *_) = json.loads((tmp_path / "c.json").read_text())["findings"]
    assert (finding["cause"], finding["score"]) == ("bias", 1.0)


def test_the_certificate_says_what_was_compared_with_what(dump):
    result = verify(dump, "--format", "json", "-o", "c.json", "--limit", "3")
    certificate = json.loads(Path("c.json").read_text())
    assert json.loads(result.stdout) == certificate
    assert certificate["command"].startswith("hwsim verify digits --hw")
    assert certificate["schema"] == "hwsim-certificate-1"
    assert certificate["equal"] is True
    assert certificate["hardware"]["machine"]["name"] == MACHINE
    assert certificate["data"]["samples"] == 3
    assert certificate["elements"] == sum(row["elements"] for row in certificate["tensors"])
    assert len(certificate["against"]["files"]) == 9
    for digest in (certificate["model"]["sha256"], *certificate["against"]["files"].values()):
        assert re.fullmatch("[0-9a-f]{64}", digest)


def test_csv_and_junit_have_one_entry_a_tensor(dump, tensors):
    np.save(dump / "pw3.npy", np.clip(tensors["pw3"], -100, 20).astype(np.int8))
    rows = list(csv.DictReader(io.StringIO(verify(dump, "--format", "csv").stdout)))
    assert [row["name"] for row in rows if row["different"] != "0"] == ["pw3"]
    suite = ElementTree.fromstring(verify(dump, "--format", "junit").stdout)
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert (suite.get("tests"), suite.get("failures"), failed) == ("8", "1", ["pw3"])


def test_quiet_prints_nothing_but_a_difference(dump):
    assert verify(dump, "-q").output == ""


def test_missing_tensors_are_named_and_the_rest_is_compared(dump):
    (dump / "pw3.npy").unlink()
    (dump / "conv1.npy").rename(dump / "layer_0.npy")
    result = verify(dump)
    assert result.exit_code == 0
    assert "Not shown by it: conv1, pw3\n" in result.stdout
    assert "Unmatched: layer_0\n" in result.stdout


def test_a_difference_after_missing_tensors_says_so(dump, tensors):
    (dump / "pw3.npy").unlink()
    altered = tensors["add3"].astype(np.int8)
    altered[0, 0, 0, 0] ^= 1
    np.save(dump / "add3.npy", altered)
    result = verify(dump)
    assert result.exit_code == 1
    assert "Not compared before add3: pw3\n" in result.stdout


def test_the_input_is_dumped_or_given(dump):
    (dump / "image.npy").unlink()
    result = verify(dump)
    must = "must be among the dumped tensors, or given by --data"
    assert (result.exit_code, result.stderr) == (2, f"{dump}: input = image: {must}\n")
    assert verify(dump, "--data", "digits", "--limit", str(SAMPLES)).exit_code == 0
    result = verify(dump, "--data", "digits")
    line = f"{dump}: samples = {SAMPLES}: must be 497, as many as the data has\n"
    assert (result.exit_code, result.stderr) == (2, line)


def test_a_tensor_of_another_shape_is_one_line(dump, tensors):
    np.save(dump / "conv1.npy", tensors["conv1"][:, :4])
    result = verify(dump)
    assert result.exit_code == 2
    assert re.fullmatch(r".*conv1.npy: conv1.shape = .*: must be .*\n", result.stderr)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], r"hwsim verify: against what = nothing: must be one of --runtime, .*"),
        (
            ["--dump", ".", "--against", "onnxruntime"],
            r"hwsim verify: against what = --against and .*",
        ),
        (["--against", "onnxruntime", "--map", "m"], r"--map: file = m: must go with --dump"),
        (["--runtime", "tflite_referenze"], r"--runtime: name = .*; perhaps tflite_reference"),
        (["--runtime", "tflite_micro"], r"--runtime: model = digits: must be a \.tflite file .*"),
        (["--against", "nosuch"], r"hardware: name = nosuch: .*"),
        (["--dump", "nosuch"], r"nosuch: folder = missing: .*"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, line):
    result = hwsim("verify", "digits", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(line + r"\n", result.stderr), result.stderr


def test_against_explains_the_first_layer_where_machines_part():
    words = ["verify", "digits", "--hw", MACHINE, "--against", "onnxruntime", "--limit", "8"]
    result = hwsim(*words, "-o", "c.json")
    assert result.exit_code == 1
    certificate = json.loads(Path("c.json").read_text())
    found = certificate["explanation"]
    (differing, *_) = (row for row in certificate["tensors"] if row["different"])
    assert found["node"] == differing["node"]
    assert [found["sample"], found["index"]] == [differing["first"][k] for k in ("sample", "index")]
    ours, theirs = (side["steps"] for side in found["sides"])
    assert ours[0] == theirs[0]  # the same accumulator
    assert [side[-1]["value"] for side in (ours, theirs)] == [
        differing["first"]["ours"], differing["first"]["theirs"]
    ]  # fmt: skip
    assert f"First: {found['node']}, sample {found['sample']}, output [" in result.stdout
    assert "the unrounded product is " in result.stdout


def test_against_names_registers_where_sums_differ():
    words = ["verify", "digits", "--hw", MACHINE, "--set", "accumulator.bits=14", "--limit", "4"]
    result = hwsim(*words, "--against", MACHINE)
    assert result.exit_code == 1
    assert "  the accumulators differ, " in result.stdout


def test_a_machine_equals_itself_under_another_name():
    result = hwsim("verify", "seed_conv", "--hw", "edge_os_16x16", "--against", "edge_is_16x16")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].endswith("are equal: 100 values of 1 tensor, 1 sample")


def test_a_network_of_two_inputs_takes_both_from_one_file_or_draws_them(tmp_path):
    hwsim("extract", "digits", "--layer", "add3", "-o", "add.npz")
    words = ["verify", "add.npz", "--hw", MACHINE, "--format", "json"]
    drawn = json.loads(hwsim(*words, "--against", MACHINE).stdout)
    assert (drawn["equal"], drawn["data"]["name"]) == (True, "uniform codes, seed 0")
    assert drawn["elements"] == 8 * 8 * 8 * 16  # 8 samples
    codes = np.random.default_rng(0).integers(-128, 128, (2, 8, 8, 16)).astype(np.int8)
    np.savez("both.npz", conv1=codes, pw3=codes[::-1])
    given = json.loads(hwsim(*words, "--against", MACHINE, "--data", "both.npz").stdout)
    assert (given["equal"], given["data"]["samples"]) == (True, 2)
    np.savez("one.npz", conv1=codes)
    result = hwsim(*words, "--against", MACHINE, "--data", "one.npz")
    line = "one.npz: pw3 = absent: must be there: the network has 2 inputs\n"
    assert (result.exit_code, result.stderr) == (2, line)
