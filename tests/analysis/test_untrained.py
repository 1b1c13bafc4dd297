"""Widths for layers that are not trained yet, and for several networks at once."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.stores import stores

from hwsim.analysis.static import static_ladders
from hwsim.analysis.untrained import RUNGS, untrained_ladder, untrained_ladders, widest
from hwsim.errors import ConfigError
from hwsim.importers import hardware
from hwsim.importers.model import load

SMALL = ("operands.activation.bits=2", "operands.weight.bits=2")
MACHINES = {
    "output": ("edge_os_16x16", *SMALL),
    "preloaded": ("edge_os_16x16", *SMALL, "bias.when=preload"),
    "last": ("edge_os_16x16", *SMALL, "bias.when=last"),
    "folded": ("edge_os_16x16", *SMALL, "operands.zero_point=fold", "bias.when=preload"),
    "folded, last": ("edge_os_16x16", *SMALL, "operands.zero_point=fold", "bias.when=last"),
    "column": ("edge_ws_16x16", *SMALL, "array.rows=2"),
    "one bit": ("edge_ws_16x16", "operands.activation.bits=1", SMALL[1], "array.rows=2"),
    "unsigned": ("edge_os_16x16", *SMALL, "operands.activation.signed=false"),
}


def bits_of(values):
    """Two's complement bits that hold all of them."""
    bits = 1
    while not all(-(1 << (bits - 1)) <= v < 1 << (bits - 1) for v in values):
        bits += 1
    return bits


@pytest.mark.parametrize("zero_points", ["none", "activations", "both"])
@pytest.mark.parametrize("which", MACHINES)
def test_no_layer_whatever_its_numbers_needs_more(which, zero_points):
    """Every layer of two products; without folding the bound is met exactly."""
    machine = hardware.load(MACHINES[which][0], list(MACHINES[which][1:]))
    a, w = machine.operands.activation.format, machine.operands.weight.format
    free_a = range(a.lo, a.hi + 1) if zero_points != "none" else (0,)
    free_w = range(w.lo, w.hi + 1) if zero_points == "both" else (0,)
    acc, chain = {0}, {0}
    for codes in product(range(a.lo, a.hi + 1), repeat=2):
        for weights in product(range(w.lo, w.hi + 1), repeat=2):
            for za, zw, bias in product(free_a, free_w, (-2, 2)):
                found = stores(machine, codes, weights, za, zw, bias)
                acc.update(found[0])
                chain.update(found[1])
    width = untrained_ladder(machine, 2, zero_points=zero_points, bias_bits=2)["width"]
    assert bits_of(acc) <= width["type_bits"] == width["weight_bits"]
    if "folded" not in which:
        assert bits_of(acc) == width["type_bits"]
    if machine.chain is not None:
        assert bits_of(chain) == width["chain"]["type_bits"]


@given(st.sampled_from(["edge_ws_16x16", "edge_os_16x16", "dot_product_64x16"]),
       st.sampled_from(["digits", "seed_conv"]))  # fmt: skip
@settings(max_examples=6)
def test_what_is_not_trained_needs_no_less_than_what_is(name, model):
    machine, graph = hardware.load(name), load(model).graph
    for node, layer in zip(graph.mac_nodes, static_ladders(graph, machine), strict=True):
        most = int(np.abs(node.layer.bias).max())
        promise = max(most - 1, 0).bit_length() + 1
        width = untrained_ladder(machine, layer["k"], bias_bits=promise)["width"]
        assert width["type_bits"] >= layer["width"]["type_bits"] >= layer["width"]["weight_bits"]
        if width["chain"] is not None:
            assert width["chain"]["type_bits"] >= layer["width"]["chain"]["type_bits"]


def test_widest_of_several_networks_is_the_largest_of_every_rung():
    machine = hardware.load("edge_ws_16x16")
    found = {name: static_ladders(load(name).graph, machine) for name in ("digits", "seed_conv")}
    found["not trained yet"] = untrained_ladders(machine, [64, 9])
    every = [layer["width"] for own in found.values() for layer in own]
    union = widest(machine, found)
    for rung in RUNGS[:2]:
        assert union["width"][rung] == max(width[rung] for width in every)
        assert union["width"]["chain"][rung] == max(width["chain"][rung] for width in every)
    assert union["width"]["observed_final_bits"] is None
    for register, by in union["by"].items():
        model, _, layer = by.partition(": ")
        (width,) = [one["width"] for one in found[model] if one["name"] == layer]
        own, most = (width, union["width"]) if register == "accumulator" else (
            width["chain"], union["width"]["chain"])  # fmt: skip
        assert own["weight_bits"] == most["weight_bits"]
    assert widest(machine, {"none": []}) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lengths = : must be like 576,1152"),
        ("12,x", "lengths = 12,x: must be like"),
        ("9,9", "length = 9: must be given once"),
        ("0", r"length = 0: must be 1\.\."),
        ("99999999999", "length = 99999999999: must be"),
    ],
)
def test_lengths_that_are_none_are_refused(text, message):
    with pytest.raises(ConfigError, match=f"^--k: {message}"):
        untrained_ladders(hardware.load("edge_os_16x16"), text)
