"""Groups side by side: other folds and clocks, the same values and events."""

from dataclasses import replace

import numpy as np
import pytest

from hwsim.array.gemm import Gemm
from hwsim.array.overrides import for_layer
from hwsim.array.specification import ArraySpec
from hwsim.errors import ConfigError
from hwsim.importers import hardware, model
from hwsim.mapping.packing import groups_per_fold, pack_groups
from hwsim.mapping.run import run_layer
from hwsim.network import run as network_run
from hwsim.network.layers import layer_facts, layer_gemms, output_side

WS, OS = "weight_stationary", "output_stationary"
PACKED = "array.group_packing=block_diagonal"
MACHINES = {
    WS: ("edge_ws_16x16", []),
    "input_stationary": ("edge_ws_16x16", ["array.dataflow=input_stationary"]),
    OS: ("edge_os_16x16", []),
}


def machine(dataflow, *words, side=32):
    """Registers of nine bits in the layers that are packed."""
    name, own = MACHINES[dataflow]
    found = hardware.load(name, [f"array.rows={side}", f"array.cols={side}", *own, *words])
    narrow = {"match": "dw2", "accumulator.bits": 9}
    narrow |= {} if found.chain is None else {"chain.bits": 9}
    return found.model_copy(update={"overrides": [narrow]})


@pytest.fixture(scope="module")
def digits():
    return model.load("digits")


def runs(digits, dataflow, engine="fast", samples=3):
    codes = {digits.graph.inputs[0]: digits.data.X[:samples]}
    return [
        network_run.run(digits.graph, machine(dataflow, *words), codes, engine=engine)
        for words in ([], [PACKED])
    ]


@pytest.mark.parametrize("dataflow", MACHINES)
def test_values_and_events_are_those_of_one_group_at_a_time(dataflow, digits):
    alone, packed = runs(digits, dataflow)
    assert all((alone.codes[name] == packed.codes[name]).all() for name in alone.codes)
    for name, one in alone.layers.items():
        other = packed.layers[name]
        ledgers = [(one.ledger.accumulator, other.ledger.accumulator)]
        if one.ledger.chain is not None:
            ledgers.append((one.ledger.chain, other.ledger.chain))
        for a, b in ledgers:
            for field in ("events_by_channel", "persistent", "transient", "final_lo", "final_hi"):
                ours, theirs = getattr(a, field), getattr(b, field)
                assert (ours.ravel() == theirs.ravel()).all(), field
            assert (a.events, a.excess_bits) == (b.events, b.excess_bits)
        assert one.macs == other.macs
    layer = alone.layers["dw2"]
    chain = layer.ledger.chain
    assert (layer.ledger.accumulator if chain is None else chain).events > 0


