"""Mistakes planted in devices that were not tuned on: each is named first, a right one never."""

from functools import cache

import numpy as np
import planted
import pytest

from hwsim import models
from hwsim.analysis.compare_runs import Parting
from hwsim.analysis.diagnosis import diagnose, diagnose_parting
from hwsim.analysis.diagnosis_bench import Bench
from hwsim.importers import hardware, model
from hwsim.network import run as network_run
from hwsim.network.graph import quantize_input
from hwsim.network.layers import prepare_without_input

HELD_OUT = range(7000, 7018)  # the module was tried on seeds below 1,100
RIGHT = range(8000, 8200)
LEAST_SHARE = 0.01  # of the codes that a mistake must move, to be one
CAUSES = {
    "bias": "bias", "input": "truncation", "weight truncated": "truncation",
    "output": "truncation", "weight zero": "zero point", "padding": "padding", "shift": "shift",
    "scale": "scale",
}  # fmt: skip


@cache
def machine(name="edge_ws_16x16"):
    return hardware.load(name)


def is_named(mistake, found) -> bool:
    """Whether the first finding is the mistake, by its word and, of truncations, their place."""
    cause = next(word for start, word in CAUSES.items() if mistake.startswith(start))
    if not found or found[0].cause != cause:
        return False
    return cause != "truncation" or f"{mistake.split()[0]} codes are cut" in found[0].words


def planted_cases(device, x):
    """Every mistake that moves enough codes, with the device's output."""
    right = planted.run(device, x)
    for mistake in planted.possible(device):
        observed = planted.run(device, x, mistake)
        if np.count_nonzero(observed != right) >= max(10, LEAST_SHARE * right.size):
            yield mistake, observed


def tally(cases):
    """Cases, mistakes met, and those not named first, of (mistake, findings, where)."""
    seen, wrong = [], []
    for mistake, found, where in cases:
        seen.append(mistake)
        if not is_named(mistake, found):
            wrong.append((where, mistake, [(one.cause, one.words, one.score) for one in found]))
    return seen, wrong


def of_chance(seeds, name):
    """Cases of random layers."""
    for seed in seeds:
        device, x = planted.random_device(seed)
        graph = planted.graph_of(device, x.shape[1:], planted.run(device, x).shape[1:])
        codes = quantize_input(graph.tensors["x"], x)
        for mistake, observed in planted_cases(device, x):
            found = diagnose(graph, graph.nodes[0], machine(name), [codes], observed, real=x)
            yield mistake, found, seed


def test_planted_mistakes_are_named_first_on_layers_of_chance():
    seen, wrong = tally(of_chance(HELD_OUT, "edge_ws_16x16"))
    assert wrong == []
    assert len(seen) >= 200
    assert set(seen) == set(planted.MISTAKES)


@pytest.mark.parametrize("name", ["edge_os_16x16", "dot_product_64x16", "onnxruntime"])
def test_planted_mistakes_are_named_first_on_other_machines(name):
    seen, wrong = tally(of_chance(range(7100, 7103), name))
    assert wrong == []
    assert len(seen) >= 30


@pytest.mark.parametrize("name", ["edge_ws_16x16", "onnxruntime"])
def test_right_layers_are_not_accused(name):
    """Devices round ties away from zero, the machines up and to even."""
    for seed in RIGHT:
        device, x = planted.random_device(seed)
        observed = planted.run(device, x)
        graph = planted.graph_of(device, x.shape[1:], observed.shape[1:])
        codes = quantize_input(graph.tensors["x"], x)
        assert diagnose(graph, graph.nodes[0], machine(name), [codes], observed, real=x) == [], seed


def of_network(graph, tensors, every, name="tflite_reference"):
    """Cases of a network's layers on its own inputs."""
    rng = np.random.default_rng(11)
    for node in graph.mac_nodes[::every]:
        clamp = prepare_without_input(graph, node, machine(name)).requantizer.clamp
        device = planted.device_of(graph, node, clamp, rng)
        codes = tensors[node.inputs[0]]
        source = graph.tensors[node.inputs[0]]
        steps = codes - source.zero_point + rng.uniform(-0.49, 0.49, codes.shape)
        real = steps * source.scale
        layer = planted.graph_of(device, source.shape, graph.tensors[node.output].shape)
        right = planted.run(device, real)
        where = layer, layer.nodes[0], machine(name), [codes]
        assert diagnose(*where, right, real=real) == [], node.name
        for mistake, observed in planted_cases(device, real):
            yield mistake, diagnose(*where, observed, real=real), node.name


def test_planted_mistakes_are_named_first_on_digits():
    graph, data = models.load("digits")
    tensors = network_run.run(graph, machine(), {graph.inputs[0]: data.X[:8]}).codes
    seen, wrong = tally(of_network(graph, tensors, 1))
    assert wrong == []
    assert len(seen) >= 50


NETWORKS = {  # file, data, every n-th layer
    "resnet8": ("ic_resnet8_int8.tflite", "cifar10_train_dev.npz", 3),
    "kws": ("kws_dscnn_int8.tflite", "kws01_dev.npz", 2),
    "vww": ("vww_mobilenet_int8.tflite", None, 6),
    "mobilenet": ("mobilenet_v1_0.25_128_uint8.tflite", None, 6),
}


