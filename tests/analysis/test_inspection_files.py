"""``inspect`` on files: dead channels counted, real biases placed, float and refused layers."""

import numpy as np
import pytest

from hwsim.analysis import inspection_model
from hwsim.analysis.inspection import inspect
from hwsim.importers import hardware
from hwsim.importers import model as model_files


def arrays(entries):
    """Entries of the layers that run on the array."""
    return [entry for entry in entries if entry["runs"] == "array"]


@pytest.mark.parametrize(
    ("accumulator", "count"),
    [(("bits=28", "overflow=saturate_symmetric"), 971), (("bits=28",), 971),
     (("bits=31", "overflow=saturate_symmetric"), 666), (("bits=32",), 0)],
)  # fmt: skip
def test_biases_of_dead_channels_are_counted(shared, accumulator, count):
    """MLPerf Tiny's VWW: |bias| >= 2**27 in 971 of 2,738 channels, >= 2**30 in 666."""
    graph = model_files.load(shared / "data" / "models" / "vww_mobilenet_int8.tflite").graph
    words = [f"accumulator.{word}" for word in accumulator]
    entries = arrays(inspect(graph, hardware.load("edge_os_16x16", words)))
    found = [f for entry in entries for f in entry["findings"] if f["kind"] == "bias_register"]
    assert sum(finding["count"] for finding in found) == count
    assert sum(entry["channels"] for entry in entries) == 2738
    biases = np.concatenate([node.layer.bias for node in graph.mac_nodes])
    register = hardware.load("edge_os_16x16", words).accumulator
    least = -register.format.hi if len(accumulator) > 1 else register.format.lo
    assert np.count_nonzero((biases < least) | (biases > register.format.hi)) == count


def test_a_real_bias_becomes_codes_or_stays_real_by_the_machine(shared):
    """PT2E's graph adds it in float; hardware makes int32 codes of it at sx * sw."""
    graph = model_files.load(shared / "data" / "fixtures" / "pt2e_xnnpack_pc.pt2").graph
    layer = graph.mac_nodes[0].layer
    said = {
        name: arrays(inspect(graph, hardware.load(name)))[0]["bias"]
        for name in ("pt2e_graph", "pytorch_fbgemm", "edge_ws_16x16", "executorch_xnnpack")
    }
    ends = [layer.real_bias.min(), layer.real_bias.max()]
    for machine in ("pt2e_graph", "pytorch_fbgemm"):
        assert said[machine]["place"] == "requantizer"
        assert (said[machine]["origin"], said[machine]["range"]) == ("real", ends)
    for machine, rule in (("edge_ws_16x16", "float64"), ("executorch_xnnpack", "float32")):
        assert said[machine]["place"] == "accumulator"
        assert (said[machine]["format"], said[machine]["rule"]) == (
            "int32", f"bias.from_real = {rule}"
        )  # fmt: skip
        assert said[machine]["real"] == ends
    step = graph.tensors[graph.mac_nodes[0].inputs[0]].scale * layer.weight_scale
    codes = np.rint(layer.real_bias / step)
    assert said["edge_ws_16x16"]["range"] == [codes.min(), codes.max()]


def test_a_layer_that_the_machine_refuses_is_shown_with_the_reason(shared):
    graph = model_files.load(shared / "data" / "fixtures" / "tfl_int16x8.tflite").graph
    refused = [e for e in inspect(graph, hardware.load("edge_ws_16x16")) if e["runs"] != "beside"]
    taken = arrays(inspect(graph, hardware.load("tflite_reference")))
    assert {entry["runs"] for entry in refused} == {"refused"}
    for one, other in zip(refused, taken, strict=True):
        assert "operands.activation" in one["refused"]
        assert [f["kind"] for f in one["findings"]] == ["refused"]
        for key in ("name", "k", "groups", "channels", "macs", "weight"):
            assert one[key] == other[key]
        assert one["bias"]["range"] == other["bias"]["range"]
        assert (one["bias"]["format"], one["bias"]["place"]) == ("int64", None)


@pytest.mark.parametrize("name", ["ic_resnet8", "kws_dscnn"])
def test_a_float_network_has_the_products_of_its_quantized_one(shared, name):
    machine = hardware.load("edge_ws_16x16")
    entries = [
        [e for e in inspect(model_files.load(path).graph, machine) if "k" in e]
        for path in (
            shared / "data" / "models" / f"{name}_{kind}.tflite" for kind in ("float", "int8")
        )
    ]
    for real, coded in zip(*entries, strict=True):
        assert (real["runs"], coded["runs"]) == ("float", "array")
        for key in ("op", "k", "groups", "channels", "macs"):
            assert real[key] == coded[key]
        assert real["weight"]["format"] == "float"


@pytest.mark.parametrize(
    ("name", "kind", "layers"),
    [("digits_qdq_s8s8_pt", "ONNX, QDQ", 6), ("digits_qdq_u8s8_pc", "ONNX, QDQ", 0),
     ("digits_qop_u8s8_pc", "ONNX, QOperator", 0), ("digits_dynamo", "ONNX", 0),
     ("digits_dyn_u8", "ONNX, dynamically quantized", 0)],
)  # fmt: skip
def test_layers_that_onnx_runtime_runs_in_float_are_named(shared, name, kind, layers):
    pytest.importorskip("onnx", reason="onnx is not installed")
    path = shared / "data" / "fixtures" / f"{name}.onnx"
    graph = model_files.load(path).graph
    head = inspection_model.model_entry(path, graph)
    notes = inspection_model.float_layers(head["kind"], graph)
    assert (head["kind"], len(notes)) == (kind, layers)
    entries = inspect(graph, hardware.load("onnxruntime"), notes)
    said = [
        e["name"] for e in entries for f in e.get("findings", ()) if f["kind"] == "runtime_float"
    ]
    assert said == list(notes)
