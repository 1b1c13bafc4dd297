"""Small .tflite files, one for each thing that the importer reads."""

import numpy as np
from oracles.tflite_files import TfliteFile

QUANTIZED = {"int8": (0.05, 3), "uint8": (0.05, 120), "int16": (0.001, 0)}
OUT = {"int8": (0.11, -7), "uint8": (0.11, 131), "int16": (0.004, 0)}


def activation(file, name, shape, kind, parameters=QUANTIZED):
    """An activation of the usual scale of its type; float32 has none."""
    return file.tensor(name, shape, kind, *parameters.get(kind, ()))


def integers(file, name, values):
    """A constant of plain int32."""
    values = np.asarray(values, np.int32)
    return file.tensor(name, values.shape, "int32", data=values)


def weight(file, shape, kind="int8", scale=0.02, zero_point=0, axis=0, seed=0):
    """A constant weight, uniform over its type."""
    low, high = {"int4": (-7, 8), "uint8": (0, 256)}.get(kind, (-127, 128))
    data = np.random.default_rng(seed).integers(low, high, shape)
    return file.tensor("weight", shape, kind, scale, zero_point, axis=axis, data=data)


def bias(file, channels, kind="int32", scale=0.001, seed=1):
    """A constant bias; runtimes ask that its scale be the product of the others, within a bit."""
    data = np.random.default_rng(seed).integers(-2000, 2000, channels)
    return file.tensor("bias", (channels,), kind, scale, data=data)


def convolution(kind="int8", weights="int8", scales=None, zero_point=0, bias_kind="int32", **words):
    """CONV_2D of a 7 x 6 x 3 image to 4 channels, kernel 3 x 2; strides 2, 1."""
    file = TfliteFile()
    x = activation(file, "x", (1, 7, 6, 3), kind)
    scale = 0.02 if scales is None else scales
    w = weight(file, (4, 3, 2, 3), weights, scale, zero_point)
    b = bias(file, 4, bias_kind)
    words = {"padding": 0, "strideH": 2, "strideW": 1, "dilationHFactor": 1} | words
    words = {"dilationWFactor": 1} | words
    size = output_size((7, 6), (3, 2), words)
    y = activation(file, "y", (1, *size, 4), kind, OUT)
    file.operator("CONV_2D", [x, w, b], [y], "Conv2DOptions", version=3, **words)
    return file.build([x], [y])


def depthwise(kind="int8", multiplier=2, **words):
    """DEPTHWISE_CONV_2D of a 7 x 6 x 3 image, kernel 3 x 2, per-channel scales along axis 3."""
    file = TfliteFile()
    channels = 3 * multiplier
    scales = np.linspace(0.01, 0.03, channels)
    x = activation(file, "x", (1, 7, 6, 3), kind)
    w = weight(file, (1, 3, 2, channels), "int8", scales, axis=3)
    b = bias(file, channels, "int64" if kind == "int16" else "int32")
    words = {"padding": 1, "strideH": 1, "strideW": 1, "depthMultiplier": multiplier} | words
    words = {"dilationHFactor": 1, "dilationWFactor": 1} | words
    size = output_size((7, 6), (3, 2), words)
    y = activation(file, "y", (1, *size, channels), kind, OUT)
    inputs, name = [x, w, b], "DEPTHWISE_CONV_2D"
    file.operator(name, inputs, [y], "DepthwiseConv2DOptions", version=3, **words)
    return file.build([x], [y])


