"""Model files of our own: ``.npz`` with one JSON text and named arrays.

**A network**: the array ``graph`` (uint8) holds UTF-8 JSON, whose schema is ``npz_schema.json``;
all other arrays are what the JSON names: weights, weight scales and zero points, biases, trained
float parameters, constants. Integers are stored in the narrowest signed type that holds them,
reals as float32 where that is exact, else float64. Nothing is compressed and nothing is dated:
equal graphs give equal files. Lists in ``attributes`` come back as tuples.

**One layer**, for an architect who has no network: no ``graph``, but the arrays that `one_layer`
(``npz_layer.py``) names: ``a``, ``w``, ``bias``, scales.

Never pickle; all sizes are checked before anything is allocated (``arrays.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError
from hwsim.importers.arrays import read_npz
from hwsim.importers.npz_checks import check
from hwsim.importers.npz_layer import one_layer
from hwsim.importers.npz_save import save
from hwsim.importers.npz_schema import (
    LAYER_ARRAYS,
    FormatRecord,
    GraphRecord,
    LayerRecord,
    NodeRecord,
    parse,
)
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor

Arrays = dict[str, NDArray[Any]]
PLAIN = {"op", "stride", "dilation", "padding", "groups", "clamp", "activation", "bias_bits"}
_REALS = ("weight_scale", "float_weight", "float_bias", "real_bias")

__all__ = ["load", "save"]


def load(path: str | Path) -> Graph:
    """Read a model file.

    Raises
    ------
    ModelError
        ``<path>: <field> = <value>: <must>``: unreadable, broken, or it contradicts itself.

    Examples
    --------
    >>> from importlib.resources import files
    >>> graph = load(files("hwsim.models") / "seed_conv" / "model.npz")
    >>> graph.nodes[0].layer.bias.tolist()
    [9161, 15769, 11590, -7892]
    """
    path = Path(path)
    stored = read_npz(path, ModelError)
    graph = _graph(stored, str(path)) if "graph" in stored else one_layer(stored, path)
    check(graph, str(path))
    return graph


class _Reader:
    """Arrays by name, each of which must be used."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], where: str) -> None:
        self.arrays = arrays
        self.where = where
        self.used = {"graph"}

    def take(self, name: str, field: str, *, real: bool | None) -> NDArray[Any]:
        """An array as float64 (``real``) or int64; None: as it is stored."""
        if name not in self.arrays:
            raise ModelError.at(self.where, field, name, "must be an array in the file")
        self.used.add(name)
        values = self.arrays[name]
        is_real = values.dtype.kind == "f"
        if real is not None and is_real != real:
            must = "must hold reals" if real else "must hold integers"
            raise ModelError.at(self.where, f"{field}.dtype", values.dtype, must)
        return values.astype(np.float64) if is_real else to_int64(values, field, self.where)

    def refuse_unused(self) -> None:
        """An array that nothing names is a misspelled name."""
        for name in self.arrays:
            if name not in self.used:
                raise ModelError.at(self.where, "array", name, "must be named in the graph")


def to_int64(values: NDArray[Any], field: str, where: str) -> NDArray[np.int64]:
    """Integers as int64; a uint64 beyond it is refused."""
    if values.dtype == np.uint64 and values.size and values.max() > np.iinfo(np.int64).max:
        raise ModelError.at(where, field, values.max(), "must be below 2**63")
    return values.astype(np.int64)


def _graph(stored: Arrays, where: str) -> Graph:
    text = stored["graph"]
    if text.dtype != np.uint8 or text.ndim != 1:
        raise ModelError.at(where, "graph.dtype", text.dtype, "must be uint8, one axis: UTF-8 JSON")
    record = parse(text.tobytes(), where)
    reader = _Reader(stored, where)
    tensors = _tensors(record, where)
    graph = Graph(
        name=record.name,
        tensors=tensors,
        nodes=tuple(_node(node, reader) for node in record.nodes),
        inputs=record.inputs,
        outputs=record.outputs,
        constants={
            name: reader.take(array, f"constants.{name}", real=_is_real(tensors, name))
            for name, array in record.constants.items()
        },
    )
    reader.refuse_unused()
    return graph


def _is_real(tensors: Mapping[str, Tensor], name: str) -> bool | None:
    return None if name not in tensors else tensors[name].format is None


def _tensors(record: GraphRecord, where: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for tensor in record.tensors:
        if tensor.name in tensors:
            raise ModelError.at(where, "tensor", tensor.name, "must be there once")
        form = None
        if tensor.format is not None:
            form = _format(tensor.format, f"{tensor.name}.format", where)
        tensors[tensor.name] = Tensor(
            tensor.name, tensor.shape, form, tensor.scale, tensor.zero_point
        )
    return tensors


def _format(record: FormatRecord, field: str, where: str) -> IntFormat:
    try:
        return IntFormat(record.bits, record.signed, record.narrow)
    except ValueError as reason:
        raise ModelError(f"{where}: {field}.{reason}") from None


def _node(record: NodeRecord, reader: _Reader) -> Node:
    attributes = {
        key: _attribute(value, f"{record.name}.{key}", reader)
        for key, value in record.attributes.items()
    }
    layer = None if record.layer is None else _layer(record.layer, record.name, reader)
    return Node(record.name, record.op, record.inputs, record.output, layer, attributes)


def _layer(record: LayerRecord, name: str, reader: _Reader) -> MacLayer:
    arrays: dict[str, NDArray[Any] | None] = {}
    for field in LAYER_ARRAYS:
        array = getattr(record, field)
        real = field in _REALS
        arrays[field] = None if array is None else reader.take(array, f"{name}.{field}", real=real)
    form = _format(record.weight_format, f"{name}.weight_format", reader.where)
    plain = record.model_dump(include=PLAIN)
    return MacLayer(**plain, **arrays, weight_format=form)  # type: ignore[arg-type]


def _attribute(value: Any, field: str, reader: _Reader) -> Any:
    if isinstance(value, list):
        return tuple(_attribute(item, field, reader) for item in value)
    if isinstance(value, dict):
        if set(value) != {"array"} or not isinstance(value["array"], str):
            raise ModelError.at(reader.where, field, value, 'must be {"array": NAME}')
        return reader.take(value["array"], field, real=None)
    return value
