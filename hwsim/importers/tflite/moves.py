"""Operators that move codes: reshapes, padding, slices, stacks, nearest neighbours.

Each function computes the shape that its operator gives, which must be what the file says.
"""

from __future__ import annotations

import math
from typing import Any

from hwsim.errors import ModelError
from hwsim.importers.tflite.assembly import Assembly, Shape
from hwsim.importers.tflite.operands import aligned
from hwsim.importers.tflite.options import fused, image
from hwsim.importers.tflite.records import FileOperator
from hwsim.network.graph import Tensor

MAX_EXTENT = 1 << 16  # of a margin, of a resized image


def reshape(assembly: Assembly, operator: FileOperator) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: every shape is static, so the output's says all."""
    x = assembly.tensor(operator, 0)
    shape = assembly.sample_shape(operator.outputs[0])
    index = assembly.optional(operator, 1)
    if operator.kind == "RESHAPE" and index is not None and assembly.is_constant(index):
        _check_target(assembly, operator)
    if math.prod(shape) != math.prod(x.shape):
        must = f"must have as many elements as {x.shape}"
        raise assembly.refusal(operator, "output shape", shape, must, ModelError)
    assembly.add(operator, "reshape", (x,), shape, {"shape": shape})


def _check_target(assembly: Assembly, operator: FileOperator) -> None:
    """The shape that a RESHAPE asks for is its output's; -1 stands for any extent."""
    target = assembly.integers(operator, 1, "shape").ravel().tolist()
    shape = assembly.file.tensors[operator.outputs[0]].shape
    same = len(target) == len(shape) and all(
        t in (-1, n) for t, n in zip(target, shape, strict=True)
    )
    if not same or target.count(-1) > 1:
        raise assembly.refusal(operator, "shape", target, f"must be {shape}", ModelError)


def pad(assembly: Assembly, operator: FileOperator) -> None:
    """PAD with real 0, PADV2 with a value."""
    x, index = assembly.tensor(operator, 0), assembly.operand(operator, 0)
    rank = len(assembly.file.tensors[index].shape)
    given = assembly.integers(operator, 1, "padding")
    if given.shape != (rank, 2) or given.min(initial=0) < 0 or given.max(initial=0) > MAX_EXTENT:
        must = f"must be ({rank}, 2) numbers in 0..{MAX_EXTENT}"
        raise assembly.refusal(operator, "padding", given.tolist(), must, ModelError)
    if assembly.has_batch(index):
        if given[0].any():
            raise assembly.refusal(operator, "padding", given[0].tolist(), "must not pad samples")
        given = given[1:]
    padding = tuple((before, after) for before, after in given.tolist())
    attributes: dict[str, Any] = {"padding": padding}
    if operator.kind == "PADV2":
        attributes |= _pad_value(assembly, operator, x)
    shape = tuple(n + before + after for n, (before, after) in zip(x.shape, padding, strict=True))
    assembly.add(operator, "pad", (x,), shape, attributes)


def _pad_value(assembly: Assembly, operator: FileOperator, x: Tensor) -> dict[str, Any]:
    """What new elements hold: a code of the input, or a real value."""
    values = assembly.parameter(operator, 2, "value")
    if values.size != 1:
        raise assembly.refusal(operator, "value", values.shape, "must be one number", ModelError)
    tensor = assembly.describe(assembly.operand(operator, 2), (), "value")
    if (tensor.format, tensor.scale, tensor.zero_point) != (x.format, x.scale, x.zero_point):
        must = "must be quantized as the input"
        raise assembly.refusal(operator, "value", tensor.scale, must)
    value = values.ravel()[0]
    return {"value": float(value)} if x.format is None else {"code": int(value)}


def concatenation(assembly: Assembly, operator: FileOperator) -> None:
    """Tensors one after the other along an axis of a sample."""
    parts, dropped = aligned(assembly, operator)
    rank = len(parts[0].shape) + dropped
    axis = operator.options["axis"]
    if not -rank <= axis < rank or axis % rank < dropped:
        must = f"must be one of {rank} axes, and not the batch"
        raise assembly.refusal(operator, "axis", axis, must, ModelError)
    axis = axis % rank - dropped
    rest = {_without(part.shape, axis) for part in parts}
    if len(rest) != 1:
        must = f"must be equal but for axis {axis}"
        raise assembly.refusal(operator, "input shapes", sorted(rest)[:3], must, ModelError)
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    attributes = {"axis": axis, **fused(assembly, operator)}
    assembly.add(operator, "concatenation", parts, tuple(shape), attributes)


