"""Layers that lose bits: the same codes as the network run, from sums without a ledger."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.arith.formats import IntFormat
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.saturating import ENDS, HALVES, HAS_LANE, LANE
from hwsim.errors import TrapError
from hwsim.importers import hardware
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import output_shape
from hwsim.network import run as network_run
from hwsim.network import values_work
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.values import Values
from hwsim.network.values_saturating import form_of

K_ORDERS = (["ky", "kx", "ic"], ["ic", "ky", "kx"], ["kx", "ic", "ky"])


def random_layer(
    seed, *, op="conv_2d", signed=True, weight_zero=False, step=1, least=False, depth=None,
    outputs=None,
):  # fmt: skip
    """A layer as it may come, on an image of a few pixels; a code is worth ``step`` of its sum;
    ``least``: the zero point is the least code, so that no operand is negative."""
    rng = np.random.default_rng(seed)
    some_depth, some_outputs = int(rng.integers(1, 40)), int(rng.integers(1, 70))
    depth, outputs = depth or some_depth, outputs or some_outputs
    kernel = rng.integers(1, 4, 2)
    shape = (*(kernel + rng.integers(0, 5, 2)).tolist(), depth)
    weight_shape = (outputs, *kernel, depth)
    if op == "depthwise_conv_2d":
        outputs, weight_shape = depth, (depth, *kernel, 1)
    if op == "fully_connected":
        shape, weight_shape = (int(rng.integers(1, 4)), depth), (outputs, depth)
    weight = np.clip(np.rint(rng.normal(0, 60, weight_shape)), -128, 127).astype(np.int32)
    zeros = rng.integers(-3, 4, outputs) if weight_zero else np.zeros(outputs, np.int64)
    if op != "fully_connected" and rng.random() < 0.5:
        padding = tuple(tuple(pair) for pair in rng.integers(0, 3, (2, 2)).tolist())
    else:
        padding = ((0, 0), (0, 0))
    layer = MacLayer(
        op, weight, IntFormat(8), np.full(outputs, 1e-3), zeros,
        bias=rng.integers(-30000, 30000, outputs) if rng.random() < 0.7 else None,
        stride=tuple(rng.integers(1, 3, 2).tolist()), padding=padding,
        groups=depth if op == "depthwise_conv_2d" else 1,
    )  # fmt: skip
    form = IntFormat(8, signed)
    zero_point = int(rng.integers(form.lo, form.hi + 1))
    source = Tensor("x", shape, form, 0.02, form.lo if least else zero_point)
    out = Tensor("y", output_shape(layer, shape), IntFormat(8), 2e-5 * step, 3)
    node = Node("layer", op, ("x",), "y", layer)
    graph = Graph("one", {"x": source, "y": out}, (node,), ("x",), ("y",))
    return graph, rng.integers(form.lo, form.hi + 1, (3, *shape))


def codes_of_run(graph, machine, codes):
    """The definition: the whole run, with its ledger; and the number of events."""
    run = network_run.run(graph, machine, {graph.inputs[0]: codes})
    events = sum(int(layer.ledger.accumulator.events) for layer in run.layers.values())
    return run.codes[graph.outputs[0]], events


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    bits=st.integers(9, 22),
    overflow=st.sampled_from(["saturate", "saturate", "saturate_symmetric", "wrap"]),
    op=st.sampled_from(["conv_2d", "conv_2d", "depthwise_conv_2d", "fully_connected"]),
    signed=st.booleans(),
    zero_point=st.sampled_from(["subtract", "fold"]),
    when=st.sampled_from(["preload", "last"]),
    check=st.sampled_from(["each_add", "each_add", "final"]),
    k_order=st.sampled_from(K_ORDERS),
)
def test_random_layers_have_the_codes_of_the_run(
    seed, bits, overflow, op, signed, zero_point, when, check, k_order
):
    step = 1 << seed % (bits - 7)
    zero = seed % 5 == 0
    graph, codes = random_layer(seed, op=op, signed=signed, weight_zero=zero, step=step)
    words = [
        f"accumulator.bits={bits}", f"accumulator.overflow={overflow}", f"bias.when={when}",
        f"accumulator.check={check}", f"operands.zero_point={zero_point}",
        f"array.k_order=[{','.join(k_order)}]",
    ]  # fmt: skip
    machine = hardware.load("edge_os_16x16", words)
    values = Values(graph, machine)
    assert (values(codes) == codes_of_run(graph, machine, codes)[0]).all(), values.ways


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    name=st.sampled_from(["edge_ws_16x16", "edge_is_16x16", "dot_product_64x16", "gemmini"]),
    bits=st.integers(12, 22),
    chain_bits=st.integers(14, 22),
    overflow=st.sampled_from(["saturate", "saturate_symmetric", "wrap"]),
    chain_overflow=st.sampled_from(["saturate", "saturate_symmetric", "wrap"]),
    op=st.sampled_from(["conv_2d", "conv_2d", "depthwise_conv_2d", "fully_connected"]),
    when=st.sampled_from(["preload", "last"]),
    check=st.sampled_from(["each_add", "each_add", "final"]),
)
def test_random_layers_with_a_chain_have_the_codes_of_the_run(
    seed, name, bits, chain_bits, overflow, chain_overflow, op, when, check
):
    graph, codes = random_layer(seed, op=op, step=1 << seed % (bits - 7))
    words = [
        f"accumulator.bits={bits}", f"accumulator.overflow={overflow}", f"bias.when={when}",
        f"accumulator.check={check}", f"chain.bits={chain_bits}",
        f"chain.overflow={chain_overflow}",
    ]  # fmt: skip
    machine = hardware.load(name, words)
    values = Values(graph, machine)
    assert (values(codes) == codes_of_run(graph, machine, codes)[0]).all(), values.ways


@pytest.mark.parametrize(
    ("words", "way"),
    [
        (["chain.bits=17", "chain.overflow=saturate", "accumulator.bits=32"], "saturating"),
        (["chain.bits=14", "chain.overflow=saturate", "accumulator.bits=15"], "saturating"),
        (["accumulator.bits=16"], "saturating"),  # the chain holds its sums
        (["accumulator.bits=16", "accumulator.overflow=wrap"], "once"),
        (["chain.bits=16", "accumulator.bits=16", "accumulator.overflow=wrap"], "once"),
        (["accumulator.bits=16", "accumulator.check=final"], "once"),
        (["chain.bits=14"], "stepwise"),  # it wraps
        (["chain.bits=14", "accumulator.bits=15", "accumulator.overflow=wrap"], "stepwise"),
    ],
)
def test_chains_take_the_way_that_is_proven(words, way):
    graph, codes = random_layer(7, step=1 << 9)
    machine = hardware.load("edge_ws_16x16", words)
    values = Values(graph, machine)
    assert values.ways == [("layer", way)]
    assert (values(codes) == codes_of_run(graph, machine, codes)[0]).all()


@pytest.mark.parametrize("overflow", ["saturate", "saturate_symmetric", "wrap"])
@pytest.mark.parametrize("bits", [12, 14, 16, 17, 18, 20, 21])
@pytest.mark.parametrize("op", ["conv_2d", "depthwise_conv_2d"])
def test_layers_that_overflow_much_keep_their_codes(op, bits, overflow):
    graph, codes = random_layer(7, op=op, step=1 << bits - 8)
    words = [f"accumulator.bits={bits}", f"accumulator.overflow={overflow}"]
    machine = hardware.load("edge_os_16x16", words)
    values = Values(graph, machine)
    expected, events = codes_of_run(graph, machine, codes)
    if bits <= (16 if op == "conv_2d" else 14):
        assert events > 1000
        assert dict(values.ways)["layer"] == ("once" if overflow == "wrap" else "saturating")
        assert len(np.unique(expected)) > 90
    assert (values(codes) == expected).all()


def test_each_form_of_an_addition_is_taken_where_it_is_quickest():
    """What the tests above reach; without vectors all is as it is defined."""
    weight, codes = np.array([-127, 127]), (-255, 255)

    def form(bits, channels, symmetric=0):
        register = (-(1 << bits - 1) + symmetric, (1 << bits - 1) - 1)
        return form_of(codes, weight, register, channels).form

    if CHOSEN is None:
        assert form_of(codes, weight, (-2048, 2047), 64).vectors == 0
        return
    assert {form(bits, 64) for bits in range(12, 17)} == {HALVES}
    assert {form(bits, 64) for bits in range(17, 32)} == {LANE if HAS_LANE else ENDS}
    assert {form(bits, 64, symmetric=1) for bits in range(17, 32)} == {ENDS}
    assert {form(bits, 16) for bits in range(12, 17)} == {ENDS}  # halves leave lanes unused
    assert form_of(codes, np.array([-255, 255]), (-2048, 2047), 64).form == ENDS


@pytest.mark.parametrize("bits", [12, 14, 16, 17, 18, 20, 24])
@pytest.mark.parametrize("file", ["ic_resnet8_int8", "kws_dscnn_int8", "vww_mobilenet_int8"])
def test_shared_networks_have_the_codes_of_the_run(file, bits, shared):
    model = hwsim.load_model(shared / f"data/models/{file}.tflite")
    tensor = model.graph.tensors[model.graph.inputs[0]]
    rng = np.random.default_rng(bits)
    codes = rng.integers(tensor.format.lo, tensor.format.hi + 1, (2, *tensor.shape))
    machine = hardware.load("edge_os_16x16", [f"accumulator.bits={bits}"])
    graph = through_layers(model.graph)
    values = Values(graph, machine)
    run = network_run.run(graph, machine, {graph.inputs[0]: codes})
    found = values(codes)
    for name in graph.outputs:
        assert (found[name] == run.codes[name]).all(), name
    assert "stepwise" not in dict(values.ways).values()
    events = sum(layer.ledger.accumulator.events for layer in run.layers.values())
    assert bits > 18 or events > (1000 if bits <= 17 else 100)


def through_layers(graph):
    """The network with every layer's codes among its outputs."""
    outputs = (*(node.output for node in graph.mac_nodes), *graph.outputs)
    return replace(graph, outputs=tuple(dict.fromkeys(outputs)))


