"""What one run prepared, in the hands of the next: the same bits, and never of what has changed."""

import copy
import gc
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from network.networks import INT8, linear
from network.test_run import plain_run

from hwsim import models
from hwsim.errors import TrapError
from hwsim.importers import hardware
from hwsim.mapping.ready import ReadyLayer
from hwsim.network import preparation, steps
from hwsim.network import run as network_run
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.preparation import SHELF
from hwsim.network.stamp import Stamp

WORDS = ["accumulator.bits=14", "chain.bits=13"]


@pytest.fixture(autouse=True)
def _empty_shelf():
    SHELF.clear()


@pytest.fixture(scope="module")
def images():
    return models.load("digits")[1].X[:6]


@pytest.fixture
def graph():
    """A network of this test's own, which it may change."""
    return copy.deepcopy(models.load("digits")[0])


@pytest.fixture
def machine():
    return hardware.load("edge_ws_16x16", WORDS)


def result(graph, machine, images):
    return plain_run(network_run.run(graph, machine, {"image": images}))


def anew(graph, machine, images):
    """The same by a run that finds nothing prepared, and leaves the shelf as it was."""
    return result(copy.deepcopy(graph), copy.deepcopy(machine), images)


@pytest.fixture
def made(monkeypatch):
    """The names of layers that were made ready, one after the other."""
    names, make = [], ReadyLayer.__init__

    def noted(self, layer, shape, prepared, most, kind, where, room):
        names.append(where)
        make(self, layer, shape, prepared, most, kind, where, room)

    monkeypatch.setattr(ReadyLayer, "__init__", noted)
    return names


def test_a_second_run_makes_nothing_and_finds_the_same(graph, machine, images, made):
    first = result(graph, machine, images)
    assert made == ["conv1", "dw2", "pw3", "conv4", "fc6"]
    again = copy.deepcopy(machine)  # equal, though not the same
    assert [result(graph, again, images) for _ in range(3)] == [first] * 3
    assert result(graph, machine, images[2:4]) == anew(graph, machine, images[2:4])
    assert len(made) == 10  # of both graphs, once each
    assert any(layer["ledgers"][1]["events_by_step"] for layer in first["layers"].values())


def test_more_samples_are_prepared_anew(graph, machine, images, made):
    for number, layers in ((2, 5), (6, 10), (1, 10), (6, 10)):
        found = network_run.run(graph, machine, {"image": images[:number]})
        assert len(made) == layers
        assert len(found.codes["image"]) == number


def weight(graph, machine):
    graph.nodes[0].layer.weight[0, 1, 1, 0] += 9


def bias(graph, machine):
    graph.mac_nodes[-1].layer.bias[3] += 5000


def scale(graph, machine):
    graph.mac_nodes[1].layer.weight_scale[:] *= 2


def zero_point(graph, machine):
    name = graph.nodes[0].output
    graph.tensors[name] = replace(graph.tensors[name], zero_point=-100)


def order(graph, machine):
    machine.array.k_order.reverse()


def override(graph, machine):
    machine.overrides.append({"match": "conv1", "accumulator.bits": 11, "chain.bits": 11})


def word_of_an_override(graph, machine):
    machine.overrides[0]["accumulator.bits"] = 12


@pytest.mark.parametrize(
    "change", [weight, bias, scale, zero_point, order, override, word_of_an_override]
)
def test_nothing_prepared_of_what_has_changed_is_used(graph, machine, images, change):
    """In place, behind the back of every frozen record."""
    if change is word_of_an_override:
        machine.overrides.append({"match": "conv4", "accumulator.bits": 13, "chain.bits": 12})
    before = result(graph, machine, images)
    change(graph, machine)
    after = result(graph, machine, images)
    assert after == anew(graph, machine, images)
    assert after != before
    assert result(graph, machine, images) == after


def test_attributes_of_operators_are_stamped():
    """The table of an operator is made of them."""
    graph = copy.deepcopy(models.load("digits")[0])
    stamp = Stamp(graph)
    pool = next(node for node in graph.nodes if node.layer is None and node.attributes)
    assert stamp.holds(graph)
    key, value = next(iter(pool.attributes.items()))
    pool.attributes[key] = (value, value)
    assert not stamp.holds(graph)
    pool.attributes[key] = value
    assert stamp.holds(graph)
    pool.attributes["more"] = object()
    assert not Stamp(graph).holds(graph)  # of what is not known, nothing is taken for granted


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (np.array([0.0]), np.array([-0.0])),
        (np.zeros(2, np.int32), np.zeros(2, np.int64)),
        (np.zeros(2, np.int32), np.zeros((2, 1), np.int32)),
        (0.0, -0.0),
        (1, True),
        ((1, 2), (1, 2, 3)),
        ({"a": 1}, {"b": 1}),
    ],
)
def test_a_stamp_sees_type_shape_and_bits(old, new):
    graph = copy.deepcopy(models.load("digits")[0])
    graph.constants["c"] = old
    stamp = Stamp(graph)
    assert stamp.holds(graph)
    graph.constants["c"] = new
    assert not stamp.holds(graph)


def test_of_a_network_the_last_machine_is_kept(graph, images, made):
    machines = [hardware.load("edge_ws_16x16", [f"accumulator.bits={bits}"]) for bits in (14, 15)]
    for machine in (*machines, *machines[::-1]):  # the last but one finds what it needs
        network_run.run(graph, machine, {"image": images})
        assert len(SHELF) == 1
    assert len(made) == 15


