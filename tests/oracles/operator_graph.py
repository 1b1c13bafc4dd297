"""A `Case` as hwsim's network of one node, and its outputs on a machine."""

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer
from hwsim.network import run as network
from hwsim.network.graph import Graph, Node, Tensor

FORMATS = {"int8": IntFormat(8), "uint8": IntFormat(8, signed=False), "int16": IntFormat(16)}


def as_tuples(value):
    """Lists of a JSON text as tuples, all the way down."""
    return tuple(as_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def tensor(name, q) -> Tensor:
    """A quantized tensor without its batch axis."""
    return Tensor(name, tuple(q.shape[1:]), FORMATS[q.kind], q.scale, q.zero_point)


def mac_layer(op, words, kind) -> MacLayer:
    """The layer of a case that runs on the array."""
    weight = words["weight"].astype(np.int64)
    scales = np.asarray(words["weight_scale"], np.float64)
    bias = words["bias"]
    return MacLayer(
        op,
        weight,
        FORMATS["uint8" if kind == "uint8" else "int8"],
        scales,
        np.full(len(scales), words["weight_zero_point"], np.int64),
        bias=None if bias is None else np.asarray(bias, np.int64),
        stride=as_tuples(words["stride"]),
        padding=as_tuples(words["padding"]),
        bias_bits=None if bias is None else 64 if kind == "int16" else 32,
    )


def graph_of(case) -> Graph:
    """One node; inputs x0, x1, ... and output y."""
    names = tuple(f"x{i}" for i in range(len(case.inputs)))
    tensors = {n: tensor(n, q) for n, q in zip(names, case.inputs, strict=True)}
    tensors["y"] = tensor("y", case.output)
    layer = case.layer and mac_layer(case.op, case.layer, case.inputs[0].kind)
    attributes = {word: as_tuples(value) for word, value in case.attributes.items()}
    node = Node("node", case.op, names, "y", layer=layer, attributes=attributes)
    return Graph("one", tensors, (node,), names, ("y",))


def outputs(case, machine) -> np.ndarray:
    """What hwsim gives, int64 with the batch axis."""
    inputs = {f"x{i}": x.astype(np.int64) for i, x in enumerate(case.codes)}
    return network.run(graph_of(case), machine, inputs).codes["y"]
