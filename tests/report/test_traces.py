"""Trace folders: every event, every error, every register of a window."""

import numpy as np
import pytest

from hwsim import models
from hwsim.array import datapath as datapaths
from hwsim.array.trace import TraceWindow, record
from hwsim.importers import hardware
from hwsim.importers.data import Data
from hwsim.network.layers import layer_gemms
from hwsim.report.traces import TraceChoice, folder_names
from hwsim.simulation import simulate

NARROW = {
    "edge_os_16x16": ("accumulator.bits=14",),
    "edge_ws_16x16": ("accumulator.bits=14", "chain.bits=13"),
    "dot_product_64x16": ("accumulator.bits=15", "chain.bits=14"),
}


@pytest.fixture(scope="module")
def images():
    graph, data = models.load("digits")
    return graph, Data(data.X[:3], data.Y[:3], data.name, data.sha256, data.real[:3])


def traced(images, machine, trace, choice=None):
    graph, data = images
    spec = hardware.load(machine, NARROW[machine])
    return simulate(graph, spec, data, trace=trace, trace_choice=choice)


def arrays(path):
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.mark.parametrize("machine", NARROW)
def test_overflow_trace_lists_every_event_of_the_summary(images, machine, tmp_path):
    result = traced(images, machine, "overflow")
    result.save(tmp_path / "run", tmp_path / "trace")
    events = arrays(tmp_path / "trace" / "overflow.npz")
    assert events["schema"] == "hwsim.events.1"
    assert events["layers"].tolist() == [layer["name"] for layer in result.layers]
    assert len({len(column) for name, column in events.items() if column.ndim}) <= 2
    stages = {"chain": 1, "accumulator": 2}
    for i, layer in enumerate(result.layers):
        own = events["layer"] == i
        counts = layer["overflow"]["by_stage"]
        for stage, code in stages.items():
            assert np.count_nonzero(own & (events["stage"] == code)) == counts[stage]
        first = layer["overflow"]["first"]
        assert (first is None) == (not own.any())
        if first is None:
            continue
        at = int(np.flatnonzero(own)[0])
        for name in ("sample", "group", "m", "n", "k", "row", "col", "cycle"):
            assert events[name][at] == first[name]
    assert set(events["sample"]) == {0, 1, 2}
    assert len(events["k"]) > 1000
    assert (events["presented"] != events["stored"]).all()


def test_a_run_without_events_has_an_empty_list(images, tmp_path):
    graph, data = images
    simulate(graph, "edge_ws_16x16", data, trace="overflow").save(tmp_path / "run")
    events = arrays(tmp_path / "run" / "trace" / "overflow.npz")
    assert all(events[name].shape == (0,) for name in ("layer", "k", "stage", "stored"))
    assert len(events["layers"]) == 5


def test_errors_trace_holds_reference_codes_and_their_difference(images, tmp_path):
    graph, _ = images
    result = traced(images, "edge_ws_16x16", "errors")
    result.save(tmp_path / "run")
    folder = tmp_path / "run" / "trace"
    assert {path.name for path in folder.iterdir()} == set(result.ledger)
    for layer in result.layers:
        stored = arrays(folder / layer["name"] / "errors.npz")
        tensor = graph.tensors[layer["tensor"]]
        assert stored["schema"] == "hwsim.errors.1"
        assert (stored["codes"] == result.taps[tensor.name]).all()
        for ending, entry in (("", "error"), ("_isolated", "error_isolated")):
            steps = stored[f"codes{ending}"] - tensor.zero_point
            difference = steps - stored["float_reference"] / tensor.scale
            assert (stored[f"difference_lsb{ending}"] == difference).all()
            assert layer[entry]["max_lsb"] == np.abs(difference).max()


def expected_trace(result, name, sample, start, stop):
    """The same window, recorded from the layer's whole batch."""
    layer = result.run.layers[name]
    inputs = [result.taps[tensor] for tensor in layer.node.inputs]
    _, gemm = next(layer_gemms(result.evidence.graph, layer.node, inputs, layer.machine))
    datapath, _ = datapaths.build(gemm, layer.machine, name)
    return record(datapath, layer.schedule, TraceWindow(sample, start, stop)), layer.schedule


@pytest.mark.parametrize("machine", NARROW)
def test_full_trace_is_the_window_of_the_chosen_image(images, machine, tmp_path):
    choice = TraceChoice(layer="conv*", clocks=(20, 66), sample=2)
    result = traced(images, machine, "full", choice)
    result.save(tmp_path / "run")
    folder = tmp_path / "run" / "trace"
    assert {path.name for path in folder.iterdir()} == {"conv1", "conv4"}
    for name in ("conv1", "conv4"):
        trace, schedule = expected_trace(result, name, 2, 20, 66)
        stored = arrays(folder / name / "full.npz")
        assert stored["schema"] == "hwsim.trace.1"
        assert stored["dataflow"] == result.evidence.machine.array.dataflow
        assert stored["sample"] == 2
        assert stored["clock"].tolist() == list(range(20, 66))
        assert schedule.cycles >= 66
        for register, values in trace.registers.items():
            assert (stored[register] == values).all()
            assert stored[f"bits_{register}"] == trace.bits[register]
        other, _ = expected_trace(result, name, 0, 20, 66)
        assert any((stored[r] != other.registers[r]).any() for r in other.registers)
        waveform = (folder / name / "full.vcd").read_text()
        assert waveform.count("\n#") >= 45


def test_full_trace_is_the_first_fold_unless_chosen(images, tmp_path):
    result = traced(images, "edge_ws_16x16", "full", TraceChoice(layer="fc6"))
    result.save(tmp_path / "run")
    stored = arrays(tmp_path / "run" / "trace" / "fc6" / "full.npz")
    assert len(stored["clock"]) == result.run.layers["fc6"].schedule.fold_cycles
    assert stored["sample"] == 0


def test_layers_shorter_than_the_window_are_left_out(images, tmp_path):
    result = traced(images, "edge_os_16x16", "full", TraceChoice())
    cycles = {name: layer.schedule.cycles for name, layer in result.run.layers.items()}
    start = min(cycles.values())
    result.trace_choice = TraceChoice(clocks=(start, start + 5))
    result.save(tmp_path / "run")
    longer = {name for name, clocks in cycles.items() if clocks > start}
    assert {path.name for path in (tmp_path / "run" / "trace").iterdir()} == longer != set(cycles)


def test_every_layer_has_a_folder_of_its_own():
    names = ["conv1", "a/b", "a:b", "..", ".hidden", "", "x" * 200, "CON v", "é"]
    folders = folder_names(names)
    assert len(set(folders.values())) == len(names)
    assert folders["conv1"] == "conv1"
    assert all("/" not in f and not f.startswith(".") and len(f) < 120 for f in folders.values())
