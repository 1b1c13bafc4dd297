"""Every file of ../shared/data/fixtures: imported and run, or refused for the stated reason.

One file for each mode of quantization that the source documents name. Counts: test images, of the
documents' 497, that the network classifies on the machine; the float network finds 490.
"""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: half of the files are .onnx")

from hwsim import load_hardware, load_model
from hwsim.errors import UnsupportedError
from hwsim.network import float_twin
from hwsim.network.graph import quantize_input
from hwsim.network.run import run

FLOAT = "float"  # in place of a machine: the float twin
PICKLE = "holds a state dict or a pickled class, not a graph, and a pickle runs code"
FORMAT = "not imported; supported: .encodings, .npz, .onnx, .pt, .pt2, .pth, .tflite"

DIGITS = {  # file: machine, images, SQNR in dB against the float network
    "digits_dyn_s8.onnx": ("onnxruntime", 489, 34.21),
    "digits_dyn_s8_pc.onnx": ("onnxruntime", 490, 34.15),
    "digits_dyn_u8.onnx": ("onnxruntime", 490, 34.65),
    "digits_dynamo.onnx": (FLOAT, 490, np.inf),
    "digits_pre.onnx": (FLOAT, 490, 100),
    "digits_ts.onnx": (FLOAT, 490, 100),
    "digits_qdq_reduce_range.onnx": ("onnxruntime", 491, 30.67),
    "digits_qdq_s8s8_pt.onnx": ("onnxruntime", 490, 32.77),
    "digits_qdq_u16s8_pc.onnx": ("onnxruntime", 491, 37.0),
    "digits_qdq_u8s8_pc.onnx": ("onnxruntime", 491, 34.2),
    "digits_qdq_u8u8_pt.onnx": ("onnxruntime", 491, 33.32),
    "digits_qop_u8s8_pc.onnx": ("onnxruntime", 491, 33.75),
    "pt2e_as_onnx.onnx": ("pt2e_graph", 491, 33.52),
    "pt2e_dynamic.pt2": ("pt2e_graph", 490, 49.23),
    "pt2e_qat.pt2": ("pt2e_graph", 491, 27.99),
    "pt2e_xnnpack_pc.pt2": ("pt2e_graph", 491, 33.52),
    "pt2e_xnnpack_pt.pt2": ("pt2e_graph", 490, 32.58),
    # SEEDS.md, "TFLite converter": 127 / 42.9 / 61.6 / 33.8 / 33.8 / 33.8 / 32.5 / 36.8 dB. The
    # float twin adds in float64 (127), and keeps activations real where LiteRT quantizes them at
    # run time (42.9).
    "tfl_float.tflite": (FLOAT, 490, 100),
    "tfl_dynamic_range.tflite": (FLOAT, 490, 43.35),
    "tfl_float16.tflite": (FLOAT, 490, 61.55),
    "tfl_int8_float_io.tflite": ("tflite_reference", 491, 33.84),
    "tfl_int8_full.tflite": ("tflite_reference", 491, 33.84),
    "tfl_uint8_io.tflite": ("tflite_reference", 491, 33.84),
    "tfl_int8_per_tensor.tflite": ("tflite_reference", 490, 32.48),
    "tfl_int16x8.tflite": ("tflite_reference", 491, 36.84),
}
ONE_LAYER = {  # file: machine; outputs against AIMET: golden/test_seed_000_aimet.py
    "aimet_conv.encodings": "aimet",
    "aimet_conv_b32.encodings": "aimet",
    "aimet_conv_v1.encodings": "aimet",
    "aimet_conv_v1_torch.encodings": "aimet",
    "aimet_conv_qdq.onnx": "aimet",
    "aimet_conv.onnx": FLOAT,
    "aimet_conv_b32.onnx": FLOAT,
    "aimet_conv_v1.onnx": FLOAT,
}
REFUSED = {  # file: what the error says
    "aimet_conv_v1.pth": PICKLE,  # a pickled class
    "digits_float.pt": PICKLE,  # state dicts: through from_torch, importers/test_torch_live.py
    "eager_dynamic.pt": PICKLE,
    "eager_qat_fbgemm.pt": PICKLE,
    "eager_qat_qnnpack.pt": PICKLE,
    "eager_static_x86.pt": PICKLE,
    "fx_static.pt": PICKLE,
    "torchao_int8dyn.pt": PICKLE,
    "aimet_conv.onnx.data": FORMAT,  # weights beside an .onnx
    "aimet_conv_b32.onnx.data": FORMAT,
    "aimet_conv_qdq.onnx.data": FORMAT,
    "aimet_enc.json": FORMAT,  # encodings of no network of these
}
DYNAMIC = "pt2e_dynamic.pt2"  # its linear layer alone, by scales chosen at run time


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "data" / "fixtures"


