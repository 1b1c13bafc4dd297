"""Tensors that a device or another tool dumped: a folder of ``.npy``, ``.npz`` and ``.raw`` files.

A file ``NAME.npy`` and an array NAME of an ``.npz`` hold the tensor NAME, samples first, in the
model's own layout, or flattened; a single sample may come without its axis. NAME is the tensor's
name in the model, that name with every letter that file names cannot hold replaced by ``_``, or the
name of the node that computes it. ``X`` is the input of a model that has one.

Everything else a map says, YAML or JSON: of each tensor the file, and as far as needed the array in
an ``.npz``, the type of a ``.raw`` (``int8``, ``uint8``, ``int16``, ``float32``, ...; little-endian
unless it is written ``>int16``), the layout (``NHWC``, the default, or ``NCHW``) and the stored
shape::

    conv1/Relu: {file: out0.raw, dtype: int8, layout: NCHW, shape: [20, 64, 25, 5]}

Integers are codes. Floating-point values of a quantized tensor are real values on its grid.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError
from hwsim.importers.arrays import MAX_BYTES, read_npy, read_npz
from hwsim.importers.dumps_map import Entry, entries
from hwsim.network.graph import Graph, Tensor

OFF_GRID = 1e-3  # LSB that a real value may lie beside a code: float32 printing


@dataclass(frozen=True, eq=False)
class Dump:
    """What was dumped.

    Attributes
    ----------
    tensors : dict of str to ndarray of shape (S, *shape)
        int64 codes, float64 where the tensor holds real values.
    unmatched : tuple of str
        Files and arrays that no tensor of the model is named after.
    files : tuple of Path
        Every file that was read.
    """

    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def samples(self) -> int:
        """Rows of every tensor."""
        return len(next(iter(self.tensors.values())))


def load(folder: str | Path, graph: Graph, map_file: str | Path | None = None) -> Dump:
    """Read a dump of a model's tensors.

    Parameters
    ----------
    folder : str or Path
        A folder, or one ``.npz`` file.
    graph : Graph
        Its tensors' names, shapes and formats.
    map_file : str or Path, optional
        What the names do not say.

    Raises
    ------
    DataError
        No tensor of the model is there, one is there twice, or one has another shape or format.
    """
    folder = Path(folder)
    if not folder.exists():
        raise DataError.at(str(folder), "folder", "missing", "must hold dumped tensors")
    stated = {} if map_file is None else entries(map_file, graph)
    home = folder if folder.is_dir() else folder.parent
    stored: dict[str, tuple[NDArray[Any], Path]] = {}
    for name, entry in stated.items():
        path = home / entry.file
        stored[name] = (read_entry(path, entry, graph.tensors[name]), path)
    taken = {home / entry.file for entry in stated.values()}
    names = names_of(graph)
    unmatched: list[str] = []
    for label, values, path in found_in(folder, taken):
        if label not in names:
            unmatched.append(label)
        elif names[label] in stored:
            raise DataError.at(str(path), "tensor", label, f"must be there once: {names[label]}")
        else:
            stored[names[label]] = (values, path)
    if not stored:
        known = ", ".join(list(graph.tensors)[:3])
        must = f"must hold tensors of the model, named like {known}"
        raise DataError.at(str(folder), "tensors", ", ".join(unmatched[:3]) or "none", must)
    tensors = {n: shaped(v, graph.tensors[n], str(path)) for n, (v, path) in stored.items()}
    check_samples(tensors, str(folder))
    files = tuple(sorted({path for _, path in stored.values()}))
    return Dump(tensors, tuple(unmatched), files)


def file_name(name: str) -> str:
    """A tensor's name as file names hold it.

    >>> file_name("conv1/Relu;bn")
    'conv1_Relu_bn'
    """
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def names_of(graph: Graph) -> dict[str, str]:
    """What a dump may call a tensor, to the tensor; names that would say two are left out."""
    called: dict[str, set[str]] = {}
    for name in graph.tensors:
        called.setdefault(file_name(name), set()).add(name)
    for node in graph.nodes:
        called.setdefault(file_name(node.name), set()).add(node.output)
        called.setdefault(node.name, set()).add(node.output)
    if len(graph.inputs) == 1:
        called.setdefault("X", set()).add(graph.inputs[0])
    single = {label: names.pop() for label, names in called.items() if len(names) == 1}
    return single | {name: name for name in graph.tensors}


def found_in(folder: Path, taken: set[Path]) -> list[tuple[str, NDArray[Any], Path]]:
    """Label, array and file of everything that numpy wrote, except files that the map names."""
    files = sorted(folder.iterdir()) if folder.is_dir() else [folder]
    found = []
    for path in files:
        if path in taken or not path.is_file():
            continue
        if path.suffix == ".npy":
            found.append((path.stem, read_npy(path, DataError), path))
        elif path.suffix == ".npz":
            found += [(name, v, path) for name, v in read_npz(path, DataError).items()]
    return found


def read_entry(path: Path, entry: Entry, tensor: Tensor) -> NDArray[Any]:
    """One tensor as the map says."""
    if path.suffix == ".npy":
        values = read_npy(path, DataError)
    elif path.suffix == ".npz":
        name = entry.array or tensor.name
        arrays = read_npz(path, DataError, (name,))
        if name not in arrays:
            raise DataError.at(str(path), "array", name, "must be there")
        values = arrays[name]
    else:
        values = read_raw(path, entry)
    if entry.shape is not None:
        if prod(entry.shape) != values.size:
            raise DataError.at(str(path), "shape", entry.shape, f"must hold {values.size} values")
        values = values.reshape(entry.shape)
    if entry.layout == "NHWC":
        return values
    channels, *space = (tensor.shape[-1], *tensor.shape[:-1])
    if values.size % max(prod(tensor.shape), 1):
        must = f"must be a multiple of {prod(tensor.shape)} values"
        raise DataError.at(str(path), "size", values.size, must)
    return np.moveaxis(values.reshape(-1, channels, *space), 1, -1)


def read_raw(path: Path, entry: Entry) -> NDArray[Any]:
    """Bare numbers of a stated type."""
    if entry.dtype is None:
        raise DataError.at(str(path), "dtype", "absent", "must be stated in --map for a raw file")
    dtype = np.dtype(entry.dtype.lstrip("<>"))
    dtype = dtype.newbyteorder(">" if entry.dtype.startswith(">") else "<")
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as reason:
        must = f"must be readable: {reason.strerror}"
        raise DataError.at(str(path), "file", path.name, must) from None
    if not content or len(content) % dtype.itemsize:
        must = f"must be a positive multiple of {dtype.itemsize} bytes, at most {MAX_BYTES}"
        raise DataError.at(str(path), "size", size, must)
    return np.frombuffer(content, dtype).astype(dtype.newbyteorder("="))


def shaped(values: NDArray[Any], tensor: Tensor, where: str) -> NDArray[Any]:
    """A stored array as (S, *shape), codes checked against the format."""
    shape, size = tensor.shape, prod(tensor.shape)
    if values.shape in (shape, (size,)) and values.size == size:
        values = values.reshape(1, *shape)
    given = values.shape[1:]
    if not values.shape or given not in (shape, (size,), (1, *shape)) or not len(values):
        flipped = given in ((shape[-1], *shape[:-1]),)
        hint = "; it looks like layout NCHW, which --map can say" if flipped else ""
        listed = ", ".join(map(str, shape))
        must = f"must be (samples, {listed}) or (samples, {size}){hint}"
        raise DataError.at(where, f"{tensor.name}.shape", values.shape, must)
    return codes(values.reshape(len(values), *shape), tensor, where)


def codes(values: NDArray[Any], tensor: Tensor, where: str) -> NDArray[Any]:
    """Integers are codes; real values of a quantized tensor lie on its grid."""
    form = tensor.format
    if form is None:
        return values.astype(np.float64)
    if values.dtype.kind == "f":
        exact = values.astype(np.float64) / tensor.scale
        steps = np.rint(exact)
        if not (np.abs(exact - steps) <= OFF_GRID).all():
            must = f"must be codes, or real values that are multiples of {tensor.scale}"
            raise DataError.at(where, f"{tensor.name}.values", values.dtype, must)
        values = steps + tensor.zero_point
    found = values.astype(np.int64)
    least, largest = int(found.min()), int(found.max())
    if least < form.lo or largest > form.hi:
        wrong = least if least < form.lo else largest
        must = f"must be in [{form.lo}, {form.hi}], codes of {form}"
        raise DataError.at(where, f"{tensor.name}.values", wrong, must)
    return found


def check_samples(tensors: Mapping[str, NDArray[Any]], where: str) -> None:
    """All tensors are of the same samples."""
    counts = {len(values): name for name, values in tensors.items()}
    if len(counts) > 1:
        said = ", ".join(f"{count} of {name}" for count, name in sorted(counts.items())[:3])
        raise DataError.at(where, "samples", said, "must be the same number in every tensor")
