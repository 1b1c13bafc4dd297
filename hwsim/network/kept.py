"""Tensors of all samples, each in the smallest integer type that holds its codes.

A network's run keeps the codes of every tensor. They lie in one byte each where their format has
no more than 8 bits, and are read as int64, so that no sum of them wraps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.array.gemm import Ints
from hwsim.network.graph import Tensor


def own_dtype(form: IntFormat) -> np.dtype[Any]:
    """The integer type that holds codes of a format.

    >>> own_dtype(IntFormat(8)), own_dtype(IntFormat(4, signed=False)), own_dtype(IntFormat(16))
    (dtype('int8'), dtype('uint8'), dtype('int16'))
    """
    bits = next(bits for bits in (8, 16, 32, 64) if form.bits <= bits)
    return np.dtype(f"{'int' if form.signed else 'uint'}{bits}")


class KeptCodes(Mapping[str, Ints]):
    """Codes of shape (S, *shape) by name of the tensor; real values where it has no format.

    Parameters
    ----------
    tensors : mapping of name to Tensor
    samples : int
        S, of all batches together.

    Examples
    --------
    >>> kept = KeptCodes({"y": Tensor("y", (2,), IntFormat(8))}, 3)
    >>> kept.put("y", 1, np.array([[-128, 127], [5, 6]]))
    >>> kept.part("y", slice(1, 3)).tolist(), kept["y"].dtype, kept.own("y").dtype
    ([[-128, 127], [5, 6]], dtype('int64'), dtype('int8'))
    """

    def __init__(self, tensors: Mapping[str, Tensor], samples: int) -> None:
        self._tensors, self.samples = tensors, samples
        self._own: dict[str, NDArray[Any]] = {}

    def put(self, name: str, start: int, codes: NDArray[Any]) -> None:
        """One batch, from sample ``start`` on; of all samples, the array itself is kept. Codes
        beyond their format make the tensor int64."""
        if name not in self._own:
            form = self._tensors[name].format
            kind = codes.dtype if form is None else own_dtype(form)
            if codes.dtype == kind and len(codes) == self.samples:
                self._own[name] = codes  # all there is
                return
            self._own[name] = np.zeros((self.samples, *codes.shape[1:]), kind)
        batch = self._own[name][start : start + len(codes)]
        batch[...] = codes.astype(batch.dtype, copy=False)
        if codes.dtype == batch.dtype:
            return
        if not np.array_equal(batch, codes, equal_nan=codes.dtype.kind == "f"):
            self._own[name] = self._own[name].astype(codes.dtype)
            self._own[name][start : start + len(codes)] = codes

    def share(self, name: str, other: KeptCodes) -> None:
        """Hold one and the same array as ``other``."""
        self._own[name] = other._own[name]

    def copy_of(self, name: str, other: KeptCodes) -> None:
        """Hold the same codes as ``other``, in an array of its own."""
        self._own[name] = other._own[name].copy()

    def shares(self, name: str, other: KeptCodes) -> bool:
        """Whether both hold one and the same array."""
        return self._own[name] is other._own[name]

    def own(self, name: str) -> NDArray[Any]:
        """A tensor in the type that it is kept in."""
        return self._own[name]

    def part(self, name: str, samples: slice) -> Ints:
        """Some samples of a tensor, widened."""
        return widened(self._own[name][samples])

    def __getitem__(self, name: str) -> Ints:
        return widened(self._own[name])

    def __contains__(self, name: object) -> bool:
        return name in self._own

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


def narrowed(codes: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Codes in the type of their tensor's format, where that holds them.

    >>> narrowed(np.array([-128, 127]), Tensor("y", (2,), IntFormat(8))).dtype
    dtype('int8')
    """
    if tensor.format is None:
        return codes
    kind = own_dtype(tensor.format)
    if codes.dtype == kind:
        return codes
    narrow = codes.astype(kind)
    return narrow if np.array_equal(narrow, codes) else codes


def widened(codes: NDArray[Any]) -> Ints:
    """Integers as int64; real values as they are."""
    return codes if codes.dtype.kind == "f" else codes.astype(np.int64)
