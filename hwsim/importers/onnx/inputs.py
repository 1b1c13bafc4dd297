"""How operators read activations: settled, as real values or codes, in the layout they need."""

from __future__ import annotations

import numpy as np

from hwsim.importers.onnx.arrange import arranged
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.layout import Layout, images
from hwsim.importers.onnx.settle import settled
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Activation, Constant, Grid, Quantization


def any_activation(b: Builder, op: Op, index: int = 0) -> Activation:
    """An input that is no constant, as real values or codes."""
    value = b.value(op, index)
    if isinstance(value, Constant):
        raise op.unsupported(f"input {index}", op.inputs[index], "must not be a constant")
    return settled(b, op.inputs[index], value)


def view(b: Builder, op: Op, index: int = 0) -> Activation:
    """An input of real values."""
    activation = any_activation(b, op, index)
    if not activation.view:
        must = "must be real values: codes need a DequantizeLinear"
        raise op.unsupported(f"input {index}", op.inputs[index], must)
    return activation


def as_image(b: Builder, op: Op, activation: Activation) -> Activation:
    """An image, channels last; one line of pixels where ONNX has (batch, channels, x)."""
    shape = activation.layout.onnx_shape
    if len(shape) not in (2, 3):
        must = "must be (batch, channels, y, x) or (batch, channels, x)"
        raise op.unsupported("input axes", len(shape) + 1, must)
    return arranged(b, activation, images(shape))


def channels_last(b: Builder, activation: Activation) -> Activation:
    """With ONNX's last axis stored last; a flattened image may stay in its own order."""
    layout = activation.layout
    if layout.image is not None or layout.axes[-1] == layout.rank - 1:
        return activation
    return arranged(b, activation, in_order(layout))


def naturally(b: Builder, activation: Activation) -> Activation:
    """With elements in ONNX's order."""
    return arranged(b, activation, in_order(activation.layout))


def in_order(layout: Layout) -> Layout:
    """ONNX's own order of the same values."""
    return Layout(layout.onnx_shape, tuple(range(1, layout.rank)))


def described(
    b: Builder, op: Op, data: int, scale: int | None = None, zero_point: int | None = None
) -> Activation:
    """Codes whose scale and zero point stand in the inputs after them, as real values."""
    activation = any_activation(b, op, data)
    if activation.view:
        raise op.error(f"input {data}", op.inputs[data], "must be integer codes")
    known = b.quantization(activation.tensor)
    assert known is not None
    stated = quantization_at(b, op, data + 1 if scale is None else scale, zero_point)
    b.set_scale(op, activation, stated)
    return Activation(activation.tensor, activation.name, activation.layout, True)


def quantization_at(b: Builder, op: Op, scale: int, zero_point: int | None = None) -> Quantization:
    """One scale and zero point of an activation, constant inputs."""
    zero_point = scale + 1 if zero_point is None else zero_point
    scales = b.real_constant(op, scale)
    if scales is None or scales.size != 1 or not 0 < scales.item() < np.inf:
        must = "must be one positive number"
        raise op.unsupported(f"scale of input {scale}", scales, must)
    zero = b.constant(op, zero_point)
    if zero is None or zero.form is None or zero.array.size != 1:
        must = "must be one integer of 4 to 32 bits"
        raise op.unsupported(f"zero point of input {zero_point}", zero and zero.array, must)
    return Quantization(zero.form, scales.item(), int(zero.array.item()))


def grid_at(b: Builder, op: Op, data: int, axis: int) -> Constant:
    """Constant codes with the scale and zero point in the inputs after them, as real values."""
    codes = b.constant(op, data)
    if codes is None or codes.form is None:
        raise op.unsupported(f"input {data}", op.input(data), "must be constant codes")
    return dequantized(op, codes, b.constant(op, data + 1), b.constant(op, data + 2), axis)


def dequantized(
    op: Op, codes: Constant, scale: Constant | None, zero: Constant | None, axis: int
) -> Constant:
    """Constant codes with scale and zero point as the real values they stand for."""
    assert codes.form is not None
    if scale is None or scale.array.dtype.kind != "f" or (zero and zero.form is None):
        must = "must be real, its zero point an integer of 4 to 32 bits"
        raise op.unsupported("scale", None if scale is None else scale.array.dtype, must)
    if zero is not None and zero.form != codes.form:
        must = f"must be of the type of the codes, {codes.form}"
        raise op.error("zero point", zero.form, must)
    shape = _axis_shape(op, codes.array.shape, scale.array.size, axis)
    scales = op.finite("scale", scale.array)
    if not (scales > 0).all():
        raise op.error("scale", "0 or negative", "must be positive")
    zeros = np.zeros(1, np.int64) if zero is None else zero.array.astype(np.int64)
    if zeros.size not in (1, scales.size):
        raise op.error("zero point", f"{zeros.size} numbers", f"must be 1 or {scales.size}")
    zeros = zeros.reshape(shape if zeros.size > 1 else [1] * len(shape))
    grid = Grid(
        codes.array.astype(np.int64),
        scales.reshape(shape),
        zeros,
        codes.form,
        None if codes.grid is None else codes.grid.real,
    )
    return Constant((grid.codes - grid.zero_point) * grid.scale, grid, name=codes.name)


def _axis_shape(op: Op, shape: tuple[int, ...], size: int, axis: int) -> list[int]:
    """The shape in which one number, or one for each place on an axis, meets an array."""
    target = [1] * len(shape)
    if size != 1:
        if not -len(shape) <= axis < len(shape) or shape[axis] != size:
            must = f"must be 1, or as many as axis {axis} of {shape} has"
            raise op.unsupported("scale", f"{size} numbers", must)
        target[axis] = size
    return target
