"""Writing that an interruption cannot leave half done: a temporary sibling, then a rename."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError

QUICKEST = 1  # of zlib's levels: a third of the usual one's time, codes take 5 % more room


def npz_bytes(
    arrays: Mapping[str, NDArray[Any]] | Iterable[tuple[str, NDArray[Any]]],
) -> bytes:
    """A compressed ``.npz`` of any names (``numpy.savez`` refuses ``file``), never pickled.

    Pairs are taken one by one, so that large arrays need not exist at the same time.

    >>> sorted(np.load(io.BytesIO(npz_bytes({"file": np.arange(3)}))))
    ['file']
    """
    buffer = io.BytesIO()
    fill_npz(buffer, arrays)
    return buffer.getvalue()


def fill_npz(
    file: IO[bytes], arrays: Mapping[str, NDArray[Any]] | Iterable[tuple[str, NDArray[Any]]]
) -> None:
    """`npz_bytes` to an open file; an array that is a file itself is read piece by piece.

    An entry that is opened by its name has zip's first date: equal arrays give equal bytes.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICKEST) as archive:
        for name, array in arrays.items() if isinstance(arrays, Mapping) else arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def json_bytes(value: Any) -> bytes:
    """Readable JSON; numpy scalars become numbers, NaN and infinity are refused.

    >>> json_bytes({"events": np.int64(3)})
    b'{\\n  "events": 3\\n}\\n'
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    return (text + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def folder_name(*parts: str) -> str:
    """A folder for some names, letters that a path could misread replaced.

    >>> folder_name("my/net.tflite", "edge_os_16x16")
    'my_net.tflite--edge_os_16x16'
    """
    return "--".join(re.sub(r"[^A-Za-z0-9._-]", "_", part).lstrip(".") for part in parts)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _refusal(path: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error) or type(error).__name__
    return DataError(f"{path}: cannot be written: {reason.partition(chr(10))[0]}")


def write_file(path: Path, content: bytes) -> None:
    """Write one file whole or not at all.

    Raises
    ------
    DataError
        The system refused (disk full, no permission); an older file stays as it was.
    """
    fill_file(path, lambda stream: stream.write(content))


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an ``.npz`` whole or not at all, without holding it in memory.

    Raises
    ------
    DataError
        As `write_file`.
    """
    fill_file(path, lambda stream: fill_npz(stream, arrays))


def fill_file(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Let ``fill`` write one file under a temporary name, then put it in its place.

    Raises
    ------
    DataError
        As `write_file`.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            fill(stream)
        os.replace(temporary, path)
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def is_run_directory(folder: Path, marker: str = "summary.json") -> bool:
    """Whether ``folder`` holds a summary.json, or another marker, that hwsim wrote."""
    try:
        summary = json.loads((folder / marker).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(summary, dict) and {"schema", "hwsim_version"} <= summary.keys()


def write_folder(
    folder: Path, fill: Callable[[Path], None], *, marker: str = "summary.json"
) -> None:
    """Let ``fill`` write a whole run directory, then put it in place of an older one.

    ``marker``: the file that tells a folder of hwsim's, ``summary.json`` of a run,
    ``manifest.json`` of a vector bundle.

    Raises
    ------
    DataError
        ``folder`` holds something that hwsim did not write, or the system refused. What was
        there before stays.
    """
    target = Path(os.path.realpath(folder))
    _check_replaceable(target, marker)
    temporary = _beside(target)
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        _swap(temporary, target)
    except OSError as error:
        raise _refusal(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_replaceable(target: Path, marker: str) -> None:
    if not target.name:
        raise DataError.at(str(target), "kind", "the root", "must be a directory of its own")
    if not target.exists():
        return
    if not target.is_dir():
        raise DataError.at(str(target), "kind", "file", "must be a directory")
    if any(target.iterdir()) and not is_run_directory(target, marker):
        kind = "run" if marker == "summary.json" else "vector bundle"
        raise DataError.at(
            str(target),
            "content",
            f"not a {kind} of hwsim",
            f"must be empty or hold an earlier {kind}",
        )


def _swap(new: Path, target: Path) -> None:
    """Rename ``new`` to ``target``; an older one is put back where that fails."""
    if not target.exists():
        os.replace(new, target)
        return
    older = _beside(target)
    os.replace(target, older)
    try:
        os.replace(new, target)
    except OSError:
        os.rename(older, target)
        raise
    shutil.rmtree(older, ignore_errors=True)


def remove_file(path: Path) -> None:
    """Remove a file that no longer applies, if it is there.

    Raises
    ------
    DataError
        The system refused.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _refusal(path, error) from error
