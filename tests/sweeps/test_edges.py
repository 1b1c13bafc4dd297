"""What a sweep is given at its edges, and what it refuses in one line."""

import numpy as np
import pytest
from sweeps.networks_of_sweeps import mixed_graph, mixed_inputs

import hwsim
from hwsim import models
from hwsim.errors import ConfigError, DataError, HwsimError
from hwsim.importers import hardware
from hwsim.importers.data import Data, of_array
from hwsim.simulation import simulate
from hwsim.sweeps.axes import axes_of, words
from hwsim.sweeps.sweep import sweep


@pytest.fixture(scope="module")
def digits():
    graph, data = models.load("digits")
    return graph, Data(data.X[:4], data.Y[:4], data.name, data.sha256, data.real[:4])


def test_one_sample_without_labels_has_no_accuracy(digits):
    graph, data = digits
    found = sweep(graph, "edge_os_16x16", data.X[:1], accumulator_bits="14,24")
    assert [point["accuracy"] for point in found.points] == [None, None]
    assert set(found.samples) == {"predicted", "changed", "exact", "float"}
    assert found.samples["predicted"].shape == found.samples["changed"].shape == (2, 1)
    column = found.columns.index("accuracy.hardware")
    assert {row[column] for row in found.rows} == {""}


def test_no_sample_is_refused_in_one_line(digits):
    graph, data = digits
    for empty in (data.X[:0], Data(data.X[:0], data.Y[:0], "nothing", "")):
        with pytest.raises(DataError) as refused:
            sweep(graph, "edge_os_16x16", empty, accumulator_bits="14")
        assert "\n" not in str(refused.value)
    assert str(refused.value) == "nothing: samples = 0: must be at least one"


def test_a_width_at_which_everything_overflows_is_a_point_as_any(digits):
    graph, data = digits
    found = sweep(graph, "edge_os_16x16", data, accumulator_bits="2,24", overflow="saturate")
    first, last = found.points
    assert first["samples_changed"] == 4
    assert first["overflow"]["outputs_affected"] > 0.9 * sum(
        layer["m"] * layer["n"] * layer["groups"] * 4 for layer in found.records[0]["layers"]
    )
    assert last["overflow"]["events"] == last["samples_changed"] == 0
    assert last["accuracy"]["hardware"] == last["accuracy"]["exact"]


@pytest.mark.parametrize(
    ("machine", "options", "field"),
    [
        ([], {"overflow": "wrap,trap"}, "accumulator.overflow"),
        (["chain.overflow=trap"], {"accumulator_bits": 20}, "chain.overflow"),
        ([], {"chain_overflow": "trap"}, "chain.overflow"),
        (["bias.overflow=trap"], {"accumulator_bits": 20}, "bias.overflow"),
    ],
)
def test_a_machine_that_stops_at_an_overflow_is_refused(digits, machine, options, field):
    graph, data = digits
    with pytest.raises(ConfigError) as refused:
        sweep(graph, hardware.load("edge_ws_16x16", machine), data, **options)
    assert str(refused.value).startswith(f"edge_ws_16x16: {field} = trap: must not be trap")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulator_bits": "12:"}, "--accumulator-bits: values = 12:: must be like 12:32"),
        ({"accumulator_bits": "20:12"}, "--accumulator-bits: values = 20:12: must ascend"),
        ({"accumulator_bits": "12,12"}, "--accumulator-bits: value = 12: must be given once"),
        ({"accumulator_bits": "65"}, "--set: accumulator.bits = 65: must be an integer, 2..64"),
        ({"overflow": "wrap,"}, "--overflow: values = wrap,: must be words"),
        ({"overflow": "clip"}, "--set: accumulator.overflow = clip: "),
        ({"rows": ()}, "--rows: values = none: must be at least one"),
        ({"accumulator_bits": "2:64", "rows": "1:4000"}, "hwsim sweep: points = 252000: "),
        ({"rounding": "half_up", "per_layer": True}, "--per-layer: fields = requantize.rounding"),
    ],
)
def test_what_cannot_be_swept_is_refused(digits, options, message):
    graph, data = digits
    with pytest.raises(HwsimError) as refused:
        sweep(graph, "edge_ws_16x16", data, **options)
    assert str(refused.value).startswith(message)


