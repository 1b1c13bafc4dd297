"""One operator at a time: hwsim on machine ``onnxruntime`` equals ONNX Runtime's integer kernels.

Level ORT_ENABLE_EXTENDED with ``session.qdqisint8allowed``: DQ - operator - Q is one kernel.
"""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from importers.onnx_small import Small, TensorProto, convolution, write
from oracles.onnx_runtime import tensors, version

from hwsim import load_hardware
from hwsim.importers import onnx
from hwsim.network.run import run

pytestmark = pytest.mark.conformance
SAMPLES = 8


def differences(model, folder, shape, names=None, spread=3.0):
    """(outputs compared, of them different, largest difference) over all tensors of codes."""
    path = write(model, folder)
    graph, layouts = onnx.load(path), onnx.layouts(path)
    rng = np.random.default_rng(1)
    inputs, ours = {}, {}
    for name in graph.inputs:
        x = rng.uniform(-spread, spread, (SAMPLES, *shape)).astype(np.float32)
        if graph.tensors[name].format is not None:
            x = rng.integers(0, 256, x.shape, dtype=np.uint8)
        inputs[name] = x
        kind = np.float64 if graph.tensors[name].format is None else np.int64
        ours[name] = layouts[name].from_file(x).astype(kind)
    file_names = {name for node in model.graph.node for name in node.output}
    wanted = names or [
        t.name for t in graph.tensors.values() if t.format is not None and t.name in file_names
    ]
    assert wanted
    theirs = tensors(model, inputs, wanted)
    codes = run(graph, load_hardware("onnxruntime"), ours).codes
    gaps = [np.abs(codes[n] - layouts[n].from_file(theirs[n].astype(np.int64))) for n in wanted]
    return (
        sum(gap.size for gap in gaps),
        sum(np.count_nonzero(gap) for gap in gaps),
        max(gap.max() for gap in gaps),
    )


