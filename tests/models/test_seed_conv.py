"""The worked example: shipped integers are the golden's, and give the golden's outputs."""

import numpy as np
import pytest

from hwsim import models
from hwsim.errors import ModelError
from hwsim.importers import hardware
from hwsim.models.seed_conv import make
from hwsim.network import float_twin
from hwsim.network import run as network_run


@pytest.fixture(scope="module")
def golden(shared):
    stored = np.load(shared / "golden" / "seeds" / "seed000_conv.npz")
    return {name: stored[name] for name in stored.files}


def accumulators(graph, codes):
    """Exact sums with bias, of shape (5, 5, 4); the input's zero point is 0."""
    layer = graph.nodes[0].layer
    padded = np.pad(codes[0], ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((5, 5, 4), np.int64)
    for y, x, oc in np.ndindex(5, 5, 4):
        out[y, x, oc] = (padded[y : y + 3, x : x + 3] * layer.weight[oc]).sum() + layer.bias[oc]
    return out


def test_shipped_files_are_made_from_the_golden(tmp_path, golden, shared):
    make.main(shared / "golden" / "seeds" / "seed000_conv.npz", tmp_path)
    for name in ("model.npz", "test.npz"):
        assert (tmp_path / name).read_bytes() == (make.HERE / name).read_bytes()


def test_shipped_integers_are_the_goldens(golden):
    graph, data = models.load("seed_conv")
    layer, x, y = graph.nodes[0].layer, graph.tensors["x"], graph.tensors["y"]
    assert np.array_equal(data.X[0].transpose(2, 0, 1), golden["qx"][0])
    assert np.array_equal(data.real[0].transpose(2, 0, 1), golden["x"][0].astype(np.float64))
    assert np.array_equal(layer.weight.transpose(0, 3, 1, 2), golden["qw"])
    assert np.array_equal(layer.float_weight.transpose(0, 3, 1, 2), golden["w"].astype(float))
    assert np.array_equal(layer.float_bias, golden["b"].astype(float))
    assert layer.bias.tolist() == golden["qb"].tolist() == [9161, 15769, 11590, -7892]
    assert (x.scale, x.zero_point) == (float(golden["x_scale"]), 0)
    assert (y.scale, y.zero_point) == (float(golden["y_scale"]), 141)
    assert layer.weight_scale.tolist() == [float(golden["w_scale"])]
    assert data.Y is None


def test_accumulators_and_codes_are_the_goldens(golden):
    graph, data = models.load("seed_conv")
    sums = accumulators(graph, data.X)
    assert np.array_equal(sums.transpose(2, 0, 1), golden["acc_bias"][0])
    multiplier, shift = int(golden["M0"]), 31 - int(golden["shift"])
    half_up = (sums * multiplier + (1 << (shift - 1))) >> shift
    codes = np.clip(half_up + graph.tensors["y"].zero_point, 0, 255)
    assert np.array_equal(codes.transpose(2, 0, 1), golden["qy"][0])


@pytest.mark.parametrize("machine", ["edge_ws_16x16", "tflite_reference"])
def test_simulated_codes_are_the_goldens(golden, machine):
    graph, data = models.load("seed_conv")
    codes = network_run.run(graph, hardware.load(machine), {"x": data.X}).exact["y"]
    assert np.array_equal(codes[0].transpose(2, 0, 1), golden["qy"][0])


def test_float_twin_quantizes_to_the_goldens_float_codes(golden):
    graph, data = models.load("seed_conv")
    y = float_twin.run(graph, {"x": data.real})["y"]
    codes = np.rint(y / graph.tensors["y"].scale) + graph.tensors["y"].zero_point
    assert np.array_equal(codes[0].transpose(2, 0, 1), golden["qqy"][0])


def test_sums_need_18_bits():
    graph, data = models.load("seed_conv")
    sums = accumulators(graph, data.X)
    assert (sums.min(), sums.max()) == (-101048, 81628)


def test_unknown_model_names_the_known_ones():
    with pytest.raises(ModelError, match=r"hwsim: model = digit: must be one of digits, seed_conv"):
        models.load("digit")
