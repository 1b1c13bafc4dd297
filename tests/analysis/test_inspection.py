"""What ``inspect`` says before any input: entries, and warnings exactly where they belong."""

import numpy as np
import pytest

from hwsim import models
from hwsim.analysis import inspection_model
from hwsim.analysis.inspection import inspect
from hwsim.analysis.static import static_layers
from hwsim.importers import hardware, machine_files
from hwsim.quantization.choices import Choices
from hwsim.quantization.network import quantize

MODELS = models.embedded()
LOSSY = {"narrow_acc_16bit", "shift_only_16x16"}
CLEAN = sorted(n for n in {*machine_files.names()} - LOSSY if not n.endswith("_avx2"))


def said(model, machine, *words):
    """Warnings of every layer of the array, by name."""
    graph = models.load(model)[0]
    entries = inspect(graph, hardware.load(machine, words))
    return {entry["name"]: entry["warnings"] for entry in entries if entry["runs"] == "array"}


@pytest.mark.parametrize("machine", CLEAN)
@pytest.mark.parametrize("model", MODELS)
def test_a_clean_machine_is_not_warned_about(model, machine):
    assert not any(said(model, machine).values())


@pytest.mark.parametrize("model", MODELS)
def test_powers_of_two_lose_gain_on_every_layer(model):
    for found in said(model, "shift_only_16x16").values():
        assert len(found) == 1
        assert found[0].startswith("requantization gain off by up to ")
    assert "35.2%" in said("digits", "shift_only_16x16")["conv1"][0]


def test_narrow_registers_are_named_one_by_one():
    both = [
        f"sums may leave the 16-bit {name}: run with data to see"
        for name in ("chain", "accumulator")
    ]
    assert said("seed_conv", "narrow_acc_16bit")["conv"] == both
    words = ("accumulator.bits=24",)
    assert said("seed_conv", "narrow_acc_16bit", *words)["conv"] == both[:1]
    words = ("chain.bits=20",)
    assert said("seed_conv", "narrow_acc_16bit", *words)["conv"] == both[1:]


@pytest.mark.parametrize("machine", ["onnxruntime_avx2", "pytorch_x86_avx2"])
def test_pairs_that_may_saturate_are_named(machine):
    assert said("seed_conv", machine)["conv"] == [
        "sums may leave the 16-bit chain: run with data to see"
    ]


def test_a_real_bias_is_shown_as_what_the_machine_makes_of_it():
    graph = models.load("seed_conv")[0]
    entries = {
        name: inspect(graph, hardware.load(name))[-1]["bias"]
        for name in ("onnxruntime", "pytorch_fbgemm")
    }
    layer, scale = graph.mac_nodes[0].layer, graph.tensors[graph.inputs[0]].scale
    real = layer.bias * (scale * layer.weight_scale)
    assert entries["onnxruntime"]["range"] == [-7892, 15769]
    fbgemm = entries["pytorch_fbgemm"]
    assert [fbgemm[key] for key in ("format", "place", "scale", "origin")] == [
        "real", "requantizer", None, "codes"
    ]  # fmt: skip
    assert fbgemm["range"] == fbgemm["real"] == [real.min(), real.max()]
    assert (entries["onnxruntime"]["place"], entries["onnxruntime"]["rule"]) == (
        "accumulator",
        None,
    )
    assert entries["onnxruntime"]["bits"] == 15
    step = scale * layer.weight_scale
    for entry in entries.values():
        assert entry["step"] == [step.min(), step.max()]