def test_what_is_kept_leaves_with_its_network(graph, machine, images):
    network_run.run(graph, machine, {"image": images})
    other = copy.deepcopy(graph)
    network_run.run(other, machine, {"image": images})
    assert len(SHELF) == 2
    del other
    gc.collect()
    assert len(SHELF) == 1


def test_all_networks_together_stay_below_the_limit(graph, machine, images, made, monkeypatch):
    network_run.run(graph, machine, {"image": images})
    size = SHELF.take(graph, machine, 1).nbytes
    assert size > sum(node.layer.weight.nbytes for node in graph.mac_nodes)
    monkeypatch.setattr(preparation, "KEPT_BYTES", 2 * size)
    graphs = [graph, *(copy.deepcopy(graph) for _ in range(2))]
    for one in graphs:
        network_run.run(one, machine, {"image": images})
    assert len(SHELF) == 2
    assert SHELF.take(graph, machine, 1) is None  # the oldest
    monkeypatch.setattr(preparation, "KEPT_BYTES", size - 1)
    network_run.run(graph, machine, {"image": images})
    assert SHELF.take(graph, machine, 1) is None


def test_a_network_of_many_weights_is_not_kept(graph, machine, images, monkeypatch):
    monkeypatch.setattr("hwsim.network.ready_layers.WEIGHTS_KEPT", 1)
    network_run.run(graph, machine, {"image": images})
    assert len(SHELF) == 0


def test_other_ways_to_run_neither_use_nor_keep(graph, machine, images, made):
    for way in ({"engine": "cycle"}, {"list_events": True}):
        network_run.run(graph, machine, {"image": images[:1]}, **way)
    assert not made
    assert len(SHELF) == 0


def test_a_run_that_failed_keeps_nothing(graph, images):
    trap = hardware.load("edge_os_16x16", ["accumulator.bits=16", "accumulator.overflow=trap"])
    for _ in range(2):
        with pytest.raises(TrapError):
            network_run.run(graph, trap, {"image": images})
        assert len(SHELF) == 0


def test_runs_inside_a_run_and_beside_it_share_nothing(graph, machine, images):
    expected = anew(graph, machine, images)
    seen = []

    def progress(done, total, name):
        if done == 3:
            seen.append(result(graph, machine, images))

    outer = network_run.run(graph, machine, {"image": images}, progress=progress)
    assert [plain_run(outer), *seen] == [expected] * 2
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: result(graph, machine, images), range(9)))
    assert found == [expected] * 9


def test_a_forked_process_finds_the_same_even_while_the_lock_is_held(graph, machine, images):
    """dask and multiprocessing fork where they can."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    expected = result(graph, machine, images)
    context = multiprocessing.get_context("fork")

    def run():
        raise SystemExit(0 if result(graph, machine, images) == expected else 3)

    with SHELF._lock:
        child = context.Process(target=run, daemon=True)
        child.start()
    child.join(60)
    code = child.exitcode
    child.kill()
    assert code == 0


def test_arrays_that_two_results_share_are_read_only(graph, machine, images):
    run = network_run.run(graph, machine, {"image": images})
    with pytest.raises(ValueError, match="read-only"):
        run.layers["conv1"].bounds.accumulator_weight.lo[:] = 0
    run.layers["conv1"].ledger.accumulator.events_by_channel[:] = 0  # a result's own
    assert result(graph, machine, images) == anew(graph, machine, images)


@pytest.fixture
def sum_of_two():
    """Two products of one input, and their sum: an operator of pairs of bytes."""
    shapes = {"x": (3, 4), "a": (3, 5), "b": (3, 5), "y": (3, 5)}
    tensors = {n: Tensor(n, s, INT8, 0.5, i) for i, (n, s) in enumerate(shapes.items())}
    rng = np.random.default_rng(2)
    bias = np.arange(5)
    nodes = [linear(n, "x", n, rng.integers(-9, 10, (5, 4)).astype(np.int32), bias) for n in "ab"]
    nodes.append(Node("sum", "add", ("a", "b"), "y", attributes={"clamp": (-60, 50)}))
    return Graph("sum", tensors, tuple(nodes), ("x",), ("y",))


def test_an_operator_becomes_a_table_once_all_runs_together_are_worth_it(sum_of_two, monkeypatch):
    """And no sooner; a table is made once, and never of what has changed."""
    names, make = [], steps.table_of

    def noted(graph, node, machine):
        names.append(node.name)
        return make(graph, node, machine)

    monkeypatch.setattr(steps, "table_of", noted)
    monkeypatch.setattr(steps, "WORTH_A_TABLE", 3 * 4 * 15)  # of four samples, the third run
    machine = hardware.load("tflite_reference")
    x = np.random.default_rng(4).integers(-128, 128, (4, 3, 4))
    seen = []
    for _ in range(5):
        seen.append(network_run.run(sum_of_two, machine, {"x": x}).codes["y"].tolist())
        assert names == ["sum"] * (len(seen) >= 3)
    assert seen == seen[:1] * 5
    node = sum_of_two.nodes[-1]
    node.attributes["clamp"] = (-5, 5)
    changed = network_run.run(sum_of_two, machine, {"x": x}).codes["y"]
    assert np.abs(changed).max() == 5 < np.abs(seen[0]).max()
