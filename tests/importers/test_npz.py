"""Model files of our own: round trips are exact, equal graphs give equal bytes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from importers.npz_cases import INT8, kitchen_sink, same

from hwsim import models
from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError
from hwsim.importers import arrays, npz
from hwsim.importers.npz_schema import SCHEMA_FILE, schema_text
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor


def test_round_trip_is_exact(tmp_path):
    graph = kitchen_sink()
    npz.save(graph, tmp_path / "m.npz")
    assert same(graph, npz.load(tmp_path / "m.npz"))


@given(
    scale=st.floats(5e-324, 1.7e308),
    codes=st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=2, max_size=2),
    bias=st.integers(-(1 << 63), (1 << 63) - 1),
    real=st.floats(allow_nan=False, allow_infinity=False),
)
def test_round_trip_keeps_every_number(tmp_path_factory, scale, codes, bias, real):
    layer = MacLayer(
        "fully_connected",
        np.array([codes]),
        IntFormat(32),
        np.array([scale]),
        np.array([codes[0]]),
        np.array([bias]),
        float_bias=np.array([real]),
    )
    tensors = {"x": Tensor("x", (2,), INT8, scale, 5), "y": Tensor("y", (1,), INT8, scale, -5)}
    graph = Graph("g", tensors, (Node("n", layer.op, ("x",), "y", layer),), ("x",), ("y",))
    path = tmp_path_factory.mktemp("npz") / "m.npz"
    npz.save(graph, path)
    assert same(graph, npz.load(path))


def test_round_trip_keeps_a_real_bias_and_the_width_of_a_stored_one(tmp_path):
    graph = kitchen_sink()
    (node, *others), path = graph.nodes, tmp_path / "m.npz"
    channels = node.layer.weight.shape[0]
    real = replace(node.layer, bias=None, real_bias=np.full(channels, 1 / 3))
    for layer in (real, replace(node.layer, bias_bits=64)):
        made = replace(graph, nodes=(replace(node, layer=layer), *others))
        npz.save(made, path)
        loaded = npz.load(path)
        assert same(made, loaded)
        assert (loaded.nodes[0].layer.real_bias is None) == (layer is not real)
        assert loaded.nodes[0].layer.bias_bits == layer.bias_bits
    both = replace(real, bias=np.zeros(channels, np.int64))
    with pytest.raises(ModelError, match="real_bias = there: must be absent beside bias"):
        npz.save(replace(graph, nodes=(replace(node, layer=both), *others)), path)


def test_equal_graphs_give_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        npz.save(kitchen_sink(), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_numpy_reads_what_is_written_without_pickle(tmp_path):
    npz.save(kitchen_sink(), tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as stored:
        document = json.loads(stored["graph"].tobytes())
        assert stored["node0.weight"].dtype == np.int8
        assert document["nodes"][0]["layer"]["weight"] == "node0.weight"


def test_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    npz.save(kitchen_sink(), path)
    before = path.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(arrays.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        npz.save(models.load("digits")[0], path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_save_refuses_an_attribute_that_json_cannot_hold(tmp_path):
    graph = kitchen_sink()
    node = Node("n", "add", ("z", "z"), "q", attributes={"f": {1, 2}})
    tensors = {**graph.tensors, "q": graph.tensors["z"]}
    broken = Graph("g", tensors, (*graph.nodes, node), ("x;0",), ("q",), graph.constants)
    with pytest.raises(ModelError, match=r"n\.f = set: must be a number, text, tuple or array"):
        npz.save(broken, tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def with_layer(**changed):
    """The kitchen sink with another convolution."""
    graph = kitchen_sink()
    layer = replace(graph.nodes[0].layer, **changed)
    node = replace(graph.nodes[0], op=layer.op, layer=layer)
    return replace(graph, nodes=(node, *graph.nodes[1:]))


def with_constant(name, codes):
    graph = kitchen_sink()
    return replace(graph, constants={**graph.constants, name: codes})


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (with_layer(op="depthwise_conv_2d"), r"weight.shape = \(6, 3, 3, 2\): must end in 1"),
        (
            with_layer(weight=np.zeros((5, 3, 3, 2), int)),
            "conv; 1.groups = 2: must divide 5",
        ),
        (with_constant("m", np.zeros((3, 6, 3), int)), r"m.shape = \(3, 6, 3\): must be"),
        (with_constant("m", np.full((3, 6, 2), -128)), r"m = -128: must be in \[-127, 127\]"),
        (
            replace(kitchen_sink(), nodes=kitchen_sink().nodes[:1] * 2),
            "node = conv; 1: must be there once",
        ),
        (
            replace(kitchen_sink(), outputs=("z", "q")),
            "graph = q: must be one of the graph's tensors",
        ),
    ],
)
def test_graph_that_contradicts_itself_is_not_saved(tmp_path, graph, message):
    with pytest.raises(ModelError, match=message):
        npz.save(graph, tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def test_shipped_schema_is_that_of_the_records():
    """Text differs between versions of pydantic; keys, types and requirements may not."""

    def outline(schema):
        parts = {"": schema, **schema["$defs"]}
        return {
            name: (
                sorted(part["properties"]),
                sorted(part["required"]),
                part["additionalProperties"],
            )
            for name, part in parts.items()
            if "properties" in part
        }

    shipped = json.loads(SCHEMA_FILE.read_text())
    assert outline(shipped) == outline(json.loads(schema_text()))
    assert len(outline(shipped)) == 5


def test_shipped_schema_accepts_what_is_saved_and_refuses_what_load_refuses(tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA_FILE.read_text())
    npz.save(kitchen_sink(), tmp_path / "m.npz")
    document = json.loads(np.load(tmp_path / "m.npz")["graph"].tobytes())
    jsonschema.validate(document, schema)
    for key, value in (("schema", "other"), ("extra", 1), ("inputs", []), ("name", "")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, key: value}, schema)
