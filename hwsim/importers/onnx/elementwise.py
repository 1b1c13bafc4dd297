"""Elementwise operators: sums and products of two, activations, softmax."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwsim.importers.onnx.affine import OPS, folded_into, with_constant
from hwsim.importers.onnx.arrange import arranged
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.dynamic import scaled_at_run_time
from hwsim.importers.onnx.inputs import described, naturally, quantization_at, view
from hwsim.importers.onnx.joins import joined
from hwsim.importers.onnx.layout import Layout, like
from hwsim.importers.onnx.settle import ACTIVATIONS, quantized
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Activation, Constant, Pending

FUSES = frozenset({"add", "sub", "mul", "average_pool_2d", "max_pool_2d", "mean", "concatenation"})
"""Operators beside the array that take a Relu or Clip in."""
_CODES = {"QLinearAdd": "add", "QLinearMul": "mul"}
_TABLES = {"Sigmoid": "logistic", "Tanh": "tanh", "HardSwish": "hard_swish"}


def binary(b: Builder, op: Op) -> None:
    """Add, Sub, Mul, Div; with a constant of one number a channel a layer takes them in."""
    op.require(2)
    if scaled_at_run_time(b, op):
        return
    first, second = b.value(op, 0), b.value(op, 1)
    if isinstance(first, Constant) or isinstance(second, Constant):
        at = 1 if isinstance(first, Constant) else 0
        constant = first if isinstance(first, Constant) else second
        assert isinstance(constant, Constant)
        value = second if at else first
        if isinstance(value, Pending) and b.sole_user(op.inputs[at]):
            folded = folded_into(op, value, constant, reverse=at == 1)
            if folded is not None:
                b.put(op, replace(folded, output=op.outputs[0]))
                return
        b.put(op, with_constant(op, view(b, op, at), constant, reverse=at == 1))
        return
    if op.kind == "Div":
        raise op.unsupported("input 1", op.inputs[1], "must be a constant")
    b.put(op, _of_two(b, op, OPS[op.kind], view(b, op, 0), view(b, op, 1)))


def qlinear_binary(b: Builder, op: Op) -> None:
    """ONNX Runtime's QLinearAdd and QLinearMul."""
    op.require(8)
    if isinstance(b.value(op, 0), Constant) or isinstance(b.value(op, 3), Constant):
        raise op.unsupported("inputs", list(op.inputs), "must be two activations")
    x, y = described(b, op, 0), described(b, op, 3)
    pending = _of_two(b, op, _CODES[op.kind], x, y)
    b.put(op, quantized(b, pending, quantization_at(b, op, 6), op.outputs[0]))


def qlinear_concat(b: Builder, op: Op) -> None:
    """ONNX Runtime's QLinearConcat: output scale and zero point, then three inputs each."""
    op.require(5)
    if (len(op.inputs) - 2) % 3:
        raise op.error("inputs", len(op.inputs), "must be 2 and three for each tensor")
    parts = [described(b, op, i) for i in range(2, len(op.inputs), 3)]
    b.put(op, quantized(b, joined(b, op, parts), quantization_at(b, op, 0), op.outputs[0]))


def relu(b: Builder, op: Op) -> None:
    """Relu."""
    op.require(1)
    b.put(op, bounded(b, op, (0.0, None)))


def clip(b: Builder, op: Op) -> None:
    """Clip with constant bounds."""
    op.require(1)
    ends: list[float | None] = []
    for i, name in ((1, "min"), (2, "max")):
        values = b.real_constant(op, i) if op.input(i) else None
        stated = op.attributes.get(name)
        if values is not None and values.size != 1:
            raise op.error(name, values.shape, "must be one number")
        end = values.item() if values is not None else stated
        ends.append(None if end is None or abs(end) >= 3.4e38 else float(end))
    lo, hi = ends
    if any(end is not None and not np.isfinite(end) for end in ends):
        raise op.error("bounds", ends, "must be finite")
    if lo is not None and hi is not None and lo > hi:
        raise op.error("bounds", ends, "must be in order")
    b.put(op, bounded(b, op, (lo, hi)))


def bounded(b: Builder, op: Op, bounds: tuple[float | None, float | None]) -> Pending:
    """The input within real bounds, fused where one operator alone reads it."""
    value = b.value(op, 0)
    if (
        isinstance(value, Pending)
        and b.sole_user(op.inputs[0])
        and value.bounds == (None, None)
        and (value.product is not None or value.op in FUSES)
    ):
        moves = value.moves
        if moves:
            moves = (*moves[:-1], replace(moves[-1], output=op.outputs[0]))
            return replace(value, bounds=bounds, moves=moves)
        return replace(value, bounds=bounds, output=op.outputs[0])
    x = view(b, op)
    name = ACTIVATIONS.get(bounds, "clamp")
    if name == "none":
        name = "clamp"
    return Pending(op.name, name, (x,), op.outputs[0], x.layout, bounds=bounds, keeps=True)


def table(b: Builder, op: Op) -> None:
    """Sigmoid, Tanh and HardSwish."""
    op.require(1)
    x = view(b, op)
    b.put(op, Pending(op.name, _TABLES[op.kind], (x,), op.outputs[0], x.layout))


def qlinear_sigmoid(b: Builder, op: Op) -> None:
    """ONNX Runtime's QLinearSigmoid."""
    op.require(4)
    x = described(b, op, 0)
    pending = Pending(op.name, "logistic", (x,), op.outputs[0], x.layout)
    b.put(op, quantized(b, pending, quantization_at(b, op, 3), op.outputs[0]))


def softmax(b: Builder, op: Op) -> None:
    """Softmax and LogSoftmax over one axis, which is stored last."""
    op.require(1)
    x = view(b, op)
    rank = x.layout.rank
    axis = int(op.attributes.get("axis", 1 if b.source.opset < 13 else -1))
    if not -rank <= axis < rank or axis % rank == 0:
        raise op.unsupported("axis", axis, f"must be one of {rank} axes, not the batch")
    axis %= rank
    if b.source.opset < 13 and any(n != 1 for n in x.layout.onnx_shape[axis:]):
        raise op.unsupported("axis", axis, "must be the last of more than one element")
    if x.layout.image is not None:
        x = naturally(b, x)
    if x.layout.axes[-1] != axis:
        order = [a for a in x.layout.axes if a not in (None, axis)]
        wanted = (*order, axis)
        x = arranged(b, x, like(x.layout, Layout((1,) * len(wanted), wanted)))
    name = "softmax" if op.kind == "Softmax" else "log_softmax"
    b.put(op, Pending(op.name, name, (x,), op.outputs[0], x.layout))


def _of_two(b: Builder, op: Op, name: str, x: Activation, y: Activation) -> Pending:
    """An operator of two activations whose shapes broadcast."""
    if x.layout.rank != y.layout.rank:
        must = f"must have the {x.layout.rank} axes of the other"
        raise op.unsupported("input axes", y.layout.rank, must)
    if x.layout.image != y.layout.image:
        x, y = naturally(b, x), naturally(b, y)
    if x.layout.image is None:
        y = arranged(b, y, like(y.layout, x.layout))
    try:
        shape = np.broadcast_shapes(x.layout.shape, y.layout.shape)
    except ValueError:
        must = f"must broadcast with {x.layout.onnx_shape}"
        raise op.error("shape", y.layout.onnx_shape, must) from None
    layout = Layout(shape, x.layout.axes, x.layout.image)
    return Pending(op.name, name, (x, y), op.outputs[0], layout)
