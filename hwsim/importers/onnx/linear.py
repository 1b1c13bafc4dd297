"""Convolutions and linear layers: Conv, Gemm, MatMul, and their QOperator forms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.inputs import (
    any_activation,
    as_image,
    channels_last,
    described,
    grid_at,
    naturally,
    quantization_at,
    view,
)
from hwsim.importers.onnx.layout import Layout
from hwsim.importers.onnx.products import bias_of, reordered, weight_of
from hwsim.importers.onnx.settle import quantized
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Activation, Constant, Grid, Pending, Product
from hwsim.importers.onnx.windows import paddings, pair
from hwsim.mapping.layer import MacLayer, MacOp, Padding
from hwsim.mapping.lowering import output_shape


def conv(b: Builder, op: Op) -> None:
    """ONNX's Conv."""
    op.require(2)
    value = b.value(op, 0)
    if isinstance(value, Activation) and not value.view:
        raise op.error("input 0", op.inputs[0], "must be real values")
    b.put(op, convolution(b, op, 0, _constant(b, op, 1), b.constant(op, 2)))


def gemm(b: Builder, op: Op) -> None:
    """ONNX's Gemm: ``alpha * A @ B + beta * C``."""
    op.require(2)
    b.put(op, product_of(b, op, view(b, op), _constant(b, op, 1), b.constant(op, 2)))


def matmul(b: Builder, op: Op) -> None:
    """ONNX's MatMul: of an activation and a constant, or of two activations."""
    op.require(2)
    if isinstance(b.value(op, 1), Constant):
        b.put(op, product_of(b, op, view(b, op), _constant(b, op, 1), None))
        return
    x, y = (naturally(b, view(b, op, i)) for i in (0, 1))
    b.put(op, _batch_matmul(op, x, y))


def qlinear_conv(b: Builder, op: Op) -> None:
    """QLinearConv: codes in, codes out, scales beside them."""
    op.require(8)
    described(b, op, 0)
    weight = grid_at(b, op, 3, axis=0)
    bias = _codes_bias(b, op, 8, weight)
    pending = convolution(b, op, 0, weight, bias)
    b.put(op, quantized(b, pending, quantization_at(b, op, 6), op.outputs[0]))


def qlinear_matmul(b: Builder, op: Op) -> None:
    """QLinearMatMul."""
    op.require(8)
    x = described(b, op, 0)
    if isinstance(b.value(op, 3), Constant):
        pending = product_of(b, op, x, grid_at(b, op, 3, axis=-1), None)
    else:
        pending = _batch_matmul(op, naturally(b, x), naturally(b, described(b, op, 3)))
    b.put(op, quantized(b, pending, quantization_at(b, op, 6), op.outputs[0]))


def qgemm(b: Builder, op: Op) -> None:
    """ONNX Runtime's QGemm: alpha scales the integer C too."""
    op.require(6)
    x = described(b, op, 0)
    axis = 0 if op.attributes.get("transB", 0) else 1
    weight = grid_at(b, op, 3, axis)
    pending = product_of(b, op, x, weight, _codes_bias(b, op, 6, weight))
    if op.input(7) is None:
        b.put(op, pending)
    else:
        b.put(op, quantized(b, pending, quantization_at(b, op, 7), op.outputs[0]))


def convolution(b: Builder, op: Op, index: int, weight: Constant, bias: Constant | None) -> Pending:
    """A convolution of input ``index``, zeros of a Pad before it taken in."""
    x, around = _padded_input(b, op, index)
    if weight.array.ndim != x.layout.rank or x.layout.rank not in (3, 4):
        must = f"must be 3 or 4, as the weight's {weight.array.ndim}"
        raise op.error("input axes", x.layout.rank, must)
    flat = weight.array.ndim == 3
    if flat:
        weight = _widened(weight)
    kernel = weight.array.shape[2:]
    groups = int(op.attributes.get("group", 1))
    image = as_image(b, op, x)
    channels = image.layout.shape[-1]
    shape = weight.array.shape
    if groups < 1 or shape[1] * groups != channels or shape[0] % groups or 0 in shape:
        must = f"must go with group {groups} and {channels} channels"
        raise op.error("weight shape", shape, must)
    op_name: MacOp = "depthwise_conv_2d" if groups > 1 and shape[1] == 1 else "conv_2d"
    stride, dilation = pair(op, "strides", flat), pair(op, "dilations", flat)
    padding = paddings(op, image.layout.shape[:2], kernel, stride, dilation, flat)
    ours = weight_of(op, weight, (0, 2, 3, 1))
    values, grid = bias_of(op, bias, ours.channels)
    product = Product(
        op=op_name,
        weight=ours,
        bias=values,
        bias_grid=grid,
        stride=stride,
        dilation=dilation,
        padding=(
            (padding[0][0] + around[0][0], padding[0][1] + around[0][1]),
            (padding[1][0] + around[1][0], padding[1][1] + around[1][1]),
        ),
        groups=groups,
    )
    out = output_shape(_shape_layer(product), image.layout.shape)
    layout = Layout(out, image.layout.axes)
    return Pending(op.name, op_name, (image,), op.outputs[0], layout, product)


