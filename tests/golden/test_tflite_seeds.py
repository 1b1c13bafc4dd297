"""The seeds' TFLite vectors on the named machines: MLPerf Tiny layers, single requantizations."""

import numpy as np
import pytest
from golden.tflite_cases import (
    INT8,
    INT16,
    LITERT,
    OPERATORS,
    RESOLVERS,
    RUNTIMES,
    differences,
    layer_graph,
    outputs,
    requantized,
    same_padding,
    weights,
)

from hwsim.importers.hardware import load
from hwsim.mapping.layer import MacLayer

pytestmark = pytest.mark.conformance


def mlperf_graph(golden, name):
    """One layer of tflite_layers.npz; its activation is a clamp of codes."""
    op = OPERATORS[name]
    take = {key: golden[f"{name}_{key}"] for key in ("sx", "sy", "zx", "zy", "lo", "hi", "pad")}
    words = {}
    shape = golden[f"{name}_ref_x"].shape[1:]
    if op != "fully_connected":
        stride = tuple(golden[f"{name}_stride"].tolist())
        padding = tuple(map(tuple, take["pad"].tolist()))
        groups = shape[-1] if op == "depthwise_conv_2d" else 1
        words = {"stride": stride, "padding": padding, "groups": groups}
    layer = MacLayer(
        op=op,
        weight=weights(golden[f"{name}_w"], op),
        weight_format=INT8,
        weight_scale=golden[f"{name}_sw"].astype(np.float64),
        weight_zero_point=np.zeros(1, np.int64),
        bias=golden[f"{name}_b"].astype(np.int64),
        bias_bits=32,
        clamp=(int(take["lo"]), int(take["hi"])),
        **words,
    )
    source = (INT8, float(take["sx"]), int(take["zx"]))
    return layer_graph(layer, shape, source, (INT8, float(take["sy"]), int(take["zy"])))


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_mlperf_tiny_layers_equal_litert(shared, record_conformance, resolver):
    machine = load(RESOLVERS[resolver])
    golden = np.load(shared / "golden" / "seeds" / "tflite_layers.npz")
    compared, wrong = 0, 0
    for name in OPERATORS:
        x, expected = (golden[f"{name}_{resolver.lower()}_{array}"] for array in "xy")
        y = outputs(mlperf_graph(golden, name), machine, x)
        compared += y.size
        wrong += differences(y, expected)
    record_conformance(
        runtime=RUNTIMES[resolver],
        version=LITERT,
        machine=machine.name,
        outputs=compared,
        differences=wrong,
    )
    assert (compared, wrong) == (12_224, 0)


def int16_graph(golden, name):
    """One layer of tflite_int16x8.npz: int64 bias, zero points 0, SAME padding."""
    take = {key: golden[f"{name}_{key}"] for key in ("x", "w", "b", "y", "sx", "sy", "sw", "relu")}
    op = name.split("_", 1)[1].lower()
    words = {}
    if op == "conv_2d":
        sides = zip(take["x"].shape[1:3], take["w"].shape[1:3], strict=True)
        words = {"padding": tuple(same_padding(size, kernel, 1, 1) for size, kernel in sides)}
    layer = MacLayer(
        op=op,
        weight=take["w"].astype(np.int64),
        weight_format=INT8,
        weight_scale=take["sw"].astype(np.float64),
        weight_zero_point=np.zeros(1, np.int64),
        bias=take["b"],
        bias_bits=64,
        activation="relu" if take["relu"] else "none",
        **words,
    )
    scales = (float(take["sx"][0]), float(take["sy"][0]))
    return layer_graph(layer, take["x"].shape[1:], (INT16, scales[0], 0), (INT16, scales[1], 0))


def test_int16_layers_equal_litert_reference(shared, record_conformance):
    machine = load("tflite_reference")
    golden = np.load(shared / "golden" / "seeds" / "tflite_int16x8.npz")
    names = sorted(key[:-2] for key in golden.files if key.endswith("_y"))
    compared, wrong = 0, 0
    for name in names:
        y = outputs(int16_graph(golden, name), machine, golden[f"{name}_x"])
        compared += y.size
        wrong += differences(y, golden[f"{name}_y"])
    record_conformance(
        runtime=RUNTIMES["REF"],
        version=LITERT,
        machine=machine.name,
        outputs=compared,
        differences=wrong,
    )
    assert len(names) == 3
    assert (compared, wrong) == (2_068, 0)


@pytest.mark.parametrize("resolver", RESOLVERS)
@pytest.mark.parametrize("op", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_single_requantizations_equal_litert(shared, record_conformance, resolver, op):
    machine = load(RESOLVERS[resolver])
    golden = dict(np.load(shared / "golden" / "seeds" / "tflite_requant_vectors.npz"))
    compared, wrong = 0, 0
    for zero_point in np.unique(golden["zy"]).tolist():
        chosen = golden["kernel"] == f"{resolver.lower()}:{op}"
        chosen &= golden["zy"] == zero_point
        if not chosen.any():
            continue
        factors = golden["m32" if resolver == "XNN" else "m"][chosen].astype(np.float64)
        y = requantized(machine, op.lower(), golden["acc"][chosen], factors, zero_point)
        compared += y.size
        wrong += differences(y, golden["y"][chosen])
    record_conformance(
        runtime=RUNTIMES[resolver],
        version=LITERT,
        machine=machine.name,
        outputs=compared,
        differences=wrong,
    )
    counts = {  # 12,029 in all
        "REF": {"CONV_2D": 1347, "DEPTHWISE_CONV_2D": 494, "FULLY_CONNECTED": 2171},
        "OPT": {"CONV_2D": 1347, "DEPTHWISE_CONV_2D": 494, "FULLY_CONNECTED": 2159},
        "XNN": {"CONV_2D": 1370, "DEPTHWISE_CONV_2D": 476, "FULLY_CONNECTED": 2171},
    }
    assert (compared, wrong) == (counts[resolver][op], 0)
