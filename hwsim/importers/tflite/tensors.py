"""A file's tensor in hwsim's words: formats, scales and zero points, constants as arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.tflite.records import FileTensor

FORMATS = {
    "int4": IntFormat(4),
    "int8": IntFormat(8),
    "uint8": IntFormat(8, signed=False),
    "int16": IntFormat(16),
    "int32": IntFormat(32),
}
REALS = ("float32", "float16")
_DTYPES = {
    "float32": "<f4",
    "float16": "<f2",
    "int32": "<i4",
    "uint8": "<u1",
    "int64": "<i8",
    "bool": "<u1",
    "int16": "<i2",
    "int8": "<i1",
}


def check_plain(tensor: FileTensor, where: str) -> None:
    """Refuse what is not read in a tensor: variables, sparse data, other quantization schemes."""
    if tensor.obstacle:
        raise UnsupportedError.at(where, tensor.label, tensor.obstacle, "must be plain and dense")


def quantization(
    tensor: FileTensor, form: IntFormat, where: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scales and zero points of a quantized tensor, as many of each."""
    field = tensor.label
    scale, zero = tensor.scale, tensor.zero_point.astype(np.int64)
    if not scale.size:
        raise UnsupportedError.at(where, f"{field}.scale", "absent", "must be there: quantized")
    bad = ~(np.isfinite(scale) & (scale > 0))
    if bad.any():
        raise ModelError.at(where, f"{field}.scale", scale[bad][0], "must be positive and finite")
    if zero.size not in (0, 1, scale.size):
        must = f"must be 1 or {scale.size} numbers, as the scale"
        raise ModelError.at(where, f"{field}.zero_point", f"{zero.size} numbers", must)
    bad = (zero < form.lo) | (zero > form.hi)
    if bad.any():
        must = f"must be in [{form.lo}, {form.hi}] ({form})"
        raise ModelError.at(where, f"{field}.zero_point", zero[bad][0], must)
    zero = np.zeros(scale.size, np.int64) if not zero.size else zero
    return scale.astype(np.float64), np.broadcast_to(zero, scale.shape).copy()


def stored(tensor: FileTensor, where: str) -> NDArray[Any]:
    """A constant's array in its own type; two int4 codes a byte, the first in the low half."""
    assert tensor.data is not None
    field = tensor.label
    check_plain(tensor, where)
    if tensor.kind == "int4":
        low, high = (tensor.data << 4).view(np.int8) >> 4, tensor.data.view(np.int8) >> 4
        codes = np.stack([low, high], axis=-1).reshape(-1)
        return codes[: math.prod(tensor.shape)].reshape(tensor.shape)
    if tensor.kind not in _DTYPES:
        known = ", ".join(("int4", *_DTYPES))
        raise UnsupportedError.at(where, f"{field}.type", tensor.kind, f"must be one of {known}")
    dtype = np.dtype(_DTYPES[tensor.kind])
    values = tensor.data.view(dtype).reshape(tensor.shape)
    if not np.isfinite(values).all():
        raise UnsupportedError.at(where, field, "not finite", "must be finite")
    return values.astype(dtype.newbyteorder("="))
