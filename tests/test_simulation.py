"""The Python interface: what a result holds, what a folder holds, what is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from hwsim import models
from hwsim.analysis.causes import error_by_cause
from hwsim.analysis.causes_changes import worthwhile_changes
from hwsim.errors import ConfigError, DataError, HwsimError, UnsupportedError
from hwsim.importers import machine_files
from hwsim.importers.data import Data, of_array
from hwsim.network.graph import Graph
from hwsim.report.schema import validate_summary
from hwsim.report.tables import columns
from hwsim.report.traces import TraceChoice
from hwsim.simulation import bounds, load_hardware, load_model, simulate


@pytest.fixture(scope="module")
def digits():
    """Network and its first four images with labels."""
    graph, data = models.load("digits")
    return graph, Data(data.X[:4], data.Y[:4], data.name, data.sha256, data.real[:4])


@pytest.fixture(scope="module")
def result(digits):
    machine = load_hardware("edge_ws_16x16", ["accumulator.bits=14", "chain.bits=14"])
    return simulate(*with_machine(digits, machine), trace="overflow")


def with_machine(network, machine):
    graph, data = network
    return graph, machine, data


@pytest.mark.parametrize("machine", machine_files.names())
@pytest.mark.parametrize("model", models.embedded())
def test_summary_is_valid_for_every_model_on_every_machine(model, machine, digits):
    network = digits if model == "digits" else models.load(model)
    found = simulate(*with_machine(network, machine))
    summary = json.loads(json.dumps(found.summary))
    validate_summary(summary)
    assert summary["hardware"] == machine
    assert (summary["accuracy"] is None) == (model == "seed_conv")
    timed = load_hardware(machine).array.is_array
    assert (summary["totals"]["cycles"] is not None) == timed
    static = bounds(network[0], machine)
    for layer, before in zip(summary["layers"], static, strict=True):
        for rung in ("type_bits", "weight_bits"):
            assert before["width"][rung] == layer["width"][rung]


def test_outputs_layers_ledger_and_taps_are_the_runs(result, digits):
    graph, data = digits
    assert result.outputs.shape == (4, 10)
    assert result.outputs.dtype == np.int64
    assert (result.outputs == result.taps["fc6"]).all()
    assert set(result.taps) == {"image"} | {node.output for node in graph.nodes}
    assert (result.taps["image"] == data.X).all()
    assert list(result.ledger) == [layer["name"] for layer in result.layers]
    assert list(result.ledger) == [node.name for node in graph.mac_nodes]
    for layer in result.layers:
        ledger = result.ledger[layer["name"]]
        stages = layer["overflow"]["by_stage"]
        assert stages["chain"] == ledger.chain.events
        assert stages["accumulator"] == ledger.accumulator.events
    assert result.summary["totals"]["overflow_events"] > 1000


def test_several_outputs_come_by_name(digits):
    graph, data = digits
    both = Graph(graph.name, graph.tensors, graph.nodes, graph.inputs, ("conv4", "fc6"))
    found = simulate(both, "edge_ws_16x16", data)
    assert {name: codes.shape for name, codes in found.outputs.items()} == {
        "conv4": (4, 4, 4, 24),
        "fc6": (4, 10),
    }


def test_totals_are_sums_and_utilization_is_weighted_by_cycles(result):
    totals, layers = result.summary["totals"], result.layers
    for name in ("macs", "cycles"):
        assert totals[name] == sum(layer[name] for layer in layers)
    assert totals["overflow_events"] == sum(layer["overflow"]["events"] for layer in layers)
    weighted = sum(layer["utilization"] * layer["cycles"] for layer in layers) / totals["cycles"]
    assert totals["utilization"] == totals["macs"] / (256 * totals["cycles"])
    assert totals["utilization"] == pytest.approx(weighted, rel=1e-12)  # float64 sums
    plain = sum(layer["utilization"] for layer in layers) / len(layers)
    assert abs(totals["utilization"] - plain) > 0.001


def test_the_first_layer_alone_is_the_first_layer(result):
    """True inputs and the machine's own are the same codes there, and only there."""
    first, *others = result.layers
    assert first["error"] == first["error_isolated"]
    assert any(layer["error"] != layer["error_isolated"] for layer in others)


