"""MLPerf Tiny's networks: every tensor under each of LiteRT's kernel families, and TFLite Micro."""

from importlib.metadata import version

import numpy as np
import pytest
from oracles.tflite_files import run_litert, run_micro

from hwsim import load_hardware, load_model
from hwsim.importers.tflite import tensor_names
from hwsim.network.run import run

INPUTS = 20
MODELS = ("ad_autoencoder_int8", "kws_dscnn_int8", "ic_resnet8_int8", "vww_mobilenet_int8")
FAMILIES = {
    "tflite_reference": ("BUILTIN_REF", "LiteRT reference kernels"),
    "tflite_optimized": ("BUILTIN_WITHOUT_DEFAULT_DELEGATES", "LiteRT optimized kernels"),
    "tflite_xnnpack": ("AUTO", "LiteRT XNNPACK"),
}


def run_here(path, machine):
    """The graph, uniform input codes, every tensor's codes."""
    graph = load_model(path).graph
    (name,) = graph.inputs
    shape = graph.tensors[name].shape
    x = np.random.default_rng(0).integers(-128, 128, (INPUTS, *shape))
    return graph, x, run(graph, load_hardware(machine), {name: x}).codes


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Warning. Enabling .experimental_preserve_all_tensors")
@pytest.mark.parametrize("machine", FAMILIES)
@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_is_the_runtime_s(shared, record_conformance, name, machine) -> None:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    path = shared / "data" / "models" / f"{name}.tflite"
    resolver, kernels = FAMILIES[machine]
    graph, x, codes = run_here(path, machine)
    index = {tensor: i for i, tensor in enumerate(tensor_names(path))}
    compared = differences = 0
    for sample in range(INPUTS):
        image = x[sample : sample + 1].astype(np.int8)
        theirs = run_litert(path.read_bytes(), [image], resolver, every_tensor=True)
        for node in graph.nodes:
            ours = codes[node.output][sample].ravel()
            runtime = theirs[index[node.output]].astype(np.int64).ravel()
            assert ours.shape == runtime.shape
            compared += ours.size
            differences += int(np.count_nonzero(ours != runtime))
    record_conformance(
        runtime=kernels,
        version=f"ai-edge-litert {version('ai-edge-litert')}",
        machine=machine,
        outputs=compared,
        differences=differences,
    )
    assert differences == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_final_outputs_are_tflite_micro_s(shared, record_conformance, name) -> None:
    pytest.importorskip("tflite_micro", reason="tflite_micro is not installed")
    path = shared / "data" / "models" / f"{name}.tflite"
    graph, x, codes = run_here(path, "tflite_micro")
    ours = codes[graph.outputs[0]].reshape(INPUTS, -1)
    model = path.read_bytes()
    theirs = [run_micro(model, [x[i : i + 1].astype(np.int8)])[0].ravel() for i in range(INPUTS)]
    differences = int(np.count_nonzero(ours != np.array(theirs, np.int64)))
    record_conformance(
        runtime="TFLite Micro",
        version=f"tflite_micro {version('tflite_micro')}",
        machine="tflite_micro",
        outputs=ours.size,
        differences=differences,
    )
    assert differences == 0
