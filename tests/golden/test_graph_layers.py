"""Layers of float graphs with quantize and dequantize around them: PT2E, ExecuTorch, AIMET."""

import numpy as np
import pytest
from golden.runtime_layers import Case, compared, grouped, machine

from hwsim.arith.formats import IntFormat
from hwsim.network import run as network
from hwsim.network.graph import Graph, Node, Tensor

U8, S8 = IntFormat(8, signed=False), IntFormat(8)
LAYERS = ("conv2d", "conv2d_1", "conv2d_2", "conv2d_3", "conv2d_4", "linear")


def pt2e_cases(shared):
    """The six layers of the digits network, torchao 0.18, 8 images."""
    fields = ("qw", "sw", "b", "sx", "zx", "sy", "zy", "relu", "in", "out")
    found = grouped(shared / "golden/seeds/pt2e_digits.npz", fields)
    cases = {}
    for name in LAYERS:
        a, words = found[name], {}
        if a["in"].ndim == 4:
            stride = a["in"].shape[2] // a["out"].shape[2]
            words = {
                "padding": ((1, 1), (1, 1)), "stride": (stride, stride),
                "groups": a["in"].shape[1] // a["qw"].shape[1],
            }  # fmt: skip
        cases[name] = Case(
            a["in"], a["qw"].astype(np.int8), a["out"], float(a["sx"]), int(a["zx"]), a["sw"],
            float(a["sy"]), int(a["zy"]), real_bias=a["b"], relu=bool(a["relu"]), **words,
        )  # fmt: skip
    return cases


def test_pt2e_graph(shared, recorded):
    """pt2e_digits.npz: the graph itself, its bias real."""
    assert recorded(pt2e_cases(shared), "pt2e_graph") == ({}, 16464)


def test_executorch_differs_from_the_graph_in_six_codes(shared):
    """pt2e_digits.npz: with XNNPACK's integer bias, and by no more than one."""
    cases = pt2e_cases(shared)
    found, _ = compared(cases, "executorch_xnnpack")
    assert found == {"conv2d_1": 3, "conv2d_2": 1, "conv2d_4": 2}
    for name in found:
        change = np.abs(cases[name].run("executorch_xnnpack")[0] - cases[name].y)
        assert change.max() == 1


@pytest.mark.parametrize("arrays", ["qy", "aimet_sim_codes"])
@pytest.mark.parametrize("bias", ["real", "integer"])
def test_aimet_layer(shared, arrays, bias, recorded):
    """aimet242_conv.npz: AIMET 2.42's simulation of document 000's layer, and its QDQ export."""
    golden = dict(np.load(shared / "golden/seeds/aimet242_conv.npz"))
    trained = np.load(shared / "golden/seeds/seed000_conv.npz")["b"]
    words = {"real_bias": trained} if bias == "real" else {"bias": golden["qb"]}
    case = Case(
        golden["qx"], golden["qw"], golden[arrays], golden["x_scale"], int(golden["x_zp"]),
        golden["w_scale"], golden["y_scale"], int(golden["y_zp"]),
        padding=((1, 1), (1, 1)), **words,
    )  # fmt: skip
    assert recorded({"conv": case}, "aimet") == ({}, 100)


def quantized(machine_name, x, scale, zero_point, form, *words):
    """Real values through a machine's quantize operator."""
    tensors = {
        "x": Tensor("x", x.shape, None),
        "y": Tensor("y", x.shape, form, float(scale), int(zero_point)),
    }
    node = Node("quantize", "quantize", ("x",), "y")
    graph = Graph("quantize", tensors, (node,), ("x",), ("y",))
    run = network.run(graph, machine(machine_name, *words), {"x": x[None].astype(np.float64)})
    return run.codes["y"][0]


def test_aimet_quantizers(shared):
    """golden_aimet.npz: 12 tensors of 300 values, symmetric and not, 4, 8 and 16 bits."""
    found = grouped(shared / "golden/semantics/golden_aimet.npz", ("x", "q", "enc"))
    for key, a in found.items():
        _, _, scale, offset, least, largest = a["enc"].tolist()
        form = IntFormat(int(key.split("_")[2]), signed=least < 0)
        assert (form.lo, form.hi) == (least, largest)
        assert (quantized("aimet", a["x"], scale, -offset, form) == a["q"]).all(), key
    assert len(found) == 12


def test_aimet_without_gradients_multiplies_by_the_reciprocal(shared):
    """golden_aimet.npz: the other form that AIMET takes differs on ties alone."""
    found = grouped(shared / "golden/semantics/golden_aimet.npz", ("x", "q", "enc"))
    a = found["aimet_sym_8_1"]
    words = ("operators.quantize.form=reciprocal",)
    codes = quantized("aimet", a["x"], a["enc"][2], 0, S8, *words)
    assert np.count_nonzero(codes != a["q"]) == 21
