"""Two sets of the same tensors, value by value: how many are equal, and where the first is not."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError
from hwsim.network.graph import Tensor


@dataclass(frozen=True)
class Difference:
    """One place where two tensors differ: sample, index within it, both values."""

    sample: int
    index: tuple[int, ...]
    ours: int | float
    theirs: int | float

    def __str__(self) -> str:
        where = ", ".join(map(str, self.index))
        return f"sample {self.sample} [{where}]: {self.ours} | {self.theirs}"


@dataclass(frozen=True)
class Comparison:
    """One tensor, all samples so far.

    Attributes
    ----------
    tensor : str
    elements, different : int
        Values compared, and those that are not equal.
    largest : int or float
        Largest ``abs(ours - theirs)``: LSB; of real values, their unit.
    first : Difference or None
        The least (sample, index) that differs.
    """

    tensor: str
    elements: int
    different: int
    largest: int | float
    first: Difference | None

    @property
    def share_equal(self) -> float:
        """Equal values of all; 1 where there are none."""
        return 1.0 - self.different / self.elements if self.elements else 1.0

    def merge(self, later: Comparison) -> Comparison:
        """Both together; ``later`` holds the samples after these."""
        return Comparison(
            self.tensor,
            self.elements + later.elements,
            self.different + later.different,
            max(self.largest, later.largest),
            self.first or later.first,
        )


def compare(
    tensor: str, ours: NDArray[Any], theirs: NDArray[Any], first_sample: int = 0
) -> Comparison:
    """Compare one tensor with ``==``.

    Parameters
    ----------
    tensor : str
        Its name.
    ours, theirs : ndarray of shape (S, ...)
        Codes or real values; two NaN are equal.
    first_sample : int
        Number of the first row, for places.

    Raises
    ------
    DataError
        The shapes differ.

    Examples
    --------
    >>> found = compare("y", np.array([[1, 2, 3]]), np.array([[1, 4, 2]]), first_sample=7)
    >>> found.different, found.largest, str(found.first)
    (2, 2, 'sample 7 [1]: 2 | 4')
    """
    if ours.shape != theirs.shape:
        raise DataError.at(tensor, "shape", theirs.shape, f"must be {ours.shape}")
    unequal = ours != theirs
    if ours.dtype.kind == "f" or theirs.dtype.kind == "f":
        unequal &= ~(np.isnan(ours) & np.isnan(theirs))
    count = int(np.count_nonzero(unequal))
    if not count:
        return Comparison(tensor, ours.size, 0, 0, None)
    sample, *index = (int(i) for i in np.argwhere(unequal)[0])
    place = (sample, *index)
    first = Difference(
        first_sample + sample, tuple(index), ours[place].item(), theirs[place].item()
    )
    return Comparison(tensor, ours.size, count, _largest(ours[unequal], theirs[unequal]), first)


def _largest(ours: NDArray[Any], theirs: NDArray[Any]) -> int | float:
    """Largest distance; without the wrap of narrow types."""
    if ours.dtype.kind in "iu" and theirs.dtype.kind in "iu":
        return int(np.abs(ours.astype(np.int64) - theirs.astype(np.int64)).max())
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    return float(np.nan_to_num(distance, nan=np.finfo(np.float64).max).max())


def shaped(values: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Values of a tensor as (S, *shape), int64 codes or float64 reals.

    What a runtime shows may have an axis of one sample more, or be flattened; the order of the
    values is the same.

    >>> from hwsim.arith.formats import IntFormat
    >>> shaped(np.zeros((3, 1, 4), np.int8), Tensor("y", (2, 2), IntFormat(8))).shape
    (3, 2, 2)
    """
    kind = np.float64 if tensor.format is None else np.int64
    if not len(values) or values[0].size != prod(tensor.shape):
        must = f"must hold {prod(tensor.shape)} values a sample"
        raise DataError.at(tensor.name, "shape", values.shape, must)
    return values.reshape(len(values), *tensor.shape).astype(kind)
