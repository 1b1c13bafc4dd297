"""Integer networks: real tensors that hold integers, requantization written out (dory, NEMO).

::

    Conv, Mul kappa, Add lambda, Cast to int64, Mul m, Div 2**n, Cast, Clip 0..255
    Mul m1, Mul m2, Add, Div d, Floor                          (sum of two branches)

A file is one where a computed value is cast to an integer, or floored, and that has no quantizing
operator. Its input is uint8 at scale 1, as dory feeds it; weights of whole numbers are codes at
scale 1. A layer leaves its sums (int32), and one ``integer_affine`` makes codes of them by the
file's own numbers: a cast before a division means toward zero, a Floor after it floor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat, signed_bits
from hwsim.importers.onnx import elementwise
from hwsim.importers.onnx.arrange import arranged
from hwsim.importers.onnx.builder import INTEGER_CODES, Builder
from hwsim.importers.onnx.dynamic import sums_of
from hwsim.importers.onnx.inputs import any_activation
from hwsim.importers.onnx.layout import like
from hwsim.importers.onnx.scaled import AFFINE, scaled_codes
from hwsim.importers.onnx.settle import settled
from hwsim.importers.onnx.shapes import identity
from hwsim.importers.onnx.source import Array, Op, Source
from hwsim.importers.onnx.values import Activation, Constant, Grid, Pending

_QUANTIZERS = frozenset(
    {"BipolarQuant", "DequantizeLinear", "DynamicQuantizeLinear", "IntQuant", "Quant",
     "QuantizeLinear"}
)  # fmt: skip
_INTEGERS = (6, 7)


def is_integer_network(source: Source) -> bool:
    """Whether a file computes with integers in real tensors."""
    data = {declared.name for declared in source.inputs}
    found = False
    for op in source.ops:
        if op.kind in _QUANTIZERS or op.kind.startswith("QLinear"):
            return False
        if op.kind == "Shape" or not data & set(op.inputs):
            continue
        data |= set(op.outputs)
        to_integer = op.kind == "Cast" and op.attributes.get("to") in _INTEGERS
        found = found or to_integer or op.kind == "Floor"
    return found


def codes_of_weights(b: Builder) -> None:
    """Real constants of whole numbers that a layer reads become codes at scale 1."""
    for op in b.source.ops:
        if op.kind not in ("Conv", "Gemm", "MatMul"):
            continue
        for name in op.inputs[1:]:
            value = b.values.get(name)
            if isinstance(value, Constant) and value.array.dtype.kind == "f":
                grid = _whole(value.array)
                if grid is not None:
                    b.values[name] = replace(value, grid=grid)


def floor(b: Builder, op: Op) -> None:
    """Floor: the rounding of the division before it; of other real values, to codes."""
    op.require(1)
    value = b.value(op, 0)
    if isinstance(value, Pending) and value.op == AFFINE:
        attributes = {**value.attributes, "rounding": "floor"}
        b.put(op, replace(value, attributes=attributes, output=op.outputs[0]))
        return
    x = any_activation(b, op)
    if b.quantization(x.tensor) is not None:
        b.put(op, replace(x, name=op.outputs[0]))
        return
    output = b.tensor(op.outputs[0], x.layout, INTEGER_CODES)
    b.node(op.name, "quantize", (x.tensor,), output, {"rounding": "floor"})
    b.put(op, Activation(output, op.outputs[0], x.layout, True))


def scaled(b: Builder, op: Op) -> None:
    """Mul and Div by whole numbers, one or one a channel."""
    op.require(2)
    first = b.value(op, 0)
    at = 1 if isinstance(first, Constant) else 0
    constant = b.constant(op, 1 - at)
    if constant is None or (op.kind == "Div" and at == 1):
        raise op.unsupported("divisor", list(op.inputs), "must be a constant")
    whole = _integers(op, constant.array)
    pending = None if whole is None else _affine(b, op, at)
    if whole is None or pending is None:
        elementwise.binary(b, op)
        return
    a = dict(pending.attributes)
    if op.kind == "Div":
        if whole.size != 1 or whole.item() < 1:
            raise op.unsupported("divisor", constant.array.shape, "must be one number from 1")
        a["divisor"] = whole.item()
    else:
        values = _channels(op, whole, pending)
        a["multipliers"] = tuple(m * values for m in a["multipliers"])
        a["add"] = a["add"] * values
    b.put(op, replace(pending, name=op.name, output=op.outputs[0], attributes=a))


def added(b: Builder, op: Op) -> None:
    """Add of whole numbers, one or one a channel, or of two scaled branches."""
    op.require(2)
    values = [b.value(op, i) for i in (0, 1)]
    if any(isinstance(value, Constant) for value in values):
        at = 1 if isinstance(values[0], Constant) else 0
        constant = values[1 - at]
        assert isinstance(constant, Constant)
        whole = _integers(op, constant.array)
        pending = None if whole is None else _affine(b, op, at)
        if whole is not None and pending is not None:
            a = dict(pending.attributes)
            a["add"] = a["add"] + _channels(op, whole, pending)
            b.put(op, replace(pending, name=op.name, output=op.outputs[0], attributes=a))
            return
    else:
        first, second = _affine(b, op, 0), _affine(b, op, 1)
        if first is not None and second is not None:
            b.put(op, _sum(b, op, first, second))
            return
    elementwise.binary(b, op)


def clip(b: Builder, op: Op) -> None:
    """Clip to the range of an integer format: the codes."""
    value = b.value(op, 0)
    bounds = _bounds(b, op)
    form = _format(*bounds) if bounds else None
    if isinstance(value, Pending) and value.op == AFFINE and form is not None:
        b.put(op, scaled_codes(b, value, form, op.outputs[0]))
        return
    elementwise.clip(b, op)


def _affine(b: Builder, op: Op, index: int) -> Pending | None:
    """An input as a scaling that goes on; None where it is real."""
    name = op.inputs[index]
    value = b.value(op, index)
    if isinstance(value, Pending) and value.op == AFFINE:
        if value.attributes["divisor"] is None and b.sole_user(name):
            return value
        value = settled(b, name, value)
    if isinstance(value, Pending) and value.product is not None:
        product = value.product
        source = value.inputs[0]
        codes = isinstance(source, Activation) and b.quantization(source.tensor) is not None
        if not codes or product.weight is None or product.weight.codes is None:
            return None
        value = replace(sums_of(b, value), view=True)
        b.values[name] = value
    activation = settled(b, name, value)
    if b.quantization(activation.tensor) is None:
        return None
    one, zero = np.ones(1, np.int64), np.zeros(1, np.int64)
    attributes: dict[str, Any] = {
        "multipliers": (one,),
        "add": zero,
        "divisor": None,
        "rounding": "toward_zero",
    }
    return Pending(op.name, AFFINE, (activation,), name, activation.layout, attributes=attributes)


def _sum(b: Builder, op: Op, first: Pending, second: Pending) -> Pending:
    """Two scaled branches as one sum of both's inputs."""
    layout = first.layout
    inputs = []
    for x in second.inputs:
        assert isinstance(x, Activation)
        if x.layout.rank != layout.rank or x.layout.image != layout.image:
            raise op.unsupported("axes", x.layout.onnx_shape, "must be those of the other")
        inputs.append(x if x.layout.image else arranged(b, x, like(x.layout, layout)))
    if any(x.layout.shape != layout.shape for x in inputs):
        raise op.unsupported("shape", second.layout.onnx_shape, f"must be {layout.onnx_shape}")
    f, s = first.attributes, second.attributes
    attributes = {
        "multipliers": (*f["multipliers"], *s["multipliers"]),
        "add": f["add"] + s["add"],
        "divisor": None,
        "rounding": "toward_zero",
    }
    return Pending(
        op.name, AFFINE, (*first.inputs, *inputs), op.outputs[0], layout,
        attributes=attributes,
    )  # fmt: skip


