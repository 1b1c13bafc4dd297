"""Strides, dilations and margins of convolutions and pools, and the pools themselves."""

from __future__ import annotations

from typing import Any

from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.inputs import any_activation, as_image, described, quantization_at, view
from hwsim.importers.onnx.layout import Layout
from hwsim.importers.onnx.settle import quantized, settled_codes
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Activation, Pending
from hwsim.mapping.layer import Padding

_MAX_STEP = 1 << 16


def pair(op: Op, name: str, flat: bool, default: int | None = 1) -> tuple[int, int]:
    """Two numbers (y, x) of an attribute; ``flat``: ONNX has one, for x."""
    axes = 1 if flat else 2
    values = op.attributes.get(name, None if default is None else [default] * axes)
    whole = isinstance(values, list) and len(values) == axes
    if not whole or any(not isinstance(v, int) or not 1 <= v <= _MAX_STEP for v in values):
        raise op.error(name, values, f"must be {axes} numbers of 1..{_MAX_STEP}")
    return (1, values[0]) if flat else (values[0], values[1])


def paddings(
    op: Op,
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    flat: bool,
) -> Padding:
    """Margins ((top, bottom), (left, right)) from ``pads`` or ``auto_pad``.

    SAME: ``out = ceil(in / stride)``; an odd margin has its larger half after the image
    (SAME_UPPER) or before it (SAME_LOWER).
    """
    auto = op.attributes.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        margins = []
        for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            less, more = total // 2, total - total // 2
            margins.append((less, more) if auto == "SAME_UPPER" else (more, less))
        return margins[0], margins[1]
    if auto == "VALID":
        return (0, 0), (0, 0)
    if auto not in ("NOTSET", ""):
        must = "must be NOTSET, SAME_UPPER, SAME_LOWER or VALID"
        raise op.error("auto_pad", auto, must)
    axes = 1 if flat else 2
    pads = op.attributes.get("pads", [0] * 2 * axes)
    whole = isinstance(pads, list) and len(pads) == 2 * axes
    if not whole or any(not isinstance(p, int) or not 0 <= p <= _MAX_STEP for p in pads):
        raise op.error("pads", pads, f"must be {2 * axes} numbers of 0..{_MAX_STEP}")
    sides = [(pads[i], pads[i + axes]) for i in range(axes)]
    return ((0, 0), sides[0]) if flat else (sides[0], sides[1])


def max_pool(b: Builder, op: Op) -> None:
    """MaxPool, of real values or codes."""
    op.require(1)
    if len([name for name in op.outputs if name]) > 1:
        raise op.unsupported("outputs", list(op.outputs), "must be one: no indices")
    x = any_activation(b, op)
    pending = _pool(b, op, x, "max_pool_2d", {})
    b.put(op, pending if x.view else settled_codes(b, pending))


def average_pool(b: Builder, op: Op) -> None:
    """AveragePool; its result waits for its quantization."""
    op.require(1)
    b.put(op, _average(b, op, view(b, op)))


def qlinear_average_pool(b: Builder, op: Op) -> None:
    """ONNX Runtime's QLinearAveragePool."""
    op.require(4)
    _refuse_channels_last(op)
    pending = _average(b, op, described(b, op, 0))
    b.put(op, quantized(b, pending, quantization_at(b, op, 3), op.outputs[0]))


def global_average_pool(b: Builder, op: Op) -> None:
    """GlobalAveragePool."""
    op.require(1)
    b.put(op, _global_average(b, op, view(b, op)))


def qlinear_global_average_pool(b: Builder, op: Op) -> None:
    """ONNX Runtime's QLinearGlobalAveragePool."""
    op.require(4)
    _refuse_channels_last(op)
    pending = _global_average(b, op, described(b, op, 0))
    b.put(op, quantized(b, pending, quantization_at(b, op, 3), op.outputs[0]))


