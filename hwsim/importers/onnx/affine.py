"""A factor and an offset a channel: constants beside activations, and batch normalization.

Where a layer comes before and nothing else reads its result, both become part of the layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.inputs import view
from hwsim.importers.onnx.layout import Layout
from hwsim.importers.onnx.settle import settled
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Activation, Constant, Grid, Pending, Product

OPS = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "mul"}
"""ONNX's operators of two to hwsim's; a division is by a constant."""


def batch_normalization(b: Builder, op: Op) -> None:
    """BatchNormalization: a factor and an offset a channel, which a layer takes in."""
    op.require(5)
    numbers = [b.real_constant(op, i) for i in range(1, 5)]
    sizes = {values.size for values in numbers if values is not None}
    epsilon = float(op.attributes.get("epsilon", 1e-5))
    scale, bias, mean, variance = (np.reshape(values, -1) for values in numbers)  # type: ignore[arg-type]
    if len(sizes) != 1 or not (variance + epsilon > 0).all():
        raise op.error("parameters", sorted(sizes), "must be one number a channel, variance > 0")
    gain = scale / np.sqrt(variance + epsilon)
    offset = bias - mean * gain
    value = b.value(op, 0)
    if isinstance(value, Pending) and b.sole_user(op.inputs[0]) and _foldable(value):
        if gain.size != value.layout.shape[-1] or value.layout.axes[-1] != 1:
            must = f"must be {value.layout.shape[-1]}, the channels"
            raise op.error("parameters", gain.size, must)
        b.put(op, replace(_scaled(value, gain, offset), output=op.outputs[0]))
        return
    x = view(b, op)
    shape = (1, -1, *(1,) * (x.layout.rank - 2))
    product = with_constant(op, x, Constant(gain.reshape(shape), name=f"{op.name}#gain"), False,
                             "mul", f"{op.outputs[0]}#scaled", f"{op.name}#mul")  # fmt: skip
    scaled = settled(b, f"{op.outputs[0]}#scaled", product)
    constant = Constant(offset.reshape(shape), name=f"{op.name}#offset")
    b.put(op, with_constant(op, scaled, constant, False, "add"))


def with_constant(
    op: Op,
    x: Activation,
    constant: Constant,
    reverse: bool,
    name: str = "",
    output: str = "",
    node: str = "",
) -> Pending:
    """An activation with a constant; ``reverse``: the constant comes first."""
    array, grid = op.finite("constant", constant.array), constant.grid
    if op.kind == "Div":
        if reverse or (array == 0).any():
            raise op.unsupported("divisor", op.inputs[1], "must be a constant other than 0")
        with np.errstate(over="ignore"):
            array, grid = op.finite("1 / divisor", 1.0 / array), None
    placed = _placed(op, array, x.layout)
    if grid is not None and grid.scale.size == 1:
        codes = _placed(op, grid.codes, x.layout)
        one = (1,) * codes.ndim
        grid = Grid(codes, grid.scale.reshape(one), grid.zero_point.reshape(one), grid.format)
    else:
        grid = None
    try:
        shape = np.broadcast_shapes(x.layout.shape, placed.shape)
    except ValueError:
        must = f"must broadcast with {x.layout.onnx_shape}"
        raise op.error("constant shape", constant.array.shape, must) from None
    layout = Layout(shape, x.layout.axes, x.layout.image)
    if layout.image is not None and shape != x.layout.shape:
        raise op.unsupported("constant shape", constant.array.shape, "must keep a flat image")
    inputs: tuple[Any, ...] = (x, Constant(placed, grid, name=constant.name))
    kind = name or OPS[op.kind]
    pair = inputs[::-1] if reverse else inputs
    return Pending(node or op.name, kind, pair, output or op.outputs[0], layout)


def _placed(op: Op, array: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """A constant as one sample is stored, with extents 1 where it broadcasts."""
    if array.ndim > layout.rank or (array.ndim == layout.rank and array.shape[0] != 1):
        must = f"must broadcast over a batch of shape {layout.onnx_shape}"
        raise op.unsupported("constant shape", array.shape, must)
    full = array.reshape((1,) * (layout.rank - array.ndim) + array.shape)[0]
    if layout.image is not None and full.size > 1:
        if full.size != layout.shape[0]:
            must = f"must be one number, or {layout.shape[0]}"
            raise op.unsupported("constant shape", array.shape, must)
        ordered: NDArray[Any] = full.reshape(-1)[layout.onnx_order]
        return ordered
    stored: NDArray[Any] = np.ascontiguousarray(layout.stored(full))
    return stored


def _foldable(pending: Pending) -> bool:
    """Whether a layer can take a factor and an offset a channel in."""
    product = pending.product
    plain = pending.bounds == (None, None) and not pending.moves
    return product is not None and product.weight is not None and plain


def folded_into(op: Op, pending: Pending, constant: Constant, reverse: bool) -> Pending | None:
    """A layer with a constant taken in; None where it is not one number a channel."""
    if not _foldable(pending):
        return None
    product, layout = pending.product, pending.layout
    assert product is not None
    values = op.finite("constant", constant.array)
    axis, channels = layout.axes[-1], layout.shape[-1]
    if values.ndim > layout.rank:
        return None
    full = values.reshape((1,) * (layout.rank - values.ndim) + values.shape)
    if full.size != 1 and (full.size != channels or full.shape[axis or 0] != channels):
        return None
    flat, zero, one = full.reshape(-1), np.zeros(1), np.ones(1)
    if op.kind == "Add" and product.bias is None and constant.grid is not None:
        plain = (product.gain == 1.0).all() and (product.offset == 0.0).all()
        if plain and constant.grid.scale.size in (1, flat.size):
            bias = np.broadcast_to(flat, (channels,)).astype(np.float64)
            return replace(pending, product=replace(product, bias=bias, bias_grid=constant.grid))
    if op.kind == "Div":
        return None if reverse or (flat == 0).any() else _scaled(pending, 1.0 / flat, zero)
    if op.kind == "Mul":
        return _scaled(pending, flat, zero)
    if op.kind == "Add":
        return _scaled(pending, one, flat)
    return _scaled(pending, -one, flat) if reverse else _scaled(pending, one, -flat)


def _scaled(pending: Pending, gain: NDArray[Any], offset: NDArray[Any]) -> Pending:
    """A layer followed by ``y * gain + offset``, one number a channel."""
    product = pending.product
    assert product is not None
    new: Product = replace(product, gain=product.gain * gain, offset=product.offset * gain + offset)
    return replace(pending, product=new)
