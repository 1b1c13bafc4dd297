"""SEEDS.md 000, "can the quantized model be used?": AIMET 2.42's exports, through load_model.

Files: the QDQ export (weights are float behind QuantizeLinear, in an external data file), and the
float network with ``.encodings`` of both generations. AIMET writes a symmetric grid as unsigned
codes with an offset, -128 or -2147483648; the variant made here has AIMET's API convention, offset
0. Golden: AIMET's own simulation, 100 outputs.
"""

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")

from hwsim import load_hardware, load_model
from hwsim.errors import ModelError
from hwsim.network.run import run

ENCODINGS = {  # file: generation
    "aimet_conv.encodings": "1.0.0 of ONNX",
    "aimet_conv_b32.encodings": "1.0.0 of ONNX, bias int32",
    "aimet_conv_v1.encodings": "1.0.0 of the older exporter",
    "aimet_conv_v1_torch.encodings": "0.6 of PyTorch, by module",
}
MACHINES = ["aimet", "onnxruntime", "edge_ws_16x16"]


def differences(path, shared, machine) -> int:
    """Outputs, of 100, that are not AIMET's; weights and scales are checked on the way."""
    seeds = shared / "golden" / "seeds"
    golden, seed = np.load(seeds / "aimet242_conv.npz"), np.load(seeds / "seed000_conv.npz")
    image = seed["x"].reshape(1, 3, 5, 5).transpose(0, 2, 3, 1).astype(np.float64)
    graph = load_model(path).graph
    (node,) = graph.mac_nodes
    assert np.array_equal(node.layer.weight.transpose(0, 3, 1, 2), golden["qw"])
    assert np.array_equal(node.layer.weight_scale.astype(np.float32), golden["w_scale"])
    found = run(graph, load_hardware(machine), {graph.inputs[0]: image}).codes[node.output]
    theirs = golden["aimet_sim_codes"].reshape(1, 4, 5, 5).transpose(0, 2, 3, 1)
    assert theirs.size == 100
    return int(np.count_nonzero(found != theirs))


def recorded(record_conformance, machine, wrong):
    record_conformance(
        runtime="AIMET",
        version="aimet-torch 2.42.0", machine=machine, outputs=100, differences=wrong,
    )  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES)
def test_qdq_export_is_aimets_simulation(shared, machine):
    path = shared / "data" / "fixtures" / "aimet_conv_qdq.onnx"
    assert differences(path, shared, machine) == 0


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ENCODINGS)
def test_float_network_and_encodings_are_aimets_simulation(
    shared, record_conformance, name, machine
):
    wrong = differences(shared / "data" / "fixtures" / name, shared, machine)
    recorded(record_conformance, machine, wrong)
    assert wrong == 0


def signed(stored):
    """The same encodings with offset 0 for symmetric grids."""
    for part in ("activation_encodings", "param_encodings"):
        entries = stored[part]
        for grid in entries if isinstance(entries, list) else _grids(entries):
            if str(grid.get("is_sym", grid.get("is_symmetric"))) == "True":
                many = isinstance(grid["offset"], list)
                grid["offset"] = [0] * len(grid["offset"]) if many else 0
    return stored


def _grids(entries):
    for entry in entries.values():
        for part in entry if isinstance(entry, list) else entry.values():
            yield from [part] if isinstance(entry, list) else part.values()


def copied(shared, tmp_path, name):
    """The float network and its encodings in a folder of their own; the encodings' path."""
    fixtures = shared / "data" / "fixtures"
    stem = name.removesuffix(".encodings").removesuffix("_torch")
    for path in (*fixtures.glob(f"{stem}.onnx*"), fixtures / name):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / name


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_signed_convention_is_the_same_network(shared, tmp_path, record_conformance, name):
    path = copied(shared, tmp_path, name)
    before = path.read_text()
    assert "-128" in before
    path.write_text(json.dumps(signed(json.loads(before))))
    assert "-128" not in path.read_text()
    assert "-2147483648" not in path.read_text()
    wrong = differences(path, shared, "aimet")
    recorded(record_conformance, "aimet", wrong)
    assert wrong == 0


def test_a_bias_encoding_makes_an_integer_bias(shared):
    fixtures = shared / "data" / "fixtures"
    golden = np.load(shared / "golden" / "seeds" / "aimet242_conv.npz")
    (real,) = load_model(fixtures / "aimet_conv.encodings").graph.mac_nodes
    (coded,) = load_model(fixtures / "aimet_conv_b32.encodings").graph.mac_nodes
    assert real.layer.bias is None
    assert real.layer.real_bias is not None
    assert np.array_equal(coded.layer.bias, golden["qb"])
    assert coded.layer.bias_bits == 32


@pytest.mark.parametrize(
    ("old", "new", "must"),
    [
        ('"y"', '"nosuch"', "tensor = nosuch: must be a tensor of the network"),
        ('"bw": 8', '"bw": 99', "bw = 99: must be 2..32"),
        ("-141", "-999", "offset = .*: must be one a scale, inside the grid"),
        ('"INT"', '"FLOAT"', "FLOAT: must be INT"),
        ("{", "", "must be AIMET's encodings"),
    ],
)
def test_encodings_that_do_not_go_with_the_network_are_one_line(shared, tmp_path, old, new, must):
    path = copied(shared, tmp_path, "aimet_conv.encodings")
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ModelError, match=must) as raised:
        load_model(path)
    assert "\n" not in str(raised.value)


def test_encodings_without_their_network_say_what_is_missing(shared, tmp_path):
    path = tmp_path / "aimet_conv.encodings"
    shutil.copy(shared / "data" / "fixtures" / "aimet_conv.encodings", path)
    with pytest.raises(ModelError, match=r"must stand beside the float network aimet_conv\.onnx"):
        load_model(path)
