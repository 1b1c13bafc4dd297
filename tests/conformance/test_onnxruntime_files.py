"""The ``.onnx`` fixtures, tensor by tensor: against ONNX Runtime, AIMET's and PT2E's goldens.

"Equals ONNX Runtime" is said of level ORT_ENABLE_EXTENDED with ``session.qdqisint8allowed``: there
DQ - operator - Q is one integer kernel (hwsim/importers/onnx/onnxruntime.py).
"""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")

from oracles.onnx_runtime import tensors, version

from hwsim import load_hardware
from hwsim.importers import onnx
from hwsim.importers.onnx.onnxruntime import float_layers
from hwsim.network import float_twin
from hwsim.network.run import run

pytestmark = pytest.mark.conformance
IMAGES = 200
INTEGER = ["qdq_reduce_range", "qdq_s8s8_pt", "qdq_u8s8_pc", "qdq_u8u8_pt", "qop_u8s8_pc"]
FLOAT = ["digits_pre", "digits_ts", "digits_dynamo"]


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "data" / "fixtures"


@pytest.fixture(scope="module")
def images():
    """scikit-learn's digits, float32 (S, 1, 8, 8), pixels / 16."""
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    return (datasets.load_digits().images[:IMAGES, None] / 16).astype(np.float32)


def codes_of(path, images, machine):
    """The graph and every tensor on a machine, in the file's order of axes."""
    graph, layouts = onnx.load(path), onnx.layouts(path)
    (name,) = graph.inputs
    inputs = {name: layouts[name].from_file(images).astype(np.float64)}
    found = run(graph, load_hardware(machine), inputs).codes
    return graph, {name: layouts[name].to_file(codes) for name, codes in found.items()}


def in_the_file(graph):
    """Tensors of codes that the file has under this name."""
    return [n for n, t in graph.tensors.items() if t.format is not None and "#" not in n]


def record(record_conformance, runtime, version, machine, gaps):
    outputs = sum(gap.size for gap in gaps)
    wrong = sum(int(np.count_nonzero(gap)) for gap in gaps)
    record_conformance(runtime=runtime, version=version, machine=machine, outputs=outputs,
                       differences=wrong)  # fmt: skip
    print(f"{runtime}: {wrong} of {outputs} differ on {machine}")
    return wrong


@pytest.mark.parametrize("name", INTEGER)
def test_integer_files_are_onnxruntimes(fixtures, images, record_conformance, name):
    path = fixtures / f"digits_{name}.onnx"
    graph, ours = codes_of(path, images, "onnxruntime")
    wanted = in_the_file(graph)
    theirs = tensors(path, {"x": images}, wanted)
    gaps = [ours[n] - theirs[n].astype(np.int64) for n in wanted]
    assert len(gaps) >= 9
    assert not record(record_conformance, "ONNX Runtime CPU", version(),
                      "onnxruntime", gaps)  # fmt: skip
    assert np.array_equal(ours["y"], tensors(path, {"x": images}, ["y"])["y"])


def test_sixteen_bit_activations_run_in_float(fixtures, images, record_conformance):
    """ONNX Runtime does not fuse them: float32 layers, of which single codes differ by 1."""
    path = fixtures / "digits_qdq_u16s8_pc.onnx"
    graph, ours = codes_of(path, images, "onnxruntime")
    assert set(float_layers(graph)) == {node.name for node in graph.mac_nodes}
    first = graph.mac_nodes[0].output
    gap = ours[first] - tensors(path, {"x": images}, [first])[first].astype(np.int64)
    wrong = record(record_conformance, "ONNX Runtime CPU, a 16-bit layer run in float",
                   version(), "onnxruntime", [gap])  # fmt: skip
    assert 0 < wrong < 0.001 * gap.size
    assert np.abs(gap).max() == 1


def test_the_session_level_decides(fixtures, images):
    """SEEDS.md: logits differ between graph optimization OFF and ALL, so the level is named."""
    path = fixtures / "digits_qdq_u8s8_pc.onnx"
    name = "y_QuantizeLinear_Output"
    levels = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")
    off, basic, extended, full = (
        tensors(path, {"x": images}, [name], level)[name].astype(np.int64) for level in levels
    )
    assert np.array_equal(extended, full)
    assert np.array_equal(off, basic)
    assert 0 < np.count_nonzero(off != extended) < 0.1 * off.size
    assert np.abs(off - extended).max() == 1


