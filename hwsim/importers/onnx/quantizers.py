"""QuantizeLinear and DequantizeLinear, and QONNX's Quant, IntQuant, BipolarQuant.

QONNX states a format by three constants and keeps real values::

    q = clip(round(x / scale) + zero_point, lo, hi),   y = scale * (q - zero_point)
    lo, hi = -2**(bits-1) + narrow, 2**(bits-1) - 1     (signed)     0, 2**bits - 1 - narrow
    BipolarQuant: y = scale * (+1 where x >= 0, else -1)
"""

from __future__ import annotations

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.inputs import any_activation, dequantized, quantization_at, view
from hwsim.importers.onnx.settle import quantized, real_tensor, settled
from hwsim.importers.onnx.source import Array, Op
from hwsim.importers.onnx.values import Activation, Constant, Grid, Pending, Quantization

_UINT8 = Constant(np.zeros((), np.uint8), form=IntFormat(8, signed=False))
_ROUNDINGS = {"ROUND": np.rint, "FLOOR": np.floor, "CEIL": np.ceil, "ROUND_TO_ZERO": np.trunc}
_STATED = {"FLOOR": "floor", "CEIL": "ceil", "ROUND_TO_ZERO": "toward_zero"}
_MAX_BITS = 32


def quantize_linear(b: Builder, op: Op) -> None:
    """Real values to codes; constants become codes here."""
    op.require(2)
    _refuse_blocks(op)
    value = b.value(op, 0)
    if isinstance(value, Constant):
        b.put(op, _constant_codes(b, op, value))
        return
    if op.input(2) is None:
        scale = b.real_constant(op, 1)
        if scale is None or scale.size != 1 or not 0 < scale.item() < np.inf:
            raise op.unsupported("scale", scale, "must be one positive number")
        quantization = Quantization(IntFormat(8, signed=False), scale.item(), 0)
    else:
        quantization = quantization_at(b, op, 1)
    b.put(op, quantize_value(b, op, quantization))


def quantize_value(b: Builder, op: Op, quantization: Quantization) -> Activation:
    """Input 0, which is no constant, as codes named by the operator's output."""
    value, name = b.value(op, 0), op.outputs[0]
    if isinstance(value, Pending) and _one_grid(b, op):
        known = b.grids.get((op.inputs[0], quantization))
        if known is None:
            known = quantized(b, value, quantization, name)
            b.grids[op.inputs[0], quantization] = known
        return known
    activation = settled(b, op.inputs[0], any_activation(b, op))
    if not activation.view:
        raise op.error("input 0", op.inputs[0], "must be real values")
    if b.quantization(activation.tensor) == quantization:
        return Activation(activation.tensor, name, activation.layout, False)
    output = b.tensor(name, activation.layout, quantization)
    b.node(op.name, "quantize", (activation.tensor,), output)
    return Activation(output, name, activation.layout, False)


def dequantize_linear(b: Builder, op: Op) -> None:
    """Codes to the real values they stand for: nothing is computed until they are needed."""
    op.require(2)
    _refuse_blocks(op)
    value = b.value(op, 0)
    if isinstance(value, Constant):
        if value.form is None:
            raise op.error("input 0", value.array.dtype, "must be integer codes")
        axis = int(op.attributes.get("axis", 1))
        b.put(op, dequantized(op, value, b.constant(op, 1), b.constant(op, 2), axis))
        return
    activation = any_activation(b, op)
    known = b.quantization(activation.tensor)
    if activation.view or known is None:
        raise op.error("input 0", op.inputs[0], "must be integer codes")
    if op.input(2) is None:
        scale = b.real_constant(op, 1)
        if scale is None or scale.size != 1 or not 0 < scale.item() < np.inf:
            raise op.unsupported("scale", scale, "must be one positive number")
        stated = Quantization(known.format, scale.item(), 0)
    else:
        stated = quantization_at(b, op, 1)
    b.set_scale(op, activation, stated)
    b.put(op, Activation(activation.tensor, op.outputs[0], activation.layout, True))


def quant(b: Builder, op: Op) -> None:
    """QONNX's Quant and IntQuant."""
    op.require(4)
    rounding = str(op.attributes.get("rounding_mode", "ROUND")).upper()
    if rounding not in _ROUNDINGS:
        must = f"must be one of {', '.join(_ROUNDINGS)}"
        raise op.unsupported("rounding_mode", rounding, must)
    scale, zero = _qonnx_scale(b, op)
    form = _qonnx_format(b, op)
    value = b.value(op, 0)
    if isinstance(value, Constant):
        with np.errstate(over="ignore"):
            real = op.finite("input 0", value.array)
            steps = real / _aligned(op, scale, real.shape) + _aligned(op, zero, real.shape)
        codes = _ROUNDINGS[rounding](np.clip(steps, form.lo, form.hi)).astype(np.int64)
        b.put(op, _on_grid(op, value, codes, scale, zero, form))
        return
    if scale.size != 1 or zero.size != 1:
        must = "must be one number for an activation"
        raise op.unsupported("scale", f"{scale.size} numbers", must)
    quantization = Quantization(form, scale.item(), int(zero.item()))
    if rounding == "ROUND":
        codes_of = quantize_value(b, op, quantization)
        b.put(op, Activation(codes_of.tensor, codes_of.name, codes_of.layout, True))
        return
    x = view(b, op)
    output = b.tensor(op.outputs[0], x.layout, quantization)
    stated = {"rounding": _STATED[rounding]}
    b.node(op.name, "quantize", (real_tensor(b, x),), output, stated)
    b.put(op, Activation(output, op.outputs[0], x.layout, True))


