"""Every machine of ONNX Runtime, PyTorch, ExecuTorch and AIMET: its words, narrowed, reread."""

import numpy as np
import pytest
from golden.runtime_layers import Case

from hwsim.arith.formats import IntFormat
from hwsim.array.conditions import LayerFacts
from hwsim.array.overrides import for_layer
from hwsim.importers.hardware import load, resolved_yaml

MACHINES = (
    "onnxruntime", "onnxruntime_avx2", "pytorch_fbgemm", "pytorch_fbgemm_avx2", "pytorch_qnnpack",
    "pytorch_onednn", "pytorch_onednn_avx2", "pytorch_x86", "pytorch_x86_avx2", "pt2e_graph",
    "executorch_xnnpack", "aimet",
)  # fmt: skip
U8, S8 = IntFormat(8, signed=False), IntFormat(8)


def wide_layer() -> Case:
    """A 1 x 1 convolution of 96 channels, whose sums need 20 bits; a real bias."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (2, 96, 5, 5)).astype(np.uint8)
    w = rng.integers(20, 60, (6, 96, 1, 1)).astype(np.int8)
    y = np.zeros((2, 6, 5, 5), np.uint8)
    return Case(x, w, y, 0.02, 7, np.full(6, 0.01), 4.0, 3, real_bias=rng.normal(0, 9, 6))


@pytest.mark.parametrize("name", MACHINES)
def test_any_runtime_takes_a_narrower_accumulator(name):
    case = wide_layer()
    codes, layer = case.run(name)
    assert layer.ledger.accumulator.events == 0
    narrow, narrowed = case.run(name, "accumulator.bits=18")
    ledger = narrowed.ledger
    assert narrowed.accumulator.bits == 18
    assert ledger.accumulator.events > 100
    assert ledger.codes_changed == np.count_nonzero(narrow != codes) > 0
    assert (ledger.chain is None) == (not name.endswith("_avx2"))


@pytest.mark.parametrize("name", MACHINES)
def test_resolved_yaml_is_the_same_machine(name, tmp_path):
    file = tmp_path / f"{name}.yaml"
    file.write_text(resolved_yaml(load(name)))
    assert load(file) == load(name)


def facts(op="conv_2d", kernel=3, padding=1, channels=8, outputs=8, groups=1, a=U8, w=S8):
    side = (padding, padding)
    return LayerFacts(
        "a layer", op, (kernel, kernel), (side, side), channels, outputs, groups, a, w
    )


def depthwise(channels, multiplier=1, kernel=3, padding=1):
    outputs = channels * multiplier
    return facts("depthwise_conv_2d", kernel, padding, channels, outputs, channels)


DENSE = facts("fully_connected", 1, 0)


@pytest.mark.parametrize(
    ("name", "layer", "scheme", "pairs"),
    [
        ("pytorch_fbgemm", facts(), "float32_bias", False),
        ("pytorch_fbgemm", depthwise(16), "float32_bias", True),
        ("pytorch_fbgemm", depthwise(16, 2, 5, 2), "float32_bias", True),
        ("pytorch_fbgemm", depthwise(16, 3), "float32_bias", False),
        ("pytorch_fbgemm", depthwise(12), "float32_bias", False),
        ("pytorch_fbgemm", depthwise(16, padding=0), "float32_bias", False),
        ("pytorch_fbgemm", depthwise(16, kernel=5), "float32_bias", False),
        ("pytorch_fbgemm_avx2", facts(), "float32_bias", True),
        ("pytorch_x86", facts(), "float32_dequantized", False),
        ("pytorch_x86", DENSE, "float32_bias", False),
        ("pytorch_x86", depthwise(96), "float32_dequantized", False),
        ("pytorch_x86", depthwise(104), "float32_bias", True),
        ("pytorch_x86", depthwise(104, 1, 5, 2), "float32_bias", True),
        ("pytorch_x86", depthwise(101), "float32_bias", False),
        ("pytorch_x86", facts(channels=404, groups=101), "float32_bias", False),
        ("pytorch_x86_avx2", DENSE, "float32_bias", True),
        ("pytorch_x86_avx2", depthwise(8), "float32_bias", True),
        ("pytorch_onednn", DENSE, "float32_dequantized", False),
        ("pytorch_onednn_avx2", DENSE, "float32_dequantized", True),
        ("pytorch_onednn_avx2", depthwise(8), "float32_dequantized", False),
        ("onnxruntime_avx2", facts(), "float32", True),
        ("onnxruntime_avx2", facts(a=S8), "float32", False),
        ("onnxruntime_avx2", facts(w=U8), "float32", False),
        ("onnxruntime_avx2", depthwise(8), "float32", False),
        ("onnxruntime_avx2", depthwise(8, 2), "float32", True),
    ],
)
def test_the_engine_chooses_by_the_layers_shape(name, layer, scheme, pairs):
    machine = for_layer(load(name), layer)
    assert machine.policy(layer.op, layer.activation.bits).scheme == scheme
    assert (machine.chain is not None) == pairs
    if pairs:
        assert (machine.chain.bits, machine.chain.overflow, machine.chain.length) == (
            16, "saturate", 2,
        )  # fmt: skip


def test_linear_layers_of_onednn_invert_their_weight_scales_twice():
    machine = for_layer(load("pytorch_onednn"), DENSE)
    assert machine.policy("fully_connected", 8).weight_scale == "twice_inverted"
    assert machine.policy("conv_2d", 8).weight_scale == "float32"
