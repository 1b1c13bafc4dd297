"""MLPerf Tiny networks against outputs that LiteRT gave for two random inputs each.

Of the reference kernels every tensor is compared, by its CRC; of the other two kernel families the
final outputs. The file's fifth network, str_ww_ref_model, is not among the shared models.
"""

import zlib

import numpy as np
import pytest

from hwsim.importers import tflite
from hwsim.importers.hardware import load
from hwsim.network.run import run

NETWORKS = {  # name in the golden: file, tensors
    "ad01_int8": ("ad_autoencoder_int8", 10),
    "kws_ref_model": ("kws_dscnn_int8", 13),
    "pretrainedResnet_quant": ("ic_resnet8_int8", 16),
    "vww_96_int8": ("vww_mobilenet_int8", 31),
}
FAMILIES = {  # kernels: suffix of the arrays, machine
    "LiteRT reference kernels": ("ref", "tflite_reference"),
    "LiteRT optimized kernels": ("opt", "tflite_optimized"),
    "LiteRT XNNPACK": ("xnn", "tflite_xnnpack"),
}
INPUTS = (0, 1)


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "semantics" / "golden_mlperf_tiny.npz") as file:
        return dict(file)


def batch(golden, network, suffix):
    """Both inputs' arrays as one batch of codes."""
    return np.concatenate([golden[f"{network}_{suffix}{n}"] for n in INPUTS]).astype(np.int64)


@pytest.mark.conformance
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("kernels", FAMILIES)
def test_frozen_outputs_equal(shared, golden, network, kernels, record_conformance):
    suffix, machine = FAMILIES[kernels]
    graph = tflite.load(shared / "data" / "models" / f"{NETWORKS[network][0]}.tflite")
    (source,), (output,) = graph.inputs, graph.outputs
    got = run(graph, load(machine), {source: batch(golden, network, "in")}).codes
    expected = batch(golden, network, suffix)
    wrong = int(np.count_nonzero(got[output] != expected))
    record_conformance(
        runtime=kernels,
        version="ai-edge-litert 2.3.0",
        machine=machine,
        outputs=expected.size,
        differences=wrong,
    )
    assert got[output].shape == expected.shape
    assert wrong == 0


@pytest.mark.conformance
@pytest.mark.parametrize("network", NETWORKS)
def test_every_reference_tensor_has_the_frozen_crc(shared, golden, network, record_conformance):
    file, number = NETWORKS[network]
    path = shared / "data" / "models" / f"{file}.tflite"
    graph, names = tflite.load(path), tflite.tensor_names(path)
    (source,) = graph.inputs
    codes = run(graph, load("tflite_reference"), {source: batch(golden, network, "in")}).codes
    tensors = [names[index] for index in golden[f"{network}_ref_tensor_ids"]]
    compared, different = 0, []
    for n in INPUTS:
        crcs = golden[f"{network}_ref_tensor_crc{n}"].tolist()
        for tensor, crc in zip(tensors, crcs, strict=True):
            compared += codes[tensor][n].size
            if zlib.crc32(codes[tensor][n].astype(np.int8).tobytes()) != crc:
                different.append(tensor)
    record_conformance(
        runtime="LiteRT reference kernels",
        version="ai-edge-litert 2.3.0",
        machine="tflite_reference",
        outputs=compared,
        differences=sum(codes[tensor][0].size for tensor in different),
    )
    assert different == []
    assert len(tensors) == number
