"""An ``.onnx`` file to records, with nothing executed and every size checked.

The library ``onnx`` is used for its message types alone: to parse, never to load external data,
infer or run.
"""

from __future__ import annotations

import stat
from collections import Counter
from pathlib import Path
from typing import Any

from hwsim.errors import HwsimError, ModelError, UnsupportedError
from hwsim.importers.arrays import MAX_BYTES
from hwsim.importers.onnx.source import Declared, Op, Source, Stored, naming, ordered
from hwsim.importers.onnx.tensor_data import TensorReader, type_of

OPSETS = (9, 21)
"""Versions of the standard operator set, both included."""

_MAX_EXTENT = 1 << 20
_TYPES: dict[str, tuple[int, ...]] = {  # of the attributes that importers read
    **dict.fromkeys(("alpha", "beta", "epsilon", "max", "min", "value_float"), (1,)),
    **dict.fromkeys(
        ("allowzero", "axis", "block_size", "ceil_mode", "channels_last", "count_include_pad",
         "end", "group", "keepdims", "narrow", "signed", "start", "to", "transA", "transB",
         "value_int"),
        (2,),
    ),
    **dict.fromkeys(("auto_pad", "mode", "rounding_mode"), (3,)),
    "value": (1, 4),
    "value_floats": (6,),
    **dict.fromkeys(
        ("axes", "dilations", "kernel_shape", "pads", "perm", "strides", "value_ints"), (7,)
    ),
}  # fmt: skip
_ATTRIBUTES = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}


def read(path: Path) -> Source:
    """Read a file.

    Raises
    ------
    ModelError
        Unreadable, broken, or it contradicts itself.
    UnsupportedError
        The library ``onnx`` is absent, an operator set out of range, or subgraphs.
    """
    model = _parse(path)
    try:
        with naming(str(path)):
            return _Reading(model, path).source()
    except UnicodeDecodeError:
        raise ModelError.at(str(path), "text", "not UTF-8", "must be UTF-8") from None