def test_a_chain_cannot_be_swept_where_there_is_none(digits):
    graph, data = digits
    with pytest.raises(ConfigError, match="chain"):
        sweep(graph, "edge_os_16x16", data, chain_bits="12:14")


def test_a_multiplier_cannot_be_swept_where_there_is_none(digits):
    machine = hardware.load("shift_only_16x16")
    with pytest.raises(ConfigError, match=r"must have requantize\.\*\.multiplier_bits"):
        sweep(digits[0], machine, digits[1], multiplier_bits="8:12")


def test_foreign_names_of_rules_are_read():
    swept = {"accumulator.overflow": "SC_SAT,AP_WRAP", "requantize.rounding": "RNE"}
    assert axes_of(swept) == {
        "accumulator.overflow": ("saturate", "wrap"),
        "requantize.rounding": ("half_even",),
    }


def test_every_requantizer_of_a_machine_takes_the_rounding():
    other = "requantize.conv_2d={scheme: shift_only, rounding: half_up}"
    machine = hardware.load("edge_ws_16x16", [other])
    assert {policy.rounding for policy in machine.requantize.values()} == {"half_up"}
    changed = hardware.with_words(machine, words(machine, "requantize.rounding", "floor"))
    assert {policy.rounding for policy in changed.requantize.values()} == {"floor"}
    assert len(changed.requantize) == 2
    runtime = hardware.load("tflite_reference")
    floor = words(runtime, "requantize.rounding", "floor")
    with pytest.raises(ConfigError, match="must be half_away or half_up for scheme"):
        hardware.with_words(runtime, floor)


def test_the_public_sweep_reads_the_models_own_data():
    found = hwsim.sweep(hwsim.load_model("seed_conv"), "edge_os_16x16", overflow=["wrap"])
    alone = simulate(hwsim.load_model("seed_conv"), hardware.load("edge_os_16x16", [
        "accumulator.overflow=wrap"])).summary  # fmt: skip
    assert found.points[0]["totals"] == alone["totals"]
    assert list(found.to_dataframe().columns) == found.columns


def test_samples_say_which_outputs_changed(digits):
    graph, data = digits
    found = sweep(graph, "edge_os_16x16", data, accumulator_bits="12:16")
    for number, point in enumerate(found.points):
        machine = hardware.load(
            "edge_os_16x16", [f"accumulator.bits={point['values']['accumulator.bits']}"]
        )
        alone = simulate(graph, machine, data)
        output = graph.outputs[0]
        codes, exact = alone.run.codes[output], alone.run.exact[output]
        assert (found.samples["predicted"][number] == codes.argmax(axis=1)).all()
        assert (found.samples["changed"][number] == (codes != exact).any(axis=1)).all()
        assert (found.samples["exact"] == exact.argmax(axis=1)).all()
    assert (found.samples["labels"] == data.Y).all()
    assert found.samples["changed"].any()


def test_a_network_of_two_outputs_changes_where_either_does():
    graph = mixed_graph()
    data = of_array(mixed_inputs(), graph.tensors["x"])
    found = sweep(graph, "edge_os_16x16", data, accumulator_bits="12:19")
    for number, point in enumerate(found.points):
        bits = point["values"]["accumulator.bits"]
        alone = simulate(graph, hardware.load("edge_os_16x16", [f"accumulator.bits={bits}"]), data)
        changed = np.zeros(3, bool)
        for name in graph.outputs:
            differ = alone.run.codes[name] != alone.run.exact[name]
            changed |= differ.reshape(3, -1).any(axis=1)
        assert (found.samples["changed"][number] == changed).all()
