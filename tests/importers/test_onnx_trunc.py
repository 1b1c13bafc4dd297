"""QONNX's Trunc behind Quant: the low bits of codes are dropped."""

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