def global_max_pool(b: Builder, op: Op) -> None:
    """GlobalMaxPool: a maximum over the whole image."""
    op.require(1)
    x = as_image(b, op, view(b, op))
    height, width, channels = x.layout.shape
    attributes = {"window": (height, width), "stride": (1, 1)}
    layout = Layout((1, 1, channels), x.layout.axes)
    b.put(
        op,
        Pending(op.name, "max_pool_2d", (x,), op.outputs[0], layout, None, attributes, keeps=True),
    )


def reduce_mean(b: Builder, op: Op) -> None:
    """ReduceMean over axes of one sample."""
    op.require(1)
    x = view(b, op)
    if x.layout.image is not None:
        raise op.unsupported("input", op.inputs[0], "must not be a flattened image")
    axes = b.integers(op, 1) if op.input(1) else op.attributes.get("axes")
    rank = x.layout.rank
    if axes is None or not axes:
        raise op.unsupported("axes", axes, "must be stated")
    if any(not -rank <= axis < rank for axis in axes):
        raise op.error("axes", axes, f"must be within {rank} axes")
    axes = sorted({axis % rank for axis in axes})
    if 0 in axes:
        raise op.unsupported("axes", axes, "must not hold the batch")
    b.put(op, _mean(op, x, axes, bool(op.attributes.get("keepdims", 1))))


def _average(b: Builder, op: Op, x: Activation) -> Pending:
    counts = bool(op.attributes.get("count_include_pad", 0))
    extra = {"count_include_padding": True} if counts else {}
    return _pool(b, op, x, "average_pool_2d", extra)


def _global_average(b: Builder, op: Op, x: Activation) -> Pending:
    image = as_image(b, op, x)
    return _mean(op, image, [axis for axis in image.layout.axes if axis not in (None, 1)], True)


def _mean(op: Op, x: Activation, axes: list[Any], keep: bool) -> Pending:
    """The mean over ONNX axes."""
    places = tuple(x.layout.storage_axis(axis) for axis in axes)
    if keep:
        shape = tuple(1 if i in places else n for i, n in enumerate(x.layout.shape))
        layout = Layout(shape, x.layout.axes)
    else:
        left = [axis for axis in range(1, x.layout.rank) if axis not in axes]
        kept = [i for i in range(len(x.layout.shape)) if i not in places]
        renumbered = tuple(
            None if (axis := x.layout.axes[i]) is None else left.index(axis) + 1 for i in kept
        )
        layout = Layout(tuple(x.layout.shape[i] for i in kept), renumbered)
        if not kept:
            raise op.unsupported("axes", axes, "must leave an axis")
    attributes = {"axes": places, "keep_dims": keep}
    return Pending(op.name, "mean", (x,), op.outputs[0], layout, None, attributes)


def _pool(b: Builder, op: Op, x: Activation, name: str, extra: dict[str, Any]) -> Pending:
    """A pool over windows of the image."""
    image = as_image(b, op, x)
    flat = image.layout.rank == 3
    window = pair(op, "kernel_shape", flat, None)
    stride = pair(op, "strides", flat)
    if pair(op, "dilations", flat) != (1, 1):
        raise op.unsupported("dilations", op.attributes["dilations"], "must be 1")
    size = image.layout.shape[:2]
    padding = paddings(op, size, window, stride, (1, 1), flat)
    sizes = []
    for n, k, s, (before, after) in zip(size, window, stride, padding, strict=True):
        room = n + before + after - k
        if room < 0 or max(before, after) >= k:
            must = "must lie in the image, its margins smaller than itself"
            raise op.error("kernel_shape", window, must)
        if op.attributes.get("ceil_mode", 0) and room % s:
            must = "must be 0 where windows do not fill the image"
            raise op.unsupported("ceil_mode", 1, must)
        sizes.append(room // s + 1)
    attributes = {"window": window, "stride": stride, "padding": padding, **extra}
    layout = Layout((*sizes, image.layout.shape[2]), image.layout.axes)
    keeps = name == "max_pool_2d"
    return Pending(op.name, name, (image,), op.outputs[0], layout, None, attributes, keeps=keeps)


def _refuse_channels_last(op: Op) -> None:
    if op.attributes.get("channels_last", 0):
        raise op.unsupported("channels_last", 1, "must be 0")