@pytest.mark.parametrize("dataflow", MACHINES)
def test_clocks_are_those_of_fewer_folds(dataflow, digits):
    alone, packed = (run.layers["dw2"].schedule for run in runs(digits, dataflow, samples=1))
    groups, p = alone.groups, packed.packed
    assert p == {WS: 2, "input_stationary": 2, OS: 16}[dataflow]
    assert (packed.groups, packed.k, packed.n) == (groups // p, p * alone.k, p * alone.n)
    assert packed.folds == alone.folds // p
    longer = {WS: 0, "input_stationary": (p - 1) * alone.n, OS: (p - 1) * alone.k}[dataflow]
    assert packed.fold_cycles == alone.fold_cycles + longer
    assert packed.cycles < alone.cycles
    useful = alone.utilization * alone.cycles
    assert packed.utilization * packed.cycles == pytest.approx(useful, rel=1e-15)  # float64


@pytest.mark.parametrize("dataflow", MACHINES)
def test_the_array_clock_by_clock_agrees(dataflow, digits):
    fast = runs(digits, dataflow, samples=1)[1]
    cycle = runs(digits, dataflow, "cycle", samples=1)[1]
    assert all((fast.codes[name] == cycle.codes[name]).all() for name in fast.codes)
    ours, theirs = (run.layers["dw2"].ledger.accumulator for run in (fast, cycle))
    assert (ours.events_by_step == theirs.events_by_step).all()
    assert ours.first == theirs.first


def grouped(rng, groups, outputs, inputs, zero=False):
    """A convolution of several channels a group, on random codes, and its graph's first layer."""
    digits = model.load("digits")
    node = digits.graph.mac_nodes[1]
    weight = rng.integers(-128, 128, (groups * outputs, 3, 3, inputs))
    layer = replace(
        node.layer, op="conv_2d", weight=weight, groups=groups, bias=None,
        weight_scale=np.full(groups * outputs, 0.01), float_weight=None, float_bias=None,
        weight_zero_point=rng.integers(-9, 9, groups * outputs) * zero,
    )  # fmt: skip
    return digits.graph, replace(node, layer=layer)


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("dataflow", MACHINES)
def test_groups_of_several_channels_keep_their_places(dataflow, zero):
    rng = np.random.default_rng(4)
    graph, node = grouped(rng, 6, 2, 2, zero)
    channels = 12
    tensors = dict(graph.tensors)
    x, y = node.inputs[0], node.output
    tensors[x] = replace(tensors[x], shape=(5, 5, channels))
    graph = replace(graph, tensors=tensors | {y: replace(tensors[y], shape=(5, 5, channels))})
    codes = [rng.integers(-128, 128, (2, 5, 5, channels))]
    found = []
    for words in ([], [PACKED]):
        own = for_layer(machine(dataflow, *words, side=64), layer_facts(graph, node))
        _, gemm = next(layer_gemms(graph, node, codes, own))
        found.append(run_layer(gemm, output_side(graph, node), own, "conv"))
    packed = found[1]
    assert packed.schedule.packed == {WS: 3, "input_stationary": 3, OS: 6}[dataflow]
    flat = [run.codes.transpose(0, 2, 1, 3).reshape(2, -1, channels) for run in found]
    assert (flat[0] == flat[1]).all()
    events = [
        (run.ledger.chain or run.ledger.accumulator).events_by_channel.ravel() for run in found
    ]
    assert (events[0] == events[1]).all()
    assert events[0].sum() > 0


def test_folded_weight_zero_points_are_refused():
    zero = np.full((4, 1), 3)
    gemm = Gemm(
        np.zeros((1, 4, 2, 9), np.int32), np.ones((4, 9, 1), np.int32), 0, zero, None,
        (-128, 127), (-128, 127),
    )  # fmt: skip
    assert pack_groups(gemm, machine(WS, PACKED), "dw").packed == 2
    with pytest.raises(ConfigError, match=r"dw: operands\.zero_point = fold: must be subtract"):
        pack_groups(gemm, machine(WS, PACKED, "operands.zero_point=fold"), "dw")
    symmetric = replace(gemm, w_zero_point=0 * zero)
    assert pack_groups(symmetric, machine(WS, PACKED, "operands.zero_point=fold"), "dw").packed == 2


@pytest.mark.parametrize(("groups", "k", "n", "flow", "expected"), [
    (8, 9, 1, WS, 2), (9, 9, 1, WS, 3), (7, 9, 1, WS, 1), (8, 40, 1, WS, 1), (64, 9, 1, OS, 32),
    (6, 9, 11, OS, 2), (5, 1, 1, WS, 5), (1, 1, 1, WS, 1), (4, 8, 16, "input_stationary", 4),
])  # fmt: skip
def test_a_pack_is_the_largest_divisor_that_the_array_holds(groups, k, n, flow, expected):
    words = {"dataflow": flow, "rows": 32, "cols": 32, "k_order": ["ky", "kx", "ic"]}
    assert groups_per_fold(ArraySpec(**words), groups, k, n) == 1
    array = ArraySpec(**words, group_packing="block_diagonal")
    assert groups_per_fold(array, groups, k, n) == expected
