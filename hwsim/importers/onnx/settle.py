"""Pending operators become nodes: on codes where their output is quantized, else on real values.

- Output quantized, inputs codes: one node on codes, a fused Relu or Clip in it.
- Output not quantized, inputs codes: a layer gives its sums (int32) and a ``dequantize`` with one
  factor and offset a channel makes real values of them; an operator that only moves codes keeps
  them; any other operator reads its inputs dequantized.
- Inputs real: the operator on real values, then ``quantize`` where its output is quantized.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.errors import UnsupportedError
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.products import code_layer, float_layer, sum_layer
from hwsim.importers.onnx.scaled import AFFINE, holding, scaled_codes
from hwsim.importers.onnx.values import Activation, Constant, Pending, Quantization, Value

ACTIVATIONS = {
    (None, None): "none",
    (0.0, None): "relu",
    (0.0, 6.0): "relu6",
    (-1.0, 1.0): "relu_n1_1",
}
SUMS = IntFormat(32)
Bounds = tuple[float | None, float | None]


def settled(b: Builder, name: str, value: Value) -> Activation:
    """The tensor of a value that nothing quantizes; remembered for its next reader."""
    if isinstance(value, Pending):
        if value.op == AFFINE:
            value = scaled_codes(b, value, holding(b, value), value.output)
        else:
            value = _without_quantization(b, value)
        b.values[name] = value
    if not isinstance(value, Activation):
        must = "must be codes or real values, not a scale of run time"
        raise UnsupportedError.at(b.where, "value", name, must)
    return value


def quantized(b: Builder, pending: Pending, quantization: Quantization, name: str) -> Activation:
    """The codes of a pending operator's result; ``name``: the file's name of the codes."""
    if _in_codes(b, pending):
        result = _on_codes(b, pending, quantization, name)
        return replace(result, view=False)
    real = _without_quantization(b, pending)
    output = b.tensor(name, real.layout, quantization)
    b.node(b.extra_name(f"{pending.name}#quantize"), "quantize", (real.tensor,), output)
    return Activation(output, name, real.layout, False)


def settled_codes(b: Builder, pending: Pending) -> Activation:
    """An operator that moves codes, as codes: its first input's quantization holds."""
    source = pending.inputs[0]
    assert isinstance(source, Activation)
    quantization = b.quantization(source.tensor)
    assert quantization is not None
    return replace(_on_codes(b, pending, quantization, pending.output), view=False)


def real_tensor(b: Builder, activation: Activation) -> str:
    """The tensor of an activation's real values; one ``dequantize`` for all who ask."""
    if b.tensors[activation.tensor].format is None:
        return activation.tensor
    if activation.tensor not in b.reals:
        known = activation.name if activation.view else f"{activation.tensor}#real"
        output = b.tensor(known, activation.layout, None)
        name = b.extra_name(f"{activation.tensor}#dequantize")
        b.node(name, "dequantize", (activation.tensor,), output)
        b.reals[activation.tensor] = output
    return b.reals[activation.tensor]


def _in_codes(b: Builder, pending: Pending) -> bool:
    """Whether inputs and weight are all codes."""
    weight = None if pending.product is None else pending.product.weight
    if weight is not None and weight.codes is None:
        return False
    return all(_has_codes(b, x) for x in pending.inputs)


def _has_codes(b: Builder, x: Activation | Constant) -> bool:
    """Whether an input has codes, one scale for all of them."""
    if isinstance(x, Constant):
        return x.grid is not None and x.grid.scale.size == 1
    return b.tensors[x.tensor].format is not None


def _on_codes(b: Builder, pending: Pending, quantization: Quantization, name: str) -> Activation:
    """One node on codes; ``name`` names the result after the moves."""
    if pending.product is not None or pending.op in ("add", "sub", "mul"):
        pending = replace(pending, bounds=implied_bounds(pending.bounds, quantization))
    first = f"{pending.output}#codes" if pending.moves else name
    output = b.tensor(first, pending.layout, quantization)
    activation, clamp = _bounds(pending.bounds, quantization)
    if pending.product is not None:
        source = pending.inputs[0]
        assert isinstance(source, Activation)
        scale = b.tensors[source.tensor].scale
        layer = code_layer(pending, scale, activation, clamp)
        inputs = tuple(_code_input(b, x) for x in pending.inputs)
        b.node(pending.name, layer.op, inputs, output, pending.attributes, layer)
    else:
        inputs = tuple(_code_input(b, x) for x in pending.inputs)
        attributes = dict(pending.attributes)
        if clamp != (None, None):
            attributes["clamp"] = clamp
        elif activation != "none" and pending.op != activation:
            attributes["activation"] = activation
        b.node(pending.name, pending.op, inputs, output, attributes)
    result = Activation(output, name, pending.layout, True)
    return _after_moves(b, pending, result, name)


def implied_bounds(bounds: Bounds, quantization: Quantization) -> Bounds:
    """A zero point at the least code is a Relu: quantizers drop the Relu that it stands for.

    Codes are the same with and without it; the float twin is not.

    >>> implied_bounds((None, None), Quantization(IntFormat(8), 0.1, -128))
    (0.0, None)
    """
    at_end = quantization.zero_point == quantization.format.lo
    return (0.0, None) if at_end and bounds == (None, None) else bounds


