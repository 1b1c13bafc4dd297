"""Machines that no other beats, and what they cost by the user's own numbers."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeps.networks_of_sweeps import mixed_graph, mixed_inputs

from hwsim.array.dataflow import Schedule
from hwsim.array.specification import ArraySpec
from hwsim.errors import ConfigError
from hwsim.importers import hardware
from hwsim.importers.model import load
from hwsim.sweeps.array_bits import ArrayBits, array_bits
from hwsim.sweeps.costs import Costs, sram_bytes
from hwsim.sweeps.pareto import non_dominated
from hwsim.sweeps.sweep import sweep


def brute_force(table, largest):
    """The definition, pair by pair."""

    def beats(a, b):
        gains = [x - y if big else y - x for x, y, big in zip(a, b, largest, strict=True)]
        return min(gains) >= 0 and max(gains) > 0

    return [not any(beats(other, own) for other in table) for own in table]


TABLES = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(
            st.lists(st.integers(-3, 3), min_size=width, max_size=width), min_size=1, max_size=40
        ),
        st.lists(st.booleans(), min_size=width, max_size=width),
    )
)


@given(TABLES)
def test_points_that_stay_are_those_of_the_definition(case):
    """Few values, so that ties and equal points abound."""
    table, largest = case
    assert non_dominated(table, largest).tolist() == brute_force(table, largest)


def test_large_tables_of_real_numbers_are_those_of_the_definition():
    table = np.random.default_rng(0).normal(size=(400, 3)).round(2)
    found = non_dominated(table, [True, False, False]).tolist()
    assert found == brute_force(table.tolist(), [True, False, False])
    assert 3 < sum(found) < 200


def test_no_points_and_no_objectives_leave_all():
    assert non_dominated([]).tolist() == []
    assert non_dominated([[], []]).tolist() == [True, True]


@given(
    st.sampled_from(["output_stationary", "weight_stationary", "input_stationary", "dot_product"]),
    st.lists(st.integers(1, 9), min_size=6, max_size=6),
    st.tuples(st.integers(1, 16), st.integers(1, 16), st.integers(1, 32)),
)
def test_sram_bytes_are_those_of_all_tiles_of_all_folds(dataflow, sizes, bits):
    groups, m, k, n, rows, cols = sizes
    array = ArraySpec(dataflow=dataflow, rows=rows, cols=cols, k_order=["ky", "kx", "ic"])
    schedule = Schedule(array, groups, m, k, n)
    flow = schedule.dataflow
    moved = [0, 0, 0]
    for fold in schedule.fold_list():
        size = {"m": m, "k": k, "n": n}
        size[flow.row] = min(size[flow.row] - fold.row_start, rows)
        size[flow.col] = min(size[flow.col] - fold.col_start, cols)
        moved[0] += size["m"] * size["k"]
        moved[1] += size["k"] * size["n"]
        last = flow.row != "k" or fold.row_start + rows >= k
        moved[2] += size["m"] * size["n"] * last
    assert sram_bytes(schedule, bits) == sum(
        -(-count * width // 8) for count, width in zip(moved, bits, strict=True)
    )


PRICES = {"adder_bit": 3.0, "register_bit": 1.0, "mac": 0.5, "sram_byte": 0.25}
AXES = {"accumulator_bits": "14,26,30", "rows": "4,8", "dataflow": "output_stationary"}


@pytest.fixture(scope="module")
def found():
    """Six machines for a small network."""
    machine = hardware.load("edge_os_16x16", ["clock_mhz=250"])
    return sweep(mixed_graph(), machine, mixed_inputs(), **AXES, costs=PRICES)


def test_every_point_has_what_it_takes_and_its_cost(found):
    pareto = found.manifest["pareto"]
    assert [one["name"] for one in pareto["objectives"]] == ["samples_changed", "cycles", "cost"]
    assert pareto["costs"] == PRICES | {"dram_byte": 0.0}
    for point, entry in zip(found.points, pareto["points"], strict=True):
        values = point["values"]
        bits = 16 * values["array.rows"] * values["accumulator.bits"]
        assert array_bits(hardware.load("edge_os_16x16", [
            f"array.rows={values['array.rows']}",
            f"accumulator.bits={values['accumulator.bits']}",
        ]), []) == ArrayBits(entry["adder_bits"], entry["register_bits"])  # fmt: skip
        assert (entry["adder_bits"], entry["register_bits"]) == (bits, 2 * bits)
        assert entry["cycles"] == point["totals"]["cycles"] + point["totals"]["stall_cycles"]
        assert entry["time_us"] == entry["cycles"] / 250.0
        assert entry["dram_bytes"] is None
        assert entry["cost"] == (
            3.0 * bits + 1.0 * 2 * bits + 0.5 * entry["macs"] + 0.25 * entry["sram_bytes"]
        )
    names = [one["name"] for one in pareto["objectives"]]
    table = [[entry[name] for name in names] for entry in pareto["points"]]
    kept = [entry["non_dominated"] for entry in pareto["points"]]
    assert kept == brute_force(table, [False] * 3)
    assert 0 < sum(kept) < len(kept)


def few_digits():
    """Four labelled samples."""
    data = load("digits").data
    return replace(data, X=data.X[:4], Y=data.Y[:4], real=data.real[:4])


def test_with_labels_and_without_costs_accuracy_and_bits_are_weighed():
    found = sweep(
        load("digits"), "edge_os_16x16", few_digits(), cols="8,16", accumulator_bits="12,14,24"
    )
    pareto = found.manifest["pareto"]
    names = ["accuracy", "cycles", "adder_bits", "register_bits"]
    assert [one["name"] for one in pareto["objectives"]] == names
    assert [one["best"] for one in pareto["objectives"]] == ["largest", *["least"] * 3]
    assert [entry["accuracy"] for entry in pareto["points"]] == [
        point["accuracy"]["hardware"] for point in found.points
    ]
    table = [[entry[name] for name in names] for entry in pareto["points"]]
    kept = [entry["non_dominated"] for entry in pareto["points"]]
    assert kept == brute_force(table, [True, False, False, False])
    assert kept != brute_force(table, [False] * 4)


def test_clocks_hold_stalls_and_bytes_of_a_memory_have_their_cost():
    kib = "activation_kib: 8, weight_kib: 8, output_kib: 8"
    memory = f"memory={{{kib}, bytes_per_cycle: 1, double_buffered: false}}"
    machine = hardware.load("edge_os_16x16", [memory])
    found = sweep(mixed_graph(), machine, mixed_inputs(), costs={"dram_byte": 2})
    (entry,), (point,) = found.manifest["pareto"]["points"], found.points
    assert point["totals"]["stall_cycles"] > 0
    assert entry["cycles"] == point["totals"]["cycles"] + point["totals"]["stall_cycles"]
    moved = [layer["memory"] for layer in found.records[0]["layers"]]
    assert entry["dram_bytes"] == sum(m["fetched_bytes"] + m["written_bytes"] for m in moved) > 0
    assert entry["cost"] == 2.0 * entry["dram_bytes"]


def test_a_runtime_has_accuracy_alone():
    found = sweep(load("digits"), "tflite_reference", few_digits())
    pareto = found.manifest["pareto"]
    assert [one["name"] for one in pareto["objectives"]] == ["accuracy"]
    assert (pareto["points"][0]["cycles"], pareto["points"][0]["adder_bits"]) == (None, None)


def test_costs_are_read_from_yaml(tmp_path):
    path = tmp_path / "costs.yaml"
    path.write_text("mac: 2  # pJ\ndram_byte: 0.5\n")
    assert asdict(Costs.of(path)) == dict.fromkeys(asdict(Costs()), 0.0) | {
        "mac": 2.0, "dram_byte": 0.5,
    }  # fmt: skip
    assert json.loads(json.dumps(asdict(Costs.of(str(path))))) == asdict(Costs.of(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("macs: 2\nmac: -1\n", r":1: name = macs: must be one of adder_bit.*\n.*:2: mac = -1: "),
        ("mac: yes\n", ":1: mac = yes: must be a number$"),
        ("mac: true\n", ":1: mac = True: must be a number$"),
        ("mac: 1e999\n", ":1: mac = inf: must be 0 or more$"),
        ("- mac\n", ": text = no mapping: must be numbers by name: adder_bit, "),
        ("{}\n", "^--costs: numbers = none: must be at least one of adder_bit, "),
    ],
)
def test_costs_that_are_none_are_refused_with_their_line(text, message, tmp_path):
    path = tmp_path / "costs.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        Costs.of(path)
    with pytest.raises(ConfigError, match="must be readable"):
        Costs.of(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("machine", "name", "has"),
    [
        ("edge_os_16x16", "dram_byte", "memory:"),
        ("tflite_reference", "sram_byte", "an array"),
        ("tflite_reference", "adder_bit", "an array"),
    ],
)
def test_costs_of_what_a_machine_lacks_are_refused_before_anything_runs(machine, name, has):
    ran = []
    must = f"^--costs: {name} = 1.0: must go with a machine .*{has}"
    with pytest.raises(ConfigError, match=must):
        sweep(
            mixed_graph(), machine, mixed_inputs(), costs={name: 1.0},
            progress=lambda *at: ran.append(at),
        )  # fmt: skip
    assert ran == []
