"""Weight and bias of a layer: codes with their scales, or real values where the input has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError
from hwsim.importers.tflite.assembly import Assembly
from hwsim.importers.tflite.records import FileOperator, FileTensor
from hwsim.importers.tflite.tensors import FORMATS, quantization
from hwsim.mapping.layer import MacLayer, MacOp
from hwsim.network.graph import Tensor

WEIGHT_KINDS = ("int8", "uint8", "int4")


@dataclass(frozen=True, eq=False)
class Weight:
    """A weight: its record, its codes or reals with channels first, their axis in the file."""

    tensor: FileTensor
    values: NDArray[Any]
    axis: int


def weight_of(assembly: Assembly, operator: FileOperator, rank: int, axis: int) -> Weight:
    """Input 1, of so many axes, the channels along ``axis``."""
    values = assembly.parameter(operator, 1, "weight")
    tensor = assembly.file.tensors[assembly.operand(operator, 1)]
    assembly.file.buffer.count(values.nbytes, tensor.label)  # a layer keeps a copy
    if values.ndim != rank or not values.size:
        must = f"must have {rank} axes, none of them 0"
        raise assembly.refusal(operator, "weight shape", values.shape, must, ModelError)
    return Weight(tensor, values.swapaxes(0, axis), axis)


def parameters(
    assembly: Assembly,
    operator: FileOperator,
    x: Tensor,
    weight: Weight,
    op: MacOp,
    bias_place: int = 2,
) -> MacLayer:
    """Weight and bias: codes with their scales, or real values where the input has them."""
    channels = weight.values.shape[0]
    bias = _bias(assembly, operator, bias_place, channels)
    if x.format is None:
        return _real_layer(assembly, operator, weight, bias, op)
    if weight.tensor.kind not in WEIGHT_KINDS:
        must = f"must be one of {', '.join(WEIGHT_KINDS)}: the input is quantized"
        raise assembly.refusal(operator, "weight", weight.tensor.kind, must)
    if bias is not None and bias.dtype.kind != "i":
        raise assembly.refusal(operator, "bias", bias.dtype, "must be int32 or int64", ModelError)
    form = FORMATS[weight.tensor.kind]
    scale, zero = _weight_quantization(assembly, operator, weight, form)
    return MacLayer(
        op=op,
        weight=weight.values.astype(np.int32),
        weight_format=form,
        weight_scale=scale,
        weight_zero_point=zero,
        bias=None if bias is None else bias.astype(np.int64),
        bias_bits=None if bias is None else 8 * bias.dtype.itemsize,
    )


def _bias(
    assembly: Assembly, operator: FileOperator, place: int, channels: int
) -> NDArray[Any] | None:
    if assembly.optional(operator, place) is None:
        return None
    bias = assembly.parameter(operator, place, "bias")
    if bias.shape != (channels,) or bias.dtype.itemsize < 2:
        must = f"must be {channels} numbers, as the weight has channels"
        raise assembly.refusal(operator, "bias", f"{bias.dtype} {bias.shape}", must, ModelError)
    return bias


def _weight_quantization(
    assembly: Assembly, operator: FileOperator, weight: Weight, form: IntFormat
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scales and zero points of a weight, one or one a channel."""
    scale, zero = quantization(weight.tensor, form, assembly.file.where)
    channels = weight.values.shape[0]
    if scale.size not in (1, channels):
        must = f"must be 1 or {channels}, as the weight has channels"
        raise assembly.refusal(operator, "weight scale", f"{scale.size} numbers", must, ModelError)
    if scale.size > 1 and weight.tensor.axis != weight.axis:
        must = f"must be {weight.axis}, the channels"
        raise assembly.refusal(operator, "weight scale axis", weight.tensor.axis, must, ModelError)
    if operator.kind != "FULLY_CONNECTED" and form.signed and zero.any():
        must = "must be 0 of signed weights: TensorFlow Lite's kernels take it so"
        raise assembly.refusal(operator, "weight zero point", zero[zero != 0][0], must)
    return scale, zero


def _real_layer(
    assembly: Assembly,
    operator: FileOperator,
    weight: Weight,
    bias: NDArray[Any] | None,
    op: MacOp,
) -> MacLayer:
    """A layer of real values: it runs in the float twin, and on no machine."""
    values = weight.values.astype(np.float64)
    if weight.values.dtype.kind != "f":
        if weight.tensor.kind not in WEIGHT_KINDS:
            must = f"must be real or one of {', '.join(WEIGHT_KINDS)}"
            raise assembly.refusal(operator, "weight", weight.tensor.kind, must)
        form = FORMATS[weight.tensor.kind]
        scale, zero = _weight_quantization(assembly, operator, weight, form)
        axes = (-1,) + (1,) * (values.ndim - 1)
        values = (values - zero.reshape(axes)) * scale.reshape(axes)
    if bias is not None and bias.dtype.kind != "f":
        raise assembly.refusal(
            operator, "bias", bias.dtype, "must be reals, as the input", ModelError
        )
    return MacLayer(
        op=op,
        weight=None,
        weight_format=IntFormat(8),
        weight_scale=np.ones(1),
        weight_zero_point=np.zeros(1, np.int64),
        float_weight=values,
        float_bias=None if bias is None else bias.astype(np.float64),
    )
