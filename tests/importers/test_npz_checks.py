"""One line for whatever is wrong in a model file's JSON and arrays."""

import json

import numpy as np
import pytest
from importers.npz_cases import del_, kitchen_sink, put, refused, rewritten, same

from hwsim import models
from hwsim.errors import ModelError
from hwsim.importers import npz

LAYER = ("nodes", 0, "layer")
JSON_FAULTS = {
    "missing key": (put("outputs", del_), "graph.outputs = absent: must be there"),
    "unknown key": (put("tensor", 1), "graph.tensor = 1: must be a known key"),
    "other schema": (put("schema", "v9"), "graph.schema = 'v9': must be 'hwsim-graph-1'"),
    "negative scale": (
        put("tensors", 0, "scale", -1.0),
        "graph.tensors.0.scale = -1.0: must be greater than 0",
    ),
    "not a number": (put("tensors", 0, "scale", float("nan")), "graph.tensors.0.scale = nan"),
    "text for number": (put("tensors", 0, "zero_point", "0"), "must be a valid integer"),
    "number too large": (put("tensors", 0, "zero_point", 1 << 70), "graph.tensors.0.zero_point"),
    "zero point outside": (
        put("tensors", 0, "zero_point", 256),
        r"x.zero_point = 256: must be in \[0, 255\]",
    ),
    "zero bits": (put("tensors", 0, "format", "bits", 0), "graph.tensors.0.format.bits = 0"),
    "64 bits unsigned": (
        put("tensors", 0, "format", {"bits": 64, "signed": False}),
        "x.format.bits = 64: unsigned formats end at 63",
    ),
    "real with scale": (put("tensors", 1, "format", None), "y.scale = .*: must be 1"),
    "extent zero": (put("tensors", 0, "shape", [5, 0, 3]), "graph.tensors.0.shape.1 = 0"),
    "other shape": (put("tensors", 1, "shape", [5, 5, 5]), r"y.shape = \(5, 5, 5\): must be"),
    "channels": (put("tensors", 0, "shape", [5, 5, 2]), "must end in 3"),
    "flat image": (put("tensors", 0, "shape", [75]), r"must be \(y, x, channels\)"),
    "small image": (put(*LAYER, "dilation", [9, 9]), "must reach over the kernel's taps"),
    "unknown op": (put(*LAYER, "op", "conv_3d"), "graph.nodes.0.layer.op = 'conv_3d'"),
    "two ops": (put("nodes", 0, "op", "add"), "conv.op = add: must be its layer's, conv_2d"),
    "stride zero": (put(*LAYER, "stride", [0, 1]), "graph.nodes.0.layer.stride.0 = 0"),
    "three strides": (put(*LAYER, "stride", [1, 1, 1]), "graph.nodes.0.layer.stride"),
    "negative padding": (put(*LAYER, "padding", [[0, -1], [0, 0]]), "conv.padding = "),
    "groups": (put(*LAYER, "groups", 3), "must end in 9"),
    "clamp": (put(*LAYER, "clamp", [9, 3]), r"conv.clamp = \(9, 3\): must be lo <= hi"),
    "no weight": (put(*LAYER, "weight", None), "array = node0.weight: must be named in the graph"),
    "no such array": (
        put(*LAYER, "weight", "w"),
        "conv.weight = w: must be an array in the file",
    ),
    "narrow weights": (
        put(*LAYER, "weight_format", "bits", 7),
        r"conv.weight = -128: must be in \[-64, 63\]",
    ),
    "unknown input": (put("nodes", 0, "inputs", ["q"]), "conv = q: must be one of the graph's"),
    "input of later": (put("nodes", 0, "inputs", ["y"]), "conv.input = y: must be computed before"),
    "output is input": (put("nodes", 0, "output", "x"), "conv.output = x: must be computed once"),
    "unknown output": (put("outputs", ["q"]), "graph = q: must be one of the graph's tensors"),
    "output of none": (put("nodes", []), "array = node0.* must be named in the graph"),
    "name of two lines": (put("name", "a\nb"), r"graph.name = 'a\\nb'"),
    "attribute": (put("nodes", 0, "attributes", {"k": {"x": 1}}), "conv.k = .*must be"),
    "not an object": (lambda _: np.frombuffer(b"[]", np.uint8), "must be an object"),
    "not JSON": (lambda _: np.frombuffer(b"{]", np.uint8), "must be UTF-8 JSON"),
    "not UTF-8": (lambda _: np.frombuffer(b'"\xff"', np.uint8), "must be UTF-8 JSON"),
    "deep": (lambda _: np.frombuffer(b"[" * 100000, np.uint8), "must be"),
    "key twice": (
        lambda _: np.frombuffer(b'{"name":"a","name":"b"}', np.uint8),
        "key 'name' is there twice",
    ),
    "not bytes": (lambda _: np.zeros(3), "graph.dtype = float64: must be uint8"),
}
ARRAY_FAULTS = {
    "unused": ({"spare": np.zeros(1)}, "array = spare: must be named in the graph"),
    "absent": ({"node0.bias": None}, "conv.bias = node0.bias: must be an array in the file"),
    "real weight": ({"node0.weight": np.zeros((4, 3, 3, 3))}, "conv.weight.dtype = float64"),
    "integer scale": ({"node0.weight_scale": np.ones(1, int)}, "weight_scale.dtype = int64"),
    "weight axes": ({"node0.weight": np.zeros((4, 27), int)}, "conv.weight.shape"),
    "no channels": ({"node0.weight": np.zeros((0, 3, 3, 3), int)}, "conv.weight.shape"),
    "scales": ({"node0.weight_scale": np.ones(3)}, r"weight_scale.shape = \(3,\): must be \(1,\)"),
    "scale zero": ({"node0.weight_scale": np.zeros(1)}, "conv.weight_scale = 0.0: must be posit"),
    "scale nan": ({"node0.weight_scale": np.full(1, np.nan)}, "conv.weight_scale = nan"),
    "bias shape": ({"node0.bias": np.zeros(3, int)}, r"conv.bias.shape = \(3,\): must be \(4,\)"),
    "bias unsigned": (
        {"node0.bias": np.full(4, 1 << 63, np.uint64)},
        "conv.bias = 9223372036854775808: must be below",
    ),
    "zero point": ({"node0.weight_zero_point": np.full(1, 200)}, "weight_zero_point = 200"),
    "float shape": ({"node0.float_weight": np.zeros(4)}, r"conv.float_weight.shape = \(4,\)"),
    "float nan": ({"node0.float_bias": np.full(4, np.nan)}, "conv.float_bias = not finite"),
    "text": ({"node0.bias": np.array(["a"])}, "node0.bias.dtype = <U1: must be boolean, integer"),
    "complex": ({"node0.bias": np.zeros(4, complex)}, "node0.bias.dtype = complex128"),
    "structure": ({"node0.bias": np.zeros(4, [("a", "i4")])}, "node0.bias.dtype"),
}


