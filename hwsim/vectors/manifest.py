"""``manifest.json`` of a bundle: what is in every file, to the bit. `reading` reads it back."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hwsim.errors import DataError
from hwsim.vectors.words import digits

SCHEMA: Literal["hwsim.vectors/1"] = "hwsim.vectors/1"
FILE = "manifest.json"
MOST_FILE_BYTES = 1 << 32  # of any other file
PLAIN_PATH = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*"

Count = Annotated[int, Field(ge=0, lt=1 << 40)]
Size = Annotated[int, Field(ge=1, lt=1 << 31)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Part(BaseModel):
    """What the parts of a manifest share: no unknown word, no conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Span(Part):
    """Beats ``first .. first + count - 1`` of a file: those of one run."""

    first: Count
    count: Count


class Lanes(Part):
    """Equal lanes inside a word that has lanes of several kinds; lowest bits first."""

    name: str
    lanes: Size
    bits: Annotated[int, Field(ge=1, le=64)]
    signed: bool


class FileEntry(Part):
    """One file. A file of words says how they are packed; of other files these fields are None.

    Attributes
    ----------
    sha256, bytes
        Of the content.
    width : int or None
        Bits of a word; a line has ``ceil(width / 4)`` hexadecimal digits, zeros above ``width``.
    lanes, lane_bits, signed
        Equal lanes, lane 0 lowest, ``lanes * lane_bits == width``. A word of several kinds of
        lanes is one lane of ``width`` bits.
    fields : list of Lanes
        The kinds of lanes in such a word, lowest bits first; else empty.
    order : str or None
        Which beat is which.
    count : int or None
        Words.
    description : str
    """

    sha256: Digest
    bytes: Annotated[int, Field(ge=0, le=MOST_FILE_BYTES)]
    width: Size | None = None
    lanes: Size | None = None
    lane_bits: Size | None = None
    signed: bool | None = None
    fields: list[Lanes] = []
    order: str | None = None
    count: Count | None = None
    description: str

    @model_validator(mode="after")
    def _packed(self) -> FileEntry:
        """Widths add up, and the file is as long as its words."""
        stated = [x is not None for x in (self.width, self.lanes, self.lane_bits, self.count)]
        if not any(stated):
            return self
        width, lanes, lane_bits, count = self.width, self.lanes, self.lane_bits, self.count
        if width is None or lanes is None or lane_bits is None or count is None:
            raise ValueError("width, lanes, lane_bits and count go together")
        if lanes * lane_bits != width:
            raise ValueError("lanes * lane_bits must be width")
        if self.fields and sum(field.lanes * field.bits for field in self.fields) != width:
            raise ValueError("fields must add up to width")
        if self.bytes != count * (digits(width) + 1):
            raise ValueError("bytes must be count * (digits of a word + 1)")
        return self


class RunEntry(Part):
    """One start of the array.

    Attributes
    ----------
    name : str
        ``image_<sample>``, or the directed set's name.
    m : int
        Rows of the product; the port ``m``.
    cycles : int
        Compute clocks, as the port ``cycles`` shows them at ``done``.
    clocks_after : int
        Clocks after the last compute clock until the last code stands.
    activations, output, stores, clocks : Span
        This run's beats in ``activations``; in ``output`` and all files that have its beats; in
        ``chain``, ``partial`` and ``store_place``; in ``clocks`` (fewer than the run has where the
        file was cut).
    """

    name: Name
    m: Size
    cycles: Count
    clocks_after: Count
    activations: Span
    output: Span
    stores: Span
    clocks: Span


class Manifest(Part):
    """A whole bundle.

    Attributes
    ----------
    kind : str
        ``layer``, or the stage whose input and output the bundle has: ``requantize``, ``narrow``.
    machine : dict
        Resolved, as `Machine.model_dump`; ``machine_sha256``: of its canonical JSON.
    parameters : dict of int
        Of `mac_array_top`, capacities included (the largest that any run needs).
    ports : dict of int
        Constants at the ports, the same in every run (``m`` is the run's): groups, k, n,
        zero_point, clamp_lo, clamp_hi, out_lo, out_hi.
    adding_bits, clocks_width, clocks_total
        Bits of the accumulator while it adds; bits of a word of ``clocks`` (0: no such file), and
        how many words it would have if it were not cut.
    runs : list of RunEntry
    files : dict of FileEntry
        By path inside the bundle; every file but manifest.json.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    schema_: Literal["hwsim.vectors/1"] = Field(alias="schema")
    hwsim_version: Name
    model: Name
    layer: Name
    op: Name
    kind: Literal["layer", "requantize", "narrow"]
    machine: dict[str, Any]
    machine_sha256: Digest
    parameters: dict[str, int]
    ports: dict[str, int]
    adding_bits: Annotated[int, Field(ge=2, le=64)]
    clocks_width: Count
    clocks_total: Count
    seed: Annotated[int, Field(ge=0)]
    runs: Annotated[list[RunEntry], Field(min_length=1)]
    files: dict[Annotated[str, Field(pattern=f"^{PLAIN_PATH}$", max_length=300)], FileEntry]

    def words(self, stem: str) -> FileEntry:
        """The entry of ``data/<stem>.hex``.

        Raises
        ------
        DataError
            The bundle has no such file of words.
        """
        entry = self.files.get(hex_path(stem))
        if entry is None or entry.width is None:
            known = ", ".join(sorted(self.stems()))
            raise DataError.at(FILE, "files", hex_path(stem), f"must be one of {known}")
        return entry

    def stems(self) -> list[str]:
        """Names of all files of words."""
        return [
            PurePosixPath(path).stem
            for path, entry in self.files.items()
            if entry.width is not None
        ]


def hex_path(stem: str) -> str:
    """Where a file of words stands.

    >>> hex_path("output")
    'data/output.hex'
    """
    return f"data/{stem}.hex"


def sha256_of(content: bytes) -> str:
    """Digest in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and without spaces: equal values give equal bytes.

    >>> canonical({"b": 1, "a": [2]})
    b'{"a":[2],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def manifest_bytes(manifest: Manifest) -> bytes:
    """The text of manifest.json: sorted keys, an indent of one."""
    value = manifest.model_dump(mode="json", by_alias=True, exclude_none=True)
    return (json.dumps(value, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()
