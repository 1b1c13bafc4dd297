"""Dynamic quantization: DynamicQuantizeLinear, ConvInteger, MatMulInteger.

The scale and zero point of an activation are known at run time only, for each sample. The array
is given ``q - z`` (``network/ops/dynamic_quantize.py``), so that its sums need no zero point; the
scale is a real tensor of one number, and ``dequantize_channels`` multiplies sums by it and by the
weights' scales. ONNX Runtime takes one scale for a whole batch: results are its for a batch of 1.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.inputs import any_activation, view
from hwsim.importers.onnx.layout import natural
from hwsim.importers.onnx.linear import convolution, product_of
from hwsim.importers.onnx.products import sum_layer
from hwsim.importers.onnx.settle import SUMS, real_tensor
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Activation, Constant, Grid, Pending, Quantization, RunTime

WITHOUT_ZERO = Quantization(IntFormat(9), 1.0, 0)
"""Codes of 8 bits less their zero point."""


def dynamic_quantize_linear(b: Builder, op: Op) -> None:
    """DynamicQuantizeLinear: codes, and what stands for their scale and zero point."""
    op.require(1, 3)
    x = view(b, op)
    source = real_tensor(b, x)
    codes, scale, zero = op.outputs[:3]
    output = b.tensor(codes, x.layout, WITHOUT_ZERO)
    words = {name: op.attributes[name] for name in ("rule", "bits") if name in op.attributes}
    b.node(op.name, "dynamic_quantize", (source,), output, words)
    b.values[codes] = Activation(output, codes, x.layout, False)
    factor = b.tensor(scale, natural((1,)), None)
    b.node(b.extra_name(f"{op.name}#scale"), "dynamic_scale", (source,), factor, words)
    b.values[scale] = RunTime(factor, output, np.ones(1))
    b.values[zero] = RunTime("", output, np.ones(1))


def conv_integer(b: Builder, op: Op) -> None:
    """ConvInteger: the sums."""
    op.require(2)
    _check_zero_point(b, op)
    pending = convolution(b, op, 0, _codes(b, op, 0), None)
    b.put(op, sums_of(b, pending))


def matmul_integer(b: Builder, op: Op) -> None:
    """MatMulInteger: the sums."""
    op.require(2)
    _check_zero_point(b, op)
    x = replace(any_activation(b, op), view=True)
    b.put(op, sums_of(b, product_of(b, op, x, _codes(b, op, 1), None)))


def sums_of(b: Builder, pending: Pending) -> Activation:
    """A layer's sums, int32 codes at scale 1."""
    layer, _, _ = sum_layer(pending, 1.0)
    source = pending.inputs[0]
    assert isinstance(source, Activation)
    output = b.tensor(pending.output, pending.layout, Quantization(SUMS, 1.0, 0))
    b.node(pending.name, layer.op, (source.tensor,), output, pending.attributes, layer)
    return Activation(output, pending.output, pending.layout, False)


def scaled_at_run_time(b: Builder, op: Op) -> bool:
    """A Mul with a scale of run time: of constants a scale again, of sums their real values."""
    values = [b.value(op, 0), b.value(op, 1)]
    at = next((i for i, value in enumerate(values) if isinstance(value, RunTime)), None)
    if at is None:
        return False
    scale, other = values[at], values[1 - at]
    assert isinstance(scale, RunTime)
    if op.kind != "Mul" or not scale.tensor or isinstance(other, RunTime):
        must = "must be multiplied by sums or constants alone"
        raise op.unsupported("scale", op.inputs[at], must)
    if isinstance(other, Constant):
        numbers = op.finite("scale", other.array)
        if numbers.ndim > 1 or scale.gain.size not in (1, numbers.size):
            raise op.unsupported("scale", numbers.shape, "must be one number, or one a channel")
        b.put(op, replace(scale, gain=scale.gain * numbers.reshape(-1)))
        return True
    sums = view(b, op, 1 - at)
    known, layout = b.quantization(sums.tensor), sums.layout
    last = layout.axes[-1] in (1, layout.rank - 1) and layout.image is None
    if known is None or known.format != SUMS or not last:
        raise op.unsupported("input", op.inputs[1 - at], "must be a layer's sums")
    if scale.gain.size > 1 and layout.axes[-1] != layout.rank - 1:
        raise op.unsupported("scale", scale.gain.shape, "must be one number for images")
    if scale.gain.size not in (1, layout.shape[-1]):
        raise op.error("scale", scale.gain.shape, f"must be 1 or {layout.shape[-1]}")
    output = b.tensor(op.outputs[0], layout, None)
    attributes = {"gain": tuple(scale.gain.tolist()), "offset": (0.0,)}
    b.node(op.name, "dequantize_channels", (sums.tensor, scale.tensor), output, attributes)
    b.put(op, Activation(output, op.outputs[0], layout, True))
    return True


def _check_zero_point(b: Builder, op: Op) -> None:
    """The zero point of input 0: that of its DynamicQuantizeLinear, or a constant."""
    x = any_activation(b, op)
    known = b.quantization(x.tensor)
    if x.view or known is None:
        raise op.error("input 0", op.inputs[0], "must be integer codes")
    zero = None if op.input(2) is None else b.value(op, 2)
    if isinstance(zero, RunTime):
        if zero.codes != x.tensor or zero.tensor:
            raise op.unsupported("zero point", op.inputs[2], "must be that of input 0")
        return
    if zero is not None and not (isinstance(zero, Constant) and zero.array.size == 1):
        raise op.unsupported("zero point", op.inputs[2], "must be one number")
    code = 0 if zero is None else int(zero.array.item())
    b.set_scale(op, x, Quantization(known.format, 1.0, code))


def _codes(b: Builder, op: Op, axis: int) -> Constant:
    """The weight's codes at scale 1, with its zero points."""
    weight = b.constant(op, 1)
    zero = b.constant(op, 3)
    if weight is None or weight.form is None or (zero is not None and zero.form is None):
        raise op.unsupported("input 1", op.inputs[1], "must be constant codes")
    codes = weight.array.astype(np.int64)
    one = [1] * codes.ndim
    zeros = np.zeros(1, np.int64) if zero is None else zero.array.astype(np.int64).reshape(-1)
    if zeros.size not in (1, codes.shape[axis] if codes.ndim else 1):
        raise op.error("zero point", f"{zeros.size} numbers", "must be 1, or one a channel")
    shape = [zeros.size if i == axis else 1 for i in range(codes.ndim)]
    grid = Grid(codes, np.ones(one), zeros.reshape(shape), weight.form)
    real = (codes - grid.zero_point).astype(np.float64)
    return Constant(real, grid, name=weight.name)
