"""Networks below 8 bits and in plain integers: QONNX against qonnx, dory's against its outputs."""

import json
import re
import zipfile

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")

from hwsim import load_hardware
from hwsim.importers import onnx
from hwsim.network.run import run

pytestmark = pytest.mark.conformance
NETWORKS = {
    "dscnn_test": ("Nemo_examples/8-bits-2D/dscnn_test", "model_int.onnx", 11),
    "residual": ("Nemo_examples/8-bits-2D/Residual_connection_test_1", "model_int.onnx", 8),
    "tcn": ("Nemo_examples/8-bits-1D/TCN_T", "TCN.onnx", 12),
}


@pytest.fixture(scope="module")
def mnist(shared):
    """The network's file and 1,500 images as float32 in [0, 1]."""
    pixels = np.load(shared / "data" / "data" / "mnist_dev.npz")["X"]
    path = shared / "data" / "models" / "mnist_tfc_2W2A.qonnx.onnx"
    return path, pixels.reshape(-1, 28, 28, 1).astype(np.float32) / np.float32(255)


def scores(path, images, machine):
    graph = onnx.load(path)
    inputs = {"0": images.astype(np.float64)}
    return graph, run(graph, load_hardware(machine), inputs).codes["90"]


def by_definition(path, images):
    """The network from QONNX's definition of Quant, in float32 with numpy alone."""
    import onnx as onnx_library

    model = onnx_library.load(path)
    k = {t.name: onnx_library.numpy_helper.to_array(t) for t in model.graph.initializer}

    def quant(x, scale, zero, bits):
        hi = 2 ** (int(k[bits]) - 1) - 1
        codes = np.rint(np.clip(x / k[scale] + k[zero], -hi, hi))
        return (codes - k[zero]) * k[scale]

    def norm(x, name):
        deviation = np.sqrt(k[f"{name}.running_var"] + np.float32(1e-5))
        scaled = (x - k[f"{name}.running_mean"]) / deviation
        return scaled * k[f"{name}.weight"] + k[f"{name}.bias"]

    x = quant(images.reshape(len(images), 784) * k["32"] - k["34"], "37", "38", "36")
    for weight, grid, batch_norm, activation in (
        ("41", ("42", "43", "40"), "features.3", ("49", "50", "48")),
        ("53", ("54", "55", "52"), "features.7", ("61", "62", "60")),
        ("65", ("66", "67", "64"), "features.11", ("73", "74", "72")),
    ):
        x = quant(norm(x @ quant(k[weight], *grid).T, batch_norm), *activation)
    x = x @ quant(k["77"], "78", "79", "76").T
    x = (x - k["features.15.running_mean"]) / np.power(k["92"], k["86"])
    return x * k["features.15.weight"] + k["features.15.bias"]


def test_two_bit_network_finds_qonnxs_classes(root, mnist, record_conformance):
    """The classes that qonnx found (frozen), on a machine that adds the bias in real numbers."""
    path, images = mnist
    with np.load(root / "traces" / "runtimes" / "qonnx_mnist_tfc.npz") as stored:
        theirs = stored["classes"]
        made = json.loads(stored["made"].tobytes())["versions"]
    graph, ours = scores(path, images, "aimet")
    assert {str(n.layer.weight_format) for n in graph.mac_nodes} == {"int2 narrow"}
    wrong = int(np.count_nonzero(ours.argmax(axis=1) != theirs))
    print(f"qonnx: {wrong} of {len(theirs)} classes differ")
    record_conformance(runtime="QONNX, classes of MNIST TFC 2W2A", version=f"qonnx {made['qonnx']}",
                       machine="aimet", outputs=len(theirs), differences=wrong)  # fmt: skip
    assert len(theirs) == 1500
    assert wrong == 0


def test_two_bit_network_is_its_definition(mnist):
    """Tolerance: the last scores are float32 there and float64 in parts here."""
    path, images = mnist
    theirs = by_definition(path, images)
    _, ours = scores(path, images, "aimet")
    assert np.abs(ours - theirs).max() < 1e-6
    assert np.array_equal(ours.argmax(axis=1), theirs.argmax(axis=1))


def test_an_integer_bias_moves_thresholds_of_two_bit_layers(mnist):
    """Batch normalization as an integer bias rounds by up to half a sum: some classes change."""
    path, images = mnist
    _, real = scores(path, images, "aimet")
    _, rounded = scores(path, images, "onnxruntime")
    changed = np.count_nonzero(real.argmax(axis=1) != rounded.argmax(axis=1))
    assert 0 < changed < 20


@pytest.fixture(scope="module")
def dory(shared, tmp_path_factory):
    """The integer networks, unpacked."""
    folder = tmp_path_factory.mktemp("dory")
    with zipfile.ZipFile(shared / "data" / "golden" / "dory_int_nets_dev.zip") as archive:
        archive.extractall(folder)
    return folder


def numbers(path):
    """The integers of a text file behind its title line."""
    text = path.read_text()
    return np.array([float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text[text.index("\n") :])])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("machine", ["onnxruntime", "tflite_reference"])
def test_every_layer_of_an_integer_network_is_dorys(dory, record_conformance, name, machine):
    """Every file of outputs is the next tensor of the network; the file says every bit itself."""
    folder, model, layers = NETWORKS[name]
    folder = dory / folder
    graph = onnx.load(folder / model)
    (source,) = graph.inputs
    inputs = numbers(folder / "input.txt").reshape(1, *graph.tensors[source].shape)
    machine = load_hardware(machine, ["operands.activation.bits=16"])
    codes = run(graph, machine, {source: inputs.astype(np.int64)}).codes
    tensors = [n for n in graph.nodes if n.op in ("integer_affine", "quantize")]
    tensors = [n.output for n in tensors] + [graph.mac_nodes[-1].output]
    wrong = outputs = 0
    for index in range(layers):
        theirs = numbers(folder / f"out_layer{index}.txt")
        gaps = []
        while tensors and not (gaps and gaps[-1] == 0):  # a sum of branches may have no file
            ours = codes[tensors.pop(0)]
            if ours.size == theirs.size:
                orders = [ours[0]]
                if name == "dscnn_test" and ours.ndim == 4:  # its files hold channels first
                    orders.append(ours[0].transpose(2, 0, 1))
                gaps.append(min(np.count_nonzero(o.ravel() != theirs) for o in orders))
        assert gaps, f"out_layer{index}.txt has no tensor"
        wrong, outputs = wrong + int(gaps[-1]), outputs + theirs.size
    record_conformance(runtime="dory (NEMO)", version="dory_examples 60dd66b",
                       machine=machine.name, outputs=outputs, differences=wrong)  # fmt: skip
    print(f"{name}: {wrong} of {outputs} differ")
    assert wrong == 0
