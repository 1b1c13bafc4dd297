"""Changes that recover accuracy: what is taken away is what a better machine does not have."""

import json
from functools import cache

import numpy as np
import pytest

from hwsim import models
from hwsim.analysis.causes_changes import CHANGES, worthwhile_changes
from hwsim.analysis.causes_network import run_without
from hwsim.analysis.causes_shares import CAUSES
from hwsim.importers import hardware, model
from hwsim.network import float_twin
from hwsim.network import run as network_run

SAMPLES = 24


@cache
def digits():
    """The network, its inputs and its float twin."""
    graph, data = models.load("digits")
    twin = float_twin.run(graph, {graph.inputs[0]: data.real[:SAMPLES]})
    return graph, data, twin


def codes_of(words):
    """What a machine gives."""
    graph, data, _ = digits()
    machine = hardware.load(words[0], list(words[1:]))
    return machine, network_run.run(graph, machine, {graph.inputs[0]: data.X[:SAMPLES]}).codes


def without(machine, *causes):
    """Every tensor as codes, with causes taken away from every layer."""
    graph, _, twin = digits()
    removed = {node.name: frozenset(causes) for node in graph.mac_nodes}
    values = run_without(graph, machine, twin, removed, set())
    return {name: value + graph.tensors[name].zero_point for name, value in values.items()}


def equal(a, b):
    """Whether all tensors of ``b`` are in ``a``, value by value."""
    return all(np.array_equal(a[name], b[name]) for name in b)


NARROW = ("edge_ws_16x16", "chain.bits=14", "accumulator.bits=14")


@pytest.mark.parametrize(
    "words", [("edge_ws_16x16",), NARROW, ("shift_only_16x16",), ("onnxruntime",)]
)
def test_with_nothing_taken_away_it_is_the_machine(words):
    machine, codes = codes_of(words)
    assert equal(without(machine), codes)


def test_without_overflow_it_is_the_machine_with_wide_registers():
    machine, narrow = codes_of(NARROW)
    _, wide = codes_of(("edge_ws_16x16", "chain.bits=40", "accumulator.bits=40"))
    graph, _, _ = digits()
    assert not equal(wide, {name: narrow[name] for name in graph.outputs})
    assert equal(without(machine, "overflow_persistent", "overflow_transient"), wide)


def test_without_product_rounding_it_is_the_machine_that_keeps_all_bits():
    machine, _ = codes_of(("edge_os_16x16", "product.drop_bits=7"))
    _, whole = codes_of(("edge_os_16x16",))
    assert equal(without(machine, "product_rounding"), whole)


def test_without_rounding_and_multiplier_errors_it_is_exact_requantization():
    coarse = ("edge_os_16x16", "requantize.default.multiplier_bits=6")
    machine, coarsely = codes_of((*coarse, "requantize.default.rounding=floor"))
    _, fine = codes_of(("edge_os_16x16", "requantize.default.rounding=half_even"))
    ours = without(machine, "multiplier", "rounding_rule")
    layers = [node.output for node in digits()[0].nodes[:3]]  # before the first operator beside
    differing = sum(int(np.count_nonzero(ours[name] != fine[name])) for name in layers)
    assert differing <= 2  # 31 bits are not the exact factor
    assert differing < sum(int(np.count_nonzero(coarsely[name] != fine[name])) for name in layers)


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (("edge_os_16x16", "accumulator.bits=12"), "accumulator"),
        (("shift_only_16x16",), "multiplier"),
        (("edge_os_16x16", "product.drop_bits=10"), "product"),
        (("edge_os_16x16", "bias.bits=5"), "bias"),
    ],
)
def test_the_change_that_mends_most_comes_first(words, first):
    graph, data, twin = digits()
    machine, _ = codes_of(words)
    found = worthwhile_changes(graph, machine, twin, data.Y[:SAMPLES], samples=SAMPLES)
    assert found[0].change == first
    assert found[0].layer is None
    assert len(found) <= 3
    assert [change.gain for change in found] == sorted((c.gain for c in found), reverse=True)
    assert all(change.gain > 0 for change in found)
    entry = json.loads(json.dumps(found[0].to_dict()))
    assert entry["words"].endswith("in every layer")
    assert "top-1 from" in entry["evidence"]


def test_gains_are_measured_at_the_output():
    """The stated error is that of the machine, against the float twin."""
    graph, _, twin = digits()
    machine, codes = codes_of(NARROW)
    found = worthwhile_changes(graph, machine, twin, samples=SAMPLES)
    output = graph.tensors[graph.outputs[0]]
    error = (codes[output.name] - output.zero_point) - twin[output.name] / output.scale
    assert found[0].rms_lsb_before == float(np.sqrt(np.square(error).mean()))
    assert found[0].top1 is None


def test_every_cause_but_what_came_before_can_be_changed():
    mended = frozenset().union(*(causes for _, causes in CHANGES.values()))
    assert set(CAUSES) - mended == {"inherited", "activation_quantization"}


def test_a_network_with_joins_runs_without_causes(shared):
    """Rounding taken away: additions compute on real numbers where their inputs are."""
    graph = model.load(str(shared / "data" / "models" / "ic_resnet8_int8.tflite")).graph
    tensor = graph.tensors[graph.inputs[0]]
    shape = (1, *tensor.shape)
    inputs = np.random.default_rng(1).integers(tensor.format.lo, tensor.format.hi + 1, shape)
    twin = float_twin.run(graph, {tensor.name: (inputs - tensor.zero_point) * tensor.scale})
    machine = hardware.load("edge_ws_16x16")
    everything = frozenset(CAUSES)
    removed = {node.name: everything for node in graph.mac_nodes}
    values = run_without(graph, machine, twin, removed, set())
    for node in graph.mac_nodes:
        real = twin[node.output] / graph.tensors[node.output].scale
        assert np.abs(values[node.output] - real).max() < 1e-6
    found = worthwhile_changes(graph, machine, twin, samples=1)
    assert found == sorted(found, key=lambda change: -change.gain)


def test_no_samples_and_no_layers_have_no_changes():
    graph, _, twin = digits()
    machine = hardware.load("edge_ws_16x16")
    assert worthwhile_changes(graph, machine, twin, samples=0) == []
    empty = {name: values[:0] for name, values in twin.items()}
    assert worthwhile_changes(graph, machine, empty) == []
