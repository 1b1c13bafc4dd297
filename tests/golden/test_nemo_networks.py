"""dory's integer networks (dory_examples 60dd66b): every layer from the stored input before it."""

import zipfile

import numpy as np
import pytest
from golden import nemo_networks
from oracles.tflite_machine import tflite_machine

from hwsim.array.specification import OperatorSpec, RequantizeSpec
from hwsim.network.run import run

NETWORKS = {  # folder, file, whether the texts are channels first; layers and outputs by kind
    "dscnn_test": (
        "Nemo_examples/8-bits-2D/dscnn_test",
        "model_int.onnx",
        True,
        {"conv": (9, 72000), "pool": (1, 64), "linear": (1, 10)},
    ),
    "Residual_connection_test_1": (
        "Nemo_examples/8-bits-2D/Residual_connection_test_1",
        "model_int.onnx",
        False,
        {"conv": (6, 240000), "sum": (1, 10000), "linear": (1, 2)},
    ),
    "TCN_T": (
        "Nemo_examples/8-bits-1D/TCN_T",
        "TCN.onnx",
        False,
        {"conv": (8, 11060), "sum": (3, 4620), "linear": (1, 5)},
    ),
}


def machine():
    """NEMO's integers: exact sums, one multiplication, one addition, a shift that drops bits."""
    floor = {"rounding": "floor"}
    requantize = {"default": {"scheme": "multiply_add_shift", "multiplier_bits": 31, **floor}}
    once = {"scheme": "multiplier_shift", "multiplier_bits": 16, **floor}
    operators = dict.fromkeys(("add", "average_pool", "quantize"), once)
    runtime = tflite_machine(9, 9)  # wide enough for uint8 and int8 codes
    return runtime.model_copy(
        update={
            "name": "nemo",
            "requantize": {key: RequantizeSpec(**words) for key, words in requantize.items()},
            "operators": {key: OperatorSpec(**words) for key, words in operators.items()},
        }
    )


def laid_out(codes, value, channels_first):
    """A text's codes as one image, channels first."""
    shape = value.shape
    if channels_first or len(shape) == 1:
        return codes.reshape(shape)
    return np.moveaxis(codes.reshape(*shape[1:], shape[0]), -1, 0)


def as_input(codes, tensor):
    """Channels first to a tensor of hwsim; flat where a linear layer reads it."""
    if len(tensor.shape) == 1:
        return codes.reshape(1, *tensor.shape)
    height, width, channels = tensor.shape
    return np.moveaxis(codes.reshape(channels, height, width), 0, -1)[None]


@pytest.mark.conformance
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_a_nemo_network_equals(shared, name, record_conformance):
    onnx = pytest.importorskip("onnx", reason="the networks are ONNX files")
    folder, file, channels_first, expected = NETWORKS[name]
    archive = zipfile.ZipFile(shared / "data" / "golden" / "dory_int_nets_dev.zip")
    model = onnx.load_from_string(archive.read(f"{folder}/{file}"))
    reader = nemo_networks.Reader(model, onnx.helper, onnx.numpy_helper)
    stored = {reader.input: f"{folder}/input.txt"}
    stored |= {step.output: f"{folder}/out_layer{i}.txt" for i, step in enumerate(reader.steps)}
    codes = {
        tensor: laid_out(
            nemo_networks.text_codes(archive, text), reader.values[tensor], channels_first
        )
        for tensor, text in stored.items()
    }
    compared, different = {}, {}
    for step in reader.steps:
        graph = step.graph
        inputs = {
            ours: as_input(codes[theirs], graph.tensors[ours])
            for ours, theirs in zip(graph.inputs, step.sources, strict=True)
        }
        got = run(graph, machine(), inputs).codes["y"]
        wrong = np.count_nonzero(got != as_input(codes[step.output], graph.tensors["y"]))
        layers, outputs = compared.get(step.kind, (0, 0))
        compared[step.kind] = (layers + 1, outputs + got.size)
        if wrong:
            different[step.output] = int(wrong)
    record_conformance(
        runtime="dory (NEMO)",
        version="dory_examples 60dd66b",
        machine="nemo",
        outputs=sum(outputs for _, outputs in compared.values()),
        differences=sum(different.values()),
    )
    assert different == {}
    assert compared == expected