def product_of(
    b: Builder, op: Op, x: Activation, weight: Constant, bias: Constant | None
) -> Pending:
    """A linear layer over the last axis; Gemm's alpha and beta become gains."""
    if op.attributes.get("transA", 0) or weight.array.ndim != 2:
        must = "must be 0, with a weight of two axes"
        raise op.unsupported("transA", op.attributes.get("transA", 0), must)
    turned = bool(op.attributes.get("transB", 0))
    x = channels_last(b, x)
    ours = weight_of(op, weight, (0, 1) if turned else (1, 0))
    if ours.real.shape[1] != x.layout.shape[-1]:
        must = f"must go with {x.layout.shape[-1]} inputs"
        raise op.error("weight shape", weight.array.shape, must)
    if x.layout.image is not None:
        ours = reordered(ours, x.layout.onnx_order)
    values, grid = bias_of(op, bias, ours.channels)
    alpha, beta = (float(op.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
    if not (np.isfinite(alpha) and np.isfinite(beta)):
        raise op.error("alpha, beta", (alpha, beta), "must be finite")
    if beta != (alpha if op.kind == "QGemm" else 1.0) and op.kind == "Gemm" and values is not None:
        values, grid = values * beta, None
    offset = np.zeros(1)
    if alpha != 1.0 and op.kind == "Gemm" and values is not None:
        offset, values, grid = values, None, None
    product = Product("fully_connected", ours, values, grid, gain=np.full(1, alpha), offset=offset)
    layout = Layout((*x.layout.shape[:-1], ours.channels), x.layout.axes)
    return Pending(op.name, "fully_connected", (x,), op.outputs[0], layout, product)


def _batch_matmul(op: Op, x: Activation, y: Activation) -> Pending:
    """``(..., m, k) @ (..., k, n)`` of two activations."""
    if x.layout.rank < 3 or y.layout.rank < 3:
        raise op.unsupported("input axes", y.layout.rank, "must be 3 or more: batch, m, k")
    (*lead, m, k), (*others, rows, n) = x.layout.onnx_shape, y.layout.onnx_shape
    if lead != others or k != rows:
        must = f"must go with {x.layout.onnx_shape}"
        raise op.unsupported("shape of input 1", y.layout.onnx_shape, must)
    layout = Layout((*lead, m, n), x.layout.axes)
    product = Product("batch_matmul", None)
    return Pending(op.name, "batch_matmul", (x, y), op.outputs[0], layout, product)


def _constant(b: Builder, op: Op, index: int) -> Constant:
    weight = b.constant(op, index)
    if weight is None or weight.form is not None or weight.array.dtype.kind != "f":
        must = "must be constant real values"
        raise op.unsupported(f"input {index}", op.input(index), must)
    return weight


def _codes_bias(b: Builder, op: Op, index: int, weight: Constant) -> Constant | None:
    """An int32 bias at ``sx * sw``, as QLinearConv and QGemm define it."""
    codes = b.constant(op, index)
    if codes is None:
        return None
    if codes.form is None or codes.form.bits != 32:
        raise op.error("bias", codes.array.dtype, "must be int32")
    assert weight.grid is not None
    scale = b.real_constant(op, 1)
    assert scale is not None
    scales = weight.grid.scale.reshape(-1) * scale.item()
    flat = codes.array.astype(np.int64).reshape(-1)
    if scales.size not in (1, flat.size):
        raise op.error("bias", f"{flat.size} numbers", f"must be {scales.size}")
    grid = Grid(flat, scales, np.zeros(1, np.int64), codes.form)
    return Constant(flat * scales, grid, name=codes.name)


def _padded_input(b: Builder, op: Op, index: int) -> tuple[Activation, Padding]:
    """The input, and the zeros around it that a Pad before it adds."""
    value = b.value(op, index)
    if isinstance(value, Pending):
        around = _zeros_around(value)
        source = value.inputs[0]
        if around is not None and isinstance(source, Activation):
            return source, around
    return replace(any_activation(b, op, index), view=True), ((0, 0), (0, 0))


def _zeros_around(pending: Pending) -> Padding | None:
    """The margins ((top, bottom), (left, right)) of a Pad of images by zeros, else None."""
    plain = pending.bounds == (None, None) and not pending.moves
    if pending.op != "pad" or pending.attributes["value"] != 0.0 or not plain:
        return None
    margins = dict(zip(pending.layout.axes, pending.attributes["padding"], strict=True))
    if pending.layout.rank not in (3, 4) or margins.pop(1) != (0, 0):
        return None
    if pending.layout.rank == 4:
        return margins[2], margins[3]
    return (0, 0), margins[2]


def _widened(weight: Constant) -> Constant:
    """A weight (oc, ic, x) as (oc, ic, 1, x)."""
    grid = weight.grid
    if grid is not None:
        real = None if grid.real is None else grid.real[:, :, None]
        grid = Grid(
            grid.codes[:, :, None],
            grid.scale[:, :, None],
            grid.zero_point[:, :, None],
            grid.format,
            real,
        )
    return Constant(weight.array[:, :, None], grid, weight.form, weight.name)


def _shape_layer(product: Product) -> MacLayer:
    """A stand-in with the weight's shape, for `output_shape`."""
    assert product.weight is not None
    weight: Any = product.weight.real
    return MacLayer(
        product.op,
        weight,
        product.weight.format,
        product.weight.scale,
        product.weight.zero_point,
        stride=product.stride,
        dilation=product.dilation,
        padding=product.padding,
        groups=product.groups,
    )
