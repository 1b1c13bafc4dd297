"""``.pt2`` files (``torch.export.save``) without PyTorch: a zip of JSON and raw weights.

Nothing of the file is executed and no pickle is read: the sample inputs, which are pickled, are
left alone; a weight that is pickled is refused. Sizes are checked before anything is allocated.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from hwsim.errors import HwsimError, ModelError, UnsupportedError
from hwsim.importers.arrays import MAX_BYTES
from hwsim.importers.torch.program import Array, Call, Program, Ref

MODEL = "models/model.json"
WEIGHTS = "data/weights/"
CONFIG = f"{WEIGHTS}model_weights_config.json"
SCHEMA_MAJOR = 8
DTYPES = {1: "u1", 2: "i1", 3: "i2", 4: "i4", 5: "i8", 6: "f2", 7: "f4", 8: "f8", 12: "?"}
"""PyTorch's numbers of scalar types, in files, to numpy's."""
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, EOFError, OSError)
_MISSHAPEN = (KeyError, TypeError, IndexError, AttributeError, ValueError)


def read(path: Path) -> Program:
    """Read a file.

    Raises
    ------
    ModelError
        Unreadable, broken, or it contradicts itself.
    UnsupportedError
        Another schema, several inputs, pickled weights.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reading(archive, path).program()
    except _MISSHAPEN as reason:
        must = "must be an exported program (torch.export.save)"
        text = f"{type(reason).__name__} {reason}"[:120].splitlines()[0]
        raise ModelError.at(str(path), MODEL, text, must) from None
    except RecursionError:
        must = "must not be nested so deeply"
        raise ModelError.at(str(path), MODEL, "nested", must) from None
    except _BROKEN as reason:
        text = f"{type(reason).__name__}: {reason}"[:120].splitlines()[0]
        raise ModelError.at(str(path), "file", path.name, f"must be a whole zip: {text}") from None


