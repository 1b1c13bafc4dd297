"""What is known at import: arithmetic on shapes, and constants that are stored in other types.

Every shape is static, so what keras computes of them (SHAPE, STRIDED_SLICE, PACK, RESHAPE) is
known; float16 weights behind a DEQUANTIZE are constants too. Such operators leave no node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import ModelError
from hwsim.importers.tflite.assembly import Assembly
from hwsim.importers.tflite.moves import resolved_slices
from hwsim.importers.tflite.records import FileOperator
from hwsim.importers.tflite.tensors import FORMATS, quantization

Array = NDArray[Any]
_DTYPES = {"int32": np.int32, "int64": np.int64, "float32": np.float32}
_BROKEN = (ValueError, IndexError, OverflowError)


def fold(assembly: Assembly, operator: FileOperator) -> bool:
    """Compute an operator whose inputs are known, and say whether it was one."""
    if operator.kind not in FOLDS:
        return False
    indexes = [index for index in operator.inputs if index >= 0]
    if operator.kind != "SHAPE" and not all(assembly.is_constant(index) for index in indexes):
        return False
    (index,) = operator.outputs
    output = assembly.file.tensors[index]
    if operator.kind != "SHAPE" and output.kind not in _DTYPES and output.scale.size:
        return False  # codes: the graph computes them
    try:
        values = np.asarray(FOLDS[operator.kind](assembly, operator))
    except _BROKEN:
        must = "must go together, as its constants"
        raise assembly.refusal(operator, "inputs", operator.inputs, must, ModelError) from None
    if values.shape != output.shape:
        must = f"must be {values.shape}"
        raise assembly.refusal(operator, "output shape", output.shape, must, ModelError)
    if output.kind not in _DTYPES:
        must = f"must be one of {', '.join(_DTYPES)}: it is known at import"
        raise assembly.refusal(operator, "output type", output.kind, must)
    assembly.keep(index, values.astype(_DTYPES[output.kind]))
    return True


def _shape(assembly: Assembly, operator: FileOperator) -> Array:
    index = assembly.operand(operator, 0)
    return np.array(assembly.file.tensors[index].shape, np.int64)


def _strided_slice(assembly: Assembly, operator: FileOperator) -> Array:
    values = assembly.parameter(operator, 0, "input")
    ranges, shrunk = resolved_slices(assembly, operator, values.shape)
    index = np.ix_(*(np.arange(r.start, r.stop, r.step) for r in ranges))
    picked: Array = values[index] if values.ndim else values
    return picked.squeeze(tuple(shrunk))


def _pack(assembly: Assembly, operator: FileOperator) -> Array:
    parts = [assembly.parameter(operator, i, "input") for i in range(len(operator.inputs))]
    return np.stack(parts, operator.options["axis"])


def _reshape(assembly: Assembly, operator: FileOperator) -> Array:
    shape = assembly.file.tensors[operator.outputs[0]].shape
    return assembly.parameter(operator, 0, "input").reshape(shape)


def _concatenation(assembly: Assembly, operator: FileOperator) -> Array:
    parts = [assembly.parameter(operator, i, "input") for i in range(len(operator.inputs))]
    return np.concatenate(parts, operator.options["axis"])


def _transpose(assembly: Assembly, operator: FileOperator) -> Array:
    order = assembly.integers(operator, 1, "perm").ravel().tolist()
    return assembly.parameter(operator, 0, "input").transpose(order)


def _dequantize(assembly: Assembly, operator: FileOperator) -> Array:
    """``f32(code - zero_point) * scale`` in binary32; reals as they are."""
    values = assembly.parameter(operator, 0, "input")
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    tensor = assembly.file.tensors[assembly.operand(operator, 0)]
    if tensor.kind not in FORMATS:
        raise assembly.refusal(operator, "input type", tensor.kind, "must hold codes")
    scale, zero = quantization(tensor, FORMATS[tensor.kind], assembly.file.where)
    axes = [1] * values.ndim
    if scale.size > 1:
        axes[tensor.axis] = scale.size
    steps = values.astype(np.int64) - zero.reshape(axes)
    return steps.astype(np.float32) * scale.astype(np.float32).reshape(axes)


FOLDS: dict[str, Callable[[Assembly, FileOperator], Array]] = {
    "CONCATENATION": _concatenation,
    "DEQUANTIZE": _dequantize,
    "EXPAND_DIMS": _reshape,
    "PACK": _pack,
    "RESHAPE": _reshape,
    "SHAPE": _shape,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
}
"""Operators that are computed at import where their inputs are known."""
