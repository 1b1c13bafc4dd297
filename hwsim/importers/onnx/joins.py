"""Concatenation and padding."""

from __future__ import annotations

import numpy as np

from hwsim.importers.onnx.arrange import arranged
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.inputs import any_activation, naturally
from hwsim.importers.onnx.layout import like
from hwsim.importers.onnx.settle import settled_codes
from hwsim.importers.onnx.shapes import identity, layout_of
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.values import Activation, Pending


def concat(b: Builder, op: Op) -> None:
    """Concat along an axis of a sample."""
    op.require(1)
    parts = [any_activation(b, op, i) for i in range(len(op.inputs))]
    pending = joined(b, op, parts)
    if all(part.view for part in parts):
        b.put(op, pending)
    elif pending.keeps and not any(part.view for part in parts):
        b.put(op, settled_codes(b, pending))
    else:
        raise op.unsupported("inputs", list(op.inputs), "must be codes of one scale, or real")


def joined(b: Builder, op: Op, parts: list[Activation]) -> Pending:
    """Tensors one after the other."""
    rank = parts[0].layout.rank
    axis = int(op.attributes.get("axis", 1))
    if any(part.layout.rank != rank for part in parts) or not -rank <= axis < rank:
        raise op.error("axis", axis, f"must be one of {rank} axes that all inputs have")
    axis %= rank
    if axis == 0:
        raise op.unsupported("axis", 0, "must not be the batch")
    if any(part.layout.image is not None for part in parts):
        parts = [naturally(b, part) for part in parts]
    first = parts[0].layout
    parts = [parts[0]] + [arranged(b, part, like(part.layout, first)) for part in parts[1:]]
    place = first.storage_axis(axis)
    for part in parts:
        rest = [n for i, n in enumerate(part.layout.shape) if i != place]
        if rest != [n for i, n in enumerate(first.shape) if i != place]:
            raise op.error("shapes", part.layout.onnx_shape, f"must go with {first.onnx_shape}")
    shape = list(first.shape)
    shape[place] = sum(part.layout.shape[place] for part in parts)
    known = {b.quantization(part.tensor) for part in parts}
    return Pending(
        op.name,
        "concatenation",
        tuple(parts),
        op.outputs[0],
        first.with_shape(tuple(shape)),
        attributes={"axis": place},
        keeps=len(known) == 1 and None not in known,
    )


def pad(b: Builder, op: Op) -> None:
    """Pad by one value; a convolution after it takes zeros in."""
    op.require(1)
    rank = layout_of(b, op).rank
    mode = op.attributes.get("mode", "constant")
    pads = b.integers(op, 1) if op.input(1) else op.attributes.get("pads")
    value = np.asarray(
        b.real_constant(op, 2) if op.input(2) else op.attributes.get("value", 0.0), np.float64
    )
    if mode != "constant" or op.input(3) or value.size != 1:
        raise op.unsupported("mode", mode, "must be constant, one value, all axes")
    if pads is None or len(pads) != 2 * rank or any(not 0 <= p <= 1 << 16 for p in pads):
        raise op.unsupported("pads", pads, f"must be {2 * rank} numbers of 0..65536")
    if pads[0] or pads[rank]:
        raise op.unsupported("pads", pads, "must not pad the batch")
    if not any(pads):
        identity(b, op)
        return
    x = any_activation(b, op)
    if x.layout.image is not None:
        x = naturally(b, x)
    margins = tuple(
        (0, 0) if axis is None else (pads[axis], pads[axis + rank]) for axis in x.layout.axes
    )
    shape = tuple(n + sum(m) for n, m in zip(x.layout.shape, margins, strict=True))
    attributes = {"padding": margins, "value": value.item()}
    layout = x.layout.with_shape(shape)
    pending = Pending(op.name, "pad", (x,), op.outputs[0], layout, None, attributes, keeps=True)
    b.put(op, pending if x.view else settled_codes(b, pending))