class _Reading:
    """One archive on its way to a program."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self.archive = archive
        self.path = path
        self.budget = MAX_BYTES
        names = [name for name in archive.namelist() if name.endswith(f"/{MODEL}")]
        if len(names) != 1:
            raise self.error("models", len(names), f"must be one: */{MODEL}")
        self.root = names[0].removesuffix(MODEL)

    def error(self, field: str, value: Any, must: str) -> HwsimError:
        return ModelError.at(str(self.path), field, value, must)

    def member(self, name: str) -> bytes:
        """The bytes of a member, within the budget."""
        try:
            info = self.archive.getinfo(self.root + name)
        except KeyError:
            raise self.error("member", name, "must be there") from None
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.error(name, "compressed", "must be stored or deflated")
        if info.file_size > self.budget:
            must = f"must fit {MAX_BYTES} bytes (all members together)"
            raise self.error(name, f"{info.file_size} bytes", must)
        self.budget -= info.file_size
        with self.archive.open(info) as stream:
            return stream.read(info.file_size)

    def json(self, name: str) -> Any:
        """A member that is JSON."""
        try:
            return json.loads(self.member(name))
        except ValueError:  # not UTF-8 either
            raise self.error(name, "text", "must be JSON") from None

    def program(self) -> Program:
        model = self.json(MODEL)
        version = model["schema_version"]["major"]
        if version != SCHEMA_MAJOR:
            must = f"must be {SCHEMA_MAJOR} (PyTorch 2.13)"
            raise UnsupportedError.at(str(self.path), "schema_version.major", version, must)
        module = model["graph_module"]
        graph = module["graph"]
        parameters, users = {}, []
        for spec in module["signature"]["input_specs"]:
            ((kind, body),) = spec.items()
            if kind in ("parameter", "buffer"):
                parameters[_name(body["arg"])] = self.weight(body[f"{kind}_name"])
            elif kind == "user_input":
                users.append(_name(body["arg"]["as_tensor"]))
            else:
                raise UnsupportedError.at(str(self.path), "input", kind, "must be a tensor")
        if len(users) != 1:
            must = "must be one tensor"
            raise UnsupportedError.at(str(self.path), "inputs", len(users), must)
        sizes = graph["tensor_values"][users[0]]["sizes"]
        shape = tuple(_extent(size, axis) for axis, size in enumerate(sizes))
        outputs = tuple(
            _name(spec["user_output"]["arg"]["as_tensor"])
            for spec in module["signature"]["output_specs"]
            if "user_output" in spec
        )
        calls = tuple(_call(node) for node in graph["nodes"])
        where, name = str(self.path), self.path.stem
        return Program(where, name, users[0], shape, outputs, parameters, calls)

    def weight(self, name: str) -> Array:
        """One weight by its name in the module."""
        if not hasattr(self, "config"):
            self.config = self.json(CONFIG)["config"]
        entry = self.config[name]
        if entry["use_pickle"]:
            must = "must not be pickled: save it again with torch.export.save"
            raise UnsupportedError.at(str(self.path), f"weight {name}", "pickled", must)
        meta = entry["tensor_meta"]
        number = meta["dtype"]
        if number not in DTYPES:
            must = "must be an integer or float of at most 64 bits"
            raise UnsupportedError.at(str(self.path), f"{name}.dtype", number, must)
        shape = tuple(_extent(size) for size in meta["sizes"])
        strides = tuple(_extent(stride) for stride in meta["strides"])
        dtype = np.dtype(DTYPES[number]).newbyteorder("<")
        if "/" in entry["path_name"] or "\\" in entry["path_name"]:
            raise self.error(f"{name}.path_name", entry["path_name"], "must be a name")
        content = self.member(f"{WEIGHTS}{entry['path_name']}")
        if len(content) != prod(shape) * dtype.itemsize:
            must = f"must be {prod(shape) * dtype.itemsize} bytes for shape {shape}"
            raise self.error(name, f"{len(content)} bytes", must)
        return _laid_out(np.frombuffer(content, dtype), shape, strides, self, name)


def _extent(size: Any, axis: int = 0) -> int:
    """An extent; the batch axis may be symbolic, an example stands beside it."""
    if axis == 0 and "as_expr" in size:
        return int(size["as_expr"]["hint"]["as_int"])
    value = size["as_int"]
    if not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise ValueError(f"extent {value}")
    return value


def _laid_out(
    flat: Array, shape: tuple[int, ...], strides: tuple[int, ...], reading: _Reading, name: str
) -> Array:
    """Elements in the order of their strides; only permuted axes, nothing shared."""
    order = sorted(range(len(shape)), key=lambda axis: -strides[axis])
    dense, expected = 1, []
    for axis in reversed(order):
        expected.append((axis, dense))
        dense *= shape[axis]
    if any(shape[axis] > 1 and strides[axis] != stride for axis, stride in expected):
        raise reading.error(f"{name}.strides", strides, f"must be dense for shape {shape}")
    stored = flat.reshape([shape[axis] for axis in order])
    array = np.transpose(stored, np.argsort(order)) if order else stored.reshape(())
    return np.array(array, flat.dtype.newbyteorder("="), order="C")


def _call(node: dict[str, Any]) -> Call:
    """One node of the graph."""
    target = node["target"].removeprefix("torch.ops.")
    arguments = {item["name"]: _argument(item["arg"]) for item in node["inputs"]}
    outputs = tuple(_name(output["as_tensor"]) for output in node["outputs"])
    if not outputs:
        raise ValueError("no outputs")
    return Call(target, arguments, outputs)


def _name(tensor: dict[str, Any]) -> str:
    """A tensor's name."""
    name = tensor["name"]
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) < 1000:
        raise ValueError("a tensor without a printable name")
    return name


def _argument(argument: dict[str, Any]) -> Any:
    """A tensor, a number, a list of them, or None; anything else is kept as it is."""
    ((kind, value),) = argument.items()
    if kind == "as_tensor":
        return Ref(_name(value))
    if kind == "as_tensors":
        return [Ref(_name(item)) for item in value]
    if kind == "as_optional_tensors":
        return [_argument(item) for item in value]
    return None if kind == "as_none" else value