def bipolar_quant(b: Builder, op: Op) -> None:
    """QONNX's BipolarQuant: codes -1 and +1."""
    op.require(2)
    value, scale = b.value(op, 0), b.real_constant(op, 1)
    if scale is None or not (scale > 0).all():
        raise op.error("scale", scale, "must be positive")
    form = IntFormat(2, narrow=True)
    if not isinstance(value, Constant):
        if scale.size != 1:
            must = "must be one number for an activation"
            raise op.unsupported("scale", f"{scale.size} numbers", must)
        x = view(b, op)
        output = b.tensor(op.outputs[0], x.layout, Quantization(form, scale.item(), 0))
        b.node(op.name, "sign", (real_tensor(b, x),), output)
        b.put(op, Activation(output, op.outputs[0], x.layout, True))
        return
    codes = np.where(value.array >= 0, 1, -1).astype(np.int64)
    b.put(op, _on_grid(op, value, codes, scale, np.zeros(1), form))


def _one_grid(b: Builder, op: Op) -> bool:
    """Whether all who read a pending result quantize it, and alike."""
    name = op.inputs[0]
    users = b.users[name]
    alike = {(user.kind, user.inputs[1:], repr(user.attributes)) for user in users}
    return len(alike) == 1 and len(users) == b.uses[name]


def _constant_codes(b: Builder, op: Op, value: Constant) -> Constant:
    """A real constant behind QuantizeLinear: ``clip(rint(f32(x / s)) + z)``."""
    scale = b.constant(op, 1)
    zero = b.constant(op, 2) or _UINT8
    if value.array.dtype.kind != "f" or scale is None or zero.form is None:
        must = "must be real, its zero point an integer of 4 to 32 bits"
        raise op.unsupported("input 0", value.array.dtype, must)
    axis = int(op.attributes.get("axis", 1))
    placed = dequantized(
        op, Constant(np.zeros(value.array.shape), form=zero.form), scale, zero, axis
    ).grid
    assert placed is not None
    real = op.finite("input 0", value.array)
    with np.errstate(over="ignore"):
        steps = real.astype(np.float32) / placed.scale.astype(np.float32)
    codes = np.clip(
        np.rint(steps.astype(np.float64)) + placed.zero_point, zero.form.lo, zero.form.hi
    ).astype(np.int64)
    grid = Grid(codes, placed.scale, placed.zero_point, zero.form, value.array.astype(np.float64))
    return Constant(codes, grid, zero.form, value.name)


def _on_grid(
    op: Op, value: Constant, codes: Array, scale: Array, zero: Array, form: IntFormat
) -> Constant:
    """A constant with its codes; scale and zero point broadcast to it."""
    real = op.finite("input 0", value.array)
    shapes = [_aligned(op, array, real.shape) for array in (scale, zero)]
    grid = Grid(codes, shapes[0], shapes[1].astype(np.int64), form, real)
    return Constant((codes - grid.zero_point) * grid.scale, grid, name=value.name)


def _aligned(op: Op, array: Array, shape: tuple[int, ...]) -> Array:
    """An array with as many axes as ``shape``, broadcast to it."""
    if array.ndim > len(shape):
        if array.size != 1:
            raise op.error("scale", f"shape {array.shape}", f"must broadcast to {shape}")
        array = array.reshape(-1)
    array = array.reshape((1,) * (len(shape) - array.ndim) + array.shape) if shape else array
    if any(n not in (1, extent) for n, extent in zip(array.shape, shape, strict=False)):
        raise op.error("scale", f"shape {array.shape}", f"must broadcast to {shape}")
    return array


def _qonnx_scale(b: Builder, op: Op) -> tuple[Array, Array]:
    scale, zero = b.real_constant(op, 1), b.real_constant(op, 2)
    if scale is None or not (scale > 0).all():
        raise op.error("scale", scale, "must be positive")
    if zero is None or (zero != np.rint(zero)).any() or (np.abs(zero) > 1 << 31).any():
        raise op.error("zero point", zero, "must be integers")
    return scale, zero


def _qonnx_format(b: Builder, op: Op) -> IntFormat:
    bits = b.real_constant(op, 3)
    if bits is None or bits.size != 1 or bits.item() not in range(1, _MAX_BITS + 1):
        raise op.unsupported("bit width", bits, f"must be one integer of 1..{_MAX_BITS}")
    signed, narrow = bool(op.attributes.get("signed", 1)), bool(op.attributes.get("narrow", 0))
    if narrow and (not signed or bits.item() < 2):
        must = "must be 0 for unsigned and 1-bit formats"
        raise op.unsupported("narrow", 1, must)
    return IntFormat(int(bits.item()), signed, narrow)


def _refuse_blocks(op: Op) -> None:
    if op.attributes.get("block_size", 0):
        must = "must be 0: scales of blocks are not imported"
        raise op.unsupported("block_size", op.attributes["block_size"], must)
