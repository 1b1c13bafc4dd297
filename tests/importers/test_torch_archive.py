""".pt2 files: read without PyTorch, nothing executed, everything checked."""

import copy
import os
import random
import sys
import zipfile

import numpy as np
import pytest
from oracles import pt2_files

from hwsim.arith.formats import IntFormat
from hwsim.errors import HwsimError, ModelError, UnsupportedError
from hwsim.importers import torch as pt2

MUTATIONS = 4000 if os.environ.get("CI") else 800  # CI: about half a minute


@pytest.fixture
def parts():
    return copy.deepcopy(pt2_files.linear_program())


def test_a_linear_layer_is_what_the_file_says(tmp_path, parts):
    graph = pt2.load(pt2_files.write(tmp_path / "net.pt2", *parts))
    (node,) = graph.mac_nodes
    layer = node.layer
    assert layer.op == "fully_connected"
    assert layer.weight.tolist() == np.arange(-6, 6).reshape(3, 4).tolist()
    assert layer.weight_scale.tolist() == [0.5, 0.25, 0.125]
    assert layer.weight_format == IntFormat(8, narrow=True)
    assert layer.bias is None
    assert layer.real_bias.tolist() == np.array([1.0, -1.0, 0.3], np.float32).tolist()
    source, output = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    assert (source.scale, source.zero_point, source.shape) == (0.1, 3, (4,))
    assert (output.scale, output.zero_point, output.shape) == (0.3, -128, (3,))


def test_pytorch_is_not_needed(tmp_path, parts, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert pt2.load(pt2_files.write(tmp_path / "net.pt2", *parts)).mac_nodes


def refused(tmp_path, parts, match, error=ModelError):
    path = pt2_files.write(tmp_path / "net.pt2", *parts)
    with pytest.raises(error, match=match) as raised:
        pt2.load(path)
    assert "\n" not in str(raised.value)


def test_a_pickled_weight_is_refused(tmp_path, parts):
    parts[1]["config"]["w"]["use_pickle"] = True
    refused(tmp_path, parts, "pickled", UnsupportedError)


def test_an_unknown_operator_is_named(tmp_path, parts):
    parts[0]["graph_module"]["graph"]["nodes"][4]["target"] = "torch.ops.aten.gelu.default"
    refused(tmp_path, parts, "aten.gelu.default", UnsupportedError)


def test_another_schema_is_refused(tmp_path, parts):
    parts[0]["schema_version"]["major"] = 9
    refused(tmp_path, parts, "schema_version", UnsupportedError)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..\\x"])
def test_a_weight_is_a_name_in_the_archive(tmp_path, parts, name):
    parts[1]["config"]["w"]["path_name"] = name
    refused(tmp_path, parts, "path_name")


def test_huge_extents_allocate_nothing(tmp_path, parts):
    parts[1]["config"]["w"]["tensor_meta"]["sizes"] = pt2_files.sizes([1 << 30, 1 << 30])
    refused(tmp_path, parts, "must be 1152921504606846976 bytes")


def test_a_member_that_unpacks_beyond_the_limit_is_refused(tmp_path, parts, monkeypatch):
    monkeypatch.setattr("hwsim.importers.torch.archive.MAX_BYTES", 1 << 16)
    parts[2]["weight_w"] = bytes(1 << 20)  # deflates to a thousandth
    path = pt2_files.write(tmp_path / "net.pt2", *parts, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="must fit 65536 bytes"):
        pt2.load(path)


def test_deep_json_is_refused(tmp_path, parts):
    deep = b"[" * 200_000 + b"]" * 200_000
    refused(tmp_path, (deep, *parts[1:]), "nested")


def test_overlapping_strides_are_refused(tmp_path, parts):
    parts[1]["config"]["w"]["tensor_meta"]["strides"] = pt2_files.sizes([1, 1])
    refused(tmp_path, parts, "strides")


def test_a_state_dict_is_refused_with_the_way_in(tmp_path):
    from hwsim.importers.model import load

    path = tmp_path / "net.pth"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(UnsupportedError, match="runs code when it is read"):
        load(path)


def test_broken_bytes_give_one_line(tmp_path, parts):
    path = pt2_files.write(tmp_path / "net.pt2", *parts)
    whole = path.read_bytes()
    rng = random.Random(0)
    outcomes, lines = set(), []
    for _ in range(MUTATIONS):
        broken = bytearray(whole)
        for _ in range(rng.choice((1, 1, 4))):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        path.write_bytes(broken[: rng.choice((len(broken), rng.randrange(len(broken))))])
        try:
            pt2.load(path)
            outcomes.add("read")
        except HwsimError as error:
            outcomes.add("refused")
            lines.append(str(error))
    assert outcomes == {"read", "refused"}
    assert not any("\n" in line for line in lines)


def test_broken_json_gives_one_line(tmp_path, parts):
    """Values of the wrong kind everywhere, one at a time."""
    wrong = (None, -1, 1 << 70, 1e400, "x", [], {}, [[]], True)
    model = parts[0]
    places = list(_places(model))
    rng, lines = random.Random(1), []
    for _ in range(MUTATIONS):
        holder, key = rng.choice(places)
        kept, holder[key] = holder[key], rng.choice(wrong)
        path = pt2_files.write(tmp_path / "net.pt2", *parts)
        try:
            pt2.load(path)
        except HwsimError as error:
            lines.append(str(error))
        holder[key] = kept
    assert lines
    assert not any("\n" in line for line in lines)


def _places(tree):
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])