def transpose(assembly: Assembly, operator: FileOperator) -> None:
    """Axes of a sample in another order."""
    x, index = assembly.tensor(operator, 0), assembly.operand(operator, 0)
    order = assembly.integers(operator, 1, "perm").ravel().tolist()
    rank = len(assembly.file.tensors[index].shape)
    if sorted(order) != list(range(rank)):
        raise assembly.refusal(operator, "perm", order, f"must order {rank} axes", ModelError)
    if assembly.has_batch(index):
        if order[0] != 0:
            raise assembly.refusal(operator, "perm", order, "must leave the batch axis first")
        order = [axis - 1 for axis in order[1:]]
    shape = tuple(x.shape[axis] for axis in order)
    assembly.add(operator, "transpose", (x,), shape, {"perm": tuple(order)})


def strided_slice(assembly: Assembly, operator: FileOperator) -> None:
    """Every stride-th element from begin to end along each axis; masks are resolved here."""
    x, index = assembly.tensor(operator, 0), assembly.operand(operator, 0)
    ranges, squeeze = resolved_slices(assembly, operator, assembly.file.tensors[index].shape)
    if assembly.has_batch(index):
        if ranges[0] != range(assembly.batch) or 0 in squeeze:
            raise assembly.refusal(operator, "begin", ranges[0], "must take every sample, in order")
        ranges, squeeze = ranges[1:], [axis - 1 for axis in squeeze]
    if not all(ranges):
        raise assembly.refusal(operator, "begin", ranges, "must take an element", ModelError)
    attributes = {
        "begin": tuple(taken.start for taken in ranges),
        "end": tuple(None if taken.stop < 0 else taken.stop for taken in ranges),
        "stride": tuple(taken.step for taken in ranges),
        "squeeze": tuple(squeeze),
    }
    shape = tuple(len(taken) for i, taken in enumerate(ranges) if i not in squeeze)
    assembly.add(operator, "strided_slice", (x,), shape, attributes)


def resolved_slices(
    assembly: Assembly, operator: FileOperator, shape: Shape
) -> tuple[list[range], list[int]]:
    """What a STRIDED_SLICE takes of each axis of the file's tensor, and the axes it drops."""
    options, rank = operator.options, len(shape)
    for name in ("ellipsis_mask", "new_axis_mask", "offset"):
        if options[name]:
            raise assembly.refusal(operator, name, options[name], "must be 0")
    names = ("begin", "end", "strides")
    given = [assembly.integers(operator, place + 1, names[place]) for place in range(3)]
    if any(values.shape != (rank,) for values in given) or not given[2].all():
        must = f"must be {rank} numbers each, no stride 0"
        raise assembly.refusal(operator, "begin, end, strides", "others", must, ModelError)
    begin, end, stride = (values.tolist() for values in given)
    ranges, dropped = [], []
    for axis, extent in enumerate(shape):
        first, last, step = begin[axis], end[axis], stride[axis]
        if options["shrink_axis_mask"] >> axis & 1:
            if not -extent <= first < extent:
                must = f"must be an index of {extent}"
                raise assembly.refusal(operator, "begin", first, must, ModelError)
            dropped.append(axis)
            ranges.append(range(first % extent, first % extent + 1))
            continue
        ends = (
            None if options["begin_mask"] >> axis & 1 else first,
            None if options["end_mask"] >> axis & 1 else last,
        )
        ranges.append(range(*slice(*ends, step).indices(extent)))
    return ranges, dropped


def pack(assembly: Assembly, operator: FileOperator) -> None:
    """Tensors of one shape stacked along a new axis of a sample."""
    parts = tuple(assembly.tensor(operator, place) for place in range(len(operator.inputs)))
    if len({part.shape for part in parts}) != 1:
        shapes = sorted({part.shape for part in parts})[:3]
        raise assembly.refusal(operator, "input shapes", shapes, "must be equal", ModelError)
    axis = assembly.axis(operator, operator.options["axis"], operator.outputs[0])
    shape = (*parts[0].shape[:axis], len(parts), *parts[0].shape[axis:])
    assembly.add(operator, "pack", parts, shape, {"axis": axis})


def resize_nearest_neighbor(assembly: Assembly, operator: FileOperator) -> None:
    """An image of another size, each pixel a copy of its nearest."""
    x = assembly.tensor(operator, 0)
    channels = image(assembly, operator, x)[-1]
    size = assembly.integers(operator, 1, "size").ravel().tolist()
    if len(size) != 2 or not all(1 <= extent <= MAX_EXTENT for extent in size):
        must = f"must be two numbers in 1..{MAX_EXTENT}"
        raise assembly.refusal(operator, "size", size, must, ModelError)
    flags = ("align_corners", "half_pixel_centers")
    attributes = {"size": tuple(size), **{flag: operator.options[flag] for flag in flags}}
    assembly.add(operator, "resize_nearest_neighbor", (x,), (*size, channels), attributes)


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]
