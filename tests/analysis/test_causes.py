"""Error by cause: parts sum to the whole in integers, and each planted deviation is found."""

import json
from functools import cache

import numpy as np
import planted
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hwsim import models
from hwsim.analysis.causes import COLUMNS, error_by_cause, layer_causes
from hwsim.analysis.causes_layer import LayerOutputs, inputs_of
from hwsim.analysis.causes_shares import CAUSES, GRID_BITS, inner, on_grid
from hwsim.array.overrides import for_layer
from hwsim.importers import hardware, model
from hwsim.network import float_twin
from hwsim.network import run as network_run
from hwsim.network.graph import quantize_input
from hwsim.network.layers import layer_facts


@cache
def machine(name="edge_ws_16x16", *words):
    return hardware.load(name, list(words))


NARROW = ("chain.bits=14", "accumulator.bits=14", "accumulator.overflow=saturate")
MACHINES = {
    "sound": ("edge_ws_16x16",),
    "narrow": ("edge_ws_16x16", *NARROW),
    "narrow tree": ("dot_product_64x16", "chain.bits=14"),
    "wrapping": ("edge_os_16x16", "accumulator.bits=13", "accumulator.overflow=wrap"),
    "folded": ("edge_ws_16x16", "operands.zero_point=fold", "bias.bits=12"),
    "dropped": ("edge_os_16x16", "product.drop_bits=4"),
    "shifts": ("shift_only_16x16",),
    "coarse": ("edge_os_16x16", "requantize.default.multiplier_bits=5"),
    "cut": ("edge_os_16x16", "requantize.default.rounding=floor"),
    "real": ("onnxruntime",),
    "fbgemm": ("pytorch_fbgemm",),
}


def layer_of_chance(seed, offset=0.0):
    """A graph of one random layer, its true values, and the codes of its tensors' names."""
    device, x = planted.random_device(seed)
    x = x[:4]
    out = planted.run(device, x)
    graph = planted.graph_of(device, x.shape[1:], out.shape[1:])
    twin = float_twin.run(graph, {"x": x})
    codes = quantize_input(graph.tensors["x"], x + offset)
    return graph, twin, codes


@given(st.integers(0, 2**32), st.sampled_from(sorted(MACHINES)), st.sampled_from([0.0, 0.2]))
@settings(max_examples=40)
def test_parts_sum_to_the_whole_exactly(seed, which, offset):
    """In integers, under the default order and its reverse; the whole is hardware less float."""
    graph, twin, received = layer_of_chance(seed, offset)
    own = machine(*MACHINES[which])
    codes = network_run.run(graph, own, {"x": received}).codes
    found = layer_causes(graph, graph.nodes[0], own, twin, codes)
    output = graph.tensors["y"]
    real = twin["y"] / output.scale
    error = on_grid((codes["y"] - output.zero_point).astype(float)) - on_grid(real)
    for parts in (found.alone, found.accumulated):
        for order in ("default", "reversed"):
            assert sum(parts.products[order].values()) == parts.total
    assert found.accumulated.total == sum(int(e) ** 2 for e in error)
    assert sum(found.accumulated.sums.values()) == sum(int(e) for e in error)
    assert found.accumulated.count == error.size


@given(st.integers(0, 2**32), st.sampled_from(sorted(MACHINES)))
@example(407890, "coarse")  # unrounded, one output lies 0.0007 LSB beyond an end of the format
@settings(max_examples=20)
def test_the_ends_are_the_float_twin_and_the_hardware(seed, which):
    graph, twin, _ = layer_of_chance(seed)
    node, own = graph.nodes[0], machine(*MACHINES[which])
    own = for_layer(own, layer_facts(graph, node))
    whole = LayerOutputs(graph, node, own, inputs_of(graph, node, twin, None), twin["y"])
    output = graph.tensors["y"]
    codes = network_run.run(graph, own, {"x": quantize_input(graph.tensors["x"], twin["x"])}).codes
    assert np.array_equal(whole(frozenset(CAUSES)) + output.zero_point, codes["y"])
    assert np.array_equal(whole(frozenset()), twin["y"] / output.scale)
    at_work = set(whole.active)
    for cause in reversed(CAUSES):  # a cause that is not active changes nothing
        if cause not in at_work and cause != "output_clipping":  # idle at the hardware's own sums
            without = whole(frozenset(whole.active[:-1]))
            assert np.array_equal(whole(frozenset(whole.active[:-1]) | {cause}), without)


