"""Operators beside the array: a file's options and constant operands as attributes.

Each function computes the shape that its operator gives, which must be what the file says.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from hwsim.errors import ModelError
from hwsim.importers.tflite.assembly import Assembly
from hwsim.importers.tflite.layers import (
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    transpose_conv,
)
from hwsim.importers.tflite.moves import (
    concatenation,
    pack,
    pad,
    reshape,
    resize_nearest_neighbor,
    strided_slice,
    transpose,
)
from hwsim.importers.tflite.operands import aligned
from hwsim.importers.tflite.options import explicit_padding, fused, image, margins, steps
from hwsim.importers.tflite.records import FileOperator
from hwsim.importers.tflite.tensors import FORMATS


def pool(op: str) -> Callable[[Assembly, FileOperator], None]:
    """Pooling of images."""

    def build(assembly: Assembly, operator: FileOperator) -> None:
        x = assembly.tensor(operator, 0)
        height, width, channels = image(assembly, operator, x)
        window, stride = (steps(assembly, operator, name) for name in ("window", "stride"))
        rule = margins(assembly, operator)
        padding = tuple(
            explicit_padding(rule, extent, window[i], stride[i])
            for i, extent in enumerate((height, width))
        )
        outer = [
            (extent + sum(padding[i]) - window[i]) // stride[i] + 1
            for i, extent in enumerate((height, width))
        ]
        attributes = {"window": window, "stride": stride, "padding": padding}
        attributes |= fused(assembly, operator)
        assembly.add(operator, op, (x,), (*outer, channels), attributes)

    return build


def elementwise(op: str) -> Callable[[Assembly, FileOperator], None]:
    """Two tensors to one; a constant or a tensor of fewer axes gets ones in front."""

    def build(assembly: Assembly, operator: FileOperator) -> None:
        if len(operator.inputs) != 2:
            given = len(operator.inputs)
            raise assembly.refusal(operator, "inputs", given, "must be 2", ModelError)
        (a, b), _ = aligned(assembly, operator)
        try:
            shape = np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            must = f"must broadcast with {b.shape}"
            raise assembly.refusal(operator, "input shape", a.shape, must, ModelError) from None
        words = fused(assembly, operator)
        wide = assembly.output(operator).format == FORMATS["int16"]
        if wide and "pot_scale_int16" in operator.options:  # ADD and SUB
            words["pot_scale_int16"] = bool(operator.options["pot_scale_int16"])
        assembly.add(operator, op, (a, b), shape, words)

    return build


def unary(op: str) -> Callable[[Assembly, FileOperator], None]:
    """A function of each element: one tensor in, one of the same shape out."""

    def build(assembly: Assembly, operator: FileOperator) -> None:
        x = assembly.tensor(operator, 0)
        assembly.add(operator, op, (x,), x.shape)

    return build


def softmax(assembly: Assembly, operator: FileOperator) -> None:
    """Softmax over the last axis."""
    x, beta = assembly.tensor(operator, 0), operator.options["beta"]
    if not (math.isfinite(beta) and beta > 0) or not x.shape:
        must = "must be positive and finite, of a tensor with axes"
        raise assembly.refusal(operator, "beta", beta, must, ModelError)
    assembly.add(operator, "softmax", (x,), x.shape, {"beta": beta})


def mean(assembly: Assembly, operator: FileOperator) -> None:
    """The mean over some axes of a sample."""
    x, index = assembly.tensor(operator, 0), assembly.operand(operator, 0)
    given = assembly.integers(operator, 1, "axes").ravel()[: len(x.shape) + 2].tolist()
    axes = tuple(sorted({assembly.axis(operator, axis, index) for axis in given}))
    keep = bool(operator.options["keep_dims"])
    extents = [1 if i in axes else extent for i, extent in enumerate(x.shape)]
    shape = tuple(extent for i, extent in enumerate(extents) if keep or i not in axes)
    if not axes:
        raise assembly.refusal(operator, "axes", given, "must name an axis", ModelError)
    assembly.add(operator, "mean", (x,), shape, {"axes": axes, "keep_dims": keep})


BUILDERS: dict[str, Callable[[Assembly, FileOperator], None]] = {
    "ADD": elementwise("add"),
    "AVERAGE_POOL_2D": pool("average_pool_2d"),
    "CONCATENATION": concatenation,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "DEQUANTIZE": unary("dequantize"),
    "EXPAND_DIMS": reshape,
    "FULLY_CONNECTED": fully_connected,
    "HARD_SWISH": unary("hard_swish"),
    "LOGISTIC": unary("logistic"),
    "LOG_SOFTMAX": unary("log_softmax"),
    "MAX_POOL_2D": pool("max_pool_2d"),
    "MEAN": mean,
    "MUL": elementwise("mul"),
    "PACK": pack,
    "PAD": pad,
    "PADV2": pad,
    "QUANTIZE": unary("quantize"),
    "RELU": unary("relu"),
    "RELU6": unary("relu6"),
    "RELU_N1_TO_1": unary("relu_n1_1"),
    "RESHAPE": reshape,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor,
    "SOFTMAX": softmax,
    "SQUEEZE": reshape,
    "STRIDED_SLICE": strided_slice,
    "SUB": elementwise("sub"),
    "TANH": unary("tanh"),
    "TRANSPOSE": transpose,
    "TRANSPOSE_CONV": transpose_conv,
}
"""Operator of the file to the function that adds its node."""
