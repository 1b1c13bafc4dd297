"""hwsim bounds and hwsim inspect."""

import csv
import io
import json
import re

import pytest
from cli.runner import hwsim

from hwsim import models
from hwsim.importers import machine_files, npz


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
    title, kind, *_ = lines = result.stdout.splitlines()
    assert title == f"{model} on {machine}"
    assert kind.startswith("embedded model; ")
    headers = [" ".join(line.split()) for line in lines if line.startswith("layer ")]
    assert headers == [
        "layer operator output scale zero K MACs cycles",
        "layer weights scale bias multiplier shift acc needs",
    ]
    assert max(map(len, lines)) <= 100
    assert "…" not in result.stdout


def test_inspect_prints_what_bites_below_the_table():
    words = ["inspect", "digits", "--set", "accumulator.bits=16", "--set", "bias.bits=11"]
    entries = json.loads(hwsim(*words, "--format", "json").stdout)
    found = [(e["name"], f) for e in entries for f in e.get("findings", ())]
    sums = [name for name, f in found if "accumulator" in f["what"]]
    lost = [f["count"] for _, f in found if f["kind"] == "bias_format"]
    text = " ".join(hwsim(*words).stdout.split())
    assert len(sums) > 3
    assert len(lost) > 1
    assert (
        f"{len(sums)} layers, {sums[0]} to {sums[-1]}: sums may leave the 16-bit accumulator: "
        "run with data to see" in text
    )
    channels = sum(entry.get("channels", 0) for entry in entries)
    assert f"{sum(lost)} of {channels} biases do not fit their own 11 bits; most in " in text


def files(shared, folder):
    """A file of each kind that imports, and one that hwsim saved."""
    network = models.load("digits")[0]
    npz.save(network, folder / "own.npz")
    data = shared / "data"
    yield folder / "own.npz", "network or layer of hwsim", "int8"
    for name, kind, form in KINDS:
        yield data / name, kind, form


KINDS = [
    ("models/kws_dscnn_int8.tflite", "TensorFlow Lite", "int8"),
    ("models/mobilenet_v1_0.25_128_uint8.tflite", "TensorFlow Lite", "uint8"),
    ("models/hello_world_sine_int8.tflite", "TensorFlow Lite", "int8"),
    ("models/vww_mobilenet_int8.tflite", "TensorFlow Lite", "int8"),
    ("models/mnist_tfc_2W2A.qonnx.onnx", "ONNX, QONNX", "int2 narrow"),
    ("models/kws_dscnn_float.tflite", "TensorFlow Lite", "float"),
    ("fixtures/tfl_int16x8.tflite", "TensorFlow Lite", "int16"),
    ("fixtures/tfl_dynamic_range.tflite", "TensorFlow Lite", "float"),
    ("fixtures/digits_dynamo.onnx", "ONNX", "float"),
    ("fixtures/digits_qdq_u8s8_pc.onnx", "ONNX, QDQ", "uint8"),
    ("fixtures/digits_qdq_u16s8_pc.onnx", "ONNX, QDQ", "uint16"),
    ("fixtures/digits_qop_u8s8_pc.onnx", "ONNX, QOperator", "uint8"),
    ("fixtures/digits_dyn_u8.onnx", "ONNX, dynamically quantized", "int9"),
    ("fixtures/pt2e_xnnpack_pc.pt2", "PyTorch export (torch.export)", "int8"),
    ("fixtures/aimet_conv.encodings", "AIMET encodings and their ONNX model", "uint8"),
]


