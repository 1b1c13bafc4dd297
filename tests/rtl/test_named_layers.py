"""Every layer of `digits` through the RTL, clock by clock: the shipped arrays, cut to 4 x 4 PEs."""

import pytest
from rtl.lockstep import Case, run_cases

import hwsim
from hwsim.importers import hardware
from hwsim.mapping import run as layer_run
from hwsim.network import run as network_run
from hwsim.rtl.machine import layer_parameters


def cases_of(name, words, monkeypatch):
    """One case a layer of the network, on the first image."""
    found, prepare = [], layer_run.prepare

    def spy(gemm, side, resolved, where):
        layer = prepare(gemm, side, resolved, where)
        values = layer_parameters(resolved, layer.requantizer)
        found.append(Case(where, values, layer.datapath, layer.schedule, layer.requantizer))
        return layer

    monkeypatch.setattr(layer_run, "prepare", spy)
    model = hwsim.load_model("digits")
    inputs = {model.graph.inputs[0]: model.data.X[:1]}
    network_run.run(model.graph, hardware.load(name, words), inputs)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("edge_ws_16x16", []),
        ("edge_os_16x16", []),
        ("edge_is_16x16", []),
        ("dot_product_64x16", ["chain.bits=18"]),
    ],
)
def test_every_layer_of_digits_runs_in_lockstep(name, words, monkeypatch, tmp_path):
    words = [*words, "array.rows=4", "array.cols=4"]
    cases = cases_of(name, words, monkeypatch)
    assert [case.name for case in cases] == ["conv1", "dw2", "pw3", "conv4", "fc6"]
    assert run_cases("icarus", cases, tmp_path) is None


@pytest.mark.slow
def test_a_layer_runs_in_lockstep_on_the_whole_array(monkeypatch, tmp_path):
    cases = cases_of("edge_ws_16x16", [], monkeypatch)[:1]
    assert run_cases("verilator", cases, tmp_path) is None
