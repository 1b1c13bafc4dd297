"""A network of many weights: one layer at a time is ready, and the next one in the making."""

import threading

import numpy as np
import pytest
from network.test_run import plain_run

from hwsim import models
from hwsim.errors import HwsimError
from hwsim.importers import hardware
from hwsim.mapping.ready import ReadyLayer
from hwsim.network import ready_layers
from hwsim.network import run as network_run
from hwsim.network.layers import prepare_without_input
from hwsim.network.ready_layers import ReadyLayers

WORDS = ["accumulator.bits=14", "chain.bits=13"]
THREADS = ["1", "2", "3"]


@pytest.fixture(scope="module")
def digits():
    return models.load("digits")


@pytest.fixture
def layers(digits, monkeypatch):
    """Of the digits network, none of them kept."""
    monkeypatch.setattr(ready_layers, "WEIGHTS_KEPT", 1)
    graph, machine = digits[0], hardware.load("edge_ws_16x16", WORDS)
    found = ReadyLayers(graph, machine, 4)
    for node in graph.mac_nodes:
        found.add(node, prepare_without_input(graph, node, machine))
    return found


@pytest.mark.parametrize("number", THREADS)
def test_layers_that_are_not_kept_give_the_same_bits(digits, number, monkeypatch):
    """Batch after batch, in both runs: registers overflow."""
    graph, data = digits
    machine = hardware.load("edge_ws_16x16", WORDS)
    kept = network_run.run(graph, machine, {"image": data.X[:12]})
    monkeypatch.setattr(ready_layers, "WEIGHTS_KEPT", 1)
    monkeypatch.setattr(network_run, "BATCH_CODES", 1 << 12)
    monkeypatch.setenv("HWSIM_THREADS", number)
    found = network_run.run(graph, machine, {"image": data.X[:12]})
    assert sum(layer.ledger.accumulator.events for layer in kept.layers.values()) > 0
    assert plain_run(found) == plain_run(kept)


@pytest.mark.parametrize("number", THREADS)
def test_layers_may_be_asked_for_in_any_order(layers, number, monkeypatch):
    monkeypatch.setenv("HWSIM_THREADS", number)
    names = list(layers)
    assert len(names) > 3
    for name in (*names, *names, *names[::-1], names[0], names[2], names[2]):
        assert layers[name].where == name
        assert list(layers.made) == [name]
    assert layers[names[2]] is layers[names[2]]


def test_the_next_layer_is_laid_out_beside_this_thread(layers, monkeypatch):
    monkeypatch.setenv("HWSIM_THREADS", "2")
    lay, seen, next_one = ReadyLayer.lane_run, {}, threading.Event()

    def noted(self, **how):
        seen[self.where] = threading.get_ident()
        if len(seen) == 2:
            next_one.set()
        return lay(self, **how)

    monkeypatch.setattr(ReadyLayer, "lane_run", noted)
    first, second = list(layers)[:2]
    layers[first]
    assert next_one.wait(20)
    assert seen[first] == threading.get_ident() != seen[second]
    assert True in layers[second].runs


@pytest.mark.parametrize("number", THREADS)
def test_what_the_next_layer_lacks_is_said_when_it_is_asked_for(layers, number, monkeypatch):
    monkeypatch.setenv("HWSIM_THREADS", number)
    first, second = list(layers)[:2]
    prepare = ready_layers.prepare_without_input

    def refuse(graph, node, machine, bounds):
        if node.name == second:
            raise HwsimError.at(second, "field", 1, "must be 2")
        return prepare(graph, node, machine, bounds)

    monkeypatch.setattr(ready_layers, "prepare_without_input", refuse)
    assert layers[first].where == first
    with pytest.raises(HwsimError, match="must be 2"):
        layers[second]


def test_samples_are_shared_out_evenly_among_batches(digits):
    graph = digits[0]
    codes = sum(int(np.prod(tensor.shape)) for tensor in graph.tensors.values())
    for samples, most, batch in (
        (16, 11, 8),
        (12, 11, 6),
        (11, 11, 11),
        (7, 3, 3),
        (5, 1, 1),
        (0, 4, 1),
    ):
        ready = {node.name for node in graph.mac_nodes}
        assert network_run.batch_size(graph, samples, ready, most * codes) == batch
