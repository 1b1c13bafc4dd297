"""QONNX's Trunc and BipolarQuant of activations, each against its formula."""

import numpy as np
import pytest
from importers.onnx_small import Small, write

from hwsim import load_hardware, load_model
from hwsim.errors import UnsupportedError
from hwsim.network.run import run

DOMAIN = "qonnx.custom_op.general"
SCALE = 0.25


def truncated(tmp_path, rounding="FLOOR", scale=SCALE):
    small = Small()
    numbers = [small.constant(np.float32(v)) for v in (SCALE, 0, 8)]
    x = small.op("Quant", [small.input((3, 4)), *numbers], DOMAIN, signed=1, narrow=0)
    numbers = [small.constant(np.float32(v)) for v in (scale, 0, 8, 4)]
    y = small.op("Trunc", [x, *numbers], DOMAIN, rounding_mode=rounding, signed=1)
    return load_model(write(small.model(y), tmp_path)).graph


@pytest.mark.parametrize(("rounding", "divide"), [("FLOOR", np.floor), ("DOWN", np.trunc)])
def test_trunc_is_its_formula(tmp_path, rounding, divide):
    """qonnx: ``s * round(rint(x / s) / 2**(8 - 4))``."""
    graph = truncated(tmp_path, rounding)
    real = np.random.default_rng(0).uniform(-32, 31, (50, 3, 4)).astype(np.float32)
    found = run(graph, load_hardware("onnxruntime"), {graph.inputs[0]: real.astype(np.float64)})
    expected = SCALE * divide(np.rint(real / np.float32(SCALE)).astype(np.float64) / 16)
    assert np.array_equal(found.codes[graph.outputs[0]], expected)


def test_another_scale_than_the_codes_is_refused(tmp_path):
    with pytest.raises(UnsupportedError, match=r"must be codes of scale 0\.5"):
        truncated(tmp_path, scale=0.5)


def test_an_unknown_rounding_is_refused(tmp_path):
    with pytest.raises(UnsupportedError, match="rounding_mode = CEIL"):
        truncated(tmp_path, "CEIL")


@pytest.mark.parametrize("quantized", [True, False])
def test_bipolar_quant_is_the_sign(tmp_path, quantized):
    """qonnx: ``s * (+1 if x >= 0 else -1)``."""
    small = Small()
    x = small.input((3, 4))
    if quantized:
        numbers = [small.constant(np.float32(v)) for v in (SCALE, 0, 8)]
        x = small.op("Quant", [x, *numbers], DOMAIN, signed=1, narrow=0)
    y = small.op("BipolarQuant", [x, small.constant(np.float32(0.5))], DOMAIN)
    graph = load_model(write(small.model(y), tmp_path)).graph
    real = np.random.default_rng(0).uniform(-3, 3, (50, 3, 4)).astype(np.float32)
    real[0] = 0
    found = run(graph, load_hardware("onnxruntime"), {graph.inputs[0]: real.astype(np.float64)})
    seen = np.rint(real / np.float32(SCALE)) if quantized else real
    expected = np.where(seen >= 0, 0.5, -0.5)
    assert np.array_equal(found.codes[graph.outputs[0]], expected)


def test_a_binary_layer_multiplies_signs(tmp_path):
    """BipolarQuant activations and weights: the sums are those of -1 and +1."""
    small = Small()
    rng = np.random.default_rng(1)
    one = small.constant(np.float32(1))
    x = small.op("BipolarQuant", [small.input((6,)), one], DOMAIN)
    weight = rng.normal(size=(6, 5)).astype(np.float32)
    w = small.op("BipolarQuant", [small.constant(weight), one], DOMAIN)
    graph = load_model(write(small.model(small.op("MatMul", [x, w])), tmp_path)).graph
    assert [node.op for node in graph.mac_nodes] == ["fully_connected"]
    real = rng.normal(size=(40, 6))
    found = run(graph, load_hardware("aimet"), {graph.inputs[0]: real})
    expected = np.where(real >= 0, 1, -1) @ np.where(weight >= 0, 1, -1)
    assert np.array_equal(found.codes[graph.outputs[0]], expected)
