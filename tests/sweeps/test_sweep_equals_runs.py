"""A sweep is what separate runs are: every bit, every counter, every column."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from sweeps.networks_of_sweeps import empty_graph, mixed_graph, mixed_inputs, single_graph

from hwsim import models
from hwsim.importers import hardware
from hwsim.importers.data import Data, of_array
from hwsim.network import run as network_run
from hwsim.report.tables import cell
from hwsim.simulation import simulate
from hwsim.sweeps.axes import axes_of
from hwsim.sweeps.network import run_point
from hwsim.sweeps.results import layer_columns
from hwsim.sweeps.sweep import sweep
from hwsim.sweeps.work import Sweeper, Work

WORDS = {
    "accumulator_bits": "accumulator.bits",
    "overflow": "accumulator.overflow",
    "chain_bits": "chain.bits",
    "chain_overflow": "chain.overflow",
    "rounding": "requantize.rounding",
    "multiplier_bits": "requantize.multiplier_bits",
    "dataflow": "array.dataflow",
    "rows": "array.rows",
    "cols": "array.cols",
}
SMALL = ["array.rows=4", "array.cols=4"]
NARROW = "{shift: 3, bits: 12, overflow: saturate, rounding: half_away}"
RANDOM = (
    "{scheme: multiplier_shift, multiplier_bits: 12, rounding: stochastic, "
    "lfsr: {polynomial: 0x80200003, seed: 1}}"
)
CASES = {  # machine, its words, what is swept
    "one register": (
        "edge_os_16x16",
        [],
        {"accumulator_bits": "11:20", "overflow": "wrap,saturate"},
    ),
    "final check": (
        "edge_os_16x16",
        ["accumulator.check=final"],
        {"accumulator_bits": "12:18", "overflow": "wrap,saturate"},
    ),
    "chain narrower": (
        "edge_ws_16x16",
        SMALL,
        {"accumulator_bits": "13,16,20", "chain_bits": "10:15", "chain_overflow": "wrap,saturate"},
    ),
    "chain wider": (
        "edge_ws_16x16",
        ["chain.bits=24"],
        {"accumulator_bits": "12:19", "overflow": "wrap,saturate,saturate_zero"},
    ),
    "input stationary": (
        "edge_is_16x16",
        SMALL,
        {"accumulator_bits": "13:18", "chain_bits": "12,15"},
    ),
    "tree": (
        "dot_product_64x16",
        ["array.rows=5", "chain.bits=20"],
        {"accumulator_bits": "13:17", "chain_bits": "11,13,15", "overflow": "wrap,saturate"},
    ),
    "levels of a tree": (
        "dot_product_64x16",
        ["array.rows=8", "chain.bits=[12, 13, 14]"],
        {"accumulator_bits": "10:17"},
    ),
    "dropped bits": (
        "edge_ws_16x16",
        ["product.drop_bits=3", "array.rows=6"],
        {"accumulator_bits": "12:17", "chain_bits": "12,14"},
    ),
    "folded zero points": (
        "edge_os_16x16",
        ["operands.zero_point=fold", "bias.when=last"],
        {"accumulator_bits": "14:20", "overflow": "wrap,saturate_symmetric"},
    ),
    "narrow bias": ("edge_os_16x16", ["bias.bits=9"], {"accumulator_bits": "13:18"}),
    "runtime": ("tflite_reference", [], {"accumulator_bits": "12:20", "overflow": "wrap,saturate"}),
    "runtime with a chain": (
        "onnxruntime_avx2",
        [],
        {"accumulator_bits": "16,20,32", "chain_bits": "14:17"},
    ),
    "requantizer": (
        "edge_os_16x16",
        [],
        {"rounding": "half_up,floor", "multiplier_bits": "4,31", "accumulator_bits": "14,17,24"},
    ),
    "requantizer that narrows": (
        "edge_os_16x16",
        [f"requantize.default.narrow={NARROW}"],
        {"accumulator_bits": "13:19"},
    ),
    "random rounding": (
        "edge_ws_16x16",
        [f"requantize.conv_2d={RANDOM}"],
        {"cols": "3,16", "accumulator_bits": "14,20", "chain_bits": "14,20"},
    ),
    "arrays": (
        "edge_ws_16x16",
        [],
        {
            "dataflow": "weight_stationary,input_stationary,output_stationary",
            "rows": "3,8",
            "cols": "4",
            "accumulator_bits": "14,17,24",
        },
    ),
    "shift and clip": ("shift_only_16x16", [], {"accumulator_bits": "12:17"}),
}


@pytest.fixture(scope="module")
def digits():
    """The first six images, with labels."""
    graph, data = models.load("digits")
    return graph, Data(data.X[:6], data.Y[:6], data.name, data.sha256, data.real[:6])


@pytest.fixture(scope="module")
def mixed():
    """Three samples, one of which is small."""
    graph = mixed_graph()
    return graph, of_array(mixed_inputs(), graph.tensors["x"])


def same(ours, theirs, where="run"):
    """Equality of everything that two ledgers hold."""
    if is_dataclass(ours):
        assert type(ours) is type(theirs), where
        for part in fields(ours):
            same(getattr(ours, part.name), getattr(theirs, part.name), f"{where}.{part.name}")
    elif isinstance(ours, np.ndarray):
        assert ours.shape == theirs.shape, where
        assert (ours == theirs).all(), where
    else:
        assert ours == theirs, (where, ours, theirs)


def work_of(network, machine, words, swept, *, per_layer=False):
    graph, data = network
    given = {WORDS[name]: text for name, text in swept.items()}
    return Work(graph, hardware.load(machine, words), data, axes_of(given), per_layer)


@pytest.mark.parametrize("network", ["digits", "mixed"])
@pytest.mark.parametrize("case", CASES)
def test_every_point_equals_a_run_of_its_machine(case, network, request):
    """Tensors, exact tensors and ledgers, element by element."""
    work = work_of(request.getfixturevalue(network), *CASES[case])
    sweeper, name = Sweeper(work), work.graph.inputs[0]
    events = lost = 0
    for point in work.points:
        layers = sweeper.preparation.layers(point.machine)
        exact = sweeper.exact(point, layers)
        found = run_point(exact, point.machine, layers, sweeper.preparation)
        alone = network_run.run(work.graph, point.machine, {name: work.data.X})
        for tensor, codes in alone.codes.items():
            assert (found.run.codes[tensor] == codes).all(), (point.values, tensor)
            assert (found.run.exact[tensor] == alone.exact[tensor]).all(), (point.values, tensor)
        for layer, result in alone.layers.items():
            same(found.run.layers[layer].ledger, result.ledger, f"{point.values} {layer}")
            events += result.ledger.accumulator.events
            lost += int(result.ledger.requant_events.sum())
    assert events > 1000
    assert (lost > 100) == (case == "requantizer that narrows")


@pytest.mark.parametrize("case", ["one register", "chain narrower", "tree", "runtime", "arrays"])
def test_every_row_equals_the_summary_of_a_run(case, digits):
    """Accuracy, totals, and every column of every layer, as `simulate` gives them."""
    machine, words, swept = CASES[case]
    graph, data = digits
    found = sweep(graph, hardware.load(machine, words), data, **swept)
    assert len(found.points) > 5
    table = iter(found.rows)
    names = layer_columns()
    for point in found.points:
        own = [f"{name}={value}" for name, value in point["values"].items()]
        if point["values"].get("array.dataflow") == "output_stationary":
            own.append("chain=null")
        alone = simulate(graph, hardware.load(machine, words + own), data).summary
        assert point["accuracy"] == alone["accuracy"]
        assert point["totals"] == alone["totals"]
        for layer in alone["layers"]:
            row = dict(zip(found.columns, next(table), strict=True))
            assert [row[name] for name in names] == [cell(layer, name) for name in names]
            assert row["layer"] == layer["name"]
            assert [row[name] for name in point["values"]] == list(point["values"].values())
            assert row["accuracy.hardware"] == alone["accuracy"]["hardware"]
    assert next(table, None) is None


def test_a_layer_alone_is_a_machine_of_its_own(mixed):
    """The others' registers lose nothing; the machine is one that a YAML could say."""
    swept = {"accumulator_bits": "12:14", "chain_bits": "12,13"}
    work = work_of(mixed, "edge_ws_16x16", SMALL, swept, per_layer=True)
    graph, data = mixed
    records = dict(Sweeper(work).records(range(len(work.points))))
    alone = [p for p in work.points if p.only_layer]
    assert len(alone) == 6 * len(graph.mac_nodes)
    for number, point in enumerate(work.points):
        if point.only_layer not in ("groups", "heads"):
            continue
        summary = simulate(graph, point.machine, data).summary
        for layer, entry in zip(summary["layers"], records[number]["layers"], strict=True):
            assert {name: layer[name] for name in entry} == entry
            lost = layer["overflow"]["by_stage"]
            assert lost["chain"] + lost["accumulator"] == 0 or layer["name"] == point.only_layer