@given(st.lists(st.integers(-(1 << 59), 1 << 59), min_size=1, max_size=20), st.randoms())
def test_inner_products_are_exact(x, random):
    y = [random.randint(-(1 << 59), 1 << 59) for _ in x]
    exact = sum(a * b for a, b in zip(x, y, strict=True))
    assert inner(np.array(x, np.int64), np.array(y, np.int64)) == exact


def digits(words, samples=24):
    """Every layer of digits by cause."""
    graph, data = models.load("digits")
    own = machine(*words)
    name = graph.inputs[0]
    codes = network_run.run(graph, own, {name: data.X[:samples]}).codes
    twin = float_twin.run(graph, {name: data.real[:samples]})
    return graph, own, twin, codes


@pytest.mark.parametrize("which", ["sound", "narrow", "shifts"])
def test_real_networks_sum_exactly(which):
    graph, own, twin, codes = digits(MACHINES[which])
    found = error_by_cause(graph, own, twin, codes)
    assert [layer.name for layer in found] == [node.name for node in graph.mac_nodes]
    for layer, node in zip(found, graph.mac_nodes, strict=True):
        tensor = graph.tensors[node.output]
        real = on_grid(twin[node.output] / tensor.scale)
        error = on_grid((codes[node.output] - tensor.zero_point).astype(float)) - real
        assert layer.accumulated.total == sum(int(e) ** 2 for e in error)
        for parts in (layer.alone, layer.accumulated):
            for order in ("default", "reversed"):
                assert sum(parts.products[order].values()) == parts.total
    first = found[0]
    assert first.alone.products == first.accumulated.products
    assert all(layer.alone.products["first"]["inherited"] == 0 for layer in found)
    assert all(layer.accumulated.squares["inherited"] > 0 for layer in found[1:])


FILES = ["ic_resnet8_int8.tflite", "kws_dscnn_int8.tflite"]


@pytest.mark.parametrize("file", FILES)
def test_shared_networks_sum_exactly(shared, file):
    graph = model.load(str(shared / "data" / "models" / file)).graph
    tensor = graph.tensors[graph.inputs[0]]
    shape = (2, *tensor.shape)
    inputs = np.random.default_rng(1).integers(tensor.format.lo, tensor.format.hi + 1, shape)
    own = machine("edge_ws_16x16", "accumulator.bits=16")
    codes = network_run.run(graph, own, {tensor.name: inputs}).codes
    twin = float_twin.run(graph, {tensor.name: (inputs - tensor.zero_point) * tensor.scale})
    for layer in error_by_cause(graph, own, twin, codes):
        for parts in (layer.alone, layer.accumulated):
            for order in ("default", "reversed"):
                assert sum(parts.products[order].values()) == parts.total
            assert parts.products["first"]["weight_quantization"] == 0
        assert not layer.trained


def test_batches_of_samples_add_up():
    graph, own, twin, codes = digits(MACHINES["narrow"], 6)
    node = graph.mac_nodes[1]
    whole = layer_causes(graph, node, own, twin, codes)
    cuts = [slice(0, 2), slice(2, 6)]
    a, b = (
        layer_causes(
            graph, node, own,
            {name: v[cut] for name, v in twin.items()}, {name: v[cut] for name, v in codes.items()},
        )
        for cut in cuts
    )  # fmt: skip
    assert a.accumulated.merge(b.accumulated) == whole.accumulated
    assert a.alone.merge(b.alone) == whole.alone
    assert layer_causes(graph, node, own, twin, codes, samples=2) == a


DEVIATIONS = {  # machine's words, and the cause that must come out largest
    "overflow_persistent": ("edge_os_16x16", "accumulator.bits=12"),
    "zero_point": ("edge_os_16x16", "operands.zero_point=fold", "bias.bits=12"),
    "product_rounding": ("edge_os_16x16", "product.drop_bits=9"),
    "multiplier": ("shift_only_16x16",),
    "rounding_rule": ("edge_os_16x16", "requantize.default.rounding=floor"),
    "bias_quantization": ("edge_os_16x16", "bias.bits=4"),
}


@pytest.mark.parametrize("cause", DEVIATIONS)
def test_a_planted_deviation_has_the_largest_share(cause):
    graph, own, twin, codes = digits(DEVIATIONS[cause])
    layer = layer_causes(graph, graph.mac_nodes[3], own, twin, codes)
    squares = layer.alone.squares
    assert max(squares, key=squares.get) == cause
    sound = digits(MACHINES["sound"])
    sound = layer_causes(sound[0], graph.mac_nodes[3], *sound[1:])
    assert sound.alone.squares[cause] < squares[cause]
    if cause == "rounding_rule":
        last = layer_causes(graph, graph.mac_nodes[4], own, twin, codes)  # no activation holds it
        assert -0.6 < last.alone.mean_lsb(cause) < -0.4


