"""Whole layers through the RTL, clock by clock: every one of `digits` on the shipped arrays, cut to
4 x 4 PEs; one of ic_resnet8 and one of kws_dscnn on the whole array of edge_ws_16x16."""

import numpy as np
import pytest
from rtl.lockstep import Case, run_cases

import hwsim
from hwsim.importers import hardware
from hwsim.rtl.machine import layer_parameters
from hwsim.vectors.case import layer_case


def case_of(graph, machine, image, node):
    """A layer on one image, and the clocks of it."""
    case = layer_case(graph, machine, image, node)
    (run,) = case.runs
    values = layer_parameters(case.machine, case.requantizer)
    one = Case(node.name, values, run.datapath, run.schedule, case.requantizer)
    return one, run.schedule.cycles


def cases_of(name, words):
    """One case a layer of `digits`, on the first image."""
    model, machine = hwsim.load_model("digits"), hardware.load(name, words)
    image = model.data.X[:1]
    return [case_of(model.graph, machine, image, node)[0] for node in model.graph.mac_nodes]


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
def test_every_layer_of_digits_runs_in_lockstep(name, words, tmp_path):
    words = [*words, "array.rows=4", "array.cols=4"]
    cases = cases_of(name, words)
    assert [case.name for case in cases] == ["conv1", "dw2", "pw3", "conv4", "fc6"]
    assert run_cases("icarus", cases, tmp_path) is None


@pytest.mark.slow
def test_a_layer_runs_in_lockstep_on_the_whole_array(tmp_path):
    cases = cases_of("edge_ws_16x16", [])[:1]
    assert run_cases("verilator", cases, tmp_path) is None


def resnet_image(folder):
    """The first CIFAR-10 image as the network's int8 codes."""
    return np.load(folder / "cifar10_train_dev.npz")["X"][:1].astype(np.int64) - 128


def speech(folder):
    """The first spectrogram; it holds codes."""
    return np.load(folder / "kws01_dev.npz")["X"][:1].astype(np.int64).reshape(1, 49, 10, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "layer", "image", "words", "cycles"),
    [
        ("ic_resnet8_int8", "conv_2d_4", resnet_image, [], 18 * (16 + 256 + 30)),
        (
            "kws_dscnn_int8", "conv_2d_2", speech,
            ["latency={multiplier: 2, pe: 2, requantize: 3}"], 16 * (16 + 125 + 2 * 30 + 1),
        ),
    ],
)  # fmt: skip
def test_a_layer_of_a_network_runs_in_lockstep_on_the_whole_array(
    model, layer, image, words, cycles, shared, tmp_path
):
    graph = hwsim.load_model(str(shared / "data" / "models" / f"{model}.tflite")).graph
    node = next(node for node in graph.nodes if node.name == layer)
    machine = hardware.load("edge_ws_16x16", words)
    one, clocks = case_of(graph, machine, image(shared / "data" / "data"), node)
    assert clocks == cycles
    assert run_cases("verilator", [one], tmp_path) is None
