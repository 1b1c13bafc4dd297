"""Broken and hostile ONNX files: one line that names the file and the field, nothing executed."""

import os

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")

from importers.onnx_small import Small, TensorProto, convolution, helper, onnx, write

from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers import onnx as importer


def plain():
    """x -> MatMul -> Relu: a float network whose one weight can be spoilt."""
    small = Small(1)
    weight = small.constant(np.ones((5, 3), np.float32))
    return small.model(small.op("Relu", [small.op("MatMul", [small.input((5,)), weight])]))


def refused(model, tmp_path, words, kind=ModelError):
    path = write(model, tmp_path) if hasattr(model, "graph") else tmp_path / "small.onnx"
    if not hasattr(model, "graph"):
        path.write_bytes(model)
    with pytest.raises(kind) as error:
        importer.load(path)
    message = str(error.value)
    assert message.startswith(str(path)), message
    assert "\n" not in message
    assert words in message, message


def test_the_plain_network_is_read(tmp_path):
    assert len(importer.load(write(plain(), tmp_path)).nodes) == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xff" * 40, b"hello, world\n"])
def test_what_is_no_model_is_refused(tmp_path, content):
    refused(content, tmp_path, "must")


def test_a_truncated_file_is_refused(tmp_path):
    whole = plain().SerializeToString()
    for size in range(0, len(whole) - 1, 7):
        refused(whole[:size], tmp_path, "must", (ModelError, UnsupportedError))


def spoil(change, kind=ModelError):
    return pytest.param(change, kind, id=change.__name__)


def huge_dims(model):
    model.graph.initializer[0].dims[:] = [1 << 40, 1 << 40]
    return "must be at most"


def negative_dims(model):
    model.graph.initializer[0].dims[:] = [-5, 3]
    return "extents from 0"


def short_data(model):
    model.graph.initializer[0].raw_data = b"\0" * 8
    return "must be 60 bytes"


def many_axes(model):
    model.graph.initializer[0].dims[:] = [1] * 40
    return "at most 16"


def strings(model):
    model.graph.initializer[0].data_type = TensorProto.STRING
    return "data_type"


def not_finite(model):
    model.graph.initializer[0].raw_data = np.full(15, np.nan, np.float32).tobytes()
    return "finite"


def twice(model):
    model.graph.initializer.append(model.graph.initializer[0])
    return "must be there once"


def missing(model):
    del model.graph.initializer[:]
    return "must be an input, an initializer or computed"


def cycle(model):
    model.graph.node[0].input[0] = model.graph.node[1].output[0]
    return "cycle"


def itself(model):
    model.graph.node[0].input[0] = model.graph.node[0].output[0]
    return "cycle"


def computed_twice(model):
    model.graph.node[0].output[0] = model.graph.node[1].output[0]
    return "must be computed once"


def no_output(model):
    model.graph.output[0].name = "nothing"
    return "must be computed by a node"


def no_nodes(model):
    del model.graph.node[:]
    return "must have nodes"


def no_shape(model):
    model.graph.input[0].type.tensor_type.ClearField("shape")
    return "must be there"


def unknown_extent(model):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "m"
    return "stated extents"


def huge_input(model):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1 << 40
    return "must be 1.."


def wrong_columns(model):
    model.graph.initializer[0].dims[:] = [3, 5]
    return "must go with 5 inputs"


def old_opset(model):
    model.opset_import[0].version = 8
    return "opset_import"


def new_opset(model):
    model.opset_import[0].version = 99
    return "opset_import"


def no_opset(model):
    del model.opset_import[:]
    return "opset_import"


def subgraph(model):
    branch = helper.make_graph([], "branch", [], [])
    model.graph.node[1].attribute.append(helper.make_attribute("then_branch", branch))
    return "subgraphs are not imported"


def repeated_attribute(model):
    for value in (0, 1):
        model.graph.node[0].attribute.append(helper.make_attribute("axis", value))
    return "must be there once"


def functions(model):
    model.functions.append(onnx.FunctionProto(name="f", domain="d"))
    return "functions"


def unprintable(model):
    model.graph.initializer[0].name = "a\nb"
    return "printable"


def no_result(model):
    model.graph.node[1].output[:] = []
    return "must"


def a_sequence(model):
    model.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1
    return "must be a tensor"


@pytest.mark.parametrize(("change", "kind"), [
    spoil(huge_dims), spoil(negative_dims), spoil(short_data), spoil(many_axes),
    spoil(strings, UnsupportedError), spoil(not_finite), spoil(twice), spoil(missing),
    spoil(cycle), spoil(itself), spoil(computed_twice), spoil(no_output), spoil(no_nodes),
    spoil(no_shape), spoil(unknown_extent, UnsupportedError), spoil(huge_input),
    spoil(wrong_columns), spoil(old_opset, UnsupportedError), spoil(new_opset, UnsupportedError),
    spoil(no_opset, UnsupportedError), spoil(subgraph, UnsupportedError),
    spoil(repeated_attribute), spoil(functions, UnsupportedError), spoil(unprintable),
    spoil(no_result), spoil(a_sequence, UnsupportedError),
])  # fmt: skip
def test_a_spoilt_network_is_refused_by_field(tmp_path, change, kind):
    model = plain()
    refused(model, tmp_path, change(model), kind)


