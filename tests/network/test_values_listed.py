"""Layers whose steps are listed where the codes make that quicker: the same codes as the run."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network.test_values_saturating import K_ORDERS, codes_of_run, random_layer

from hwsim.array.listed_sums import OUTPUTS
from hwsim.array.vector.listed import HAS_LISTS
from hwsim.array.vector.saturating import HAS_LANE
from hwsim.importers import hardware
from hwsim.network.values import Values
from hwsim.network.values_layer import QuickLayer

pytestmark = pytest.mark.skipif(not HAS_LISTS, reason="no instruction that compresses vectors")
seen = Counter()


def machine_of(bits, *words):
    return hardware.load("edge_os_16x16", [f"accumulator.bits={bits}", *words])


def layer_of(values):
    return next(iter(values.layers.values()))


def sparse(graph, codes, share, seed=0):
    """The same codes, a share of them at the zero point."""
    zero = graph.tensors[graph.inputs[0]].zero_point
    return np.where(np.random.default_rng(seed).random(codes.shape) < share, zero, codes)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    bits=st.integers(9, 20),
    overflow=st.sampled_from(["saturate", "saturate", "saturate_symmetric"]),
    op=st.sampled_from(["conv_2d", "conv_2d", "fully_connected"]),
    signed=st.booleans(),
    least=st.booleans(),
    when=st.sampled_from(["preload", "last"]),
    share=st.sampled_from([0.3, 0.6, 0.95, 1.0]),
)
def _random_layers(seed, bits, overflow, op, signed, least, when, share):
    step = 1 << seed % (bits - 7)
    depth = 16 * (1 + seed % 3)
    graph, codes = random_layer(seed, op=op, signed=signed, step=step, least=least, depth=depth)
    codes = sparse(graph, codes, share, seed)
    machine = machine_of(bits, f"accumulator.overflow={overflow}", f"bias.when={when}")
    values = Values(graph, machine)
    layer = layer_of(values)
    seen[layer.listed is not None] += 1
    with pytest.MonkeyPatch.context() as patch:
        if layer.listed is not None:
            patch.setattr(QuickLayer, "way_of", lambda *_: layer.listed)
        assert (values(codes) == codes_of_run(graph, machine, codes)[0]).all(), values.ways


def test_random_layers_in_lists_have_the_codes_of_the_run():
    seen.clear()
    _random_layers()
    assert seen[True] > 25  # of 80; the others cannot overflow, or have no form that is built


@pytest.mark.parametrize("bits", [12, 16, 17, 18])
def test_lists_are_made_where_codes_make_them_quicker(bits):
    """And what overflows much keeps its codes."""
    if bits > 16 and not HAS_LANE:
        pytest.skip("no vpdpwssds")
    graph, codes = random_layer(7, step=1 << bits - 8, least=True, depth=32, outputs=64)
    machine = machine_of(bits)
    values = Values(graph, machine)
    layer = layer_of(values)
    full = np.where(codes == -128, 5, codes)
    assert layer.way_of(full.astype(np.int8), OUTPUTS) is layer.way
    for share, minimum in ((0.4, 300), (0.9, 1)):
        given = sparse(graph, codes, share)
        if share > 0.8:
            assert layer.way_of(given.astype(np.int8), OUTPUTS) is layer.listed
            few = layer.way if bits > 16 else layer.listed  # 32-bit lanes wait for weights
            assert layer.way_of(given.astype(np.int8), OUTPUTS - 1) is few
        expected, events = codes_of_run(graph, machine, given)
        assert bits > 16 or events > minimum
        assert (values(given) == expected).all()


def test_layers_that_are_not_listed():
    """Codes of a step far from the next one's, chains, and channels for themselves."""
    graph, codes = random_layer(7, step=1 << 9, depth=16)
    order = [f"array.k_order=[{','.join(K_ORDERS[1])}]"]
    odd, odd_codes = random_layer(7, step=1 << 9, depth=15)
    cases = [(graph, machine_of(16, *order), codes), (odd, machine_of(16), odd_codes)]
    chained = hardware.load(
        "edge_ws_16x16", ["accumulator.bits=16", "chain.bits=17", "chain.overflow=saturate"]
    )
    cases.append((graph, chained, codes))
    for one, machine, some in cases:
        values = Values(one, machine)
        assert layer_of(values).listed is None
        assert (values(some) == codes_of_run(one, machine, some)[0]).all()
    assert layer_of(Values(graph, machine_of(16))).listed is not None


def test_where_no_byte_is_an_operand_of_0_nothing_is_left_out():
    graph, _ = random_layer(7, step=1 << 9, least=True, depth=16)
    sums = layer_of(Values(graph, machine_of(14))).listed.sums
    empty, some = np.full((1, 4), -128, np.int8), np.zeros((1, 4), np.int8)
    assert sums.cost_of(empty) < sums.cost_of(some)
    sums.zero = 300
    assert sums.cost_of(empty) == sums.cost_of(some)