def test_float_layers_are_those_that_are_not_fused(fixtures):
    """What ``hwsim inspect`` warns of."""
    reasons = float_layers(onnx.load(fixtures / "digits_qdq_s8s8_pt.onnx"))
    assert len(reasons) == 6
    assert all("qdqisint8allowed" in reason for reason in reasons.values())
    assert not float_layers(onnx.load(fixtures / "digits_qdq_u8s8_pc.onnx"))
    reasons = float_layers(onnx.load(fixtures / "pt2e_as_onnx.onnx"))
    assert set(reasons.values()) == {"its bias is not int32 at input_scale * weight_scale"}


@pytest.mark.parametrize("name", FLOAT)
def test_float_files_are_onnxruntimes_up_to_float32(fixtures, images, name):
    """Tolerance: float32 convolutions of up to 72 taps against the twin's float64."""
    path = fixtures / f"{name}.onnx"
    graph, layouts = onnx.load(path), onnx.layouts(path)
    assert graph.is_float
    ours = float_twin.run(graph, {"x": layouts["x"].from_file(images).astype(np.float64)})["y"]
    theirs = tensors(path, {"x": images}, ["y"])["y"]
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.array_equal(ours.argmax(axis=1), theirs.argmax(axis=1))


@pytest.mark.parametrize("machine", ["onnxruntime", "aimet", "edge_ws_16x16"])
def test_aimets_export_is_aimets_simulation(shared, fixtures, record_conformance, machine):
    """SEEDS.md 000: 0 of 100 outputs differ from AIMET's own simulation; also from a machine with
    31-bit multipliers."""
    golden = np.load(shared / "golden" / "seeds" / "aimet242_conv.npz")
    image = np.load(shared / "golden" / "seeds" / "seed000_conv.npz")["x"].reshape(1, 3, 5, 5)
    graph, ours = codes_of(fixtures / "aimet_conv_qdq.onnx", image, machine)
    gaps = [ours["x_q"] - golden["qx"].astype(np.int64),
            ours["y_q"] - golden["aimet_sim_codes"].astype(np.int64)]  # fmt: skip
    layer = graph.nodes[1].layer
    assert np.array_equal(layer.weight.transpose(0, 3, 1, 2), golden["qw"])
    assert np.array_equal(layer.bias, golden["qb"])
    assert gaps[1].size == 100
    assert not record(record_conformance, "AIMET",
                      "aimet-torch 2.42.0", machine, gaps[1:])  # fmt: skip
    assert not gaps[0].any()


def test_pt2e_as_onnx_is_the_pt2e_graph(shared, fixtures, record_conformance):
    """Layer by layer on the golden's own inputs: the bias is real, the graph is float."""
    golden = np.load(shared / "golden" / "seeds" / "pt2e_digits.npz")
    graph = onnx.load(fixtures / "pt2e_as_onnx.onnx")
    machine = load_hardware("pt2e_graph")
    layers = [k.removesuffix("_qw") for k in golden.files if k.endswith("_qw")]
    gaps = []
    for node, layer in zip(graph.mac_nodes, layers, strict=True):
        given, wanted = golden[f"{layer}_in"], golden[f"{layer}_out"]
        given, wanted = (a.transpose(0, 2, 3, 1) if a.ndim == 4 else a for a in (given, wanted))
        alone = type(graph)("one", graph.tensors, (node,), (node.inputs[0],), (node.output,))
        codes = run(alone, machine, {node.inputs[0]: given.astype(np.int64)}).codes[node.output]
        gaps.append(codes - wanted.astype(np.int64))
    assert len(gaps) == 6
    wrong = record(record_conformance, "PT2E graph", "torchao 0.18.0",
                   "pt2e_graph", gaps)  # fmt: skip
    assert max(np.abs(gap).max() for gap in gaps) <= 1
    assert all(np.count_nonzero(gap) < 0.001 * gap.size for gap in gaps)
    assert wrong <= 2


@pytest.mark.parametrize("name", ["dyn_u8", "dyn_s8", "dyn_s8_pc"])
def test_dynamic_files_are_onnxruntimes(fixtures, images, record_conformance, name):
    """Sums, which are integers, and real results, image by image: ONNX Runtime takes one scale for
    a whole batch. Level ORT_ENABLE_BASIC, where no operators are fused."""
    path = fixtures / f"digits_{name}.onnx"
    few = images[:60]
    graph, ours = codes_of(path, few, "onnxruntime")
    wanted = [node.output for node in graph.mac_nodes]
    gaps = []
    for i, image in enumerate(few):
        theirs = tensors(path, {"x": image[None]}, [*wanted, "y"], "ORT_ENABLE_BASIC")
        gaps += [ours[n][i] - theirs[n][0] for n in wanted]
        assert np.abs(ours["y"][i] - theirs["y"][0]).max() < 1e-5  # a float32 mean before the last
    assert len(wanted) == 6
    assert not record(record_conformance, "ONNX Runtime CPU", version(),
                      "onnxruntime", gaps)  # fmt: skip