def output_size(size, kernel, words):
    """TFLite's rule: SAME ceil(n / s), VALID ceil((n - reach + 1) / s)."""
    sizes = []
    for n, k, axis in zip(size, kernel, "HW", strict=True):
        reach = (k - 1) * words[f"dilation{axis}Factor"] + 1 if words["padding"] else 1
        sizes.append(-(-(n - reach + 1) // words[f"stride{axis}"]))
    return tuple(sizes)


def linear(shape, output, k=12, kind="int8", weights="int8", zero_point=0, with_bias=True, **words):
    """FULLY_CONNECTED of any input shape to 5 channels."""
    file = TfliteFile()
    x = activation(file, "x", shape, kind)
    w = weight(file, (5, k), weights, 0.02, zero_point)
    bias_kind = "int64" if kind == "int16" else "int32"
    b = bias(file, 5, bias_kind, QUANTIZED[kind][0] * 0.02) if with_bias else -1
    y = activation(file, "y", output, kind, OUT)
    file.operator("FULLY_CONNECTED", [x, w, b], [y], "FullyConnectedOptions", version=4, **words)
    return file.build([x], [y])


def single(op, options, shape, output, constants=(), kind="int8", same=False, version=1, **words):
    """One operator of one activation and constants of plain integers."""
    file = TfliteFile()
    x = activation(file, "x", shape, kind)
    inputs = [x, *(integers(file, f"c{i}", values) for i, values in enumerate(constants))]
    y = activation(file, "y", output, kind, QUANTIZED if same else OUT)
    file.operator(op, inputs, [y], options, version=version, **words)
    return file.build([x], [y])


def binary(op, options, shapes, output, constant=None, **words):
    """ADD, MUL or SUB of two int8 tensors; ``constant``: which of them is in the file."""
    file = TfliteFile()
    operands, inputs = [], []
    for place, shape in enumerate(shapes):
        quantized = (0.03 + 0.01 * place, 5 - 9 * place)
        data = None
        if place == constant:
            data = np.random.default_rng(3).integers(-128, 128, shape)
        operands.append(file.tensor(f"x{place}", shape, "int8", *quantized, data=data))
        inputs += [] if data is not None else operands[-1:]
    y = activation(file, "y", output, "int8", OUT)
    file.operator(op, operands, [y], options, version=2, **words)
    return file.build(inputs, [y])


def keras_flatten():
    """What keras 3 writes for Flatten: SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
    file = TfliteFile()
    x = activation(file, "x", (1, 2, 3, 4), "int8")
    shape, batch, target = (
        file.tensor(name, extents, "int32")
        for name, extents in (("shape", (4,)), ("batch", ()), ("target", (2,)))
    )
    one, zero, rest = integers(file, "1", [1]), integers(file, "0", [0]), integers(file, "r", -1)
    y = activation(file, "y", (1, 24), "int8")
    file.operator("SHAPE", [x], [shape], "ShapeOptions", outType=2)
    masks = {"shrinkAxisMask": 1}
    inputs = [shape, zero, one, one]
    file.operator("STRIDED_SLICE", inputs, [batch], "StridedSliceOptions", **masks)
    file.operator("PACK", [batch, rest], [target], "PackOptions", valuesCount=2)
    file.operator("RESHAPE", [x, target], [y])
    return file.build([x], [y])


def half_weights():
    """A float32 convolution whose weights are float16 behind DEQUANTIZE."""
    file, rng = TfliteFile(), np.random.default_rng(5)
    x = activation(file, "x", (1, 5, 5, 2), "float32")
    parts = []
    for name, shape in (("weight", (3, 3, 3, 2)), ("bias", (3,))):
        half = file.tensor(f"{name} half", shape, "float16", data=rng.standard_normal(shape))
        parts.append(file.tensor(name, shape, "float32"))
        file.operator("DEQUANTIZE", [half], [parts[-1]], version=3)
    y = activation(file, "y", (1, 3, 3, 3), "float32")
    words = {"padding": 1, "strideH": 1, "strideW": 1, "fusedActivationFunction": 3}
    file.operator("CONV_2D", [x, *parts], [y], "Conv2DOptions", **words)
    return file.build([x], [y])


def transposed():
    """TRANSPOSE_CONV, SAME, stride 2."""
    file = TfliteFile()
    x = activation(file, "x", (1, 3, 4, 2), "int8")
    size, w = integers(file, "size", [1, 6, 8, 3]), weight(file, (3, 3, 3, 2))
    y = activation(file, "y", (1, 6, 8, 3), "int8", OUT)
    words = {"padding": 0, "strideH": 2, "strideW": 2}
    options, inputs = "TransposeConvOptions", [size, w, x, bias(file, 3)]
    file.operator("TRANSPOSE_CONV", inputs, [y], options, version=3, **words)
    return file.build([x], [y])


def joined():
    """CONCATENATION of two inputs and a constant along the channels, then PACK of it twice."""
    file = TfliteFile()
    a, b = (activation(file, f"x{i}", (1, 3, 2 + i), "int8") for i in range(2))
    data = np.arange(6).reshape(1, 3, 2)
    c = file.tensor("c", (1, 3, 2), "int8", *QUANTIZED["int8"], data=data)
    y = activation(file, "joined", (1, 3, 7), "int8")
    z = activation(file, "packed", (1, 2, 3, 7), "int8")
    file.operator("CONCATENATION", [a, c, b], [y], "ConcatenationOptions", axis=-1, version=2)
    file.operator("PACK", [y, y], [z], "PackOptions", valuesCount=2, axis=1, version=2)
    return file.build([a, b], [z])


def edges():
    """QUANTIZE, an int8 linear layer, DEQUANTIZE: real values at both ends."""
    file = TfliteFile()
    x, y = (file.tensor(name, shape, "float32") for name, shape in (("x", (1, 6)), ("y", (1, 5))))
    q, r = activation(file, "q", (1, 6), "int8"), activation(file, "r", (1, 5), "int8", OUT)
    inputs = [q, weight(file, (5, 6)), bias(file, 5)]
    file.operator("QUANTIZE", [x], [q], "QuantizeOptions")
    file.operator("FULLY_CONNECTED", inputs, [r], "FullyConnectedOptions", version=4)
    file.operator("DEQUANTIZE", [r], [y], "DequantizeOptions", version=2)
    return file.build([x], [y])


def padded_with_a_code():
    """PADV2, whose new elements hold a code of the input."""
    file = TfliteFile()
    x = activation(file, "x", (1, 2, 3), "int8")
    value = file.tensor("value", (), "int8", *QUANTIZED["int8"], data=np.int8(-77))
    y = activation(file, "y", (1, 4, 3), "int8")
    ends = integers(file, "ends", [[0, 0], [1, 1], [0, 0]])
    file.operator("PADV2", [x, ends, value], [y], "PadV2Options", version=2)
    return file.build([x], [y])


def dynamic_range(kind="int8", zero_point=0, folded=False):
    """A float32 linear layer whose weights are codes; ``folded``: behind a DEQUANTIZE."""
    file = TfliteFile()
    x, y = activation(file, "x", (1, 12), "float32"), activation(file, "y", (1, 5), "float32")
    w = weight(file, (5, 12), kind, 0.02, zero_point)
    if folded:
        real = file.tensor("real weight", (5, 12), "float32")
        file.operator("DEQUANTIZE", [w], [real], version=2)
        w = real
    file.operator("FULLY_CONNECTED", [x, w], [y], "FullyConnectedOptions", version=4)
    return file.build([x], [y])


POOL = {"padding": 0, "strideH": 2, "strideW": 2, "filterHeight": 3, "filterWidth": 2}
SLICE = {"beginMask": 1, "endMask": 5, "shrinkAxisMask": 8}
SOFTMAX = {"beta": 0.5}
FILES = {
    "conv_2d": lambda: convolution(),
    "conv_2d per channel": lambda: convolution(scales=[0.01, 0.02, 0.03, 0.005]),
    "conv_2d relu6": lambda: convolution(padding=1, fusedActivationFunction=3),
    "conv_2d dilated": lambda: convolution(
        strideH=1, dilationHFactor=2, dilationWFactor=3, fusedActivationFunction=1
    ),
    "conv_2d uint8": lambda: convolution("uint8", "uint8", zero_point=119),
    "conv_2d int16, int64 bias": lambda: convolution("int16", bias_kind="int64"),
    "conv_2d int4": lambda: convolution(weights="int4", scales=[0.1, 0.2, 0.3, 0.05]),
    "depthwise": lambda: depthwise(),
    "depthwise int16": lambda: depthwise("int16", 1, padding=0, strideH=2, strideW=2),
    "depthwise dilated": lambda: depthwise(padding=0, dilationHFactor=2, dilationWFactor=2),
    "linear": lambda: linear((1, 12), (1, 5)),
    "linear of an image": lambda: linear((1, 2, 3, 2), (1, 5)),
    "linear of rows": lambda: linear((1, 4, 12), (4, 5), fusedActivationFunction=1),
    "linear of rows of an image": lambda: linear((1, 2, 3, 12), (6, 5)),
    "linear kept axes": lambda: linear((1, 4, 12), (1, 4, 5), keepNumDims=True),
    "linear without bias": lambda: linear((1, 12), (1, 5), with_bias=False),
    "linear uint8": lambda: linear((1, 12), (1, 5), kind="uint8", weights="uint8", zero_point=99),
    "linear int16": lambda: linear((1, 12), (1, 5), kind="int16"),
    "linear int4": lambda: linear((1, 12), (1, 5), weights="int4"),
    "add": lambda: binary("ADD", "AddOptions", [(1, 4, 3)] * 2, (1, 4, 3)),
    "add of fewer axes": lambda: binary(
        "ADD", "AddOptions", [(1, 3), (1, 4, 2, 3)], (1, 4, 2, 3), fusedActivationFunction=1
    ),
    "mul by a constant": lambda: binary(
        "MUL", "MulOptions", [(1, 4, 2, 3), (3,)], (1, 4, 2, 3), constant=1
    ),
    "sub from a constant": lambda: binary("SUB", "SubOptions", [(), (1, 4)], (1, 4), constant=0),
    "average pool": lambda: single(
        "AVERAGE_POOL_2D", "Pool2DOptions", (1, 5, 4, 3), (1, 3, 2, 3), same=True, version=2, **POOL
    ),
    "max pool": lambda: single(
        "MAX_POOL_2D", "Pool2DOptions", (1, 5, 4, 3), (1, 3, 2, 3), same=True, version=2, **POOL
    ),
    "mean": lambda: single(
        "MEAN", "ReducerOptions", (1, 5, 4, 3), (1, 1, 4, 1), [[1, -1]], version=2, keepDims=True
    ),
    "pad": lambda: single(
        "PAD",
        "PadOptions",
        (1, 2, 3, 1),
        (1, 4, 3, 3),
        [[[0, 0], [2, 0], [0, 0], [1, 1]]],
        same=True,
        version=2,
    ),
    "pad with a code": padded_with_a_code,
    "transpose": lambda: single(
        "TRANSPOSE", "TransposeOptions", (1, 2, 3, 4), (1, 4, 2, 3), [[0, 3, 1, 2]], same=True
    ),
    "strided slice": lambda: single(
        "STRIDED_SLICE",
        "StridedSliceOptions",
        (1, 6, 5, 4),
        (1, 2, 3),
        [[7, 1, 4, -2], [-5, 5, 3, 9], [1, 2, -2, 1]],
        same=True,
        version=2,
        **SLICE,
    ),
    "resize": lambda: single(
        "RESIZE_NEAREST_NEIGHBOR",
        "ResizeNearestNeighborOptions",
        (1, 3, 2, 2),
        (1, 5, 4, 2),
        [[5, 4]],
        same=True,
        version=3,
        halfPixelCenters=True,
    ),
    "expand dims": lambda: single(
        "EXPAND_DIMS", None, (1, 3), (1, 1, 3), [1], same=True, version=1
    ),
    "transpose conv": transposed,
    "keras flatten": keras_flatten,
    "joined": joined,
    "edges": edges,
}
"""Quantized files that LiteRT's reference kernels run."""