def test_a_wrong_bias_stands_in_the_channel_mean():
    """Eight codes on one channel of seed_conv, everywhere: seen as a constant of that channel."""
    graph, data = models.load("seed_conv")
    node = graph.nodes[0]
    right = simulate(graph, "edge_os_16x16", data).details["layer0_channel_mean_lsb"]
    factor = graph.tensors["x"].scale * node.layer.weight_scale[0] / graph.tensors["y"].scale
    planted = type(node.layer)(**vars(node.layer) | {
        "bias": node.layer.bias + np.array([0, round(8 / factor), 0, 0])
    })  # fmt: skip
    wrong_node = type(node)(**vars(node) | {"layer": planted})
    wrong = Graph("planted", graph.tensors, (wrong_node,), graph.inputs, graph.outputs)
    found = simulate(wrong, "edge_os_16x16", data).details["layer0_channel_mean_lsb"]
    assert ((found - right)[[0, 2, 3]] == 0).all()
    assert 6 < (found - right)[1] <= 8.1  # what saturates at the format is lost


def test_to_dataframe_has_one_row_a_layer_and_the_columns_of_the_csv(result):
    pytest.importorskip("pandas")
    frame = result.to_dataframe()
    assert frame["name"].tolist() == list(result.ledger)
    assert frame["overflow.events"].tolist() == [x["overflow"]["events"] for x in result.layers]
    assert frame.columns.tolist() == columns()
    first = result.layers[0]["overflow"]["first"]
    assert frame["overflow.first.cycle"][0] == first["cycle"]


