"""SEEDS.md 001 and section (d): which test is each row's, and the rows that have none elsewhere.

Rows of the table of modes are files of data/fixtures; what equals what is counted by the tests
named here (``record_conformance``: the README's table).
"""

import ast

import numpy as np
import pytest

from hwsim import load_hardware, load_model
from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.run import run

IMPORTED = "importers/test_fixtures.py::test_a_file_is_imported_and_runs"
LIVE = "importers/test_torch_live.py::test_every_layer_of_a_fixture_is_the_engine_s"
DYNAMIC = "importers/test_torch_dynamic.py::"
ORT = "conformance/test_onnxruntime_files.py::"
MODES = {  # row: its tests
    "dynamic": [f"{DYNAMIC}test_eager_dynamic_layers_are_pytorchs"],
    "dynamic, successor": [f"{DYNAMIC}test_torchao_rows_are_torchaos"],
    "dynamic, PT2E": [f"{DYNAMIC}test_a_pt2e_file_is_torchaos", IMPORTED],
    "static + fusion (eager; fbgemm, x86, onednn, qnnpack)": [
        LIVE, "golden/test_pytorch_layers.py::test_eager_layers",
        "golden/test_pytorch_layers.py::test_digits_layers"],
    "FX": [LIVE, "importers/test_torch_live.py::test_a_whole_network_agrees_on_the_classes"],
    "QAT (eager, PT2E)": [LIVE, IMPORTED],
    "PT2E": [IMPORTED, "importers/test_torch_live.py::"
             "test_pt2e_live_and_its_file_are_the_same_network",
             "golden/test_graph_layers.py::test_pt2e_graph",
             f"{ORT}test_pt2e_as_onnx_is_the_pt2e_graph",
             "golden/test_seed_003.py::test_logits_are_torchaos"],
    "ONNX static": [f"{ORT}test_integer_files_are_onnxruntimes",
                    f"{ORT}test_sixteen_bit_activations_run_in_float",
                    "golden/test_onnxruntime_layers.py::test_digits_layers"],
    "ONNX dynamic": [f"{ORT}test_dynamic_files_are_onnxruntimes"],
    "ONNX opt vs no-opt": [f"{ORT}test_the_session_level_decides",
                           f"{ORT}test_float_layers_are_those_that_are_not_fused"],
    "TFLite converter": [IMPORTED,
                         "importers/test_tflite_models.py::test_every_tensor_is_litert_s"],
}  # fmt: skip
WORKS_WHEN = {  # system: its tests
    "AIMET": ["golden/test_seed_000_aimet.py::test_qdq_export_is_aimets_simulation",
              "golden/test_seed_000_aimet.py::test_float_network_and_encodings_are_aimets_simulation",
              "golden/test_seed_000_aimet.py::test_the_signed_convention_is_the_same_network"],
    "PyTorch eager dynamic": [
        f"{DYNAMIC}test_eager_dynamic_layers_are_pytorchs",
        "golden/test_seed_001.py::test_the_dynamic_linear_layer_is_pytorchs_by_hand"],
    "eager static, FX: fbgemm, x86, onednn": [
        LIVE, "golden/test_seed_001.py::test_an_integer_bias_is_no_float_engines"],
    "eager static: qnnpack": [LIVE, "golden/test_pytorch_layers.py::test_eager_layers"],
    "QAT converted": [LIVE],
    "PT2E / XNNPACK": ["golden/test_graph_layers.py::test_pt2e_graph",
                       "golden/test_graph_layers.py::"
                       "test_executorch_differs_from_the_graph_in_six_codes",
                       "golden/test_seed_003.py::"
                       "test_one_layer_with_an_integer_bias_moves_few_codes"],
    "ONNX Runtime": [f"{ORT}test_integer_files_are_onnxruntimes",
                     f"{ORT}test_dynamic_files_are_onnxruntimes"],
    "TFLite ref conv/depthwise, ref FC, optimized, XNNPACK": [
        "golden/test_tflite_seeds.py::test_mlperf_tiny_layers_equal_litert",
        "conformance/test_mlperf_tiny.py::test_every_tensor_is_the_runtime_s"],
    "TFLite Micro FC": [
        "conformance/test_mlperf_tiny.py::test_final_outputs_are_tflite_micro_s"],
    "TFLite int16x8": ["golden/test_tflite_seeds.py::test_int16_layers_equal_litert_reference"],
    "notebook QConv2d": ["golden/test_seed_layers.py::test_document_004"],
    "bit-shift hardware": ["golden/test_seed_003.py::test_the_multiplier_table",
                           "golden/test_seed_003.py::test_a_pure_shift_on_free_scales_is_lossy",
                           "golden/test_seed_000_arithmetic.py::"
                           "test_shift_only_has_the_stated_gain_error_and_sqnr"],
}  # fmt: skip


