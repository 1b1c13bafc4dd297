"""Which overflows vanish when only the schedule changes."""

import numpy as np
import pytest
from sweeps.networks_of_sweeps import mixed_graph, mixed_inputs

from hwsim.array.engines import ENGINES
from hwsim.importers import hardware
from hwsim.importers.model import load
from hwsim.mapping.prepare import prepare
from hwsim.network import run as network_run
from hwsim.network.layers import codes_of, layer_gemms, output_side
from hwsim.sweeps.axes import axes_of
from hwsim.sweeps.order import Tally, families
from hwsim.sweeps.points import points
from hwsim.sweeps.sweep import sweep

ORDERS = "ky,kx,ic:ic,ky,kx"
WORDS = ["accumulator.bits=15", "chain.bits=14"]


def event_flags(graph, node, machine, sources):
    """Outputs with an event, from the engine's own list, sample by sample."""
    found = []
    for _, gemm in layer_gemms(graph, node, sources, machine):
        layer = prepare(gemm, output_side(graph, node), machine, node.name)
        run = ENGINES["fast"](layer.datapath, layer.schedule, list_events=True)
        flags = np.zeros(run.exact.shape, np.bool_)
        flags[tuple(run.events.columns[x] for x in ("sample", "group", "m", "n"))] = True
        own = layer.datapath.accumulator
        found.append((flags.ravel(), ((run.exact < own.lo) | (run.exact > own.hi)).ravel()))
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


CASES = {
    "systolic": ("edge_ws_16x16", WORDS, {"dataflow": "weight_stationary,output_stationary,"
                 "input_stationary", "rows": "4,16", "k_order": ORDERS}),
    "tree": ("dot_product_64x16", [*WORDS, "array.rows=8", "array.cols=4"],
             {"rows": "4,8", "k_order": ORDERS}),
    "levels": ("dot_product_64x16", ["accumulator.bits=16", "array.rows=4", "array.cols=4",
               "chain.bits=[12, 14]"], {"k_order": ORDERS}),
    "final": ("edge_os_16x16", ["accumulator.bits=15", "accumulator.check=final"],
              {"k_order": ORDERS}),
    "symmetric": ("edge_os_16x16", ["accumulator.overflow=saturate_symmetric"],
                  {"accumulator_bits": "14,15", "k_order": ORDERS}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_counts_are_those_of_the_engines_events(case):
    name, words, swept = CASES[case]
    graph, inputs = mixed_graph(), mixed_inputs()
    machine = hardware.load(name, words)
    found = sweep(graph, machine, inputs, **swept)
    exact = network_run.run(graph, machine, {"x": inputs}).exact
    fields = {"accumulator_bits": "accumulator.bits"}
    axes = axes_of({fields.get(key, f"array.{key}"): value for key, value in swept.items()})
    some = 0
    own = families(points(graph, machine, axes, per_layer=False))
    assert len(found.manifest["order"]) == len(own)
    for entry, family in zip(found.manifest["order"], own, strict=True):
        assert entry["values"] == dict(family.values)
        assert entry["schedules"] == [dict(schedule) for schedule in family.machines]
        for node, layer in zip(graph.mac_nodes, entry["layers"], strict=True):
            sources = [codes_of(graph, exact, tensor) for tensor in node.inputs]
            flags, last = zip(
                *(event_flags(graph, node, m, sources) for m in family.machines.values()),
                strict=True,
            )
            times = np.sum(flags, axis=0)
            assert layer["affected"] == [one.sum() for one in flags]
            assert layer["outputs"] == times.size
            assert layer["by_all"] == (times == len(flags)).sum()
            assert layer["by_none"] == (times == 0).sum()
            assert layer["by_some"] == times.size - layer["by_all"] - layer["by_none"]
            assert layer["persistent"] == last[0].sum() <= layer["by_all"]
            assert layer["affected"][layer["best"]] == min(layer["affected"])
            assert layer["affected"][layer["worst"]] == max(layer["affected"])
            some += layer["by_some"]
    assert some > 0 or case == "final"  # fit once, at the end: no order matters
    assert case != "final" or some == 0


def test_one_schedule_has_no_order():
    found = sweep(mixed_graph(), "edge_os_16x16", mixed_inputs(), accumulator_bits="14,15")
    assert "order" not in found.manifest
    found = sweep(mixed_graph(), "edge_os_16x16", mixed_inputs(), cols="4,8")
    assert "order" not in found.manifest


def test_columns_are_no_schedule_and_a_layer_alone_is_no_machine():
    graph, machine = mixed_graph(), hardware.load("edge_ws_16x16")
    axes = axes_of({"array.rows": "4,8", "array.cols": "4,8", "chain.bits": "16,18"})
    found = families(points(graph, machine, axes, per_layer=True))
    assert [dict(family.values) for family in found] == [{"chain.bits": 16}, {"chain.bits": 18}]
    assert all(
        [dict(own) for own in family.machines] == [{"array.rows": 4}, {"array.rows": 8}]
        for family in found
    )


def test_tallies_of_batches_are_those_of_the_whole():
    rng = np.random.default_rng(0)
    flags, last = list(rng.random((3, 90)) < 0.5), rng.random(90) < 0.1
    whole, parts = Tally(3), Tally(3)
    whole.add(flags, last)
    for cut in (slice(0, 40), slice(40, 90)):
        parts.add([one[cut] for one in flags], last[cut])
    assert parts.entry() == whole.entry()


def test_orders_of_the_reduction_are_read_and_refused():
    assert axes_of({"array.k_order": ORDERS}) == {"array.k_order": ("ky,kx,ic", "ic,ky,kx")}
    graph = load("seed_conv").graph
    machine = hardware.load("edge_os_16x16")
    axes = axes_of({"array.k_order": "ic,kx,ky"})
    assert points(graph, machine, axes, per_layer=False)[0].machine.array.k_order == [
        "ic", "kx", "ky",
    ]  # fmt: skip
    with pytest.raises(Exception, match=r"array\.k_order"):
        points(graph, machine, axes_of({"array.k_order": "ky,ky,ic"}), per_layer=False)
    with pytest.raises(Exception, match=r"^--k-order: values = ky,kx,ic:: must be words"):
        axes_of({"array.k_order": "ky,kx,ic:"})
