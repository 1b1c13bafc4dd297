"""Layers whose steps are added in pairs: the same codes as the network run, where it is proven."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network.test_values_saturating import K_ORDERS, codes_of_run, random_layer

import hwsim
from hwsim.array.paired_sums import TILE
from hwsim.array.vector.pairs import HAS_PAIRS
from hwsim.importers import hardware
from hwsim.network import values_layer
from hwsim.network.values import Values
from hwsim.network.values_paired import PairedSums, is_quicker
from hwsim.network.values_saturating import SaturatingSums

pytestmark = pytest.mark.skipif(not HAS_PAIRS, reason="no vector instructions")


def sums_of(values):
    """How each layer without a ledger adds its sums."""
    return [type(layer.way.sums) for layer in values.layers.values()]


def values_of(graph, machine, paired):
    """The network, its layers in pairs of steps wherever that is built, or nowhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values_layer, "is_quicker", lambda *_: paired)
        return Values(graph, machine)


def machine_of(bits, *words):
    return hardware.load("edge_os_16x16", [f"accumulator.bits={bits}", *words])


seen = Counter()


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    bits=st.integers(9, 16),
    overflow=st.sampled_from(["saturate", "saturate", "saturate_symmetric"]),
    op=st.sampled_from(["conv_2d", "conv_2d", "fully_connected"]),
    signed=st.booleans(),
    when=st.sampled_from(["preload", "last"]),
    k_order=st.sampled_from(K_ORDERS),
)
def _random_layers(seed, bits, overflow, op, signed, when, k_order):
    step = 1 << seed % (bits - 7)
    graph, codes = random_layer(seed, op=op, signed=signed, step=step, least=True)
    order = f"array.k_order=[{','.join(k_order)}]"
    machine = machine_of(bits, f"accumulator.overflow={overflow}", f"bias.when={when}", order)
    values = values_of(graph, machine, paired=True)
    (kind,) = sums_of(values)
    assert (kind is PairedSums) == (values.ways[0][1] == "saturating")
    seen[kind] += 1
    assert (values(codes) == codes_of_run(graph, machine, codes)[0]).all(), values.ways


def test_random_layers_in_pairs_have_the_codes_of_the_run():
    seen.clear()
    _random_layers()
    assert seen[PairedSums] > 60  # of 120; the others cannot overflow


@pytest.mark.parametrize("overflow", ["saturate", "saturate_symmetric"])
@pytest.mark.parametrize("bits", [9, 12, 14, 15, 16])
def test_layers_in_pairs_that_overflow_much_keep_their_codes(bits, overflow):
    graph, codes = random_layer(7, step=1 << bits - 8, least=True)
    machine = machine_of(bits, f"accumulator.overflow={overflow}")
    values = values_of(graph, machine, paired=True)
    assert sums_of(values) == [PairedSums]
    expected, events = codes_of_run(graph, machine, codes)
    assert events > 1000
    assert len(np.unique(expected)) > 90
    assert (values(codes) == expected).all()
    assert (values_of(graph, machine, paired=False)(codes) == expected).all()


@pytest.mark.parametrize("zero_point", ["subtract", "fold"])
def test_steps_are_paired_only_where_no_operand_is_negative(zero_point):
    words = [f"operands.zero_point={zero_point}"]
    for least in (True, False):
        graph, codes = random_layer(7, step=1 << 4, least=least)
        machine = machine_of(12, *words)
        values = values_of(graph, machine, paired=True)
        paired = sums_of(values) == [PairedSums]
        assert paired == (least and zero_point == "subtract")
        assert (values(codes) == codes_of_run(graph, machine, codes)[0]).all()


def test_steps_are_paired_only_in_a_register_of_16_bits_and_weights_of_8():
    graph, _ = random_layer(7, step=1 << 4, least=True)
    assert sums_of(values_of(graph, machine_of(16), paired=True)) == [PairedSums]
    assert sums_of(values_of(graph, machine_of(17), paired=True)) == [SaturatingSums]
    machine = machine_of(12)
    node = graph.nodes[0]
    for zero in (1, -1):  # weights of -129..126, and of -127..128
        layer = replace(node.layer, weight_zero_point=np.full(len(node.layer.weight), zero))
        wide = replace(graph, nodes=(replace(node, layer=layer),))
        assert sums_of(values_of(wide, machine, paired=True)) == [SaturatingSums]
    depthwise, _ = random_layer(7, op="depthwise_conv_2d", step=1 << 4, least=True)
    assert sums_of(values_of(depthwise, machine, paired=True)) == [SaturatingSums]


def test_pairs_are_taken_where_they_are_quicker(shared):
    """Every convolution of ResNet-8, but not its last layer: one pixel leaves lanes unused."""
    model = hwsim.load_model(shared / "data/models/ic_resnet8_int8.tflite")
    for bits in (12, 16):
        layers = len(model.graph.mac_nodes)
        kinds = sums_of(Values(model.graph, machine_of(bits)))
        assert kinds == [PairedSums] * (layers - 1) + [SaturatingSums]


def test_unused_lanes_of_a_tile_count():
    class Costly:
        cost = 10.0

    assert is_quicker(Costly, 10.1, TILE)
    assert not is_quicker(Costly, 10.0, TILE)
    assert not is_quicker(Costly, 10.1, TILE - 1)
    assert is_quicker(Costly, 10.1 * TILE, 1)
