"""A traced PyTorch program as plain records: what a ``.pt2`` file and a live export both become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import HwsimError, ModelError, UnsupportedError

Array = NDArray[Any]


def _is_integer(value: Any) -> bool:
    """Whether it is an integer that 64 bits hold."""
    return isinstance(value, int) and -(1 << 63) <= value < 1 << 63


@dataclass(frozen=True)
class Ref:
    """An argument that is a tensor of the program, by its name."""

    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """One operator: ``aten.conv2d.default`` with its arguments by name."""

    target: str
    arguments: Mapping[str, Any]
    outputs: tuple[str, ...]

    @property
    def where(self) -> str:
        """The operator in an error line."""
        return f"{self.outputs[0]} ({self.target})"

    def tensor(self, name: str) -> str:
        """The name of a tensor argument."""
        value = self.arguments.get(name)
        if not isinstance(value, Ref):
            raise self.error(name, value, "must be a tensor")
        return value.name

    def integer(self, name: str, default: int | None = None) -> int:
        """An integer argument."""
        value = self.arguments.get(name, default)
        if not _is_integer(value):
            raise self.error(name, value, "must be an integer of 64 bits")
        return int(value)

    def real(self, name: str, default: float | None = None) -> float:
        """A finite number."""
        value = self.arguments.get(name, default)
        if not (_is_integer(value) or (isinstance(value, float) and np.isfinite(value))):
            raise self.error(name, value, "must be a finite number")
        return float(value)

    def integers(self, name: str, default: list[int] | None = None) -> list[int]:
        """A list of integers; a single one stands for a list of one."""
        value = self.arguments.get(name, default)
        value = [value] if isinstance(value, int) else value
        if not isinstance(value, list) or not all(_is_integer(item) for item in value):
            raise self.error(name, value, "must be a list of integers")
        return [int(item) for item in value]

    def pair(self, name: str, default: int) -> list[int]:
        """Two integers: one stands for both, an empty list for the default."""
        value = self.integers(name, [default]) or [default]
        if len(value) > 2:
            raise self.error(name, value, "must be for two axes")
        return value * 2 if len(value) == 1 else value

    def only(self, name: str, *allowed: Any) -> None:
        """Refuse an argument that is there with another value."""
        if name in self.arguments and self.arguments[name] not in allowed:
            raise self.unsupported(name, self.arguments[name], f"must be {allowed[0]}")

    def error(self, field: str, value: Any, must: str) -> HwsimError:
        """A contradiction in this operator."""
        return ModelError.at(self.where, field, value, must)

    def unsupported(self, field: str, value: Any, must: str) -> HwsimError:
        """Something of this operator that hwsim does not import."""
        return UnsupportedError.at(self.where, field, value, must)


@dataclass(frozen=True, eq=False)
class Program:
    """A whole program; calls follow those that they need.

    Attributes
    ----------
    where : str
        For errors.
    name : str
    input, shape : str, tuple of int
        The sole input and its shape, samples first.
    outputs : tuple of str
    parameters : mapping of str to ndarray
        Weights, biases, scales and zero points by their names in the program.
    calls : tuple of Call
    """

    where: str
    name: str
    input: str
    shape: tuple[int, ...]
    outputs: tuple[str, ...]
    parameters: Mapping[str, Array]
    calls: tuple[Call, ...]
