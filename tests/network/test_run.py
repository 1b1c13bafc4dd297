"""Networks on machines: batches, overrides, the exact run, both engines, batched products."""

import numpy as np
import pytest
import strategies
from network.networks import DOUBLE, INT8, linear, matmul_graph, tflite_digits
from oracles import tflite_ops
from oracles.comparison import plain_events, plain_ledger, plain_place

from hwsim import models
from hwsim.analysis.isolated import isolated_layer
from hwsim.analysis.ladder import layer_ladder
from hwsim.arith.formats import IntFormat
from hwsim.errors import ConfigError, TrapError, UnsupportedError
from hwsim.importers import hardware
from hwsim.mapping import ready_shared
from hwsim.network import float_twin
from hwsim.network import run as network_run
from hwsim.network.graph import Graph, Node, Tensor

NARROW = {
    "edge_os_16x16": ("accumulator.bits=14",),
    "edge_ws_16x16": ("accumulator.bits=14", "chain.bits=13", "bias.bits=12"),
    "edge_is_16x16": ("accumulator.bits=15", "chain.bits=14", "chain.overflow=saturate"),
    "dot_product_64x16": ("accumulator.bits=15", "chain.bits=14"),
}


@pytest.fixture(scope="module")
def digits():
    graph, data = models.load("digits")
    return graph, data.X


def listed(result):
    """Events of all batches of a layer, one row each."""
    return [row for part in result.events for row in plain_events(part)]


def plain_layer(result):
    """One layer's result in lists: schedule, ledger, events."""
    ledger = result.ledger
    arrays = ("bias_events", "requant_events", "requant_persistent", "clipped")
    return {
        "ledgers": [plain_ledger(ledger.chain), plain_ledger(ledger.accumulator)],
        "counts": [getattr(ledger, name).tolist() for name in arrays],
        "changed": (ledger.codes_changed, ledger.max_code_change),
        "first": plain_place(ledger.first),
        "events": listed(result),
        "cycles": (result.schedule.cycles, result.macs),
        "ladder": layer_ladder(result),
    }


def plain_run(run):
    return {
        "codes": {name: codes.tolist() for name, codes in run.codes.items()},
        "exact": {name: codes.tolist() for name, codes in run.exact.items()},
        "layers": {name: plain_layer(layer) for name, layer in run.layers.items()},
    }


@pytest.mark.parametrize("machine", NARROW)
def test_cycle_engine_equals_fast_engine_on_digits(digits, machine):
    """Outputs, events, places, cycles and ladders of two images, with registers that overflow."""
    graph, images = digits
    spec = hardware.load(machine, NARROW[machine])
    fast, cycle = (
        network_run.run(graph, spec, {"image": images[:2]}, engine=engine, list_events=True)
        for engine in ("fast", "cycle")
    )
    assert plain_run(fast) == plain_run(cycle)
    stages = {row[8] for layer in fast.layers.values() for row in listed(layer)}
    assert stages == ({2} if machine == "edge_os_16x16" else {1, 2})
    assert any(layer.ledger.codes_changed for layer in fast.layers.values())
    assert any((fast.codes[name] != fast.exact[name]).any() for name in fast.codes)