def _after_moves(b: Builder, pending: Pending, result: Activation, name: str) -> Activation:
    """The reshapes that follow, on the same quantization."""
    for move in pending.moves:
        last = move is pending.moves[-1]
        output = b.tensor(name if last else move.output, move.layout, b.quantization(result.tensor))
        b.node(move.name, "reshape", (result.tensor,), output, {"shape": move.layout.shape})
        result = Activation(output, name if last else move.output, move.layout, True)
    return result


def _code_input(b: Builder, x: Activation | Constant) -> str:
    """The tensor of an input's codes; a constant becomes a tensor of its own."""
    if isinstance(x, Activation):
        return x.tensor
    grid = x.grid
    assert grid is not None
    quantization = Quantization(grid.format, grid.scale.item(), grid.zero_point.item())
    return b.constant_tensor(x.name, grid.codes, quantization)


def _real_input(b: Builder, x: Activation | Constant) -> str:
    if isinstance(x, Activation):
        return real_tensor(b, x)
    return b.constant_tensor(x.name, x.array, None)


def _bounds(
    bounds: Bounds, quantization: Quantization
) -> tuple[str, tuple[int | None, int | None]]:
    """A fused activation by name, or as codes: ``rint(f32(v) / f32(s)) + z``, held in range."""
    if bounds in ACTIVATIONS:
        return ACTIVATIONS[bounds], (None, None)

    def code(value: float | None) -> int | None:
        if value is None:
            return None
        with np.errstate(over="ignore"):
            steps = float(np.rint(np.float32(value) / np.float32(quantization.scale)))
        code = int(min(max(steps, -(2.0**40)), 2.0**40)) + quantization.zero_point
        return min(max(code, quantization.format.lo), quantization.format.hi)

    return "none", (code(bounds[0]), code(bounds[1]))


def _without_quantization(b: Builder, pending: Pending) -> Activation:
    """A pending operator's result as real values, or as codes where it only moves them."""
    codes = _in_codes(b, pending)
    if codes and pending.keeps:
        source = pending.inputs[0]
        assert isinstance(source, Activation)
        quantization = b.quantization(source.tensor)
        assert quantization is not None
        return _on_codes(b, pending, quantization, _last_name(pending))
    if pending.product is not None and codes:
        return _sums(b, pending)
    inputs = tuple(_real_input(b, x) for x in pending.inputs)
    name = pending.output if pending.moves else _last_name(pending)
    activation = ACTIVATIONS.get(pending.bounds)
    output = b.tensor(name, pending.layout, None)
    if pending.product is not None:
        layer = float_layer(pending.product, activation or "none")
        b.node(pending.name, layer.op, inputs, output, pending.attributes, layer)
    else:
        attributes = dict(pending.attributes)
        if activation not in (None, "none", pending.op):
            attributes["activation"] = activation
        if activation is None and pending.op == "clamp":
            attributes["clamp"] = pending.bounds
        b.node(pending.name, pending.op, inputs, output, attributes)
    result = Activation(output, name, pending.layout, True)
    if activation is None and pending.op != "clamp":
        result = _clamped(b, pending, result)
    return _after_moves(b, pending, result, _last_name(pending))


def _clamped(b: Builder, pending: Pending, result: Activation) -> Activation:
    """A Clip with bounds that have no name, on real values."""
    output = b.tensor(f"{result.tensor}#clamp", result.layout, None)
    b.node(b.extra_name(output), "clamp", (result.tensor,), output, {"clamp": pending.bounds})
    return replace(result, tensor=output)


def _sums(b: Builder, pending: Pending) -> Activation:
    """A layer on codes whose sums become real values, a factor and an offset a channel."""
    product, source = pending.product, pending.inputs[0]
    assert product is not None
    assert isinstance(source, Activation)
    scale = b.tensors[source.tensor].scale
    layer, gain, offset = sum_layer(pending, scale)
    sums = b.tensor(f"{pending.output}#sums", pending.layout, Quantization(SUMS, scale, 0))
    inputs = tuple(_code_input(b, x) for x in pending.inputs)
    b.node(pending.name, layer.op, inputs, sums, pending.attributes, layer)
    name = pending.output if pending.moves else _last_name(pending)
    output = b.tensor(name, pending.layout, None)
    attributes = {"gain": tuple(gain.tolist()), "offset": tuple(offset.tolist())}
    b.node(
        b.extra_name(f"{pending.name}#dequantize"),
        "dequantize_channels",
        (sums,),
        output,
        attributes,
    )
    result = Activation(output, name, pending.layout, True)
    if pending.bounds != (None, None):
        op = ACTIVATIONS.get(pending.bounds, "clamp")
        bounded = b.tensor(f"{name}#{op}", pending.layout, None)
        extra = {"clamp": pending.bounds} if op == "clamp" else {}
        b.node(b.extra_name(bounded), op, (output,), bounded, extra)
        result = replace(result, tensor=bounded)
    return _after_moves(b, pending, result, _last_name(pending))


def _last_name(pending: Pending) -> str:
    return pending.moves[-1].output if pending.moves else pending.output
