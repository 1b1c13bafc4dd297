"""The embedded network: its files are what its scripts make, and it works."""

import os
from pathlib import Path

import numpy as np
import pytest

from hwsim import models
from hwsim.importers import hardware, npz
from hwsim.models.digits import quantize, train
from hwsim.network import float_twin
from hwsim.network import run as network_run

FOLDER = Path(quantize.__file__).parent


@pytest.fixture(scope="module")
def graph():
    return models.load("digits")[0]


@pytest.fixture(scope="module")
def data():
    return models.load("digits")[1]


def sums(x, node, weight, pad):
    """Convolution, depthwise convolution or product of float64 arrays; exact on small integers."""
    layer = node.layer
    if layer.op == "fully_connected":
        return x @ weight.T
    ky, kx = weight.shape[1:3]
    padded = np.pad(x, ((0, 0), *layer.padding, (0, 0)), constant_values=pad)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (ky, kx), axis=(1, 2))
    windows = windows[:, :: layer.stride[0], :: layer.stride[1]]  # (s, y, x, c, ky, kx)
    if layer.op == "depthwise_conv_2d":
        return np.einsum("syxcji,cji->syxc", windows, weight[..., 0])
    return np.einsum("syxcji,ojic->syxo", windows, weight, optimize=True)


def float_logits(graph, image):
    """The trained network in float64."""
    t = {"image": image}
    for node in graph.nodes:
        x = t[node.inputs[0]]
        if node.op == "add":
            t[node.output] = np.maximum(x + t[node.inputs[1]], 0)
        elif node.op == "average_pool_2d":
            t[node.output] = x.mean(axis=(1, 2), keepdims=True)
        elif node.op == "reshape":
            t[node.output] = x.reshape(len(x), -1)
        else:
            y = sums(x, node, node.layer.float_weight, 0) + node.layer.float_bias
            t[node.output] = y if node.layer.clamp[0] is None else np.maximum(y, 0)
    return t["fc6"]


def integer_logits(graph, codes):
    """Integer sums of codes, each requantized with its real scale, half even."""

    def requantize(value, output, clamp):
        lo = output.format.lo if clamp[0] is None else clamp[0]
        rounded = np.rint(value / output.scale) + output.zero_point
        return np.clip(rounded, lo, output.format.hi)

    t = {"image": codes.astype(np.float64)}
    for node in graph.nodes:
        source, output = graph.tensors[node.inputs[0]], graph.tensors[node.output]
        x = t[node.inputs[0]]
        real = (x - source.zero_point) * source.scale
        if node.op == "add":
            other = graph.tensors[node.inputs[1]]
            real = real + (t[node.inputs[1]] - other.zero_point) * other.scale
            t[node.output] = requantize(real, output, node.attributes["clamp"])
        elif node.op == "average_pool_2d":
            mean = real.mean(axis=(1, 2), keepdims=True)
            t[node.output] = requantize(mean, output, (None, None))
        elif node.op == "reshape":
            t[node.output] = x.reshape(len(x), -1)
        else:
            layer = node.layer
            total = sums(x - source.zero_point, node, layer.weight.astype(float), 0) + layer.bias
            t[node.output] = requantize(
                total * source.scale * layer.weight_scale, output, layer.clamp
            )
    return t["fc6"]


def test_quantization_step_reproduces_the_shipped_file_byte_for_byte(tmp_path):
    quantize.main(tmp_path)
    assert (tmp_path / "model.npz").read_bytes() == (FOLDER / "model.npz").read_bytes()