@pytest.mark.parametrize("taps", [1, 40_000])
def test_batches_of_any_size_give_the_same_run(digits, monkeypatch, taps):
    graph, images = digits
    spec = hardware.load("edge_ws_16x16", NARROW["edge_ws_16x16"])
    seen = []

    def run():
        return network_run.run(
            graph, spec, {"image": images[:5]}, list_events=True,
            progress=lambda done, total, name: seen.append((done, total)),
        )  # fmt: skip

    whole = plain_run(run())
    assert seen == [(i + 1, 8) for i in range(8)]
    monkeypatch.setattr(network_run, "BATCH_TAPS", taps)
    batch = network_run.batch_size(graph, 5)
    assert 1 <= batch < 5
    seen.clear()
    assert plain_run(run()) == whole
    total = 8 * -(-5 // batch)
    assert seen == [(i + 1, total) for i in range(total)]


@pytest.mark.parametrize("codes", [1, 1 << 22])
def test_both_runs_share_every_tensor_on_which_they_agree(digits, monkeypatch, codes):
    """One array in memory; from the first overflow on two, in that layer and behind it."""
    graph, images = digits
    monkeypatch.setattr(network_run, "BATCH_CODES", codes)
    free = network_run.run(graph, hardware.load("edge_ws_16x16"), {"image": images[:3]})
    assert all(free.codes.shares(name, free.exact) for name in free.codes)
    override = {"match": "conv4", "accumulator.bits": 12, "chain.bits": 12}
    spec = hardware.load("edge_ws_16x16").model_copy(update={"overrides": [override]})
    run = network_run.run(graph, spec, {"image": images[:3]})
    shared = {name: run.codes.shares(name, run.exact) for name in run.codes}
    outputs = [node.output for node in graph.nodes]
    apart = outputs.index(next(node.output for node in graph.nodes if node.name == "conv4"))
    assert all(shared[name] for name in outputs[:apart])
    assert not any(shared[name] for name in outputs[apart:])


def test_exact_run_is_the_network_of_unlimited_integers(digits):
    """TFLite's kernels in numpy, tensor by tensor; registers that overflow do not touch it."""
    graph, images = digits
    spec = hardware.load(
        "tflite_reference", ["accumulator.bits=14", "accumulator.overflow=saturate"]
    )
    run = network_run.run(graph, spec, {"image": images[:6]})
    expected = tflite_digits(graph, images[:6])
    assert {name: t.tolist() for name, t in run.exact.items()} == {
        name: t.tolist() for name, t in expected.items()
    }
    assert all((run.codes[n.output] != run.exact[n.output]).any() for n in graph.mac_nodes)
    free = network_run.run(graph, hardware.load("tflite_reference"), {"image": images[:6]})
    assert all((free.codes[name] == expected[name]).all() for name in expected)


def test_codes_changed_counts_a_layers_own_overflow_only(digits):
    """Only conv1 is narrow: later layers receive other codes, and lose nothing themselves."""
    graph, images = digits
    override = {"match": "conv1", "accumulator.bits": 12, "chain.bits": 12}
    spec = hardware.load("edge_ws_16x16").model_copy(update={"overrides": [override]})
    run = network_run.run(graph, spec, {"image": images[:3]})
    widths = {name: layer.machine.accumulator.bits for name, layer in run.layers.items()}
    assert widths == {"conv1": 12, "dw2": 24, "pw3": 24, "conv4": 24, "fc6": 24}
    assert run.layers["conv1"].accumulator.bits == 12
    assert run.layers["conv1"].ledger.codes_changed > 0
    assert all(run.layers[n].ledger.codes_changed == 0 for n in ("dw2", "pw3", "conv4", "fc6"))
    assert (run.codes["fc6"] != run.exact["fc6"]).any()


def test_trap_stops_the_network_with_the_place_in_the_whole_data(digits, monkeypatch):
    """Two black images do not overflow; the third, in a batch of its own, does."""
    graph, images = digits
    monkeypatch.setattr(network_run, "BATCH_CODES", 1)
    shown = {"image": np.concatenate([np.full_like(images[:2], -128), images[:1]])}
    words = ["accumulator.bits=16"]
    first = network_run.run(graph, hardware.load("edge_os_16x16", words), shown)
    place = first.layers["conv1"].ledger.first
    assert place.sample == 2
    words.append("accumulator.overflow=trap")
    with pytest.raises(TrapError) as stop:
        network_run.run(graph, hardware.load("edge_os_16x16", words), shown)
    assert str(stop.value).startswith("conv1: accumulator.overflow = trap")
    assert str(stop.value).endswith(f"first at {place}")


def matmul_machine(**words):
    made = strategies.machine("weight_stationary", 2, 2, **words)
    return type(made)(**made.model_dump() | {"requantize": {"default": DOUBLE}})


def multiplied(a, b, zero_points):
    """Codes of the batched product with unlimited registers: scale 1/64, zero point added."""
    za, zb, zy = zero_points
    factor = tflite_ops.quantize_multiplier(1 / 64)
    return np.clip(tflite_ops.mbqm((a - za) @ (b - zb), *factor) + zy, -128, 127)


@pytest.mark.parametrize("form", ["subtract", "fold"])
@pytest.mark.parametrize("engine", ["fast", "cycle"])
def test_batched_product_of_every_sample_with_its_own_weights(form, engine):
    rng = np.random.default_rng(3)
    a, b = rng.integers(-128, 128, (2, 2, 3, 4)), rng.integers(-128, 128, (2, 2, 4, 5))
    b[0] //= 2  # the second sample needs more bits than the first
    zero_points = (5, -7, 2)
    graph, inputs = matmul_graph(zero_points=zero_points), {"a": a, "b": b}
    wide = network_run.run(graph, matmul_machine(zero_point=form), inputs, engine=engine)
    assert wide.codes["y"].tolist() == multiplied(a, b, zero_points).tolist()
    words = {
        "chain": (14, "saturate"),
        "accumulator": (13, "saturate"),
        "bias": (12, "wrap", 0, "last"),
    }
    narrow = network_run.run(
        graph, matmul_machine(zero_point=form, **words), inputs, engine=engine, list_events=True
    )
    assert narrow.exact["y"].tolist() == wide.codes["y"].tolist()
    assert narrow.layers["heads"].ledger.accumulator.events > 0
    assert {row[0] for row in listed(narrow.layers["heads"])} == {0, 1}
    for run in (wide, narrow):
        ladder = layer_ladder(run.layers["heads"])
        for register in (ladder, ladder["chain"]):
            assert register["type_bits"] == register["weight_bits"]
            assert register["weight_bits"] >= register["observed_partial_bits"]
            assert register["observed_partial_bits"] >= register["observed_final_bits"]


def test_a_constant_stands_for_every_sample():
    rng = np.random.default_rng(4)
    a, b = rng.integers(-128, 128, (3, 2, 3, 4)), rng.integers(-128, 128, (2, 4, 5))
    graph = matmul_graph(constant=b)
    run = network_run.run(graph, matmul_machine(), {"a": a})
    assert run.codes["y"].tolist() == multiplied(a, b[None], (5, -7, 2)).tolist()
    reference = float_twin.run(graph, {"a": (a - 5) * 0.25})
    alone = isolated_layer(graph, graph.nodes[0], matmul_machine(), reference)
    assert alone.codes.tolist() == run.codes["y"].tolist()


def two_layers(second, hidden):
    tensors = {name: Tensor(name, (2,), INT8, 1.0) for name in "xy"} | {"h": hidden}
    nodes = (linear("fc", "x", "h", np.eye(2, dtype=int)), second)
    return Graph("two", tensors, nodes, ("x",), ("y",))


LATE = linear("late", "h", "y", np.eye(2, dtype=int))
IMPOSSIBLE = {
    "unknown operator": (
        two_layers(Node("late", "lstm", ("h",), "y"), Tensor("h", (2,), INT8, 1.0)),
        UnsupportedError,
        "late: operator = lstm: must be one of add",
    ),
    "real values": (
        two_layers(LATE, Tensor("h", (2,), None)),
        UnsupportedError,
        "fc: h = real values",
    ),
    "another width": (
        two_layers(LATE, Tensor("h", (2,), IntFormat(12), 1.0)),
        ConfigError,
        "operands.activation",
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_run_is_named_before_anything_runs(case):
    graph, error, message = IMPOSSIBLE[case]
    done = []
    with pytest.raises(error, match=message):
        network_run.run(
            graph, matmul_machine(), {"x": np.zeros((1, 2), np.int64)},
            progress=lambda *step: done.append(step),
        )  # fmt: skip
    assert done == []


@pytest.mark.parametrize("number", ["2", "3"])
def test_the_number_of_threads_changes_nothing(digits, monkeypatch, number):
    """Registers that overflow, so that both runs part, batch after batch."""
    graph, images = digits
    monkeypatch.setattr(network_run, "BATCH_CODES", 1 << 16)
    monkeypatch.setattr(ready_shared, "WORTH", 1)
    monkeypatch.setattr(ready_shared, "SAMPLES", 1)
    spec = hardware.load("edge_ws_16x16", NARROW["edge_ws_16x16"])

    def run(threads):
        monkeypatch.setenv("HWSIM_THREADS", threads)
        return plain_run(network_run.run(graph, spec, {"image": images[:24]}))

    assert run(number) == run("1")