def test_inspect_reads_every_kind_of_file_in_a_hundred_characters(shared, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    for path, kind, form in files(shared, tmp_path):
        result = hwsim("inspect", str(path))
        assert (result.exit_code, result.stderr) == (0, ""), path
        title, second, *_ = lines = result.stdout.splitlines()
        assert second.startswith(f"{kind}; {form}"), path
        assert max(len(line.rstrip()) for line in lines) <= 100, path
        assert any(line.startswith("input  ") for line in lines)
        assert any(line.startswith("output ") for line in lines)
        float_network = "float: quantize first (hwsim quantize MODEL --data FILE)"
        assert (float_network in " ".join(result.stdout.split())) == (form == "float"), path
        assert (" on edge_ws_16x16" in title) == (form != "float"), path
        entries = json.loads(hwsim("inspect", str(path), "--format", "json").stdout)
        assert {entry["model"]["kind"] for entry in entries} == {kind}
        assert all("\u2026" not in hwsim("inspect", str(path), "--layer", e["name"]).stdout
                   for e in entries if "k" in e)  # fmt: skip


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
    for number in (*entry["holds"]["weight"], *entry["holds"]["chain"]):
        assert f"{number:,}" in text
    for word in (entry["scheme"], "zero point", "chain", "accumulator", "per channel", "144"):
        assert word in text
    assert hwsim("inspect", "--layer", "add3").stdout.startswith("add3  (add, beside the array)")


@pytest.mark.parametrize(
    ("machine", "bias", "shift"),
    [
        ("edge_ws_16x16", "int32 codes, at scale input × weight, in the accumulator, before the "
         "first product: -3344..9230 (15 bits)", "only with a gain error -25.6% to +35.2%"),
        ("pytorch_fbgemm", "real numbers (codes × input scale × weight scale), added by the "
         "requantizer (float32_bias)", "hwsim quantize --power-of-two weights makes it exact"),
    ],
)  # fmt: skip
def test_inspect_of_one_layer_answers_in_words(machine, bias, shift):
    text = " ".join(hwsim("inspect", "--layer", "conv1", "--hw", machine).stdout.split())
    assert f"bias {bias}" in text
    assert f"a pure shift {shift}" in text or ("a pure shift only" in text and shift in text)


def test_a_layer_that_is_not_there_is_refused_with_a_near_name():
    result = hwsim("inspect", "--layer", "conv5")
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(
        r"--layer: name = conv5: must be one of .*; perhaps conv\d\n", result.stderr
    )


def test_bounds_without_data_has_no_use_for_options_of_data():
    result = hwsim("bounds", "--limit", "3")
    assert (result.exit_code, result.stderr) == (2, "--limit: value = 3: must go with --data\n")


def test_bounds_of_several_networks_end_with_what_all_need():
    words = ["bounds", "digits", "seed_conv", "--k", "1152"]
    rows = json.loads(hwsim(*words, "--format", "json").stdout)
    assert [row["model"] for row in rows] == [
        *["digits"] * 5,
        "seed_conv",
        "not trained yet",
        "all",
    ]
    assert rows[-1]["width"]["weight_bits"] == max(r["width"]["weight_bits"] for r in rows[:-1])
    lines = hwsim(*words).stdout.splitlines()
    assert [line for line in lines if line in ("digits", "seed_conv", "all of them")] == [
        "digits", "seed_conv", "all of them",
    ]  # fmt: skip
    assert lines[-1] == "accumulator: 27 bits, for not trained yet: K = 1152"
    assert "accumulator: 22 bits, for digits: conv4" in hwsim(*words[:3]).stdout
    assert hwsim("bounds", "digits", "digits").stdout == hwsim("bounds").stdout


def test_bounds_of_what_is_not_trained_yet_need_no_model():
    words = ["bounds", "--k", "9,1152", "--zero-points", "none", "--bias-bits", "20"]
    rows = json.loads(hwsim(*words, "--hw", "edge_os_16x16", "--format", "json").stdout)
    assert [(row["name"], row["k"]) for row in rows] == [("K = 9", 9), ("K = 1152", 1152)]
    assert rows[1]["width"]["type_bits"] == 26  # 1152 * 128 * 128 + 2**19


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bias-bits", "3"], "--bias-bits: value = 3: must go with --k"),
        (["--zero-points", "both"], "--zero-points: value = both: must go with --k"),
        (["--k", "9", "--data", "digits"], "--data: models = none: must be one: "),
        (["digits", "seed_conv", "--data", "digits"], "--data: models = digits, seed_conv: must"),
    ],
)
def test_bounds_refuse_options_that_would_do_nothing(words, message):
    result = hwsim("bounds", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)
