"""Graphs and files for the tests of model files."""

import json
from dataclasses import fields

import numpy as np
import pytest

from hwsim import models
from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError
from hwsim.importers import npz
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor

UINT4 = IntFormat(4, signed=False)
INT8 = IntFormat(8)
del_ = object()


def same(a, b):
    """Equality of records that hold arrays: values, shapes; tuples stay tuples."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return a.shape == b.shape and a.dtype.kind == b.dtype.kind and np.array_equal(a, b, True)
    if isinstance(a, MacLayer | Node | Graph):
        names = [field.name for field in fields(a)]
        return type(a) is type(b) and all(same(getattr(a, n), getattr(b, n)) for n in names)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return type(b) is tuple and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def kitchen_sink():
    """Every field in use: formats, constants, attributes of all kinds, odd names."""
    random = np.random.default_rng(3)
    tensors = {
        "x;0": Tensor("x;0", (6, 5, 4), UINT4, 0.1, 3),
        "größe/y": Tensor("größe/y", (3, 5, 6), IntFormat(16), 1 / 3, -7),
        "m": Tensor("m", (3, 6, 2), IntFormat(8, narrow=True), 2.5e-300),
        "c": Tensor("c", (3, 5, 6), IntFormat(32), 1e30, 1),
        "table": Tensor("table", (2,), None),
        "z": Tensor("z", (3, 5, 2), INT8, 0.5),
    }
    conv = MacLayer(
        op="conv_2d",
        weight=random.integers(-7, 8, (6, 3, 3, 2)),
        weight_format=IntFormat(4, narrow=True),
        weight_scale=random.random(6) + 0.1,
        weight_zero_point=random.integers(-2, 3, 6),
        bias=random.integers(-(1 << 40), 1 << 40, 6),
        stride=(2, 1),
        dilation=(1, 2),
        padding=((1, 0), (3, 1)),
        groups=2,
        clamp=(-7, None),
        activation="relu_n1_1",
        bias_bits=64,
        float_weight=random.normal(size=(6, 3, 3, 2)),
    )
    product = MacLayer("batch_matmul", None, INT8, np.ones(1), np.zeros(1, np.int64))
    attributes = {
        "clamp": (None, 3),
        "nested": ((1, 2.5), ("a", True)),
        "codes": np.arange(256),
        "reals": np.array([0.1, -0.0, np.nan]),
        "empty": (),
        "word": 'quote " and ü',
    }
    nodes = (
        Node("conv; 1", "conv_2d", ("x;0",), "größe/y", conv),
        Node("mm", "batch_matmul", ("größe/y", "m"), "z", product, attributes),
    )
    constants = {
        "m": random.integers(-127, 128, (3, 6, 2)),
        "c": random.integers(-(1 << 31), 1 << 31, (3, 5, 6)),
        "table": np.array([0.1, 1e-9]),
    }
    return Graph("sink", tensors, nodes, ("x;0",), ("z", "c"), constants)


def put(*keys_and_value):
    """A change of the JSON: keys, then the value (``del`` removes the key)."""
    *keys, last, value = keys_and_value

    def change(document):
        part = document
        for key in keys:
            part = part[key]
        if value is del_:
            del part[last]
        else:
            part[last] = value

    return change


def refused(path, message):
    with pytest.raises(ModelError, match=message) as caught:
        npz.load(path)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"{path}: ") for line in lines)
    assert all(len(line) < 400 for line in lines)


def rewritten(tmp_path, change=lambda document: None, **replaced):
    """seed_conv's file with its JSON or arrays changed; an array None is left out."""
    with np.load(models.files("hwsim.models") / "seed_conv" / "model.npz") as stored:
        members = dict(stored)
    document = json.loads(members["graph"].tobytes())
    changed = change(document)
    members["graph"] = document if changed is None else changed
    if isinstance(members["graph"], dict):
        members["graph"] = np.frombuffer(json.dumps(members["graph"]).encode(), np.uint8)
    members.update(replaced)
    path = tmp_path / "m.npz"
    np.savez(path, **{name: values for name, values in members.items() if values is not None})
    return path
