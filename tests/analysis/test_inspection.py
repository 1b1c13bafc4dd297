"""What ``inspect`` says before any input: entries, and warnings exactly where they belong."""

import pytest
import strategies

from hwsim import models
from hwsim.analysis.inspection import inspect, warnings
from hwsim.analysis.static import static_layers
from hwsim.arith.formats import IntFormat
from hwsim.importers import hardware, machine_files
from hwsim.mapping.prepare import OutputSide, prepare

MODELS = models.embedded()
CLEAN = sorted({*machine_files.names()} - {"narrow_acc_16bit", "shift_only_16x16"})


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


def test_biases_that_do_not_fit_are_counted():
    """seed_conv's biases: 9161, 15769, 11590, -7892."""
    beyond = said("seed_conv", "edge_os_16x16", "accumulator.bits=14")["conv"]
    assert beyond[0] == "3 biases do not fit the 14-bit accumulator"
    own = said("seed_conv", "edge_os_16x16", "bias.bits=14")["conv"]
    assert own == ["3 biases do not fit their own 14 bits"]
    last = said("seed_conv", "edge_os_16x16", "accumulator.bits=14", "bias.when=last")["conv"]
    assert last[0] == beyond[0]


def one_product(overflow, bits, factor=1.0):
    """Sums of -128 * w .. 127 * w with w = 1: they need 8 bits, 9 symmetric ones."""
    gemm = strategies.gemm([[[[0]]]], [[[1]]])
    side = OutputSide("conv_2d", 1.0, [factor], 1.0, 0, IntFormat(8), (None, None), 8)
    return prepare(gemm, side, strategies.machine(accumulator=(bits, overflow)), "a layer")


def test_a_symmetric_register_does_not_hold_its_least_code():
    assert warnings(one_product("saturate", 8)) == []
    assert len(warnings(one_product("saturate_symmetric", 8))) == 1
    assert warnings(one_product("saturate_symmetric", 9)) == []


def test_a_multiplier_of_zero_is_not_a_small_one():
    flushed = one_product("saturate", 24, factor=1e-50)
    assert warnings(flushed) == ["1 multipliers flushed to zero: their channels give a constant"]
    assert warnings(one_product("saturate", 24, factor=1e-30)) == []


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
