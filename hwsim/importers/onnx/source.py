"""An ONNX file as plain records, and its operators in an order in which they can be computed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.errors import HwsimError, ModelError, UnsupportedError

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Declared:
    """A graph input: its type and shape; None where an extent is not stated."""

    name: str
    dtype: np.dtype[Any]
    form: IntFormat | None
    shape: tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Op:
    """One operator. ``name``: the file's where it is there and used once, else
    ``<operator>_<index>``. ``inputs``: an empty name where an optional input is left out."""

    name: str
    kind: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def input(self, index: int) -> str | None:
        """The name of an input, None where it is left out."""
        return self.inputs[index] or None if index < len(self.inputs) else None

    def require(self, inputs: int, outputs: int = 1) -> None:
        """Refuse an operator with fewer inputs or outputs than it needs, or empty ones."""
        if len(self.inputs) < inputs or not all(self.inputs[:inputs]):
            raise self.error("inputs", list(self.inputs), f"must begin with {inputs} names")
        if len(self.outputs) < outputs or not all(self.outputs[:outputs]):
            raise self.error("outputs", list(self.outputs), f"must begin with {outputs} names")

    def error(self, field: str, value: Any, must: str) -> HwsimError:
        """A contradiction in this operator."""
        return ModelError.at(f"{self.name} ({self.kind})", field, value, must)

    def finite(self, field: str, array: Array) -> NDArray[np.float64]:
        """Numbers as float64; NaN and infinity are refused."""
        with np.errstate(invalid="ignore"):
            values = array.astype(np.float64)
        if not np.isfinite(values).all():
            raise self.error(field, "not finite", "must be finite")
        return values

    def unsupported(self, field: str, value: Any, must: str) -> HwsimError:
        """Something of this operator that hwsim does not import."""
        return UnsupportedError.at(f"{self.name} ({self.kind})", field, value, must)


@dataclass(frozen=True, eq=False)
class Stored:
    """A constant of the file; ``form``: the integer format where its type says one."""

    array: Array
    form: IntFormat | None


@dataclass(frozen=True, eq=False)
class Source:
    """A whole file. ``ops`` are ordered: every operator follows those it needs."""

    where: str
    name: str
    opset: int
    inputs: tuple[Declared, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Stored]
    ops: tuple[Op, ...]


@contextmanager
def naming(where: str) -> Iterator[None]:
    """Errors raised inside begin with the file's name."""
    try:
        yield
    except HwsimError as error:
        if str(error).startswith(where):
            raise
        raise type(error)(f"{where}: {error}") from None


def ordered(ops: list[Op], known: Iterable[str], where: str) -> tuple[Op, ...]:
    """The operators so that each follows what it needs, else in the file's order.

    Raises
    ------
    ModelError
        A name computed twice, a name that nothing computes, or a cycle.

    Examples
    --------
    >>> a, b = (Op(n, "Relu", "", (i,), (o,), {}) for n, i, o in ("axy", "byz"))
    >>> [op.name for op in ordered([b, a], ["x"], "file")]
    ['a', 'b']
    >>> ordered([b], ["x"], "file")
    Traceback (most recent call last):
    ...
    hwsim.errors.ModelError: file: b.input = y: must be an input, an initializer or computed
    """
    maker: dict[str, int] = dict.fromkeys(known, -1)
    for index, op in enumerate(ops):
        for name in filter(None, op.outputs):
            if name in maker:
                raise ModelError.at(where, f"{op.name}.output", name, "must be computed once")
            maker[name] = index
    users: dict[int, list[int]] = {}
    waiting = []
    for index, op in enumerate(ops):
        needs = set()
        for name in filter(None, op.inputs):
            if name not in maker:
                must = "must be an input, an initializer or computed"
                raise ModelError.at(where, f"{op.name}.input", name, must)
            needs.add(maker[name])
        needs.discard(-1)
        waiting.append(len(needs))
        for need in needs:
            users.setdefault(need, []).append(index)
    ready = [index for index, count in enumerate(waiting) if count == 0]
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(ops[index])
        for user in users.get(index, ()):
            waiting[user] -= 1
            if waiting[user] == 0:
                heapq.heappush(ready, user)
    if len(order) < len(ops):
        stuck = next(op for op, count in zip(ops, waiting, strict=True) if count)
        raise ModelError.at(where, "node", stuck.name, "must not need its own result: a cycle")
    return tuple(order)
