"""hwsim quantize: a network goes in, a network that runs comes out."""

import json
import re

import numpy as np
import pytest
from cli.runner import hwsim

from hwsim.cli_console import progress_bar
from hwsim.importers import npz


def quantized(tmp_path, *words):
    """The network that `hwsim quantize WORDS` writes, and what it printed."""
    result = hwsim("quantize", *words, "-o", str(tmp_path / "net.npz"))
    assert result.exit_code == 0, result.output
    return npz.load(tmp_path / "net.npz"), result


def accuracy(tmp_path, data, *words):
    """Top-1 of the written network: float, hardware."""
    path, out = str(tmp_path / "net.npz"), str(tmp_path / "out")
    result = hwsim("run", path, "--data", data, "-q", "--format", "json", "--out", out, *words)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["accuracy"]
    return found["float"], found["hardware"]


def test_the_embedded_network_is_quantized_from_its_own_data(tmp_path):
    graph, result = quantized(tmp_path, "digits", "--weight-bits", "6")
    assert {str(node.layer.weight_format) for node in graph.mac_nodes} == {"int6 narrow"}
    for node in graph.mac_nodes:
        assert re.search(rf"^{node.name} +{node.op} +int8 \* .* int6 ", result.stdout, re.MULTILINE)
    path = tmp_path / "net.npz"
    assert result.stdout.endswith(f"\nWrote {path}; try: hwsim run {path} --data FILE\n")
    assert result.stderr == ""
    reals, codes = accuracy(tmp_path, "digits")
    assert codes > reals - 0.02


def test_float_files_are_quantized_and_run(tmp_path, shared):
    """Within 0.5 point of float, on the documents' 497 images."""
    fixtures = shared / "data" / "fixtures"
    names = ["tfl_float.tflite", "tfl_float16.tflite"]
    try:
        import onnx  # noqa: F401  # reads .onnx

        names += ["digits_pre.onnx", "digits_ts.onnx", "digits_dynamo.onnx"]
    except ImportError:
        pass
    for name in names:
        graph, result = quantized(tmp_path, str(fixtures / name), "--data", "digits", "--quiet")
        assert result.output == ""
        assert not graph.is_float
        reals, codes = accuracy(tmp_path, "digits")
        assert reals == 490 / 497
        assert codes >= reals - 0.005, name


def test_resnet_is_quantized_from_a_data_file(tmp_path, shared):
    """MLPerf Tiny's float ResNet-8; few images, for the test's time."""
    model = str(shared / "data" / "models" / "ic_resnet8_float.tflite")
    data = str(shared / "data" / "data" / "cifar10_train_dev.npz")
    graph, _ = quantized(tmp_path, model, "--data", data, "--limit", "32", "--quiet")
    assert len(graph.mac_nodes) == 10
    reals, codes = accuracy(tmp_path, data, "--limit", "64")
    assert abs(reals - codes) <= 2 / 64


def test_the_file_has_the_name_of_the_network_and_its_widths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--weight-bits", "4", "--activation-bits", "5", "--limit", "9", "-q"]
    assert hwsim("quantize", "digits", *words).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["digits_w4a5.npz"]


def test_equal_words_write_equal_bytes(tmp_path):
    written = []
    for name in ("a.npz", "b.npz"):
        words = ["--limit", "20", "--quiet", "-o", str(tmp_path / name)]
        assert hwsim("quantize", "digits", *words).exit_code == 0
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


WORDS = {
    "--weights affine": lambda g: any(n.layer.weight_zero_point.any() for n in g.mac_nodes),
    "--activations symmetric": lambda g: not any(t.zero_point for t in g.tensors.values()),
    "--unsigned": lambda g: {str(t.format) for t in g.tensors.values()} == {"uint8"},
    "--weight-rule absmax_128": lambda g: min(n.layer.weight.min() for n in g.mac_nodes) == -128,
    "--per-tensor": lambda g: all(len(set(n.layer.weight_scale)) == 1 for n in g.mac_nodes),
    "--bias float": lambda g: all(n.layer.real_bias is not None for n in g.mac_nodes),
    "--bias int16_clamped": lambda g: all(n.layer.bias_bits == 16 for n in g.mac_nodes),
    "--power-of-two scales": lambda g: all(
        np.log2(t.scale).is_integer() for t in g.tensors.values()
    ),
    "--observer minmax": lambda g: g.tensors["image"].scale == np.float32(1 / 255),
}


@pytest.mark.parametrize("words", WORDS)
def test_every_word_is_in_the_network(tmp_path, words):
    graph, _ = quantized(tmp_path, "digits", "--limit", "60", "--quiet", *words.split())
    plain, _ = quantized(tmp_path, "digits", "--limit", "60", "--quiet")
    assert WORDS[words](graph)
    assert WORDS[words](plain) == (words == "--observer minmax")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--observer", "max"], r"quantize: observer = max: must be one of minmax, .*"),
        (["--weight-bits", "1"], r"quantize: weight_bits = 1: must be 2\.\.16"),
        (["--activation-bits", "17"], r"quantize: activation_bits = 17: must be 2\.\.16"),
        (["--bias", "int4"], r"quantize: bias = int4: must be one of int32, .*"),
        (["--percentile", "nan"], r"quantize: percentile = nan: must be above 50, at most 100"),
        (["--unsigned", "--activations", "symmetric"], r"quantize: activation_signed = False: .*"),
        (["-o", "net.onnx"], r"--output: name = net\.onnx: must end in \.npz"),
        (["-o", "/nosuch/net.npz"], r"--output: folder = /nosuch: must exist"),
        (["--data", "nosuch.npz"], r"nosuch\.npz: .*"),
        (["--data", "random"], r"random: X = codes: must hold real values"),
    ],
)
def test_bad_words_are_one_line(words, line):
    result = hwsim("quantize", "digits", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(line + r"\n", result.stderr), result.stderr


def test_a_network_of_integers_only_is_refused(tmp_path, shared):
    model = str(shared / "data" / "models" / "ad_autoencoder_int8.tflite")
    result = hwsim("quantize", model, "--data", "random", "-o", str(tmp_path / "net.npz"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(r".*: must have its trained float parameters .*\n", result.stderr)
    assert not (tmp_path / "net.npz").exists()


def test_progress_counts_every_batch_of_every_pass(monkeypatch):
    from hwsim.importers.model import load
    from hwsim.quantization.choices import Choices
    from hwsim.quantization.network import quantize

    model, calls = load("digits"), []
    for observer, passes in (("minmax", 1), ("percentile", 2)):
        calls.clear()
        real = model.data.real[:130]  # three batches of at most 64
        quantize(model.graph, real, Choices(observer=observer), lambda *c: calls.append(c))
        total = 3 * passes
        assert calls == [(i + 1, total, "calibration") for i in range(total)]
    with progress_bar(quiet=True) as progress:
        assert progress is None
