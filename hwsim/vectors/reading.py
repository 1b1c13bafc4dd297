"""Reading a bundle back. It may come from anywhere: its manifest is validated, no path leaves the
folder, and every file that is read has the size and the digest that the manifest states.

::

    manifest = load(folder)                     # validated; no file but manifest.json is read
    check_files(folder, manifest)               # every size and sha256
    beats = read_lanes(folder, manifest, "output")    # data/output.hex as (count, lanes) int64
    manifest.runs[0].output.first, .count       # where a run's beats stand in those files
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hwsim.array.gemm import Ints
from hwsim.errors import DataError
from hwsim.vectors.manifest import FILE, SCHEMA, Manifest, hex_path, sha256_of
from hwsim.vectors.words import Bits, lanes_of, read_hex

MOST_BYTES = 1 << 26  # of a manifest


def load(folder: Path) -> Manifest:
    """Read and validate manifest.json.

    Raises
    ------
    DataError
        There is none, or it is no manifest of this version; one line.
    """
    path = folder / FILE
    value = _json(path, _content(path, MOST_BYTES))
    found = value.get("schema") if isinstance(value, dict) else None
    if found != SCHEMA:
        raise DataError.at(str(path), "schema", repr(found)[:80], f"must be {SCHEMA!r}")
    try:
        return Manifest.model_validate(value)
    except ValidationError as failure:
        first = failure.errors()[0]
        at = ".".join(map(str, first["loc"])).encode("unicode_escape").decode() or "manifest"
        shown = repr(first["input"])[:80]
        raise DataError.at(str(path), at, shown, first["msg"]) from None


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its size and digest.

    Raises
    ------
    DataError
        One is absent, or is not what the bundle was written with: the first is named.
    """
    for path in sorted(manifest.files):
        read_file(folder, manifest, path)


def read_file(folder: Path, manifest: Manifest, path: str) -> bytes:
    """One file of the bundle, as it was written.

    Raises
    ------
    DataError
        It is absent, leaves the folder, or has another size or digest.
    """
    entry, at = manifest.files[path], folder / path
    if not _inside(folder, at):
        raise DataError.at(str(at), "path", os.path.realpath(at), "must stay inside the bundle")
    content = _content(at, entry.bytes)
    if len(content) != entry.bytes:
        raise DataError.at(str(at), "bytes", len(content), f"must be {entry.bytes}")
    if sha256_of(content) != entry.sha256:
        must = f"must be {entry.sha256[:16]}..., as manifest.json says: the file was changed"
        raise DataError.at(str(at), "sha256", f"{sha256_of(content)[:16]}...", must)
    return content


def read_bits(folder: Path, manifest: Manifest, stem: str) -> Bits:
    """``data/<stem>.hex`` as bits of shape (count, width), checked as `read_file` checks."""
    entry = manifest.words(stem)
    content = read_file(folder, manifest, hex_path(stem))
    width, count = entry.width or 0, entry.count or 0
    return read_hex(content, width, count, str(folder / hex_path(stem)))


def read_lanes(folder: Path, manifest: Manifest, stem: str) -> Ints:
    """``data/<stem>.hex`` as int64 of shape (count, lanes); a word of equal lanes only."""
    entry = manifest.words(stem)
    bits = read_bits(folder, manifest, stem)
    return lanes_of(bits, entry.lane_bits or 1, signed=bool(entry.signed))


def _inside(folder: Path, path: Path) -> bool:
    """Whether a path, links followed, stays below the folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _content(path: Path, most: int) -> bytes:
    """At most ``most`` + 1 bytes of a regular file."""
    if not path.is_file():
        raise DataError.at(str(path), "file", "absent", "must be there")
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _json(path: Path, content: bytes) -> Any:
    """Parsed, or refused in one line."""
    if len(content) > MOST_BYTES:
        raise DataError.at(str(path), "bytes", f"over {MOST_BYTES}", f"must be <= {MOST_BYTES}")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {str(error)[:100]}") from None
