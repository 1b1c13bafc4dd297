"""Layers on the array against the frozen outputs of LiteRT's reference kernels."""

import numpy as np
import pytest
from oracles.tflite_machine import tflite_machine

from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import lower, output_shape, per_channel, to_tensor
from hwsim.mapping.run import OutputSide, run_layer
from hwsim.network.graph import Tensor
from hwsim.network.ops.activation import code_bounds

OPERATORS = {"conv": "conv_2d", "dw": "depthwise_conv_2d", "fc": "fully_connected"}
ACTIVATION = ("none", "relu", "relu_n1_1", "relu6")
K_ORDER = ["ky", "kx", "ic"]
TYPES = {  # activation and weight formats
    "int8": (IntFormat(8), IntFormat(8)),
    "int4": (IntFormat(8), IntFormat(4)),
    "uint8": (IntFormat(8, signed=False), IntFormat(8, signed=False)),
    "int16x8": (IntFormat(16), IntFormat(8)),
    "int16x8b32": (IntFormat(16), IntFormat(8)),
}


def same_padding(size, taps, stride, dilation):
    """TFLite's SAME: the smaller half first."""
    reach = (taps - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def layer_of(case, op, weight_format, output):
    """The golden's arrays as a layer."""
    meta = [int(v) for v in case["meta"][2:]]
    weight, scale = case["w"].astype(np.int32), case["sw"].astype(np.float64)
    if op == "depthwise_conv_2d":
        weight = np.ascontiguousarray(weight.transpose(3, 1, 2, 0))
    geometry = {}
    if op != "fully_connected":
        stride, dilation = tuple(meta[3:5]), tuple(meta[5:7])
        _, height, width, channels = case["x"].shape
        padding = ((0, 0), (0, 0))
        if meta[7]:
            sizes = zip((height, width), weight.shape[1:3], stride, dilation, strict=True)
            padding = tuple(same_padding(*size) for size in sizes)
        groups = channels // weight.shape[3] if op == "conv_2d" else channels
        geometry = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    return MacLayer(
        op=op,
        weight=weight,
        weight_format=weight_format,
        weight_scale=scale,
        weight_zero_point=np.array([meta[2]]),
        bias=case["b"].astype(np.int64) if "b" in case else None,
        clamp=code_bounds(ACTIVATION[meta[8]], output),
        **geometry,
    )


def run(case, kind, name):
    """Accumulators and codes of one golden layer, shaped as its output."""
    op, (input_format, weight_format) = OPERATORS[name], TYPES[kind]
    sx, sy, zx, zy = case["meta"][:4].tolist()
    output = Tensor("y", (), input_format, sy, int(zy))
    layer = layer_of(case, op, weight_format, output)
    signed = input_format.signed
    machine = tflite_machine(
        input_format.bits, weight_format.bits, wide_bias=kind == "int16x8", signed=signed
    )
    x = case["x"].astype(np.int32)
    gemm = lower(layer, x, int(zx), (input_format.lo, input_format.hi), K_ORDER)
    groups, _, n = gemm.w.shape
    side = OutputSide(
        op=op,
        input_scale=sx,
        weight_scale=per_channel(layer.weight_scale, groups, n).ravel(),
        output_scale=sy,
        zero_point=output.zero_point,
        output=input_format,
        clamp=layer.clamp,
        activation_bits=input_format.bits,
    )
    done = run_layer(gemm, side, machine, name)
    shape = output_shape(layer, x.shape[1:])
    return to_tensor(done.accumulator, shape), to_tensor(done.codes, shape)


def cases(path):
    """Every layer of a golden file: ``(type, operator, number)`` to its arrays."""
    found = {}
    with np.load(path) as file:
        for key in file.files:
            kind, name, number, array = key.split("_", 3)
            found.setdefault((kind, name, int(number)), {})[array] = file[key]
    return found


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("file", "layers", "outputs"),
    [("golden_tflite_layers", 52, 25860), ("golden_tflite_layers_ties", 52, 21482)],
)
def test_layers_equal_litert_reference(shared, file, layers, outputs):
    found = cases(shared / "golden" / "semantics" / f"{file}.npz")
    different, compared = {}, 0
    for (kind, name, number), case in found.items():
        accumulator, codes = run(case, kind, name)
        expected = case["y_REF"].astype(np.int64).reshape(codes.shape)
        wrong = np.count_nonzero(codes != expected)
        wrong += np.count_nonzero(accumulator != case["acc"].reshape(codes.shape))
        compared += codes.size
        if wrong:
            different[kind, name, number] = int(wrong)
    assert different == {}
    assert (len(found), compared) == (layers, outputs)
