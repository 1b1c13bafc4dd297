"""Data files: ``.npz`` with ``X`` and optional ``Y``, or ``.npy`` with X alone.

Samples come first, then the network's input shape (the axis of a sole channel may be left out), or
all of a sample's numbers in one axis.

- ``X`` of the input's own integer type (int8 for a signed input of 2 to 8 bits, uint8, int16, ...)
  holds **codes**.
- Any other type holds **real values**, which are quantized with the input's scale.
- ``X_scale`` and ``X_zero_point``, or ``--input-scale`` in place of ``X_scale``, say how stored
  numbers become real values: ``X_scale * (X - X_zero_point)``. Where a scale is given, X holds
  real values whatever its type.
- ``Y`` holds integer class labels, one a sample.
- A file of one layer (``npz_layer.py``) holds its codes under ``a``.

Never pickle; sizes are checked before anything is allocated (``arrays.py``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.array.gemm import Ints
from hwsim.errors import DataError
from hwsim.importers.arrays import read_npy, read_npz
from hwsim.network.graph import Tensor, quantize_input
from hwsim.network.kept import own_dtype

_KEYS = ("X", "Y", "X_scale", "X_zero_point", "a")


@dataclass(frozen=True, eq=False)
class Data:
    """Inputs of a network.

    Attributes
    ----------
    X : int64 ndarray of shape (S, *shape)
        Codes; float64 real values where the input has no integer format.
    Y : int64 ndarray of shape (S,), or None
        Class labels.
    name : str
    sha256 : str
        Of the whole file.
    real : float64 ndarray of shape (S, *shape), or None
        The real values that ``X`` was quantized from, where the file holds real values.
    """

    X: NDArray[Any]
    Y: Ints | None
    name: str
    sha256: str
    real: NDArray[np.float64] | None = None


def load(
    path: str | Path,
    tensor: Tensor,
    input_scale: float | None = None,
    limit: int | None = None,
) -> Data:
    """Read a data file for one input.

    Parameters
    ----------
    path : str or Path
    tensor : Tensor
        The network's input.
    input_scale : float, optional
        Real step of one stored number; takes the place of the file's ``X_scale``.
    limit : int, optional
        Take only so many leading samples; all where there are fewer.

    Raises
    ------
    DataError
        ``<path>: <field> = <value>: <must>``.

    Examples
    --------
    >>> from importlib.resources import files
    >>> image = Tensor("image", (8, 8, 1), IntFormat(8), 1 / 255, -128)
    >>> data = load(files("hwsim.models") / "digits" / "test.npz", image, limit=3)
    >>> data.X.shape, data.Y.tolist(), float(data.real.max())
    ((3, 8, 8, 1), [1, 3, 8], 1.0)
    """
    path = Path(path)
    if limit is not None and limit < 1:
        raise DataError.at("hwsim", "limit", limit, "must be 1 or more")
    arrays = _read(path, limit, tensor)
    x, y = arrays["X"], arrays.get("Y")
    if x.shape[:1] in ((), (0,)):
        raise DataError.at(str(path), "X.shape", x.shape, "must have at least one sample")
    x = _shaped(x, tensor, path)
    labels = None if y is None else _labels(y, len(x), limit, path)
    scale = _scale(arrays, input_scale, path)
    zero = _scalar(arrays, "X_zero_point", path)
    form = tensor.format
    if form is not None and scale is None and (x.dtype == own_dtype(form) or "a" in arrays):
        _refuse_outside(x, form, path)
        return Data(x.astype(np.int64), labels, path.stem, _sha256(path))
    real = _real(x, scale, zero, path)
    with np.errstate(over="ignore"):  # what overflows float64 is clipped
        codes = real if form is None else quantize_input(tensor, real)
    return Data(codes, labels, path.stem, _sha256(path), real)


def of_model_file(path: str | Path, tensor: Tensor, limit: int | None = None) -> Data | None:
    """The data that a file of one layer holds (``a``), or None: other model files hold none."""
    path = Path(path)
    if path.suffix != ".npz" or not read_npz(path, DataError, ("a",), {"a": 0}):
        return None
    return load(path, tensor, limit=limit)


def of_array(values: NDArray[Any], tensor: Tensor) -> Data:
    """An array as data: integers are codes, floats real values of the network's input.

    Raises
    ------
    DataError
        Another shape, a code outside the input's format, or NaN.
    """
    where = Path("inputs")
    if values.dtype.kind not in "iuf" or values.shape[:1] in ((), (0,)):
        given = f"{values.dtype} of shape {values.shape}"
        raise DataError.at(str(where), "X", given, "must hold numbers, samples first")
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    x = _shaped(values, tensor, where)
    if tensor.format is not None and x.dtype.kind in "iu":
        _refuse_outside(x, tensor.format, where)
        return Data(x.astype(np.int64), None, "array", digest)
    real = _real(x, None, None, where)
    codes = real if tensor.format is None else quantize_input(tensor, real)
    return Data(codes, None, "array", digest, real)


def _read(path: Path, limit: int | None, tensor: Tensor) -> dict[str, NDArray[Any]]:
    """X (and what else there is), at most ``limit`` samples of it."""
    if path.suffix == ".npy":
        return {"X": read_npy(path, DataError, limit)}
    if path.suffix != ".npz":
        raise DataError.at(str(path), "suffix", repr(path.suffix), "must be .npz or .npy")
    rows = {} if limit is None else {"X": limit, "Y": limit}
    arrays = read_npz(path, DataError, _KEYS, rows)
    if "X" in arrays:
        arrays.pop("a", None)
    elif "a" in arrays:
        a = arrays["a"]
        if a.dtype.kind not in "iu":
            raise DataError.at(str(path), "a.dtype", a.dtype, "must be an integer type: codes")
        arrays["X"] = (a[None] if a.shape == tensor.shape else np.atleast_1d(a))[:limit]
    if "X" not in arrays:
        raise DataError.at(str(path), "X", "absent", "must be there: samples first")
    return arrays


def _shaped(x: NDArray[Any], tensor: Tensor, path: Path) -> NDArray[Any]:
    """X in the input's shape; the axis of a sole channel may be left out."""
    size, given = prod(tensor.shape), x.shape[1:]
    sole = tensor.shape[-1:] == (1,) and given == tensor.shape[:-1]
    if given not in (tensor.shape, (size,)) and not sole:
        shape = ", ".join(str(extent) for extent in tensor.shape)
        raise DataError.at(
            str(path), "X.shape", x.shape, f"must be (samples, {shape}) or (samples, {size})"
        )
    return x.reshape(len(x), *tensor.shape)


