"""Operators that give values another shape: reshapes and transpositions."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from hwsim.importers.onnx.arrange import arranged
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.inputs import any_activation, in_order, naturally
from hwsim.importers.onnx.layout import Layout, Shape, natural
from hwsim.importers.onnx.settle import settled_codes
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Activation, Move, Pending


def identity(b: Builder, op: Op) -> None:
    """The value itself, under another name: Identity, Dropout, Cast of real values to real."""
    op.require(1)
    b.put(op, b.value(op, 0))
    b.uses[op.inputs[0]] += b.uses[op.outputs[0]] - 1
    b.users.setdefault(op.inputs[0], []).extend(b.users.get(op.outputs[0], []))


def cast(b: Builder, op: Op) -> None:
    """A cast between real types leaves values as they are, one of codes at scale 1 makes them
    real; others are refused."""
    x = any_activation(b, op)
    known = b.quantization(x.tensor)
    whole = known is not None and (known.scale, known.zero_point) == (1.0, 0)
    if not x.view and whole and op.attributes.get("to") in (1, 11):
        b.put(op, Activation(x.tensor, op.outputs[0], x.layout, True))
        return
    if not x.view or op.attributes.get("to") not in (1, 10, 11):
        raise op.unsupported("to", op.attributes.get("to"), "must be real, of real values")
    identity(b, op)


def flatten(b: Builder, op: Op) -> None:
    """Flatten(axis=1): one axis a sample."""
    op.require(1)
    rank = layout_of(b, op).rank
    axis = int(op.attributes.get("axis", 1))
    if axis not in (1, 1 - rank):
        raise op.unsupported("axis", axis, "must be 1: the batch is no part of a sample")
    reshaped(b, op, (prod(layout_of(b, op).shape),))


def reshape(b: Builder, op: Op) -> None:
    """Reshape to a constant shape."""
    op.require(2)
    target = b.integers(op, 1)
    layout = layout_of(b, op)
    if not target:
        raise op.unsupported("shape", target, "must keep the batch")
    keeps_zero = bool(op.attributes.get("allowzero", 0))
    old = layout.onnx_shape
    shape: list[int] = []
    for i, extent in enumerate(target[1:]):
        copies = extent == 0 and not keeps_zero and i < len(old)
        shape.append(old[i] if copies else extent)
    reshaped(b, op, _whole(op, target[0], shape, prod(old)))


def squeeze(b: Builder, op: Op) -> None:
    """Squeeze: axes of extent 1 go."""
    op.require(1)
    old = layout_of(b, op).onnx_shape
    axes = b.integers(op, 1) if op.input(1) else op.attributes.get("axes")
    if axes is None:
        raise op.unsupported("axes", None, "must be stated")
    gone = _places(op, axes, len(old) + 1)
    if any(old[axis - 1] != 1 for axis in gone):
        raise op.error("axes", axes, f"must have extent 1 in {old}")
    reshaped(b, op, tuple(n for i, n in enumerate(old) if i + 1 not in gone))


def unsqueeze(b: Builder, op: Op) -> None:
    """Unsqueeze: axes of extent 1 come."""
    op.require(1)
    old = list(layout_of(b, op).onnx_shape)
    axes = b.integers(op, 1) if op.input(1) else op.attributes.get("axes")
    if axes is None:
        raise op.unsupported("axes", None, "must be stated")
    for axis in sorted(_places(op, axes, len(old) + 1 + len(axes))):
        old.insert(axis - 1, 1)
    reshaped(b, op, tuple(old))


def transpose(b: Builder, op: Op) -> None:
    """Transpose: the layout turns, nothing moves."""
    op.require(1)
    layout = layout_of(b, op)
    perm = tuple(op.attributes.get("perm", range(layout.rank)[::-1]))
    if sorted(perm) != list(range(layout.rank)):
        raise op.error("perm", perm, f"must order {layout.rank} axes")
    if perm[0] != 0:
        raise op.unsupported("perm", perm, "must leave the batch first")
    x = any_activation(b, op)
    if perm == tuple(range(layout.rank)):
        b.put(op, replace(x, name=op.outputs[0]))
        return
    if x.layout.image is not None:
        x = naturally(b, x)
    turned = x.layout.transposed(perm)
    b.put(op, Activation(x.tensor, op.outputs[0], turned, x.view))


def reshaped(b: Builder, op: Op, shape: Shape) -> None:
    """The input with another ONNX shape (without batch), as the operator's result.

    Elements stay where they are where extents other than 1 stay, or where an image is flattened;
    otherwise they are put into ONNX's order first.
    """
    value = b.value(op, 0)
    if isinstance(value, Pending) and b.sole_user(op.inputs[0]):
        layout = _stays(value.last_layout, shape)
        if layout is not None:
            move = Move(op.name, op.outputs[0], layout)
            b.put(op, replace(value, moves=(*value.moves, move)))
            return
    x = any_activation(b, op)
    layout = _stays(x.layout, shape)
    if layout is None:
        x = arranged(b, x, in_order(x.layout))
        layout = natural(shape)
    if layout.shape == x.layout.shape:
        b.put(op, Activation(x.tensor, op.outputs[0], layout, x.view))
        return
    attributes = {"shape": layout.shape}
    pending = Pending(
        op.name, "reshape", (x,), op.outputs[0], layout, attributes=attributes, keeps=True
    )
    b.put(op, pending if x.view else settled_codes(b, pending))


def _stays(layout: Layout, shape: Shape) -> Layout | None:
    """The layout of a reshaped value whose elements stay; None where they have to move."""
    if len(shape) == 1:
        return layout.flattened()
    old = layout.onnx_shape
    large = [i + 1 for i, n in enumerate(old) if n != 1]
    if layout.image is not None or [old[i - 1] for i in large] != [n for n in shape if n != 1]:
        return natural(shape) if layout.is_natural else None
    places = [i + 1 for i, n in enumerate(shape) if n != 1]
    renamed = dict(zip(large, places, strict=True))
    kept = [(renamed[axis], n) for axis, n in zip(layout.axes, layout.shape, strict=True)
            if axis in renamed]  # fmt: skip
    ones = [(i + 1, 1) for i, n in enumerate(shape) if n == 1]
    axes, extents = zip(*ones, *kept, strict=True) if ones or kept else ((), ())
    return Layout(tuple(extents), tuple(axes))


def layout_of(b: Builder, op: Op) -> Layout:
    """The layout of input 0, which is left to wait where it does."""
    value = b.value(op, 0)
    if isinstance(value, Pending):
        return value.last_layout
    return any_activation(b, op).layout


def _places(op: Op, axes: list[int], rank: int) -> set[int]:
    """Axes from 1 to rank - 1; the batch cannot be one of them."""
    if any(not -rank <= axis < rank for axis in axes):
        raise op.error("axes", axes, f"must be within {rank} axes")
    places = {axis % rank for axis in axes}
    if 0 in places:
        raise op.unsupported("axes", axes, "must not hold the batch")
    return places


def _whole(op: Op, batch: int, shape: list[int], elements: int) -> Shape:
    """A Reshape's target for one sample, its -1 resolved; the batch may be stated or -1."""
    unknown = shape.count(-1)
    rest = prod(n for n in shape if n != -1)
    if any(n < -1 for n in shape) or unknown > 1 or (batch == -1 and unknown):
        raise op.error("shape", [batch, *shape], "must have at most one -1")
    if unknown and rest and elements % rest == 0:
        shape = [elements // rest if n == -1 else n for n in shape]
    if prod(shape) != elements or not shape:
        must = f"must keep the batch and {elements} elements a sample"
        raise op.unsupported("shape", [batch, *shape], must)
    return tuple(shape)
