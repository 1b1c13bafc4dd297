"""The source documents' layers through a network run, on the machines that they are about."""

import numpy as np
import pytest
from golden.runtime_layers import Case

RUNTIMES = (
    "onnxruntime", "executorch_xnnpack", "pytorch_qnnpack", "pytorch_fbgemm", "pytorch_onednn",
    "pt2e_graph", "aimet", "edge_ws_16x16",
)  # fmt: skip
PADDING = ((1, 1), (1, 1))


def document_000(golden, y, **words) -> Case:
    """The 3 x 3 convolution; ``words`` replace its own."""
    own = {
        "w": golden["qw"].astype(np.int8), "sw": golden["w_scale"], "sy": golden["y_scale"],
        "zy": -int(golden["y_offset"]), "bias": golden["qb"],
    }  # fmt: skip
    return Case(
        golden["qx"].astype(np.uint8), y=golden[y].astype(np.uint8), sx=golden["x_scale"],
        zx=-int(golden["x_offset"]), padding=PADDING, **{**own, **words},
    )  # fmt: skip


@pytest.mark.parametrize("machine", RUNTIMES)
@pytest.mark.parametrize("file", ["seed000_conv", "seed000_conv_zx"])
def test_document_000_is_the_same_on_every_runtime(shared, machine, file):
    """seed000_conv.npz, seed000_conv_zx.npz: 100 codes each, with an integer or a real bias."""
    golden = dict(np.load(shared / f"golden/seeds/{file}.npz"))
    assert document_000(golden, "qy").differences(machine) == 0
    real = document_000(golden, "qy", bias=None, real_bias=golden["b"])
    assert real.differences(machine) == 0
    assert real.y.size == 100


def test_aimets_print_of_document_000(shared):
    """seed000_conv.npz: weights absmax / 127.5, a bias of 8 bits, added as a real number."""
    golden = dict(np.load(shared / "golden/seeds/seed000_conv.npz"))
    scale, bias = golden["aimet_w_scale"], golden["aimet_b_codes"] * float(golden["aimet_b_scale"])
    weight = np.clip(np.rint(golden["w"] / scale), -128, 127).astype(np.int8)
    words = {"w": weight, "sw": scale, "sy": golden["aimet_y_scale"], "zy": 141}
    case = document_000(golden, "aimet_codes", bias=None, real_bias=bias, **words)
    assert case.differences("aimet") == 0


@pytest.mark.parametrize(
    "machine", ["onnxruntime", "onnxruntime_avx2", "executorch_xnnpack", "pt2e_graph", "aimet"]
)
def test_document_004(shared, machine):
    """seed004_perchannel.npz: unsigned weights with a zero point a channel, 5,408 codes."""
    golden = dict(np.load(shared / "golden/seeds/seed004_perchannel.npz"))
    case = Case(
        golden["qx"], golden["qw"], golden["qy"], golden["x_scale"], int(golden["x_zp"]),
        golden["w_scale"], golden["y_scale"], int(golden["y_zp"]), zw=golden["w_zp"],
        bias=golden["qb"],
    )  # fmt: skip
    assert case.differences(machine) == 0
    assert case.y.size == 5408