@pytest.fixture(scope="module")
def images():
    data = load_model("digits").data
    return data.real, data.Y


@pytest.fixture(scope="module")
def signal(fixtures, images):
    graph = load_model(fixtures / "digits_dynamo.onnx").graph
    return float_twin.run(graph, {graph.inputs[0]: images[0]})[graph.outputs[0]]


def outputs(graph, machine, real):
    """Real outputs of a network on real inputs."""
    source, target = (graph.tensors[names[0]] for names in (graph.inputs, graph.outputs))
    if machine == FLOAT:
        return float_twin.run(graph, {source.name: real})[target.name]
    given = real if source.format is None else quantize_input(source, real)
    found = run(graph, load_hardware(machine), {source.name: given}).codes[target.name]
    return found if target.format is None else (found - target.zero_point) * target.scale


def test_every_file_is_in_a_table(fixtures):
    files = {path.name for path in fixtures.iterdir()}
    assert files == {*DIGITS, *ONE_LAYER, *REFUSED}


@pytest.mark.parametrize("name", DIGITS)
def test_a_file_is_imported_and_runs(fixtures, images, signal, name):
    machine, right, sqnr = DIGITS[name]
    graph = load_model(fixtures / name).graph
    assert graph.is_float == (machine == FLOAT)
    assert len(graph.mac_nodes) == (1 if name == DYNAMIC else 6)
    found = outputs(graph, machine, images[0]).reshape(signal.shape)
    assert np.sum(found.argmax(axis=1) == images[1]) == right
    noise = np.sum((found - signal) ** 2)
    decibel = np.inf if noise == 0 else 10 * np.log10(np.sum(signal**2) / noise)
    if sqnr == 100:
        assert decibel > sqnr  # float32 parameters, one and the same network
    else:
        assert decibel == sqnr or abs(decibel - sqnr) <= 0.00501


@pytest.mark.parametrize("name", ONE_LAYER)
def test_a_layer_is_imported_and_runs(fixtures, shared, name):
    machine = ONE_LAYER[name]
    seed = np.load(shared / "golden" / "seeds" / "seed000_conv.npz")
    image = seed["x"].reshape(1, 3, 5, 5).transpose(0, 2, 3, 1).astype(np.float64)
    graph = load_model(fixtures / name).graph
    assert graph.is_float == (machine == FLOAT)
    found = outputs(graph, machine, image).transpose(0, 3, 1, 2)
    step = 0.0042  # of the output; the float files hold weights that AIMET rounded already
    assert np.abs(found - seed["y"].reshape(found.shape)).max() < step


@pytest.mark.parametrize("name", [n for n, t in {**DIGITS, **ONE_LAYER}.items() if FLOAT in t])
def test_a_float_network_runs_on_no_machine(fixtures, name):
    graph = load_model(fixtures / name).graph
    nothing = np.zeros((1, *graph.tensors[graph.inputs[0]].shape))
    with pytest.raises(UnsupportedError, match=r"must be quantized first \(hwsim quantize\)"):
        run(graph, load_hardware("edge_ws_16x16"), {graph.inputs[0]: nothing})


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_for_the_stated_reason(fixtures, name):
    with pytest.raises(UnsupportedError) as raised:
        load_model(fixtures / name)
    text = str(raised.value)
    assert REFUSED[name] in text
    assert "\n" not in text
    if REFUSED[name] is PICKLE:
        assert "hwsim.from_torch(module, example)" in text