def test_rewritten_file_without_a_change_is_accepted(tmp_path):
    assert same(npz.load(rewritten(tmp_path)), models.load("seed_conv")[0])


@pytest.mark.parametrize("fault", JSON_FAULTS)
def test_faulty_json_is_refused_in_one_line(tmp_path, fault):
    change, message = JSON_FAULTS[fault]
    refused(rewritten(tmp_path, change), message)


@pytest.mark.parametrize("fault", ARRAY_FAULTS)
def test_faulty_array_is_refused_in_one_line(tmp_path, fault):
    replaced, message = ARRAY_FAULTS[fault]
    refused(rewritten(tmp_path, **replaced), message)


JUNK = (None, True, -1, 0, 1 << 31, 1 << 70, 1e308, "", "x", [], [1], [[0, 0]], {}, "node1.codes")
JUNK = (*JUNK, {"array": "graph"}, {"array": "node0.bias"})


def places(part, path=()):
    """The path of everything inside a JSON document."""
    entries = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in entries:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def test_any_changed_json_is_refused_or_survives_a_round_trip(tmp_path):
    """Every place of a document in turn, each with another piece of junk."""
    npz.save(kitchen_sink(), tmp_path / "good.npz")
    members = dict(np.load(tmp_path / "good.npz"))
    text, path = members["graph"].tobytes(), tmp_path / "m.npz"
    outcomes = []
    for number, (*keys, last) in enumerate(places(json.loads(text))):
        document = json.loads(text)
        put(*keys, last, JUNK[number % len(JUNK)])(document)
        members["graph"] = np.frombuffer(json.dumps(document).encode(), np.uint8)
        np.savez(path, **members)
        try:
            graph = npz.load(path)
            npz.save(graph, tmp_path / "again.npz")
            assert same(graph, npz.load(tmp_path / "again.npz"))
            outcomes.append("")
        except ModelError as error:
            outcomes += str(error).split("\n")
    said = [line for line in outcomes if line]
    assert len(said) > 100
    assert all(line.startswith(f"{path}: ") for line in said)
