"""Every shipped machine with a narrower accumulator: the question that hwsim answers."""

import numpy as np
import pytest
from golden.tflite_cases import INT8, INT16, layer_graph

from hwsim.array.overrides import for_layer
from hwsim.importers import machine_files
from hwsim.importers.hardware import load
from hwsim.mapping.layer import MacLayer
from hwsim.network.layers import layer_facts
from hwsim.network.run import run

NARROW = ["accumulator.bits=18"]
NAMED = [
    name for name in machine_files.names() if name != "narrow_acc_16bit"
]  # its chain wraps first
SIXTEEN = [name for name in machine_files.names() if name.startswith(("tflite", "cmsis", "tosa"))]


def network(source=INT8, bias_bits=32):
    """One fully connected layer whose sums need 21 bits, or 29 of 16-bit activations."""
    layer = MacLayer(
        op="fully_connected",
        weight=np.full((8, 64), 127, np.int64),
        weight_format=INT8,
        weight_scale=np.array([0.01]),
        weight_zero_point=np.zeros(1, np.int64),
        bias=np.arange(8, dtype=np.int64),
        bias_bits=bias_bits,
        activation="relu6",
    )
    return layer_graph(layer, (64,), (source, 0.02, 0), (source, 2.0, 0))


def events(machine, graph):
    """Events of the accumulator on the largest inputs."""
    x = np.full((1, 64), graph.tensors["x"].format.hi, np.int64)
    (layer,) = run(graph, machine, {"x": x}).layers.values()
    return layer.accumulator.bits, layer.ledger.accumulator.events


@pytest.mark.parametrize("name", NAMED)
def test_narrow_accumulator_overflows_on_every_machine(name):
    bits, narrow = events(load(name, NARROW), network())
    assert bits == 18
    assert narrow > 0
    assert events(load(name), network())[1] == 0


@pytest.mark.parametrize("bias_bits", [32, 64])
@pytest.mark.parametrize("name", SIXTEEN)
def test_set_beats_the_machines_own_conditions(name, bias_bits):
    graph = network(INT16, bias_bits)
    facts = layer_facts(graph, graph.nodes[0])
    wide = for_layer(load(name), facts).accumulator.bits
    assert wide == (48 if name.startswith("tosa") else bias_bits)
    bits, narrow = events(load(name, NARROW), graph)
    assert bits == 18
    assert narrow > 0
    assert events(load(name), graph)[1] == 0
