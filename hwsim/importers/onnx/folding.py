"""Operators whose inputs are all known: computed at import, they leave no node.

Sizes are checked before anything is allocated. Codes survive what only moves them: a quantized
weight may be transposed or reshaped before its layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.shapes import layout_of
from hwsim.importers.onnx.source import Array, Op, Stored
from hwsim.importers.onnx.values import Constant, Grid

_DTYPES = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64"}


def fold(b: Builder, op: Op) -> bool:
    """Compute an operator where all its inputs are constants; whether it was one of these."""
    if op.kind == "Shape" and op.inputs and op.input(0):
        b.put(op, Constant(_shape(b, op), name=op.outputs[0]))
        return True
    if op.kind not in FOLDS or op.domain not in ("", "ai.onnx") or not op.inputs:
        return False
    inputs = [b.values[name] if name else None for name in op.inputs]
    if not all(value is None or isinstance(value, Constant) for value in inputs):
        return False
    constants = [value for value in inputs if isinstance(value, Constant)]
    if len(constants) != len(inputs):
        raise op.unsupported("inputs", list(op.inputs), "must all be there for constants")
    try:
        b.fold_budget -= max(_elements(op, constants), 1)
        if b.fold_budget < 0:
            must = "must stay within four times the file's own"
            raise op.unsupported("elements of folded constants", "too many", must)
        with np.errstate(all="ignore"):
            b.put(op, FOLDS[op.kind](op, constants))
    except (
        ValueError,
        IndexError,
        TypeError,
        ZeroDivisionError,
        OverflowError,
        KeyError,
        StopIteration,
    ):
        shapes = [c.array.shape for c in constants]
        raise op.error("constants of shapes", shapes, "must go together") from None
    return True


def _elements(op: Op, constants: Sequence[Constant]) -> int:
    """How many elements a result has, before it is computed; 0 where it is a view."""
    shapes = [c.array.shape for c in constants]
    if op.kind == "ConstantOfShape":
        extents = [int(n) for n in constants[0].array.reshape(-1)]
        if any(n < 0 for n in extents):
            raise ValueError
        return prod(extents)
    if op.kind == "Gather":
        return constants[0].array.size * max(constants[1].array.size, 1)
    if op.kind == "Concat":
        return sum(c.array.size for c in constants)
    if op.kind in ("Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"):
        return 0
    return prod(np.broadcast_shapes(*shapes))


def _shape(b: Builder, op: Op) -> Array:
    """The shape of a value; the batch counts as 1."""
    value = b.value(op, 0)
    if isinstance(value, Constant):
        return np.array(value.array.shape, np.int64)
    layout = layout_of(b, op)
    whole = (1, *layout.onnx_shape)
    start, end = op.attributes.get("start", 0), op.attributes.get("end", len(whole))
    return np.array(whole[start:end], np.int64)


def _reshape(op: Op, constants: Sequence[Constant]) -> Constant:
    """Reshape; codes with one scale a channel must keep that axis."""
    value, target = constants[0], [int(n) for n in constants[1].array.reshape(-1)]
    if not op.attributes.get("allowzero", 0):
        target = [value.array.shape[i] if n == 0 else n for i, n in enumerate(target)]
    return _regrouped(op, value, tuple(target))


def _regrouped(op: Op, value: Constant, shape: tuple[int, ...]) -> Constant:
    array = value.array.reshape(shape)
    grid = value.grid
    if grid is None:
        return Constant(array, None, value.form, value.name)
    parts: list[Array] = []
    for numbers in (grid.scale, grid.zero_point):
        if numbers.size == 1:
            parts.append(numbers.reshape((1,) * array.ndim))
            continue
        axis = next(i for i, n in enumerate(numbers.shape) if n == numbers.size)
        before = prod(grid.codes.shape[:axis])
        spot = next(
            i for i, n in enumerate(array.shape)
            if n == numbers.size and prod(array.shape[:i]) == before
        )  # fmt: skip
        parts.append(numbers.reshape([numbers.size if i == spot else 1 for i in range(array.ndim)]))
    real = None if grid.real is None else grid.real.reshape(array.shape)
    codes = grid.codes.reshape(array.shape)
    moved = Grid(codes, parts[0], parts[1], grid.format, real)
    return Constant(array, moved, value.form, value.name)


def _transpose(op: Op, constants: Sequence[Constant]) -> Constant:
    value = constants[0]
    perm = tuple(op.attributes.get("perm", range(value.array.ndim)[::-1]))
    grid = None if value.grid is None else value.grid.moved(perm)
    return Constant(value.array.transpose(perm), grid, value.form, value.name)


def _axes(op: Op, constants: Sequence[Constant]) -> list[int]:
    if len(constants) > 1:
        return [int(axis) for axis in constants[1].array.reshape(-1)]
    return [int(axis) for axis in op.attributes["axes"]]


def _unsqueeze(op: Op, constants: Sequence[Constant]) -> Constant:
    return _regrouped(op, constants[0], np.expand_dims(
        constants[0].array, tuple(_axes(op, constants))).shape)  # fmt: skip


def _squeeze(op: Op, constants: Sequence[Constant]) -> Constant:
    array = constants[0].array
    axes = tuple(_axes(op, constants)) if len(constants) > 1 or "axes" in op.attributes else None
    return _regrouped(op, constants[0], np.squeeze(array, axes).shape)


def _concat(op: Op, constants: Sequence[Constant]) -> Constant:
    arrays = [c.array for c in constants]
    return Constant(np.concatenate(arrays, axis=op.attributes["axis"]))


def _gather(op: Op, constants: Sequence[Constant]) -> Constant:
    data, places = constants[0].array, constants[1].array
    axis = op.attributes.get("axis", 0)
    return Constant(np.take(data, places, axis=axis))


def _cast(op: Op, constants: Sequence[Constant]) -> Constant:
    value = constants[0]
    dtype = np.dtype(_DTYPES[op.attributes["to"]])
    keeps = value.grid is not None and value.form is None and dtype.kind == "f"
    return Constant(value.array.astype(dtype), value.grid if keeps else None, name=value.name)


def _identity(op: Op, constants: Sequence[Constant]) -> Constant:
    return constants[0]


def _arithmetic(function: Callable[..., Any]) -> Callable[[Op, Sequence[Constant]], Constant]:
    """An elementwise function."""

    def folded(op: Op, constants: Sequence[Constant]) -> Constant:
        return Constant(np.asarray(function(*(c.array for c in constants))))

    return folded


def _divided(a: Array, b: Array) -> Array:
    """Of integers: toward zero."""
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":
        if (b == 0).any():
            raise ZeroDivisionError
        return np.asarray(np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)), a.dtype)
    return np.asarray(a / b)


def _power(a: Array, b: Array) -> Array:
    return np.asarray(np.power(a.astype(np.float64), b.astype(np.float64)), a.dtype)


def _constant_of_shape(op: Op, constants: Sequence[Constant]) -> Constant:
    shape = tuple(int(n) for n in constants[0].array.reshape(-1))
    value = op.attributes.get("value")
    fill = value.array.reshape(-1)[0] if isinstance(value, Stored) else np.float32(0)
    return Constant(np.full(shape, fill))


FOLDS: Mapping[str, Callable[[Op, Sequence[Constant]], Constant]] = {
    "Add": _arithmetic(np.add),
    "Cast": _cast,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Div": _arithmetic(_divided),
    "Floor": _arithmetic(np.floor),
    "Gather": _gather,
    "Identity": _identity,
    "Mul": _arithmetic(np.multiply),
    "Neg": _arithmetic(np.negative),
    "Pow": _arithmetic(_power),
    "Reshape": _reshape,
    "Sqrt": _arithmetic(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _arithmetic(np.subtract),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