def test_saving_and_reading_gives_the_same(result, tmp_path):
    result.save(tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names >= {
        "report.html", "layers.csv", "summary.json", "outputs.npz", "plots", "trace", "details.npz",
        "machine.yaml",
    }  # fmt: skip
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == json.loads(
        json.dumps(result.summary)
    )
    with np.load(tmp_path / "run" / "outputs.npz") as outputs:
        assert set(outputs.files) == {"conv1", "dw2", "pw3", "conv4", "fc6"}
        for name in outputs.files:
            assert outputs[name].dtype == np.int8
            assert (outputs[name] == result.taps[name]).all()
    result.save(tmp_path / "run", tmp_path / "elsewhere")
    assert not (tmp_path / "run" / "trace").exists()
    assert {p.name for p in (tmp_path / "elsewhere").iterdir()} == {"summary.json", "overflow.npz"}


def test_events_are_listed_only_where_they_are_traced(digits, result):
    machine = result.evidence.machine
    for trace in ("off", "errors", "full"):
        other = simulate(*with_machine(digits, machine), trace=trace)
        assert all(layer.events == [] for layer in other.run.layers.values())
        assert other.summary | {"time_s": 0} == result.summary | {"time_s": 0}
    assert all(layer.events for layer in result.run.layers.values())


def test_outputs_are_stored_in_the_type_of_their_format():
    """Of the format, not of the values at hand: scripts read the same type from every run."""
    found = simulate(load_model("seed_conv"), "edge_ws_16x16").output_arrays()
    assert found["y"].dtype == np.uint8
    assert found["y"].max() > 127


def test_integer_arrays_are_codes_and_floats_are_real_values(digits):
    graph, data = digits
    codes, reals = (simulate(graph, "edge_ws_16x16", x) for x in (data.X, data.real))
    assert (codes.outputs == reals.outputs).all()
    flat = simulate(graph, "edge_ws_16x16", data.X.reshape(4, 64).astype(np.int8))
    assert (flat.outputs == codes.outputs).all()
    assert codes.summary["accuracy"] is None
    assert codes.summary["data"]["samples"] == 4


def test_model_brings_its_own_data_and_machine_its_name():
    found = simulate(load_model("seed_conv"), "edge_os_16x16")
    assert found.summary["data"]["name"] == "seed000"
    assert found.summary["machine"]["accumulator"]["bits"] == 24


BAD_INPUTS = {
    "shape": (np.zeros((2, 7, 7, 1), np.int8), r"inputs: X.shape = \(2, 7, 7, 1\)"),
    "one sample without its axis": (np.zeros((8, 8, 1), np.int8), "inputs: X.shape"),
    "no samples": (np.zeros((0, 8, 8, 1), np.int8), "inputs: X = int8 of shape"),
    "scalar": (np.int8(3), "inputs: X = int8 of shape"),
    "text": (np.array(["a"]), "inputs: X = <U1"),
    "code outside": (np.full((1, 8, 8, 1), 200), r"inputs: X\[0, 0, 0, 0\] = 200"),
    "NaN": (np.full((1, 8, 8, 1), np.nan), r"inputs: X\[0, 0, 0, 0\] = nan"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_wrong_arrays_are_refused_in_one_line(case, digits):
    values, message = BAD_INPUTS[case]
    with pytest.raises(DataError, match=message) as refusal:
        of_array(np.asarray(values), digits[0].tensors[digits[0].inputs[0]])
    assert len(str(refusal.value).splitlines()) == 1


def test_no_data_and_several_inputs_are_refused(digits):
    graph, data = digits
    with pytest.raises(DataError, match="digits: data = none: must be given"):
        simulate(graph, "edge_ws_16x16")
    two = Graph("two", graph.tensors, graph.nodes, ("image", "conv1"), graph.outputs)
    with pytest.raises(UnsupportedError, match="two: inputs = 2"):
        simulate(two, "edge_ws_16x16", data)


BAD_TRACES = {
    "kind": ("everything", TraceChoice(), "edge_ws_16x16", ConfigError, "trace = everything"),
    "runtime": ("full", TraceChoice(), "onnxruntime", UnsupportedError, "array.dataflow = none"),
    "layer": ("full", TraceChoice("convx"), "edge_ws_16x16", ConfigError, "layer = convx: .*conv1"),
    "sample": ("full", TraceChoice(sample=4), "edge_ws_16x16", ConfigError, "sample = 4: .*0..3"),
    "clocks": ("full", TraceChoice(clocks=(5, 5)), "edge_ws_16x16", ConfigError, "clocks = "),
    "late": ("full", TraceChoice(clocks=(10**7, 10**8)), "edge_ws_16x16", ConfigError, "longest"),
}


@pytest.mark.parametrize("case", BAD_TRACES)
def test_a_trace_that_records_nothing_is_refused(case, digits):
    trace, choice, machine, error, message = BAD_TRACES[case]
    done = []
    with pytest.raises(error, match=message):
        simulate(
            *with_machine(digits, machine), trace=trace, trace_choice=choice,
            progress=lambda *step: done.append(step),
        )  # fmt: skip
    assert (done == []) == (case != "late")


def test_a_trace_larger_than_the_disk_is_refused(digits, tmp_path, monkeypatch):
    result = simulate(*with_machine(digits, "edge_ws_16x16"), trace="full")
    free = shutil.disk_usage(tmp_path)._replace(free=2 * trace_bytes(result) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: free)
    with pytest.raises(ConfigError, match=r"clocks = 0\.\.110: must take at most"):
        result.save(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def trace_bytes(result):
    """Of the first fold of the first layer: three registers of eight bytes a PE and clock."""
    layer = next(iter(result.run.layers.values()))
    return 8 * 3 * 16 * 16 * layer.schedule.fold_cycles


def test_labels_beyond_the_classes_are_refused(digits):
    graph, data = digits
    wrong = replace(data, Y=np.full(len(data.X), 10))
    with pytest.raises(DataError, match=r"Y = 10: must be a class, 0\.\.9"):
        simulate(graph, "edge_ws_16x16", wrong)


def test_operator_policies_are_refused_before_anything_runs(digits):
    words = ["requantize.default.scheme=threshold_table", "requantize.default.multiplier_bits=null"]
    machine = load_hardware("edge_ws_16x16", words)
    ran = []
    with pytest.raises(HwsimError, match="add3"):
        simulate(digits[0], machine, digits[1], progress=lambda *at: ran.append(at))
    assert not ran


def test_errors_by_cause_are_those_of_the_run(digits):
    machine = load_hardware("edge_ws_16x16", ["accumulator.bits=14", "chain.bits=14"])
    result = simulate(*with_machine(digits, machine), causes=2)
    own = result.evidence
    parts = error_by_cause(own.graph, machine, own.reference(), own.run.codes, samples=2)
    assert [layer["causes"] for layer in result.layers] == [part.to_dict() for part in parts]
    changes = worthwhile_changes(own.graph, machine, own.reference(), own.labels, samples=2)
    assert result.summary["changes"] == [change.to_dict() for change in changes]
    assert result.summary["changes"][0]["change"] == "accumulator"
    validate_summary(json.loads(json.dumps(result.summary)))


@pytest.mark.parametrize("function", [simulate, bounds])
def test_an_override_of_no_layer_is_refused(function, digits):
    machine = load_hardware("edge_ws_16x16")
    named = machine.model_copy(update={"overrides": [{"match": "conv9", "accumulator.bits": 20}]})
    with pytest.raises(HwsimError, match=r"overrides\[0\].match = conv9: must be a layer"):
        function(digits[0], named, *digits[1:][: function is simulate])