def test_sums_that_rise_and_fall_overflow_transiently():
    """A register wide enough for every final sum: nothing is persistent."""
    graph, own, twin, codes = digits(("edge_os_16x16",))
    node = graph.mac_nodes[4]
    run = network_run.run(graph, own, {graph.inputs[0]: codes[graph.inputs[0]]})
    ledger = run.layers[node.name].ledger.accumulator
    assert ledger.observed_final_bits < ledger.observed_partial_bits
    words = f"accumulator.bits={ledger.observed_final_bits}"
    graph, own, twin, codes = digits(("edge_os_16x16", words, "accumulator.overflow=saturate"))
    codes = {**codes, node.inputs[0]: run.codes[node.inputs[0]]}
    part = layer_causes(graph, node, own, twin, codes).accumulated
    assert part.squares["overflow_persistent"] == 0
    assert part.squares["overflow_transient"] > 0


@pytest.mark.parametrize("which", ["narrow", "narrow tree", "wrapping"])
def test_overflow_is_what_the_ledger_says(which):
    """Persistent and transient parts are zero exactly where the ledger has no such output."""
    graph, own, twin, codes = digits(MACHINES[which])
    run = network_run.run(graph, own, {graph.inputs[0]: codes[graph.inputs[0]]})
    for node in graph.mac_nodes:
        local = for_layer(own, layer_facts(graph, node))
        whole = LayerOutputs(graph, node, local, inputs_of(graph, node, twin, run.codes))
        ledger = run.layers[node.name].ledger
        registers = [r for r in (ledger.chain, ledger.accumulator) if r is not None]
        terms = whole.sums.terms
        persistent = sum(int(r.persistent.sum()) for r in registers)
        assert bool(terms["overflow_persistent"].any()) == bool(persistent)
        if not persistent and not sum(int(r.transient.sum()) for r in registers):
            assert not terms["overflow_transient"].any()


def test_exact_until_the_last_store_is_what_the_machine_can_do():
    """Without a chain: ``accumulator.check: final`` has the persistent part and no other."""
    words = ("edge_os_16x16", "accumulator.bits=13")
    for check in ("each_add", "final"):
        graph, own, twin, _ = digits((*words, f"accumulator.check={check}"))
        node = graph.mac_nodes[3]
        local = for_layer(own, layer_facts(graph, node))
        sums = LayerOutputs(graph, node, local, inputs_of(graph, node, twin, None)).sums
        if check == "each_add":
            kept = sums.accumulator - sums.terms["overflow_transient"]
            assert sums.terms["overflow_transient"].any()
        else:
            assert np.array_equal(kept, sums.accumulator)
            assert not sums.terms["overflow_transient"].any()


def test_the_order_decides_little_where_one_cause_is_all():
    graph, own, twin, codes = digits(MACHINES["shifts"])
    part = layer_causes(graph, graph.mac_nodes[0], own, twin, codes).alone
    least, largest = part.span("multiplier")
    assert least <= part.share("multiplier") <= largest
    assert least > 0.95
    assert largest < 1.05


def test_entries_and_rows_are_plain_json():
    graph, own, twin, codes = digits(MACHINES["narrow"], 4)
    for layer in error_by_cause(graph, own, twin, codes):
        entry = json.loads(json.dumps(layer.to_dict()))
        shares = [cause["share"] for cause in entry["alone"]["causes"]]
        assert abs(sum(shares) - 1) < 1e-12
        assert all(tuple(row) == COLUMNS for row in layer.rows())
        assert {row["inputs"] for row in layer.rows()} == {"true", "network"}


def test_nothing_comes_of_no_samples_and_of_no_layers():
    graph, own, twin, codes = digits(MACHINES["sound"], 3)
    empty = error_by_cause(graph, own, twin, codes, samples=0)
    assert [layer.alone.count for layer in empty] == [0] * len(graph.mac_nodes)
    assert empty[0].alone.share("multiplier") == 0.0
    bare = planted.replace(graph, nodes=tuple(n for n in graph.nodes if n.layer is None))
    assert error_by_cause(bare, own, twin, codes) == []


def test_the_grid_holds_every_code():
    codes = np.array([-(1 << 31), -1.0, 0.0, (1 << 31) - 1])
    assert np.array_equal(on_grid(codes), codes.astype(np.int64) << GRID_BITS)