@pytest.mark.parametrize("which", NETWORKS)
def test_planted_mistakes_are_named_first_on_real_networks(shared, which):
    file, data, every = NETWORKS[which]
    graph = model.load(str(shared / "data" / "models" / file)).graph
    tensor = graph.tensors[graph.inputs[0]]
    if data is None:
        shape = (1, *tensor.shape)
        inputs = np.random.default_rng(3).integers(tensor.format.lo, tensor.format.hi + 1, shape)
    else:
        raw = np.load(shared / "data" / "data" / data)["X"][:1].astype(np.int64)
        inputs = raw.reshape(-1, *tensor.shape) - (128 if raw.max() > 127 else 0)
    tensors = network_run.run(graph, machine("tflite_reference"), {tensor.name: inputs}).codes
    seen, wrong = tally(of_network(graph, tensors, every))
    assert wrong == []
    assert len(seen) >= 30


def notebook(shared):
    """SEEDS.md 004's layer, its first 8 channels, as a device; and its golden."""
    seed = np.load(shared / "golden" / "seeds" / "seed004_perchannel.npz")
    weight = seed["w"].transpose(0, 2, 3, 1).astype(float)
    device = planted.Device(
        weight, seed["qw"].transpose(0, 2, 3, 1).astype(np.int64), (0, 255),
        seed["b"].astype(float), float(seed["x_scale"]), int(seed["x_zp"]), (0, 255),
        seed["w_scale"], seed["w_zp"].astype(np.int64), float(seed["y_scale"]),
        int(seed["y_zp"]), (0, 255),
    )  # fmt: skip
    return device, seed["x"].transpose(0, 2, 3, 1).astype(float), seed


def test_the_notebooks_mistakes_are_named(shared):
    """SEEDS.md 004's table, on the notebook's own layer."""
    device, x, seed = notebook(shared)
    graph = planted.graph_of(device, x.shape[1:], (26, 26, 8))
    golden = seed["qy"].transpose(0, 2, 3, 1).astype(np.int64)
    codes = seed["qx"].transpose(0, 2, 3, 1).astype(np.int64)
    given = graph, graph.nodes[0], machine(), [codes]
    assert diagnose(*given, golden, real=x) == []
    seen, wrong = tally(
        (mistake, diagnose(*given, observed, real=x), "notebook")
        for mistake, observed in planted_cases(device, x)
    )
    assert wrong == []
    assert len(seen) >= 12


def test_evidence_is_in_figures():
    """The rules of thumb of SEEDS.md 004, each in the words that it was found by."""
    device, x = planted.random_device(7003)
    observed = planted.run(device, x)
    graph = planted.graph_of(device, x.shape[1:], observed.shape[1:])
    codes = quantize_input(graph.tensors["x"], x)
    for mistake, observed in planted_cases(device, x):
        found = diagnose(graph, graph.nodes[0], machine(), [codes], observed, real=x)[0]
        assert is_named(mistake, [found])
        assert "of the squared difference" in found.evidence, mistake
        words = {"bias": "channel means from", "shift": "gain from", "truncation": "mean "}
        assert words.get(found.cause, "") in found.evidence
        assert found.to_dict()["score"] > 0.5
        if mistake == "output truncated: floor":
            mean = float(found.evidence.split("mean ")[1].split()[0])
            assert -0.6 < mean < -0.4


@pytest.mark.parametrize("overflow", ["wrap", "saturate"])
def test_a_narrow_register_is_named(overflow):
    device, x = planted.random_device(7001)
    graph = planted.graph_of(device, x.shape[1:], planted.run(device, x).shape[1:])
    codes = quantize_input(graph.tensors["x"], x)
    sound = Bench(graph, graph.nodes[0], machine("edge_os_16x16"), [codes])
    most = int(np.abs(sound.sums.accumulator).max()).bit_length() - 1
    words = [f"accumulator.bits={most}", f"accumulator.overflow={overflow}"]
    narrow = hardware.load("edge_os_16x16", words)
    observed = Bench(graph, graph.nodes[0], narrow, [codes]).ours
    found = diagnose(graph, graph.nodes[0], machine("edge_os_16x16"), [codes], observed, real=x)
    assert found[0].cause == {"wrap": "wrap", "saturate": "saturation"}[overflow]


def test_where_two_sources_part_the_findings_are_the_same():
    graph, data = models.load("digits")
    codes = network_run.run(graph, machine(), {graph.inputs[0]: data.X[:4]}).codes
    node = graph.mac_nodes[0]
    layer = planted.replace(node.layer, bias=0 * node.layer.bias)
    wrong = Bench(graph, planted.replace(node, layer=layer), machine(), [data.X[:4]]).ours
    found = diagnose_parting(graph, machine(), Parting(node, 0, codes, wrong, ()))
    assert found[0].words == "bias: it is dropped"
    assert diagnose_parting(graph, machine(), Parting(node, 0, codes, codes[node.output], ())) == []


def test_what_has_no_weights_or_no_outputs_has_no_findings():
    graph, data = models.load("digits")
    node = next(node for node in graph.nodes if node.layer is None)
    assert diagnose(graph, node, machine(), [], np.zeros((1, 4))) == []
    node = graph.mac_nodes[0]
    shape = (0, *graph.tensors[node.output].shape)
    assert diagnose(graph, node, machine(), [data.X[:0]], np.zeros(shape)) == []
