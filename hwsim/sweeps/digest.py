"""One hash for anything that a sweep is made of: arrays, records, mappings, numbers, text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel


def digest(value: Any) -> str:
    """Sixty-four hex digits that change with any number, shape, type or name inside.

    >>> digest({"a": np.arange(3)}) == digest({"a": np.arange(3)})
    True
    >>> digest([1, 2]) == digest([12])
    False
    """
    found = hashlib.sha256()
    _add(found, value)
    return found.hexdigest()


def _add(found: Any, value: Any) -> None:
    """Every part with its type and length, so that no two values run together."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if is_dataclass(value) and not isinstance(value, type):
        value = {part.name: getattr(value, part.name) for part in fields(value)}
    if isinstance(value, np.ndarray):
        _text(found, f"array {value.dtype.str} {value.shape}")
        found.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        _text(found, f"mapping {len(value)}")
        for key in sorted(value, key=str):
            _text(found, str(key))
            _add(found, value[key])
    elif isinstance(value, list | tuple):
        _text(found, f"list {len(value)}")
        for item in value:
            _add(found, item)
    else:
        _text(found, f"{type(value).__name__} {value!r}")


def _text(found: Any, text: str) -> None:
    encoded = text.encode()
    found.update(len(encoded).to_bytes(8, "little") + encoded)