def _parse(path: Path) -> Any:
    """The file's message."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        must = "must be installed to read .onnx: pip install 'hwsim[onnx]'"
        raise UnsupportedError.at(str(path), "library", "onnx", must) from None
    try:
        status = path.stat()
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            raise ModelError.at(str(path), "file", path.name, "must be a regular file")
        if size > MAX_BYTES:
            raise ModelError.at(str(path), "file", f"{size} bytes", f"must be at most {MAX_BYTES}")
        content = path.read_bytes()
    except OSError as reason:
        must = f"must be readable: {reason.strerror}"
        raise ModelError.at(str(path), "file", path.name, must) from None
    try:
        return onnx.ModelProto.FromString(content)
    except (DecodeError, ValueError, RecursionError):
        raise ModelError.at(str(path), "file", path.name, "must be a whole ONNX model") from None


class _Reading:
    """One file on its way to records."""

    def __init__(self, model: Any, path: Path) -> None:
        self.model = model
        self.graph = model.graph
        self.path = path
        self.where = str(path)
        self.tensors = TensorReader(path)

    def source(self) -> Source:
        if not self.graph.node or not self.graph.output:
            raise self.error("graph", "empty", "must have nodes and outputs")
        if self.model.functions or self.graph.sparse_initializer:
            must = "must be absent: functions and sparse initializers are not imported"
            raise UnsupportedError.at(self.where, "model", "functions or sparse tensors", must)
        constants = self._initializers()
        inputs = self._inputs(constants)
        ops = self._ops()
        ops = self._constant_nodes(ops, constants)
        known = [*constants, *(declared.name for declared in inputs)]
        outputs = tuple(value.name for value in self.graph.output)
        computed = {name for op in ops for name in op.outputs} | set(known)
        for name in outputs:
            if name not in computed or not name:
                raise self.error("graph.output", repr(name), "must be computed by a node")
        if len(set(outputs)) != len(outputs):
            raise self.error("graph.output", outputs, "must be there once each")
        return Source(
            self.where,
            self.path.stem,
            self._opset(),
            inputs,
            outputs,
            constants,
            ordered(ops, known, self.where),
        )

    def error(self, field: str, value: Any, must: str) -> HwsimError:
        return ModelError.at(self.where, field, value, must)

    def _opset(self) -> int:
        versions = [o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")]
        if len(versions) != 1 or not OPSETS[0] <= versions[0] <= OPSETS[1]:
            must = f"must be one version of {OPSETS[0]}..{OPSETS[1]}"
            raise UnsupportedError.at(self.where, "opset_import", versions[:5], must)
        return int(versions[0])

    def _initializers(self) -> dict[str, Stored]:
        constants: dict[str, Stored] = {}
        for tensor in self.graph.initializer:
            name = self._name(tensor.name, "initializer")
            if name in constants:
                raise self.error("initializer", name, "must be there once")
            constants[name] = self.tensors.read(tensor, name)
        return constants

    def _name(self, name: str, field: str) -> str:
        if not name or not _is_name(name):
            must = "must be a printable name of at most 1000 letters"
            raise self.error(field, repr(name[:40]), must)
        return name

    def _inputs(self, constants: dict[str, Stored]) -> tuple[Declared, ...]:
        """The graph's inputs without those that are initializers (IR versions below 4)."""
        found: dict[str, Declared] = {}
        for value in self.graph.input:
            name = self._name(value.name, "graph.input")
            if name in constants:
                continue
            if name in found:
                raise self.error("graph.input", name, "must be there once")
            if value.type.WhichOneof("value") != "tensor_type":
                raise UnsupportedError.at(self.where, name, "not a tensor", "must be a tensor")
            kind = value.type.tensor_type
            dtype, form = type_of(kind.elem_type, self.where, name)
            if not kind.HasField("shape"):
                raise self.error(f"{name}.shape", "absent", "must be there")
            shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
            if any(e is not None and not 0 < e <= _MAX_EXTENT for e in shape):
                raise self.error(f"{name}.shape", shape[:16], f"must be 1..{_MAX_EXTENT} each")
            found[name] = Declared(name, dtype, form, shape)
        if not found:
            raise self.error("graph.input", "none", "must be there")
        return tuple(found.values())

    def _ops(self) -> list[Op]:
        uses = Counter(node.name for node in self.graph.node)
        names = {node.name for node in self.graph.node}
        ops = []
        for index, node in enumerate(self.graph.node):
            for text in (node.op_type, node.domain):
                if not _is_name(text):
                    raise self.error("node.op_type", repr(text[:40]), "must be printable")
            name = node.name
            if not name or not _is_name(name) or uses[name] > 1:
                name = f"{node.op_type[:100]}_{index}"
                while name in names:
                    name += "#"
                names.add(name)
            attributes: dict[str, Any] = {}
            for attribute in node.attribute:
                if attribute.name in attributes:
                    must = "must be there once"
                    raise self.error(f"{name}.{attribute.name}", "repeated", must)
                attributes[attribute.name] = self._attribute(attribute, name)
            for value in (*node.input, *node.output):
                if value:
                    self._name(value, name)
            ops.append(
                Op(
                    name, node.op_type, node.domain, tuple(node.input), tuple(node.output),
                    attributes,
                )
            )  # fmt: skip
        return ops

    def _attribute(self, attribute: Any, name: str) -> Any:
        field = f"{name}.{attribute.name}"
        if attribute.type not in _ATTRIBUTES:
            must = "must be a number, text or tensor: subgraphs are not imported"
            raise UnsupportedError.at(self.where, field, f"type {attribute.type}", must)
        if attribute.type not in _TYPES.get(attribute.name, (attribute.type,)):
            must = "must be of the type that its name has in ONNX"
            raise self.error(field, f"type {attribute.type}", must)
        value = getattr(attribute, _ATTRIBUTES[attribute.type])
        if attribute.type == 4:
            return self.tensors.read(value, field)
        if attribute.type in (6, 7, 8):
            value = list(value)
            return [v.decode("utf-8") for v in value] if attribute.type == 8 else value
        return value.decode("utf-8") if attribute.type == 3 else value

    def _constant_nodes(self, ops: list[Op], constants: dict[str, Stored]) -> list[Op]:
        """``Constant`` nodes become constants."""
        kept = []
        for op in ops:
            if op.kind != "Constant" or op.domain not in ("", "ai.onnx"):
                kept.append(op)
                continue
            op.require(0)
            if op.outputs[0] in constants:
                raise self.error(f"{op.name}.output", op.outputs[0], "must be computed once")
            constants[op.outputs[0]] = _constant_value(op)
        return kept


def _is_name(text: Any) -> bool:
    """Whether a text is UTF-8 (else it comes as bytes), printable and short."""
    return isinstance(text, str) and text.isprintable() and len(text) <= 1000


def _constant_value(op: Op) -> Stored:
    """The value of a ``Constant`` node."""
    import numpy as np

    value = op.attributes.get("value")
    if isinstance(value, Stored):
        return value
    for key, dtype in (("value_float", "float32"), ("value_int", "int64")):
        for name in (key, f"{key}s"):
            if name in op.attributes:
                return Stored(np.array(op.attributes[name], dtype), None)
    raise op.unsupported("value", "absent", "must be a tensor or numbers")
