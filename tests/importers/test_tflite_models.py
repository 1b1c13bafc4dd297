"""Real .tflite files: every one is read, and runs as LiteRT's reference kernels run it.

MLPerf Tiny's four int8 networks run in tests/conformance/test_mlperf_tiny.py, on more inputs.
"""

import zipfile

import numpy as np
import pytest
from oracles.tflite_files import run_litert

from hwsim import load_hardware, load_model
from hwsim.errors import UnsupportedError
from hwsim.importers.tflite.file import read
from hwsim.network import float_twin
from hwsim.network.run import run

INPUTS = 2
QUANTIZED = (  # file, nodes, layers on the array, tensors compared
    ("models/ad_autoencoder_int8", 10, 10),
    ("models/hello_world_sine_int8", 3, 3),
    ("models/ic_resnet8_int8", 16, 10),
    ("models/kws_dscnn_int8", 13, 10),
    ("models/micro_speech_int8", 5, 2),
    ("models/mnist_lenet300_int8", 7, 3),
    ("models/mobilenet_v1_0.25_128_uint8", 31, 28),
    ("models/vww_mobilenet_int8", 31, 28),
    ("fixtures/tfl_int8_float_io", 12, 6),
    ("fixtures/tfl_int8_full", 10, 6),
    ("fixtures/tfl_int8_per_tensor", 10, 6),
    ("fixtures/tfl_int16x8", 10, 6),
    ("fixtures/tfl_uint8_io", 12, 6),
)
MLPERF_TINY = ("ad_autoencoder", "ic_resnet8", "kws_dscnn", "vww_mobilenet")
# Largest difference to LiteRT's binary32, relative to the tensor's largest value: kernels add in
# another order; where weights are int8 (dynamic range) they also round activations to 8 bits.
FLOAT = (
    ("fixtures/tfl_float", 1e-5),
    ("fixtures/tfl_float16", 1e-5),
    ("models/ic_resnet8_float", 1e-5),
    ("fixtures/tfl_dynamic_range", 0.1),
    ("models/kws_dscnn_float", 0.1),
)
LEAKY_RELU = (1, 3, 6, 7, 8, 13, 14, 18)


@pytest.fixture(scope="module")
def seanet(shared, tmp_path_factory):
    """TFLM's 50 one-operator int16x8 files, unpacked."""
    folder = tmp_path_factory.mktemp("seanet")
    with zipfile.ZipFile(shared / "data" / "golden" / "tflm_seanet_int16_dev.zip") as archive:
        archive.extractall(folder)
    return sorted(folder.rglob("*.tflite"))


@pytest.mark.parametrize(("name", "nodes", "layers"), QUANTIZED)
def test_a_quantized_model_is_read(shared, name, nodes, layers) -> None:
    graph = load_model(shared / "data" / f"{name}.tflite").graph
    assert (len(graph.nodes), len(graph.mac_nodes), graph.is_float) == (nodes, layers, False)
    assert graph.name == name.split("/")[1]


@pytest.mark.parametrize(("name", "bound"), FLOAT)
def test_a_float_model_is_litert_s_up_to_its_kernels_order(shared, name, bound) -> None:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    path = shared / "data" / f"{name}.tflite"
    file, graph = read(path), load_model(path).graph
    assert graph.is_float
    (source,) = graph.inputs
    shape = (1, *graph.tensors[source].shape)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    theirs = run_litert(path.read_bytes(), [x], every_tensor=True)
    ours = float_twin.run(graph, {source: x.astype(np.float64)})
    index = {tensor.name: tensor.index for tensor in file.tensors}
    for node in graph.nodes:
        values = ours[node.output].ravel()
        largest_error = np.abs(values - theirs[index[node.output]].ravel()).max()
        assert largest_error <= bound * np.abs(values).max()


def test_every_file_of_seanet_is_read_but_for_leaky_relu(seanet) -> None:
    assert len(seanet) == 50
    refused = [path for path in seanet if path.stem in {f"leaky_relu{i}" for i in LEAKY_RELU}]
    assert len(refused) == len(LEAKY_RELU)
    for path in seanet:
        if path in refused:
            with pytest.raises(UnsupportedError, match="operator 0 = LEAKY_RELU: must be one of "):
                load_model(path)
        else:
            load_model(path)


def differences(path, rng, given=()):
    """Values compared and values that differ, over all tensors of a file and some inputs.

    ``given``: values of inputs that are no activations, by index.
    """
    file, graph = read(path), load_model(path).graph
    tensors = [file.tensors[index] for index in file.inputs]
    compared = differ = 0
    codes: dict[str, list] = {}
    inputs = []
    for _ in range(INPUTS):
        arrays = [dict(given).get(tensor.index) for tensor in tensors]
        for place, tensor in enumerate(tensors):
            if arrays[place] is None:
                arrays[place] = activation(graph.tensors[tensor.name], tensor, rng)
                codes.setdefault(tensor.name, []).append(arrays[place])
        inputs.append(arrays)
    wide = {}
    for name, parts in codes.items():
        tensor = graph.tensors[name]
        kind = np.float64 if tensor.format is None else np.int64
        wide[name] = np.stack(parts).reshape(-1, *tensor.shape).astype(kind)
    ours = run(graph, load_hardware("tflite_reference"), wide).codes
    for sample, arrays in enumerate(inputs):
        theirs = run_litert(path.read_bytes(), arrays, every_tensor=True)
        for tensor in file.tensors:
            if tensor.name in ours:
                mine, reference = ours[tensor.name][sample], theirs[tensor.index]
                assert mine.size == reference.size
                compared += mine.size
                differ += int(np.count_nonzero(mine.ravel() != reference.ravel()))
    return compared, differ


def activation(tensor, stored, rng):
    """A random array of one input, as the file stores it."""
    if tensor.format is None:
        return rng.random(stored.shape, np.float32)
    ends = (tensor.format.lo, tensor.format.hi)
    return rng.integers(*ends, stored.shape, endpoint=True).astype(stored.kind)


@pytest.mark.slow
@pytest.mark.conformance
@pytest.mark.parametrize(
    "name", [name for name, *_ in QUANTIZED if not any(other in name for other in MLPERF_TINY)]
)
def test_every_tensor_is_litert_s(shared, name) -> None:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    path = shared / "data" / f"{name}.tflite"
    compared, differ = differences(path, np.random.default_rng(0))
    assert differ == 0
    assert compared > 60


@pytest.mark.slow
@pytest.mark.conformance
def test_every_file_of_seanet_that_is_read_runs_as_on_litert(seanet) -> None:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    compared = 0
    for path in seanet:
        if "leaky_relu" not in path.stem:
            sizes = {0: np.array([1, 3, 12, 64], np.int32)} if "transpose" in path.stem else {}
            values, differ = differences(path, np.random.default_rng(0), sizes)
            assert differ == 0, path.stem
            compared += values
    assert compared > 300_000
