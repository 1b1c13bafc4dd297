"""Findings of ``inspect`` on layers of one product: each where it belongs, none elsewhere."""

import numpy as np
import pytest
import strategies

from hwsim.analysis.inspection import warnings
from hwsim.analysis.inspection_findings import findings
from hwsim.arith.formats import IntFormat
from hwsim.mapping.prepare import OutputSide, prepare


def one_product(overflow, bits, factor=1.0, **side):
    """Sums of -128 * w .. 127 * w with w = 1: they need 8 bits, 9 symmetric ones."""
    gemm = strategies.gemm(np.zeros((0, 1, 1, 1)), [[[1]]])
    words = {"output_scale": 1.0, "zero_point": 0} | side
    facts = OutputSide("conv_2d", 1.0, np.array([factor]), output=IntFormat(8),
                       clamp=(None, None), activation_bits=8, **words)  # fmt: skip
    return prepare(gemm, facts, strategies.machine(accumulator=(bits, overflow)), "a layer")


def test_a_symmetric_register_does_not_hold_its_least_code():
    assert warnings(one_product("saturate", 8)) == []
    assert len(warnings(one_product("saturate_symmetric", 8))) == 1
    assert warnings(one_product("saturate_symmetric", 9)) == []


def kinds(prepared, *words):
    """The findings of one layer by kind."""
    return [finding["kind"] for finding in findings(prepared, *words)]


def test_a_multiplier_of_zero_is_not_a_small_one():
    flushed = one_product("saturate", 24, factor=1e-50)
    assert warnings(flushed) == [
        "1 multiplier flushed to zero: its channel gives a constant",
        "1 channel is dead: no input moves its output by a whole code",
    ]
    assert kinds(one_product("saturate", 24, factor=1e-30)) == ["dead"]


@pytest.mark.parametrize("factor", [1 / 300, 1 / 256, 1 / 255, 1 / 254, 0.01, 1.0])
def test_a_dead_channel_has_two_codes_at_most(factor):
    layer = one_product("saturate", 24, factor=factor)
    sums = np.arange(-128, 128).reshape(-1, 1, 1, 1)
    codes = np.unique(layer.requantizer.apply(sums).codes)
    assert (kinds(layer) == ["dead"]) == (255 * factor < 1)
    assert codes.size <= 2 or kinds(layer) == []


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (0.04, []),  # 6 is 150 steps
        (0.02, []),  # 300 steps: beyond the format, which clamps first
        (6 / 255, []),  # TFLite's scale: the last code
        (0.0407, ["relu6 ends at 5.9829, not 6: code 19 of 19.42"]),  # 147.42 steps
    ],
)
def test_an_activation_bound_without_a_code_is_named(scale, said):
    layer = one_product(
        "saturate", 24, 1.0, activation="relu6", output_scale=scale, zero_point=-128
    )
    assert [f["text"] for f in findings(layer, "relu6", scale)] == said


def test_a_negative_bound_is_named_too():
    layer = one_product("saturate", 24, 1.0, activation="relu_n1_1", output_scale=0.3)
    assert kinds(layer, "relu_n1_1", 0.3) == ["activation_bound"] * 2
    layer = one_product("saturate", 24, 1.0, activation="relu_n1_1", output_scale=0.25)
    assert kinds(layer, "relu_n1_1", 0.25) == []