def test_a_table_follows_the_range_of_its_registers():
    """Narrower sums have a finer table: points of different widths have different exact runs."""
    rng = np.random.default_rng(3)
    graph = single_graph(rng.integers(-127, 128, (4, 9)))
    table = "requantize.default={scheme: lookup_table, table_bits: 5, rounding: half_up}"
    data = of_array(rng.integers(-128, 128, (6, 9)), graph.tensors["x"])
    swept = {"accumulator_bits": "12,26,14", "chain_bits": "12"}
    work = work_of((graph, data), "edge_ws_16x16", [table], swept)
    sweeper, exact_codes = Sweeper(work), []
    for point in work.points:
        layers = sweeper.preparation.layers(point.machine)
        exact = sweeper.exact(point, layers)
        found = run_point(exact, point.machine, layers, sweeper.preparation)
        alone = network_run.run(graph, point.machine, {"x": data.X})
        assert (found.run.codes["y"] == alone.codes["y"]).all(), point.values
        assert (found.run.exact["y"] == alone.exact["y"]).all(), point.values
        same(found.run.layers["only"].ledger, alone.layers["only"].ledger)
        exact_codes.append(alone.exact["y"])
    assert (exact_codes[0] != exact_codes[1]).any()
    assert (exact_codes[0] == exact_codes[2]).all()


def test_a_layer_without_products_has_its_rows():
    graph = empty_graph()
    data = of_array(np.zeros((2, 0), np.int64), graph.tensors["x"])
    for machine in ("edge_os_16x16", "edge_ws_16x16", "dot_product_64x16"):
        work = work_of((graph, data), machine, [], {"accumulator_bits": "8:14"})
        for _, record in Sweeper(work).records(range(len(work.points))):
            point = hardware.with_words(
                work.machine, [f"accumulator.bits={record['values']['accumulator.bits']}"]
            )
            alone = simulate(graph, point, data).summary["layers"][0]
            assert {name: alone[name] for name in record["layers"][0]} == record["layers"][0]
            assert alone["k"] == 0
