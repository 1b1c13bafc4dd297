"""``.npy`` and ``.npz`` files as plain arrays: never pickle, sizes checked before allocating.

A file is read as numpy writes it: booleans, integers and floats of at most eight bytes, in zip
members that are stored or deflated. Everything else is refused with one line that names the file
and the field. A header says how many bytes follow; that number is checked against the member's
size and the limit first, so that a small file cannot ask for a large memory.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from hwsim.errors import HwsimError

MAX_BYTES = 1 << 30
"""Bytes of all arrays that are read from one file, unpacked."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that zip can say: files are the same every day
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    RuntimeError,
    EOFError,
    OSError,
)
_BROKEN_HEADER = (ValueError, EOFError, TypeError, KeyError, SyntaxError, MemoryError)


def read_npz(
    path: Path,
    error: type[HwsimError],
    names: Iterable[str] | None = None,
    rows: Mapping[str, int] | None = None,
) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz``.

    Parameters
    ----------
    path : Path
    error : type of HwsimError
        What a broken file raises.
    names : iterable of str, optional
        Read only these, where present; the file may hold more.
    rows : mapping of str to int, optional
        Read only so many leading rows of these arrays.

    Returns
    -------
    dict of str to ndarray
        In the machine's byte order, C order, in the file's order.
    """
    arrays: dict[str, NDArray[Any]] = {}
    budget = MAX_BYTES
    with _opened(path, error) as stream:
        if stream.read(2) != b"PK":
            raise error.at(str(path), "file", path.name, "must be an .npz: a zip of .npy members")
        try:
            archive = zipfile.ZipFile(stream)
        except _BROKEN as reason:
            raise error.at(
                str(path), "file", path.name, f"must be a whole zip: {_one_line(reason)}"
            ) from None
        with archive:
            for member, name in _members(archive, path, error):
                if names is not None and name not in names:
                    continue
                limit = (rows or {}).get(name)
                arrays[name] = _read_member(archive, member, name, path, error, budget, limit)
                budget -= arrays[name].nbytes
    return arrays


def read_npy(path: Path, error: type[HwsimError], rows: int | None = None) -> NDArray[Any]:
    """The array of an ``.npy``, or its leading ``rows``."""
    with _opened(path, error) as stream:
        size = os.fstat(stream.fileno()).st_size
        return _read_array(stream, size, "array", path, error, MAX_BYTES, rows)


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays so that equal arrays give equal bytes: no dates, no compression.

    To a temporary name in the same folder, then renamed: a file is whole or absent.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            member.create_system = 3  # unix, on every system
            member.external_attr = 0o644 << 16
            body = io.BytesIO()
            npy.write_array(body, np.asarray(array, order="C"), (1, 0), allow_pickle=False)
            archive.writestr(member, body.getvalue())
    write_atomically(path, content.getvalue())


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name in the same folder, then rename."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def _opened(path: Path, error: type[HwsimError]) -> Iterator[IO[bytes]]:
    """The file, open; what the system says against it becomes one line."""
    try:
        stream = open(path, "rb")  # noqa: SIM115  # closed below; errors of the body are not ours
    except (OSError, ValueError) as reason:
        words = reason.strerror if isinstance(reason, OSError) else _one_line(reason)
        raise error.at(str(path), "file", path.name, f"must be readable: {words}") from None
    with stream:
        yield stream


def _members(
    archive: zipfile.ZipFile, path: Path, error: type[HwsimError]
) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    """Every member with its array's name."""
    seen: set[str] = set()
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name == member.filename:
            raise error.at(str(path), "member", repr(name), "must end in .npy")
        if not name.isprintable():
            raise error.at(str(path), "member", repr(name), "must be printable")
        if name in seen:
            raise error.at(str(path), "member", repr(name), "must be there once")
        seen.add(name)
        yield member, name


def _read_member(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    name: str,
    path: Path,
    error: type[HwsimError],
    budget: int,
    rows: int | None,
) -> NDArray[Any]:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise error.at(str(path), name, "compressed", "must be stored or deflated")
    try:
        with archive.open(member) as stream:
            return _read_array(stream, member.file_size, name, path, error, budget, rows)
    except _BROKEN as reason:
        raise error.at(str(path), name, "member", f"must be whole: {_one_line(reason)}") from None


def _read_array(
    stream: IO[bytes],
    size: int,
    name: str,
    path: Path,
    error: type[HwsimError],
    budget: int,
    rows: int | None,
) -> NDArray[Any]:
    """One ``.npy``: header, checks, then the bytes that the header announced."""
    shape, fortran, dtype = _read_header(stream, name, path, error)
    if dtype.kind not in "biuf" or dtype.itemsize > 8 or dtype.subdtype is not None:
        raise error.at(str(path), f"{name}.dtype", dtype, "must be boolean, integer or float")
    announced = prod(shape) * dtype.itemsize
    present = size - stream.tell()
    if present != announced:
        raise error.at(
            str(path), f"{name}.shape", shape, f"must take the {present} bytes there are"
        )
    if rows is not None and shape and rows < shape[0] and not fortran:
        shape = (rows, *shape[1:])
    needed = prod(shape) * dtype.itemsize
    if needed > budget:
        raise error.at(
            str(path), f"{name}.shape", shape, f"must fit {MAX_BYTES} bytes (all arrays together)"
        )
    content = stream.read(needed)
    if len(content) != needed:
        raise error.at(str(path), name, f"{len(content)} bytes", f"must be {needed}")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    if rows is not None and shape:
        array = array[:rows]
    return np.array(array, dtype.newbyteorder("="), order="C")


def _read_header(
    stream: IO[bytes], name: str, path: Path, error: type[HwsimError]
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = npy.read_magic(stream)
        readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"version {version}")
        shape, fortran, dtype = readers[version](stream)
        if any(extent < 0 for extent in shape) or len(shape) > 32:
            raise ValueError(f"shape {shape}")
        return tuple(int(extent) for extent in shape), bool(fortran), dtype
    except _BROKEN_HEADER as reason:
        raise error.at(
            str(path), name, "header", f"must be of .npy version 1 or 2: {_one_line(reason)}"
        ) from None


def _one_line(reason: BaseException) -> str:
    """The first line of what another library says, without its end."""
    lines = str(reason).splitlines() or [type(reason).__name__]
    return lines[0][:120].rstrip(".")