def test_a_folded_bias_is_shown_beside_the_models_own():
    """bias' = bias - Za * sum of the weights, for weights without a zero point."""
    graph = models.load("digits")[0]
    layer, source = graph.mac_nodes[0].layer, graph.tensors[graph.inputs[0]]
    sums = layer.weight.reshape(len(layer.weight), -1).sum(axis=1, dtype=np.int64)
    folded = layer.bias - source.zero_point * sums
    for form, expected in (("fold", [folded.min(), folded.max()]), ("subtract", None)):
        machine = hardware.load("edge_ws_16x16", (f"operands.zero_point={form}",))
        bias = arrays(inspect(graph, machine))[0]["bias"]
        assert bias["folded"] == expected
        assert bias["range"] == [layer.bias.min(), layer.bias.max()]


def test_biases_that_do_not_fit_are_counted():
    """seed_conv's biases: 9161, 15769, 11590, -7892."""
    beyond = said("seed_conv", "edge_os_16x16", "accumulator.bits=14")["conv"]
    assert beyond[0] == "3 biases do not fit the 14-bit accumulator"
    own = said("seed_conv", "edge_os_16x16", "bias.bits=14")["conv"]
    assert own == ["3 biases do not fit their own 14 bits"]
    last = said("seed_conv", "edge_os_16x16", "accumulator.bits=14", "bias.when=last")["conv"]
    assert last[0] == beyond[0]


def arrays(entries):
    """Entries of the layers that run on the array."""
    return [entry for entry in entries if entry["runs"] == "array"]


@pytest.mark.parametrize("model", MODELS)
def test_the_gain_of_a_pure_shift_is_that_of_the_nearest_power_of_two(model):
    graph = models.load(model)[0]
    for entry, node in zip(
        arrays(inspect(graph, hardware.load("edge_ws_16x16"))), graph.mac_nodes, strict=True
    ):
        source, output = graph.tensors[node.inputs[0]], graph.tensors[node.output]
        real = source.scale * node.layer.weight_scale / output.scale
        gains = [2.0 ** np.round(np.log2(r)) / r - 1 for r in real]
        assert entry["shift_only"]["gain"] == pytest.approx([min(gains), max(gains)])
        assert not entry["shift_only"]["exact"]
        shifts = arrays(inspect(graph, hardware.load("shift_only_16x16")))
        assert entry["shift_only"]["shift"] in [other["shift"] for other in shifts]


def test_a_refit_network_is_a_pure_shift_and_says_so():
    graph, data = models.load("digits")
    refit = quantize(graph, data.real[:20], Choices(power_of_two="weights"))
    entries = arrays(inspect(refit, hardware.load("shift_only_16x16")))
    assert [entry["shift_only"]["exact"] for entry in entries] == [True] * len(entries)
    assert not any(finding["kind"] == "gain" for e in entries for finding in e["findings"])


def test_the_head_names_formats_and_ends():
    graph = models.load("digits")[0]
    head = inspection_model.model_entry("digits", graph)
    assert (head["kind"], head["formats"]) == (
        "embedded model", "int8 activations, int8 weights per channel"
    )  # fmt: skip
    ends = [(tensor["name"], tensor["network"]) for tensor in head["inputs"] + head["outputs"]]
    assert ends == [("image", "input"), ("fc6", "output")]


@pytest.mark.parametrize("model", MODELS)
def test_every_node_has_one_entry_in_order(model):
    graph = models.load(model)[0]
    machine = hardware.load("edge_ws_16x16")
    entries = inspect(graph, machine)
    assert [entry["name"] for entry in entries] == [node.name for node in graph.nodes]
    array = {node.name for node in graph.mac_nodes}
    assert {e["name"] for e in entries if e["runs"] == "array"} == array
    for entry, (node, layer) in zip(
        [e for e in entries if e["runs"] == "array"], static_layers(graph, machine), strict=True
    ):
        assert (entry["k"], entry["cycles"]) == (layer.schedule.k, layer.schedule.cycles)
        assert entry["bias"]["range"] == [node.layer.bias.min(), node.layer.bias.max()]


def test_a_runtime_has_no_cycles():
    entries = inspect(models.load("seed_conv")[0], hardware.load("onnxruntime"))
    assert entries[0]["cycles"] is None