@pytest.mark.parametrize("row", [*MODES, *WORKS_WHEN])
def test_every_row_has_its_tests(root, row):
    for place in {**MODES, **WORKS_WHEN}[row]:
        file, name = place.split("::")
        tree = ast.parse((root / "tests" / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, place


FLOAT_ENGINES = {  # fixture: codes of an int32 bias that differ, of every convolution
    "eager_static_x86": [46, 127, 95, 90, 110],
    "eager_qat_fbgemm": [132, 92, 119, 96, 150],
    "fx_static": [46, 127, 95, 51, 105],
}


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*FLOAT_ENGINES, "eager_qat_qnnpack"])
def test_an_integer_bias_is_no_float_engines(shared, name):
    """fbgemm and x86 add the bias in float: modelled as int32, 45-150 codes of a convolution's
    127,232 or 254,464 differ, each by one. qnnpack's own bias is int32: none do."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from importers.test_torch_live import MODES as LIVE_MODES
    from importers.test_torch_live import alone
    from importers.torch_digits import state_of

    from hwsim import from_torch

    engine, make = LIVE_MODES[name]
    module = make(engine, state_of(shared / "data" / "fixtures" / f"{name}.pt"))
    graph = from_torch(module, torch.zeros(1, 1, 8, 8))
    inputs = {graph.inputs[0]: load_model("digits").data.real}
    codes = run(graph, load_hardware(f"pytorch_{engine}"), inputs).codes
    found = []
    for node in graph.mac_nodes[:5]:
        given = {tensor: codes[tensor] for tensor in node.inputs}
        ours = run(alone(graph, node), load_hardware("executorch_xnnpack"), given)
        gap = ours.codes[node.output] - codes[node.output]
        assert gap.size in (127_232, 254_464)
        assert np.abs(gap).max() <= 1
        found.append(int(np.count_nonzero(gap)))
    assert found == FLOAT_ENGINES.get(name, [0] * 5)
    assert name not in FLOAT_ENGINES or (min(found) >= 45 and max(found) <= 150)


@pytest.mark.parametrize(("engine", "levels"), [("fbgemm", 127), ("onednn", 127), ("qnnpack", 255)])
def test_the_dynamic_linear_layer_is_pytorchs_by_hand(shared, engine, levels):
    """Section (d), eager dynamic: largest difference below 2e-6. The scale of the batch and the
    float epilogue are computed here, codes and sums by hwsim (eager_layers.npz: 640 outputs)."""
    golden = np.load(shared / "golden/seeds/eager_layers.npz")
    x, y, w, sw, b, qmax = (golden[f"{engine}_dyn_{k}"] for k in ("x", "y", "w", "sw", "b", "qmax"))
    assert int(qmax) == levels  # 7 bits, but for qnnpack
    lo, hi = min(0.0, float(x.min())), max(0.0, float(x.max()))
    scale = float(np.float32((hi - lo) / levels))
    codes = IntFormat(levels.bit_length(), signed=False)
    tensors = {
        "x": Tensor("x", x.shape[1:], None),
        "codes": Tensor("codes", x.shape[1:], codes, scale, round(-lo / scale)),
        "sums": Tensor("sums", y.shape[1:], IntFormat(32), scale * float(sw), 0),
    }
    one, zero = np.full(1, float(sw)), np.zeros(1, np.int64)
    layer = MacLayer("fully_connected", w.astype(np.int64), IntFormat(8), one, zero)
    nodes = (
        Node("quantize", "quantize", ("x",), "codes"),
        Node("fc", "fully_connected", ("codes",), "sums", layer),
    )
    graph = Graph("dynamic", tensors, nodes, ("x",), ("sums",))
    machine = load_hardware("onnxruntime")
    sums = run(graph, machine, {"x": x.astype(np.float64)}).codes["sums"]
    assert y.size == 640
    assert np.abs(sums * scale * float(sw) + b - y).max() < 2e-6