def _labels(y: NDArray[Any], samples: int, limit: int | None, path: Path) -> Ints:
    if y.dtype.kind not in "iu":
        raise DataError.at(str(path), "Y.dtype", y.dtype, "must be an integer type: class labels")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (samples,):
        raise DataError.at(str(path), "Y.shape", y.shape, f"must be ({samples},), as X")
    if y.size and (y.min() < 0 or y.max() > np.iinfo(np.int64).max):
        raise DataError.at(str(path), "Y", min(y.min(), 0), "must be labels from 0")
    return y.astype(np.int64)


def _scalar(arrays: dict[str, NDArray[Any]], name: str, path: Path) -> float | None:
    """A finite number that the file may give."""
    if name not in arrays:
        return None
    value = arrays[name]
    if value.size != 1:
        raise DataError.at(str(path), f"{name}.shape", value.shape, "must be (): one number")
    if not np.isfinite(value).all():
        raise DataError.at(str(path), name, value.reshape(()), "must be finite")
    return float(value.reshape(()))


def _scale(arrays: dict[str, NDArray[Any]], input_scale: float | None, path: Path) -> float | None:
    scale, field = _scalar(arrays, "X_scale", path), "X_scale"
    if input_scale is not None:
        scale, field = input_scale, "input_scale"
    if scale is not None and not 0 < scale < float("inf"):
        raise DataError.at(str(path), field, scale, "must be positive and finite")
    return scale


def _refuse_outside(x: NDArray[Any], form: IntFormat, path: Path) -> None:
    """Codes are codes of the input's format."""
    outside = (x < form.lo) | (x > form.hi)
    if outside.any():
        first = tuple(int(i) for i in np.argwhere(outside)[0])
        must = f"must be in [{form.lo}, {form.hi}], codes of the input's {form}"
        raise DataError.at(str(path), f"X{list(first)}", x[first], must)


def _real(
    x: NDArray[Any], scale: float | None, zero: float | None, path: Path
) -> NDArray[np.float64]:
    """``scale * (x - zero)``, finite."""
    values = x.astype(np.float64)
    with np.errstate(over="ignore"):
        if zero is not None:
            values = values - zero
        if scale is not None:
            values = scale * values
    bad = ~np.isfinite(values)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise DataError.at(str(path), f"X{list(first)}", x[first], "must be finite")
    return values


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
