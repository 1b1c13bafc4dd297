"""CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED as layers for the array.

Weights in the file: convolution ``(oc, ky, kx, ic / groups)``, scales along axis 0; depthwise
``(1, ky, kx, oc)``, axis 3; transposed ``(oc, ky, kx, ic)``, axis 0; fully connected ``(oc, ic)``,
axis 0. `Weight` has the channels first in all of them.
"""

from __future__ import annotations

import math
from dataclasses import replace

from hwsim.errors import ModelError
from hwsim.importers.tflite.assembly import Assembly
from hwsim.importers.tflite.options import (
    activation,
    explicit_padding,
    image,
    margins,
    steps,
    transposed_padding,
)
from hwsim.importers.tflite.parameters import Weight, parameters, weight_of
from hwsim.importers.tflite.records import FileOperator
from hwsim.mapping.layer import MacLayer, MacOp
from hwsim.mapping.lowering import output_shape
from hwsim.network.graph import Tensor


def conv_2d(assembly: Assembly, operator: FileOperator) -> None:
    """A convolution; fewer filter channels than input channels make groups."""
    x, weight = assembly.tensor(operator, 0), weight_of(assembly, operator, 4, 0)
    channels = image(assembly, operator, x)[-1]
    kernel = weight.values.shape
    if channels % kernel[3] or kernel[0] % (channels // kernel[3]):
        must = f"must divide the input's {channels} channels into groups"
        raise assembly.refusal(operator, "weight shape", kernel, must, ModelError)
    groups = channels // kernel[3]
    layer = _convolution(assembly, operator, x, weight, "conv_2d", groups)
    _add(assembly, operator, x, weight, layer)


def depthwise_conv_2d(assembly: Assembly, operator: FileOperator) -> None:
    """A depthwise convolution; output channel ``c * multiplier + j`` reads input channel c."""
    x, weight = assembly.tensor(operator, 0), weight_of(assembly, operator, 4, 3)
    channels = image(assembly, operator, x)[-1]
    kernel = weight.values.shape
    if kernel[3] != 1 or kernel[0] % channels:
        must = f"must be 1 x ky x kx x a multiple of {channels}"
        raise assembly.refusal(operator, "weight shape", weight.tensor.shape, must, ModelError)
    multiplier = operator.options["depth_multiplier"]
    if multiplier not in (0, kernel[0] // channels):
        must = f"must be {kernel[0] // channels}, as the shapes say"
        raise assembly.refusal(operator, "depth_multiplier", multiplier, must, ModelError)
    layer = _convolution(assembly, operator, x, weight, "depthwise_conv_2d", channels)
    _add(assembly, operator, x, weight, layer)


def fully_connected(assembly: Assembly, operator: FileOperator) -> None:
    """A linear layer; an input of other axes is reshaped to rows of K first."""
    weight = weight_of(assembly, operator, 2, 0)
    if operator.options["weights_format"]:
        number = operator.options["weights_format"]
        raise assembly.refusal(operator, "weights_format", number, "must be 0: not shuffled")
    x, index = assembly.tensor(operator, 0), assembly.operand(operator, 0)
    shape, k = assembly.file.tensors[index].shape, weight.values.shape[1]
    keep = operator.options["keep_num_dims"]
    if math.prod(shape) % k or (keep and shape[-1:] != (k,)):
        must = f"must be rows of {k}, as the weight"
        raise assembly.refusal(operator, "input shape", shape, must, ModelError)
    rows = math.prod(shape) // k
    if (not keep and len(shape) != 2) or shape[-1] != k:
        x = assembly.reshaped(operator, x, (k,) if rows == assembly.batch else (rows, k))
    layer = parameters(assembly, operator, x, weight, "fully_connected")
    _add(assembly, operator, x, weight, layer)


def transpose_conv(assembly: Assembly, operator: FileOperator) -> None:
    """A transposed convolution; its output's shape is an input, and static."""
    x, weight = assembly.tensor(operator, 2), weight_of(assembly, operator, 4, 0)
    channels, stride = image(assembly, operator, x)[-1], steps(assembly, operator, "stride")
    kernel, output = weight.values.shape, assembly.output(operator)
    if kernel[3] != channels or kernel[0] != image(assembly, operator, output)[-1]:
        must = f"must go from {channels} to {output.shape[-1]} channels"
        raise assembly.refusal(operator, "weight shape", kernel, must, ModelError)
    rule = margins(assembly, operator)
    padding = tuple(
        transposed_padding(rule, x.shape[i], output.shape[i], kernel[1 + i], stride[i])
        for i in (0, 1)
    )
    layer = replace(
        parameters(assembly, operator, x, weight, "transpose_conv_2d", bias_place=3),
        stride=stride,
        padding=(padding[0], padding[1]),
    )
    _add(assembly, operator, x, weight, layer)


def _add(
    assembly: Assembly, operator: FileOperator, x: Tensor, weight: Weight, layer: MacLayer
) -> None:
    """The layer as a node."""
    layer = replace(layer, activation=activation(assembly, operator))
    try:
        shape = output_shape(replace(layer, weight=weight.values), x.shape)
    except ModelError:
        must = "must go with kernel and padding"
        raise assembly.refusal(operator, "input shape", x.shape, must, ModelError) from None
    assembly.add(operator, layer.op, (x,), shape, layer=layer)


def _convolution(
    assembly: Assembly, operator: FileOperator, x: Tensor, weight: Weight, op: MacOp, groups: int
) -> MacLayer:
    """A convolution with its strides, dilations and padding."""
    stride, dilation = (steps(assembly, operator, name) for name in ("stride", "dilation"))
    rule = margins(assembly, operator)
    top, left = (
        explicit_padding(rule, x.shape[i], weight.values.shape[1 + i], stride[i], dilation[i])
        for i in (0, 1)
    )
    return replace(
        parameters(assembly, operator, x, weight, op),
        groups=groups,
        stride=stride,
        dilation=dilation,
        padding=(top, left),
    )