def test_registers_beyond_what_is_built_go_step_by_step():
    graph, codes = random_layer(7)
    for words in (
        ["accumulator.overflow=trap"], ["accumulator.overflow=saturate_zero"],
        ["accumulator.overflow=wrap", "accumulator.wrap_bits=1"], ["product.drop_bits=2"],
    ):  # fmt: skip
        machine = hardware.load("edge_os_16x16", ["accumulator.bits=14", *words])
        assert Values(graph, machine).ways == [("layer", "stepwise")]
    machine = hardware.load("edge_os_16x16", ["accumulator.bits=14", "accumulator.overflow=trap"])
    with pytest.raises(TrapError):
        Values(graph, machine)(codes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["none", "avx2"])
def test_other_vectors_give_the_same_codes(name):
    code = (
        "from network.test_values_saturating import *\n"
        "for bits in (14, 20):\n"
        "    for op in ('conv_2d', 'depthwise_conv_2d'):\n"
        "        test_layers_that_overflow_much_keep_their_codes(op, bits, 'saturate')\n"
        "print(CHOSEN.name if CHOSEN else 'none')\n"
    )
    environment = {**os.environ, "HWSIM_VECTORS": name}
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), str(tests.parent), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**environment, "PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in (name, "none")


def test_codes_do_not_depend_on_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(values_work, "WORTH", 1)
    monkeypatch.setattr(values_work, "STEP", 0)
    graph, codes = random_layer(7, step=1 << 6)
    codes = np.concatenate([codes] * 5)
    found = []
    for number in ("1", "2", "3"):
        monkeypatch.setenv("HWSIM_THREADS", number)
        values = Values(graph, hardware.load("edge_os_16x16", ["accumulator.bits=14"]))
        found += [values(codes), np.concatenate([values(codes[i : i + 1]) for i in range(15)])]
    assert len(np.unique(found[0])) > 90
    for other in found[1:]:
        assert (other == found[0]).all()


def test_narrow_codes_are_the_same_codes():
    graph, codes = random_layer(7, step=1 << 6)
    values = Values(graph, hardware.load("edge_os_16x16", ["accumulator.bits=14"]))
    narrow = values(codes.astype(np.int8), widen=False)
    assert narrow.dtype == np.int8
    assert values(codes).dtype == np.int64
    assert (narrow == values(codes)).all()