CONVOLUTIONS = {
    "plain": ((5, 9, 7), 6, (3, 3), {"pads": [1, 1, 1, 1]}),
    "one_by_one": ((7, 4, 4), 9, (1, 1), {}),
    "strided": ((4, 9, 10), 6, (3, 2), {"strides": [2, 3], "pads": [0, 1, 2, 0]}),
    "dilated": ((3, 11, 11), 5, (3, 3), {"dilations": [2, 3], "pads": [2, 3, 2, 3]}),
    "grouped": ((6, 6, 6), 9, (3, 3), {"groups": 3, "pads": [1, 1, 1, 1]}),
    "depthwise": ((6, 6, 6), 6, (3, 3), {"groups": 6, "pads": [1, 1, 1, 1]}),
    "depth_multiplier": ((4, 6, 6), 12, (3, 3), {"groups": 4, "strides": [2, 2]}),
    "same_upper": ((3, 8, 7), 4, (4, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "same_lower": ((3, 8, 7), 4, (4, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    "valid": ((3, 8, 7), 4, (3, 3), {"auto_pad": "VALID"}),
    "per_tensor": ((5, 6, 6), 6, (3, 3), {"per_channel": False, "zero": 0}),
    "one_axis": ((4, 19), 6, (5,), {"pads": [2, 1], "strides": [2]}),
}


@pytest.mark.parametrize("formats", [("u8", "s8"), ("u8", "u8"), ("s8", "s8")], ids="-".join)
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_every_convolution_is_onnxruntimes(tmp_path, record_conformance, case, formats):
    shape, out, kernel, how = CONVOLUTIONS[case]
    zero = 121 if formats[1] == "u8" else 0
    small = Small(3, *formats)
    model = convolution(small, shape, out, kernel, **{"zero": zero, **how})
    outputs, wrong, _ = differences(model, tmp_path, shape)
    record_conformance(runtime="ONNX Runtime CPU", version=version(),
                       machine="onnxruntime", outputs=outputs, differences=wrong)  # fmt: skip
    assert wrong == 0


def gemm(small, **attributes):
    x = small.quantize(small.input((12,)), 0.02, 130)
    axis = 0 if attributes.get("transB") else 1
    weight, scale = small.weights((7, 12) if axis == 0 else (12, 7), axis)
    bias = small.bias(7, np.float32(0.02) * scale)
    return small.quantize(small.op("Gemm", [x, weight, bias], **attributes), 0.03, 125), (12,)


def matmul_add(small):
    x = small.quantize(small.input((5, 12)), 0.02, 130)
    weight, _ = small.weights((12, 7), 1)
    y = small.op("MatMul", [x, weight])
    return small.quantize(y, 0.03, 125), (5, 12)


def of_two(kind):
    def build(small):
        x = small.quantize(small.input((3, 5, 6)), 0.024, 127)
        y = small.quantize(small.op("Relu", [x]), 0.011, 0)
        z = small.op(kind, [x, y])
        return small.quantize(z, 0.031, 111), (3, 5, 6)

    return build


def unary(kind, scale, zero, **attributes):
    def build(small):
        x = small.quantize(small.input((4, 6, 6)), 0.024, 127)
        y = small.op(kind, [x], **attributes)
        return small.quantize(y, scale, zero), (4, 6, 6)

    return build


def clipped(lo, hi):
    def build(small):
        x = small.quantize(small.input((3, 6, 6)), 0.02, 127)
        weight, scale = small.weights((5, 3, 3, 3))
        bias = small.bias(5, np.float32(0.02) * scale)
        y = small.op("Conv", [x, weight, bias])
        bounds = [small.constant(np.float32(v)) for v in (lo, hi)]
        return small.quantize(small.op("Clip", [y, *bounds]), (hi - lo) / 255, 0), (3, 6, 6)

    return build


def joined(small):
    x = small.quantize(small.input((3, 5, 5)), 0.024, 127)
    y = small.quantize(small.op("Relu", [x]), 0.012, 0)
    return small.quantize(small.op("Concat", [x, y], axis=1), 0.024, 120), (3, 5, 5)


def flat_image(small):
    """A flattened image before a linear layer: its weights are put in hwsim's order."""
    x = small.quantize(small.input((3, 4, 5)), 0.02, 130)
    flat = small.quantize(small.op("Flatten", [x], axis=1), 0.02, 130)
    weight, scale = small.weights((60, 7), 1)
    bias = small.bias(7, np.float32(0.02) * scale)
    return small.quantize(small.op("Gemm", [flat, weight, bias]), 0.05, 125), (3, 4, 5)


def turned(small):
    """An image that comes channels last and is transposed in the file."""
    x = small.quantize(small.input((6, 5, 3)), 0.02, 130)
    image = small.quantize(small.op("Transpose", [x], perm=[0, 3, 1, 2]), 0.02, 130)
    weight, scale = small.weights((4, 3, 3, 3))
    bias = small.bias(4, np.float32(0.02) * scale)
    y = small.quantize(small.op("Conv", [image, weight, bias]), 0.09, 120)
    return small.op("Transpose", [y], perm=[0, 2, 3, 1]), (6, 5, 3)


def int4_weights(small):
    x = small.quantize(small.input((12,)), 0.02, 130)
    codes = small.constant(small.rng.integers(-8, 8, (12, 7)), "w", TensorProto.INT4)
    scale = small.constant(np.float32(0.01), "s")
    zero = small.constant(0, "z", TensorProto.INT4)
    weight = small.op("DequantizeLinear", [codes, scale, zero])
    return small.quantize(small.op("MatMul", [x, weight]), 0.03, 125), (12,)


OPERATORS = {
    "gemm": lambda small: gemm(small),
    "gemm_turned": lambda small: gemm(small, transB=1),
    "matmul": matmul_add,
    "add": of_two("Add"),
    "mul": of_two("Mul"),
    "global_average_pool": unary("GlobalAveragePool", 0.021, 125),
    "average_pool": unary("AveragePool", 0.021, 125, kernel_shape=[3, 2], strides=[2, 2]),
    "average_pool_padded": unary("AveragePool", 0.021, 125, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "max_pool": unary("MaxPool", 0.024, 127, kernel_shape=[2, 2], strides=[2, 2]),
    "sigmoid": unary("Sigmoid", 1 / 256, 0),
    "softmax": unary("Softmax", 1 / 256, 0, axis=-1),
    "tanh": unary("Tanh", 1 / 128, 128),
    "hard_swish": unary("HardSwish", 0.02, 20),
    "reshape": unary("Flatten", 0.024, 127, axis=1),
    "clip_relu6": clipped(0.0, 6.0),
    "concat": joined,
    "flat_image": flat_image,
    "turned": turned,
    "int4_weights": int4_weights,
}


@pytest.mark.parametrize("case", OPERATORS)
def test_every_operator_is_onnxruntimes(tmp_path, record_conformance, case):
    small = Small(5)
    result, shape = OPERATORS[case](small)
    outputs, wrong, most = differences(small.model(result), tmp_path, shape)
    print(case, outputs, wrong, most)
    record_conformance(runtime="ONNX Runtime CPU", version=version(),
                       machine="onnxruntime", outputs=outputs, differences=wrong)  # fmt: skip
    assert wrong == 0


MICROSOFT = {"domain": "com.microsoft"}


def coded(small, shape):
    """A graph input of codes, and its scale and zero point."""
    return [small.input(shape, kind=TensorProto.UINT8), *small.scale_zero(0.021, 119)]


def weight_codes(small, shape):
    codes = small.rng.integers(-128, 128, shape, dtype=np.int8)
    return [small.constant(codes, "w"), *small.scale_zero(0.011, 0, "s8")]


def q_conv(small):
    x = coded(small, (3, 6, 6))
    bias = small.constant(small.rng.integers(-4000, 4000, 5, dtype=np.int32), "b")
    words = [*x, *weight_codes(small, (5, 3, 3, 3)), *small.scale_zero(0.07, 130), bias]
    return small.op("QLinearConv", words, pads=[1, 1, 1, 1]), (3, 6, 6)


def q_matmul(small):
    words = [*coded(small, (12,)), *weight_codes(small, (12, 7)), *small.scale_zero(0.07, 130)]
    return small.op("QLinearMatMul", words), (12,)


def q_gemm(small):
    bias = small.constant(small.rng.integers(-4000, 4000, 7, dtype=np.int32), "b")
    words = [*coded(small, (12,)), *weight_codes(small, (7, 12)), bias]
    return small.op("QGemm", [*words, *small.scale_zero(0.07, 130)], transB=1, **MICROSOFT), (12,)


def q_of_two(kind):
    def build(small):
        x = coded(small, (3, 5, 5))
        y = small.op("QLinearSigmoid", [*x, *small.scale_zero(1 / 256, 0)], **MICROSOFT)
        words = [*x, y, *small.scale_zero(1 / 256, 0), *small.scale_zero(0.03, 101)]
        return small.op(kind, words, **MICROSOFT), (3, 5, 5)

    return build


def q_pool(kind, **attributes):
    def build(small):
        words = [*coded(small, (4, 6, 6)), *small.scale_zero(0.019, 125)]
        return small.op(kind, words, **attributes, **MICROSOFT), (4, 6, 6)

    return build


def q_concat(small):
    x = coded(small, (3, 5, 5))
    words = [*small.scale_zero(0.03, 101), *x, *x]
    return small.op("QLinearConcat", words, axis=1, **MICROSOFT), (3, 5, 5)


QOPERATORS = {
    "QLinearConv": q_conv,
    "QLinearMatMul": q_matmul,
    "QGemm": q_gemm,
    "QLinearAdd": q_of_two("QLinearAdd"),
    "QLinearMul": q_of_two("QLinearMul"),
    "QLinearConcat": q_concat,
    "QLinearAveragePool": q_pool("QLinearAveragePool", kernel_shape=[3, 2], strides=[2, 2]),
    "QLinearAveragePool_whole": q_pool("QLinearAveragePool", kernel_shape=[6, 6]),
    "QLinearGlobalAveragePool": q_pool("QLinearGlobalAveragePool"),
    "QLinearSigmoid": q_pool("QLinearSigmoid"),
}


@pytest.mark.parametrize("case", QOPERATORS)
def test_every_integer_operator_is_onnxruntimes(tmp_path, record_conformance, case):
    small = Small(7)
    result, shape = QOPERATORS[case](small)
    model = small.model(result)
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    outputs, wrong, most = differences(model, tmp_path, shape)
    print(case, outputs, wrong, most)
    record_conformance(runtime="ONNX Runtime CPU", version=version(),
                       machine="onnxruntime", outputs=outputs, differences=wrong)  # fmt: skip
    assert wrong == 0
