"""Networks that ONNX Runtime's own quantizer makes here, each mode, against ONNX Runtime."""

import numpy as np
import pytest

onnx_library = pytest.importorskip("onnx", reason="onnx is not installed")
quantization = pytest.importorskip(
    "onnxruntime.quantization", reason="onnxruntime is not installed"
)

from conformance.test_onnxruntime_files import codes_of, in_the_file  # noqa: E402
from oracles.onnx_runtime import tensors  # noqa: E402

from hwsim import load_model  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
IMAGES = 40


class Calibration(quantization.CalibrationDataReader):
    """Images, one at a time."""

    def __init__(self, images):
        self.left = iter(images)

    def get_next(self):
        image = next(self.left, None)
        return None if image is None else {"x": image[None]}


@pytest.fixture(scope="module")
def images():
    """(S, 1, 8, 8), real."""
    return load_model("digits").data.real[:IMAGES].transpose(0, 3, 1, 2).astype(np.float32)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("activation", ["QUInt8", "QInt8"])
def test_a_network_quantized_here_is_onnxruntimes(
    shared, tmp_path, images, activation, form, per_channel
):
    """Static: every tensor of codes."""
    path = tmp_path / "net.onnx"
    quantization.quantize_static(
        shared / "data" / "fixtures" / "digits_pre.onnx",
        path,
        Calibration(images),
        quant_format=quantization.QuantFormat[form],
        per_channel=per_channel,
        activation_type=quantization.QuantType[activation],
        weight_type=quantization.QuantType.QInt8,
    )
    graph, ours = codes_of(path, images, "onnxruntime")
    wanted = in_the_file(graph)
    theirs = tensors(path, {"x": images}, wanted)
    assert len(wanted) >= 9
    for name in wanted:
        assert np.array_equal(ours[name], theirs[name].astype(np.int64)), name


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("weight", ["QUInt8", "QInt8"])
def test_a_network_quantized_here_at_run_time_is_onnxruntimes(
    shared, tmp_path, images, weight, per_channel
):
    """Dynamic: every layer's sums, image by image."""
    path = tmp_path / "net.onnx"
    quantization.quantize_dynamic(
        shared / "data" / "fixtures" / "digits_pre.onnx",
        path,
        per_channel=per_channel,
        weight_type=quantization.QuantType[weight],
    )
    few = images[:10]
    graph, ours = codes_of(path, few, "onnxruntime")
    wanted = [node.output for node in graph.mac_nodes]
    assert len(wanted) == 6
    for i, image in enumerate(few):
        theirs = tensors(path, {"x": image[None]}, wanted, "ORT_ENABLE_BASIC")
        assert all(np.array_equal(ours[name][i], theirs[name][0]) for name in wanted)