def test_saving_the_loaded_network_gives_the_shipped_file(tmp_path, graph):
    npz.save(graph, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (FOLDER / "model.npz").read_bytes()


def test_network_has_the_layers_and_parameters_that_its_page_says(graph):
    assert [node.op for node in graph.nodes] == [
        "conv_2d",
        "depthwise_conv_2d",
        "conv_2d",
        "add",
        "conv_2d",
        "average_pool_2d",
        "reshape",
        "fully_connected",
    ]
    layers = [node.layer for node in graph.mac_nodes]
    assert sum(layer.weight.size + layer.bias.size for layer in layers) == 4322
    assert graph.nodes[0].name == "conv1"
    assert graph.has_original_float
    for layer in layers:
        assert np.abs(layer.weight).max() == 127
        assert layer.weight.min() >= -127
        assert np.abs(layer.bias).max() < 1 << 31
    largest = [np.abs(layer.weight).reshape(len(layer.weight), -1).max(axis=1) for layer in layers]
    assert all((peaks == 127).all() for peaks in largest)  # per channel: each uses its scale


def test_average_pool_keeps_scale_and_zero_point(graph):
    before, after, flat = (graph.tensors[name] for name in ("conv4", "pool5", "features"))
    assert (before.scale, before.zero_point) == (after.scale, after.zero_point)
    assert (before.scale, before.zero_point) == (flat.scale, flat.zero_point)


def test_float_accuracy_is_at_least_97_percent(graph, data):
    correct = np.mean(float_logits(graph, data.real).argmax(axis=1) == data.Y)
    assert correct >= 0.97


def test_int8_accuracy_is_within_one_point_of_float(graph, data):
    reals = np.mean(float_logits(graph, data.real).argmax(axis=1) == data.Y)
    codes = np.mean(integer_logits(graph, data.X).argmax(axis=1) == data.Y)
    assert abs(reals - codes) <= 0.01


def test_float_twin_computes_the_trained_network(graph, data):
    twin = float_twin.run(graph, {"image": data.real})["fc6"]
    # two orders of float64 additions
    assert np.allclose(twin, float_logits(graph, data.real), rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="125 million interpreted MACs"
)
@pytest.mark.parametrize("machine", ["edge_ws_16x16", "tflite_reference"])
def test_simulated_accuracy_is_within_one_point_of_float(graph, data, machine):
    reals = np.mean(float_logits(graph, data.real).argmax(axis=1) == data.Y)
    outputs = network_run.run(graph, hardware.load(machine), {"image": data.X}).exact["fc6"]
    assert abs(reals - np.mean(outputs.argmax(axis=1) == data.Y)) <= 0.01


def test_data_holds_497_images_of_16_grey_levels(data):
    assert data.X.shape == (497, 8, 8, 1)
    assert data.X.dtype == np.int64
    assert set(np.unique(data.real * 16)) <= set(range(17))
    assert set(np.unique(data.Y)) == set(range(10))
    assert data.name == "digits-test"


def test_test_images_are_the_last_497_of_the_permutation(data):
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    chosen = train.permutation(1797, 0)[-497:]
    assert np.array_equal(data.real[..., 0], digits.images[chosen] / 16)
    assert np.array_equal(data.Y, digits.target[chosen])


def test_first_test_images_are_those_of_torchs_permutation(data, shared):
    golden = np.load(shared / "golden" / "seeds" / "pt2e_digits.npz")
    assert np.array_equal(data.real[:64, :, :, 0], golden["x"][:, 0])
    assert np.array_equal(data.Y[:64], golden["y"])


def test_committed_ranges_hold_the_training_images(graph):
    """The forward pass of training and the committed ranges belong to the same parameters."""
    stored = np.load(FOLDER / "float.npz")
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    chosen = train.permutation(1797, 0)[:-497]
    images = digits.images[chosen].astype(np.float32)[..., None] / 16
    tensors, _ = train.forward(dict(stored), images)
    for name, values in tensors.items():
        lo, hi = stored[f"{name}.range"]
        # a float matrix product adds in an order of its own
        assert np.allclose([values.min(), values.max()], [lo, hi], rtol=1e-4, atol=1e-4), name


def test_gradients_are_the_slopes_of_the_logits():
    """Central differences in float64 at one weight of every layer."""
    random = np.random.default_rng(1)
    parameters = {}
    for layer in train.LAYERS:
        parameters[f"{layer.name}.weight"] = random.normal(0, 0.4, layer.weight_shape)
        parameters[f"{layer.name}.bias"] = random.normal(0, 0.1, layer.weight_shape[0])
    image, slope = random.random((3, 8, 8, 1)), random.normal(size=(3, 10))
    gradients = train.backward(parameters, *train.forward(parameters, image), slope)
    step = 1e-5
    for name, values in parameters.items():
        where = tuple(extent // 2 for extent in values.shape)
        ends = []
        for sign in (1, -1):
            moved = {**parameters, name: values.copy()}
            moved[name][where] += sign * step
            ends.append((train.forward(moved, image)[0]["fc6"] * slope).sum())
        # float32 buffers inside `untaps` bound the agreement
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(
            gradients[name][where], rel=1e-4, abs=1e-4
        ), name


def test_training_is_seeded():
    random = np.random.default_rng(0)
    images = random.random((100, 8, 8, 1)).astype(np.float32)
    labels = random.integers(0, 10, 100)
    epochs, train.EPOCHS = train.EPOCHS, 1
    try:
        first, second = train.train(images, labels), train.train(images, labels)
    finally:
        train.EPOCHS = epochs
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_shipped_files_are_small():
    folder = FOLDER.parent
    assert sum(path.stat().st_size for path in folder.rglob("*.npz")) < 150_000