def _channels(op: Op, values: NDArray[np.int64], pending: Pending) -> NDArray[np.int64]:
    """Whole numbers as one, or one for each channel (the last storage axis)."""
    layout = pending.layout
    channels, axis = layout.shape[-1], layout.axes[-1]
    if values.size != 1:
        full = values.reshape((1,) * max(layout.rank - values.ndim, 0) + values.shape)
        if full.ndim != layout.rank or full.size != channels or full.shape[axis or 0] != channels:
            raise op.unsupported("numbers", values.shape, "must be one, or one for each channel")
    return values.reshape(-1)


def _integers(op: Op, array: Array) -> NDArray[np.int64] | None:
    """Whole numbers as int64; None where there are others."""
    if not np.isfinite(array).all() or (np.abs(array) > 2.0**53).any():
        raise op.error("constant", "not finite", "must be at most 2**53")
    whole = array.astype(np.int64)
    return whole if (whole == array).all() and whole.size else None


def _whole(array: Array) -> Grid | None:
    """Codes at scale 1, in the least signed format of 8 bits or more."""
    if not array.size or not np.isfinite(array).all():
        return None
    if not (array == np.rint(array)).all() or np.abs(array).max() >= 2**31:
        return None
    codes = array.astype(np.int64)
    form = IntFormat(max(signed_bits(int(codes.min()), int(codes.max())), 8))
    one = (1,) * array.ndim
    return Grid(codes, np.ones(one), np.zeros(one, np.int64), form)


def _format(lo: float, hi: float) -> IntFormat | None:
    """The format whose range is ``lo..hi``, if one's is."""
    for bits in range(1, 33):
        for signed in (False, True):
            form = IntFormat(bits, signed)
            if (form.lo, form.hi) == (lo, hi):
                return form
    return None


def _bounds(b: Builder, op: Op) -> tuple[float, float] | None:
    ends = []
    for i, name in ((1, "min"), (2, "max")):
        values = b.real_constant(op, i) if op.input(i) else None
        end = values.item() if values is not None and values.size == 1 else op.attributes.get(name)
        if end is None:
            return None
        ends.append(float(end))
    return ends[0], ends[1]


INTEGERS: Mapping[str, Callable[[Builder, Op], None]] = {
    "Add": added,
    "Cast": identity,
    "Clip": clip,
    "Div": scaled,
    "Floor": floor,
    "Mul": scaled,
}
"""Operators that an integer network reads otherwise."""
