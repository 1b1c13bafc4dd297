"""``--map FILE``: what the names of dumped files do not say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hwsim.errors import DataError
from hwsim.importers import strict_yaml
from hwsim.network.graph import Graph

Extent = Annotated[int, Field(ge=1, le=1 << 31)]
DTYPE = r"^[<>]?(u?int(8|16|32|64)|float(32|64))$"


class Entry(BaseModel):
    """One tensor's file. ``shape`` is the stored one, ``layout`` the order of its axes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, Field(min_length=1, max_length=1000)]
    array: str | None = None  # of an .npz; the tensor's name where it is left out
    dtype: Annotated[str, Field(pattern=DTYPE)] | None = None  # of a raw file
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    shape: Annotated[tuple[Extent, ...], Field(max_length=16)] | None = None


def entries(path: str | Path, graph: Graph) -> dict[str, Entry]:
    """The map, tensor by tensor.

    Raises
    ------
    DataError
        No map, a tensor that the model does not have, a word that is none.
    """
    document = strict_yaml.load(_read(Path(path)), str(path))
    if not isinstance(document.value, dict):
        raise DataError.at(str(path), "text", "no mapping", "must be TENSOR: {file: NAME, ...}")
    outputs = {node.name: node.output for node in graph.nodes}
    found: dict[str, Entry] = {}
    for label, words in document.value.items():
        place = str(document.places[(label,)])
        name = label if label in graph.tensors else outputs.get(label)
        if name is None:
            raise DataError.at(place, "tensor", label, "must be a tensor or a node of the model")
        found[name] = _entry(words, label, place)
    return found


def _entry(words: Any, label: str, place: str) -> Entry:
    try:
        return Entry.model_validate(words)
    except ValidationError as failure:
        error = failure.errors()[0]
        field = ".".join([label, *(str(part) for part in error["loc"])])
        value = "absent" if error["type"] == "missing" else repr(error["input"])[:60]
        must = error["msg"].splitlines()[0]
        raise DataError.at(place, field, value, f"must be right: {must}") from None


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(strict_yaml.MAX_BYTES + 1)
    except OSError as reason:
        must = f"must be readable: {reason.strerror}"
        raise DataError.at(str(path), "file", path.name, must) from None
