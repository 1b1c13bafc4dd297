"""A graph as a model file of our own: the writing half of ``npz.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError
from hwsim.importers.arrays import write_npz
from hwsim.importers.npz_checks import check
from hwsim.importers.npz_schema import LAYER_ARRAYS, OPTIONAL_ARRAYS, SCHEMA, parse
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor

Arrays = dict[str, NDArray[Any]]


def save(graph: Graph, path: str | Path) -> None:
    """Write a model file: whole or not at all, and for equal graphs the same bytes.

    Raises
    ------
    ModelError
        The graph contradicts itself, or an attribute has no place in JSON.
    """
    path = Path(path)
    check(graph, str(path))
    arrays: Arrays = {}
    nodes = [_node_json(node, i, arrays, str(path)) for i, node in enumerate(graph.nodes)]
    constants = {}
    for i, (name, codes) in enumerate(graph.constants.items()):
        constants[name] = f"constant{i}"
        arrays[f"constant{i}"] = narrowest(codes)
    document = {
        "schema": SCHEMA,
        "name": graph.name,
        "tensors": [_tensor_json(tensor) for tensor in graph.tensors.values()],
        "nodes": nodes,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "constants": constants,
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    parse(text.encode(), str(path))  # what is written can be read
    write_npz(path, {"graph": np.frombuffer(text.encode(), np.uint8), **arrays})


def narrowest(values: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in the narrowest type that holds them exactly.

    >>> narrowest(np.array([-128, 127])).dtype, narrowest(np.array([0.5])).dtype
    (dtype('int8'), dtype('float32'))
    >>> narrowest(np.array([0.1])).dtype
    dtype('float64')
    """
    values = np.asarray(values)
    types = (np.float32, np.float64) if values.dtype.kind == "f" else (np.int8, np.int16, np.int32)
    for kind in types:
        with np.errstate(over="ignore", under="ignore"):
            narrow = values.astype(kind)
        if np.array_equal(narrow.astype(values.dtype), values, equal_nan=values.dtype.kind == "f"):
            return narrow
    return values.astype(np.int64)


def _format_json(form: IntFormat) -> dict[str, Any]:
    return {"bits": form.bits, "signed": form.signed, "narrow": form.narrow}


def _tensor_json(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": [int(extent) for extent in tensor.shape],
        "format": None if tensor.format is None else _format_json(tensor.format),
        "scale": float(tensor.scale),
        "zero_point": int(tensor.zero_point),
    }


def _node_json(node: Node, number: int, arrays: Arrays, where: str) -> dict[str, Any]:
    """One node; its arrays are added to ``arrays``."""
    attributes = {
        key: _attribute_json(value, f"node{number}.{key}", arrays, f"{where}: {node.name}.{key}")
        for key, value in node.attributes.items()
    }
    return {
        "name": node.name,
        "op": node.op,
        "inputs": list(node.inputs),
        "output": node.output,
        "layer": None if node.layer is None else _layer_json(node.layer, number, arrays),
        "attributes": attributes,
    }


def _layer_json(layer: MacLayer, number: int, arrays: Arrays) -> dict[str, Any]:
    document: dict[str, Any] = {
        "op": layer.op,
        "weight_format": _format_json(layer.weight_format),
        "stride": [int(step) for step in layer.stride],
        "dilation": [int(step) for step in layer.dilation],
        "padding": [[int(margin) for margin in axis] for axis in layer.padding],
        "groups": int(layer.groups),
        "clamp": [None if bound is None else int(bound) for bound in layer.clamp],
    }
    if layer.activation != "none":
        document["activation"] = layer.activation
    if layer.bias_bits is not None:
        document["bias_bits"] = int(layer.bias_bits)
    for field in LAYER_ARRAYS:
        values = getattr(layer, field)
        if values is not None or field not in OPTIONAL_ARRAYS:
            document[field] = None if values is None else f"node{number}.{field}"
        if values is not None:
            arrays[f"node{number}.{field}"] = narrowest(values)
    return document


def _attribute_json(value: Any, name: str, arrays: Arrays, where: str) -> Any:
    """An attribute as JSON; arrays become ``{"array": name}``."""
    if isinstance(value, np.ndarray):
        arrays[name] = narrowest(value)
        return {"array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple | list):
        return [_attribute_json(v, f"{name}.{i}", arrays, where) for i, v in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ModelError(f"{where} = {type(value).__name__}: must be a number, text, tuple or array")