@pytest.mark.parametrize(("name", "value", "words"), [
    ("strides", [0, 1], "strides"), ("strides", [1], "strides"), ("dilations", [-1, 1], "dil"),
    ("pads", [1, 1], "pads"), ("pads", [-1, 0, 0, 0], "pads"), ("group", 0, "group"),
    ("group", 7, "group"), ("auto_pad", "SAME", "auto_pad"), ("strides", [1 << 40, 1], "strides"),
    ("pads", [65536] * 4, "elements"), ("dilations", [9, 9], "reach"),
])  # fmt: skip
def test_a_convolutions_words_are_checked(tmp_path, name, value, words):
    model = convolution(Small(1), (3, 6, 5), 600, (3, 3))
    (node,) = [node for node in model.graph.node if node.op_type == "Conv"]
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
    refused(model, tmp_path, words)


@pytest.mark.parametrize(("which", "value", "kind"), [
    ("s", 0.0, UnsupportedError), ("s", -1.0, UnsupportedError), ("s", np.inf, ModelError),
    ("s", np.nan, ModelError), ("ws", 0.0, ModelError), ("ws", np.nan, ModelError),
])  # fmt: skip
def test_scales_are_positive_and_finite(tmp_path, which, value, kind):
    model = convolution(Small(1), (3, 6, 5), 4, (3, 3))
    tensor = next(t for t in model.graph.initializer if t.name.rstrip("0123456789") == which)
    size = max(int(np.prod(tensor.dims)), 1)
    tensor.raw_data = np.full(size, value, np.float32).tobytes()
    refused(model, tmp_path, "must be", kind)


def test_constants_do_not_grow_without_bounds(tmp_path):
    """A small file whose folded constants would fill the memory."""
    small = Small(1)
    column = small.constant(np.ones((3000, 1), np.float32))
    row = small.constant(np.ones((1, 3000), np.float32))
    grid = small.op("Mul", [column, row])
    y = small.op("MatMul", [small.input((3000,)), grid])
    refused(small.model(y), tmp_path, "folded", UnsupportedError)
    small = Small(1)
    big = small.op("ConstantOfShape", [small.constant(np.int64([1 << 20, 1 << 20]))])
    y = small.op("MatMul", [small.input((3000,)), big])
    refused(small.model(y), tmp_path, "folded", UnsupportedError)


def outside(tmp_path):
    """A folder with a model's data outside the model's own folder."""
    (tmp_path / "data.bin").write_bytes(np.ones(15, np.float32).tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def with_external(folder, **words):
    model = plain()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in words.items():
        tensor.external_data.add(key=key, value=value)
    return write(model, folder)


def test_external_data_is_read_from_the_models_folder(tmp_path):
    folder = outside(tmp_path)
    (folder / "own.bin").write_bytes(b"\0" * 4 + np.arange(15, dtype="<f4").tobytes())
    path = with_external(folder, location="own.bin", offset="4", length="60")
    weight = importer.load(path).nodes[0].layer.float_weight
    assert np.array_equal(weight, np.arange(15.0).reshape(5, 3).T)


@pytest.mark.parametrize("location", [
    "../data.bin", "../../etc/passwd", "/etc/passwd", "", "a/../../data.bin", "link.bin",
    "folder/link.bin", "here", "absent.bin", "..\\data.bin", "C:data.bin", "pipe",
    "x" * 5000, "null\0byte",
])  # fmt: skip
def test_external_data_from_elsewhere_is_refused(tmp_path, location):
    folder = outside(tmp_path)
    (folder / "link.bin").symlink_to(tmp_path / "data.bin")
    (folder / "folder").symlink_to(tmp_path)
    (tmp_path / "link.bin").write_bytes(b"\0" * 60)
    (folder / "here").mkdir()
    os.mkfifo(folder / "pipe")
    with pytest.raises(ModelError, match="location"):
        importer.load(with_external(folder, location=location))


@pytest.mark.parametrize("words", [
    {"offset": "-4"}, {"offset": "4"}, {"offset": "1e3"}, {"length": "8"}, {"length": "61"},
    {"offset": "99999999999999999999999"}, {"offset": "\u0663"},
])  # fmt: skip
def test_external_data_of_wrong_extent_is_refused(tmp_path, words):
    (tmp_path / "own.bin").write_bytes(b"\0" * 60)
    with pytest.raises(ModelError, match=r"offset|length|location"):
        importer.load(with_external(tmp_path, location="own.bin", **words))


def test_ten_thousand_operators_are_read_in_time(tmp_path):
    small = Small(1)
    x = small.input((4,))
    one = small.constant(np.float32([1, 2, 3, 4]))
    for _ in range(5000):
        x = small.op("Relu", [small.op("Add", [x, one])])
    graph = importer.load(write(small.model(x), tmp_path))
    assert len(graph.nodes) == 5000
    assert max(len(name) for name in graph.tensors) < 100
