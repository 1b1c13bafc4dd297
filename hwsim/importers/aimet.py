"""AIMET: a float ``.onnx`` and the ``.encodings`` file beside it, as one quantized network.

``conv.encodings`` goes with ``conv.onnx``, ``conv_torch.encodings`` too. An encoding is a grid of
``bw`` bits for one tensor: AIMET writes ``real = scale * (q + offset)`` with q unsigned, so that a
symmetric int8 weight has offset -128 here; a symmetric encoding with offset 0 is the signed
convention and means the same codes. (The export with QuantizeLinear nodes is an ``.onnx`` like any
other.)

====================== ===========================================================================
generation             activation_encodings
====================== ===========================================================================
1.0.0                  a list, by tensor: ``{name, bw, is_sym, scale: [..], offset: [..]}``
0.6, of ONNX           by tensor: ``{bitwidth, is_symmetric, scale, offset, ..}`` a channel
0.6, of PyTorch        by module: ``input``, ``output``, each by its number
====================== ===========================================================================

``param_encodings`` likewise, by the names of the weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.errors import HwsimError, ModelError
from hwsim.importers.onnx import graph_of
from hwsim.importers.onnx.reader import read
from hwsim.importers.onnx.source import Op, Source, Stored, ordered
from hwsim.network.graph import Graph

MAX_FILE = 1 << 26
_MISSHAPEN = (KeyError, TypeError, IndexError, AttributeError, ValueError)


@dataclass(frozen=True)
class Encoding:
    """One tensor's grid: ``real = scale * (code - zero_point)``; several scales: one a channel."""

    format: IntFormat
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]


def load(path: Path) -> Graph:
    """Read an ``.encodings`` file and the ``.onnx`` that it belongs to.

    Raises
    ------
    ModelError, UnsupportedError
        Either file is broken, or an encoding names a tensor that the network does not have.
    """
    model = _model_beside(path)
    source = read(model)
    try:
        if path.stat().st_size > MAX_FILE:
            raise ModelError.at(str(path), "file", path.name, f"must be at most {MAX_FILE} bytes")
        stored = json.loads(path.read_bytes())
        encodings = dict(_encodings(stored, source, path))
    except (*_MISSHAPEN, RecursionError) as reason:
        text = f"{type(reason).__name__} {reason}"[:100].splitlines()[0]
        raise ModelError.at(str(path), "encodings", text, "must be AIMET's encodings") from None
    return graph_of(replace(with_encodings(source, encodings, str(path)), name=path.stem))


def _model_beside(path: Path) -> Path:
    for stem in (path.stem, path.stem.removesuffix("_torch")):
        model = path.with_name(f"{stem}.onnx")
        if model.is_file():
            return model
    must = f"must stand beside the float network {path.stem}.onnx"
    raise ModelError.at(str(path), "file", path.name, must)


def _encodings(stored: Any, source: Source, path: Path) -> Iterator[tuple[str, Encoding]]:
    """Every tensor's grid by the tensor's name."""
    for part in ("activation_encodings", "param_encodings"):
        entries = stored[part]
        if isinstance(entries, list):  # 1.0.0
            for entry in entries:
                yield entry["name"], _newer(entry, path)
            continue
        for name, entry in entries.items():
            if isinstance(entry, list):
                yield name, _older(entry, name, path)
            else:
                op = _module(source, name, path)
                for end, tensors in (("input", op.inputs), ("output", op.outputs)):
                    for number, grid in entry.get(end, {}).items():
                        yield tensors[int(number)], _older([grid], name, path)


def _newer(entry: dict[str, Any], path: Path) -> Encoding:
    if entry["dtype"] != "INT":
        raise _error(path, entry["name"], entry["dtype"], "must be INT")
    return _grid(int(entry["bw"]), entry["is_sym"], entry["scale"], entry["offset"], path)


def _older(entries: list[dict[str, Any]], name: str, path: Path) -> Encoding:
    first = entries[0]
    if first["dtype"] != "int":
        raise _error(path, name, first["dtype"], "must be int")
    symmetric = str(first["is_symmetric"]) == "True"
    scale = [entry["scale"] for entry in entries]
    return _grid(int(first["bitwidth"]), symmetric, scale, [e["offset"] for e in entries], path)


def _grid(bits: int, symmetric: bool, scale: Any, offset: Any, path: Path) -> Encoding:
    """Codes as they are kept: signed for symmetric grids, unsigned for others."""
    if not 2 <= bits <= 32:
        raise _error(path, "bw", bits, "must be 2..32")
    scales = tuple(float(value) for value in scale)
    if not scales or not all(0 < value < np.inf for value in scales):
        raise _error(path, "scale", scales[:4], "must be positive and finite")
    half = 1 << (bits - 1)
    signed_convention = symmetric and all(int(value) == 0 for value in offset)
    shift = half if symmetric and not signed_convention else 0
    zeros = tuple(-int(value) - shift for value in offset)
    form = IntFormat(bits, symmetric)
    if len(zeros) != len(scales) or any(zero not in form for zero in zeros):
        raise _error(path, "offset", list(offset)[:4], "must be one a scale, inside the grid")
    return Encoding(form, scales, zeros)


def _error(path: Path, field: str, value: Any, must: str) -> HwsimError:
    return ModelError.at(str(path), field, value, must)


def _module(source: Source, name: str, path: Path) -> Op:
    """The operator of a PyTorch module: by its own name, or by that of its weight."""
    for op in source.ops:
        parts = op.name.strip("/").split("/")
        if op.name == name or f"{name}.weight" in op.inputs or parts[:-1] == name.split("."):
            return op
    raise _error(path, "module", name, "must be a layer of the network")


def with_encodings(source: Source, encodings: dict[str, Encoding], where: str) -> Source:
    """The network with a quantize and a dequantize behind every tensor that has an encoding.

    Raises
    ------
    ModelError
        An encoding of a tensor that the network does not have.
    """
    known = {*source.constants, *(declared.name for declared in source.inputs)}
    known |= {name for op in source.ops for name in op.outputs}
    constants, ops = dict(source.constants), list(source.ops)
    real: dict[str, str] = {}
    for name, encoding in encodings.items():
        if name not in known:
            raise ModelError.at(where, "tensor", name, "must be a tensor of the network")
        one = len(encoding.scale) == 1
        scale, zero = np.array(encoding.scale), np.array(encoding.zero_point, np.int64)
        ends = (f"{name}.scale", f"{name}.zero_point")
        constants[ends[0]] = Stored(scale.reshape(()) if one else scale, None)
        constants[ends[1]] = Stored(zero.reshape(()) if one else zero, encoding.format)
        axis = {} if one else {"axis": 0}
        coded, real[name] = f"{name}.codes", f"{name}.real"
        ops.append(Op(coded, "QuantizeLinear", "", (name, *ends), (coded,), axis))
        ops.append(Op(real[name], "DequantizeLinear", "", (coded, *ends), (real[name],), axis))
    last = len(source.ops)
    ops[:last] = [
        replace(op, inputs=tuple(real.get(name, name) for name in op.inputs)) for op in ops[:last]
    ]
    outputs = tuple(real.get(name, name) for name in source.outputs)
    inputs = [declared.name for declared in source.inputs]
    placed = ordered(ops, [*constants, *inputs], source.where)
    return replace(source, constants=constants, ops=placed, outputs=outputs)
