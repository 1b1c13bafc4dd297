"""Sums, products, rescalings and the edges of a network against the installed LiteRT.

Random scales, zero points and shapes, a good part of them powers of two; values halfway between two
codes; lengths that fill no vector.
"""

from importlib.metadata import version

import numpy as np
import pytest
from golden.tflite_cases import differences, layer_graph, outputs
from oracles import operator_arithmetic as made
from oracles.operator_graph import FORMATS
from oracles.operator_table import NAMES, RESOLVERS
from oracles.tflite_files import TfliteFile, run_litert

from hwsim import load_hardware
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import OPS

pytestmark = pytest.mark.conformance
CASES = 40
BYTES = ("int8", "uint8")
POOLS = ("average_pool_2d", "max_pool_2d")
KINDS = ("int8", "uint8", "int16")
COMPARED = [
    *((made.elementwise, op, kind) for op in ("add", "mul") for kind in KINDS),
    *((made.softmax, "softmax", kind) for kind in BYTES),
    *((made.requantize, "quantize", f"{a}_to_{b}") for a in BYTES for b in KINDS),
    *((made.requantize, "quantize", f"int16_to_{b}") for b in ("int8", "int16")),
    *((made.quantize_real, "quantize", kind) for kind in KINDS),
    *((made.dequantize, "dequantize", kind) for kind in KINDS),
    *((made.tie_of_six, op, kind) for op in ("add", "mul", *POOLS) for kind in KINDS),
]


def tensor(name, q) -> Tensor:
    """A tensor without its batch axis; real values have no format."""
    if q.kind == "float32":
        return Tensor(name, q.shape[1:], None)
    return Tensor(name, q.shape[1:], FORMATS[q.kind], q.scale, q.zero_point)


def ours(case, machine):
    """What hwsim gives."""
    names = [f"x{i}" for i in range(len(case.inputs))]
    tensors = {n: tensor(n, q) for n, q in zip(names, case.inputs, strict=True)}
    tensors["y"] = tensor("y", case.output)
    node = Node("node", case.op, tuple(names), "y", attributes=case.attributes)
    kinds = [np.float64 if q.kind == "float32" else np.int64 for q in case.inputs]
    inputs = [x.astype(kind) for x, kind in zip(case.codes, kinds, strict=True)]
    return OPS[case.op](node, tensors, inputs, machine)


@pytest.mark.parametrize("machine", RESOLVERS)
@pytest.mark.parametrize(("make", "op", "kind"), COMPARED)
def test_operator_equals_litert(make, op, kind, machine, record_conformance):
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    hardware, compared, different = load_hardware(machine), 0, 0
    for number in range(CASES):
        case = make(np.random.default_rng([number, *op.encode(), *kind.encode()]), op, kind)
        theirs = run_litert(case.model, case.codes, RESOLVERS[machine])[0]
        y = ours(case, hardware)
        assert y.shape == theirs.shape
        compared += theirs.size
        different += int(np.count_nonzero(y != theirs))
    record_conformance(
        runtime=NAMES[machine],
        version=f"ai-edge-litert {version('ai-edge-litert')}",
        machine=machine,
        outputs=compared,
        differences=different,
    )
    assert compared > 500
    assert different == 0


@pytest.mark.parametrize("machine", RESOLVERS)
def test_depthwise_channels_past_the_last_vector_equal_litert(machine):
    """13 channels, a factor of 1/4: the shift ties often, and five channels fill no vector."""
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    channels = 13
    file, ones = TfliteFile(), np.ones((1, 1, 1, channels))
    x = file.tensor("x", (1, 8, 8, channels), "int8", 1.0, 0)
    w = file.tensor("w", ones.shape, "int8", np.ones(channels), 0, axis=3, data=ones)
    b = file.tensor("b", (channels,), "int32", np.ones(channels), 0, data=np.zeros(channels))
    y = file.tensor("y", (1, 8, 8, channels), "int8", 4.0, 0)
    words = {"padding": 1, "strideH": 1, "strideW": 1, "depthMultiplier": 1}
    words |= {"dilationHFactor": 1, "dilationWFactor": 1}
    file.operator("DEPTHWISE_CONV_2D", [x, w, b], [y], "DepthwiseConv2DOptions", version=3, **words)
    codes = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, channels)).astype(np.int8)
    theirs = run_litert(file.build([x], [y]), [codes], RESOLVERS[machine])[0]
    layer = MacLayer(
        op="depthwise_conv_2d",
        weight=np.ones((channels, 1, 1, 1), np.int64),
        weight_format=FORMATS["int8"],
        weight_scale=np.ones(channels),
        weight_zero_point=np.zeros(1, np.int64),
        groups=channels,
        bias_bits=32,
    )
    form = FORMATS["int8"]
    graph = layer_graph(layer, (8, 8, channels), (form, 1.0, 0), (form, 4.0, 0))
    assert differences(outputs(graph, load_hardware(machine), codes), theirs) == 0
