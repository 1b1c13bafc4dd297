"""A real bias under multiply_add_shift: in the scheme's addend, or where the machine says."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.rules import rounded
from oracles.tflite_machine import tflite_machine

from hwsim.arith.formats import IntFormat
from hwsim.array.specification import RequantizeSpec
from hwsim.errors import ConfigError
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.run import run

INT8, INT16 = IntFormat(8), IntFormat(16)


def machine(rounding="floor", from_real=None):
    made = tflite_machine(9, 9)
    policy = RequantizeSpec(scheme="multiply_add_shift", rounding=rounding, multiplier_bits=20)
    bias = made.bias.model_copy(update={"from_real": from_real})
    return made.model_copy(update={"requantize": {"default": policy}, "bias": bias})


def codes(machine, x, scale, zero_point, output_scale, **bias):
    """One output, the sum of x, through the machine; what the network says of the layer too."""
    weight = np.ones((1, len(x)), np.int64)
    layer = MacLayer(
        "fully_connected", weight, INT8, np.array([scale]), np.zeros(1, np.int64), **bias
    )
    tensors = {
        "x": Tensor("x", (len(x),), INT8),
        "y": Tensor("y", (1,), INT16, output_scale, zero_point),
    }
    node = Node("layer", "fully_connected", ("x",), "y", layer)
    graph = Graph("g", tensors, (node,), ("x",), ("y",))
    result = run(graph, machine, {"x": np.array([x])})
    return int(result.codes["y"].item())


@given(
    x=st.lists(st.integers(-128, 127), min_size=1, max_size=4),
    scale=st.floats(2.0**-12, 2.0),
    output_scale=st.floats(0.25, 4.0),
    bias=st.floats(-1000, 1000),
    zero_point=st.integers(-100, 100),
    rounding=st.sampled_from(["floor", "half_up", "half_even", "half_away"]),
)
def test_addend_holds_zero_point_and_bias_to_the_last_bit(
    x, scale, output_scale, bias, zero_point, rounding
):
    real = scale / output_scale
    _, exponent = math.frexp(real)
    shift = 20 - exponent
    multiplier = rounded(Fraction(real) * 2**shift, "half_away")
    if multiplier == 1 << 20:
        multiplier, shift = multiplier >> 1, shift - 1
    addend = rounded(Fraction(bias / output_scale) * 2**shift, "half_even")
    exact = Fraction(sum(x) * multiplier + addend, 2**shift) + zero_point
    expected = min(max(rounded(exact, rounding), INT16.lo), INT16.hi)
    got = codes(machine(rounding), x, scale, zero_point, output_scale, real_bias=np.array([bias]))
    assert got == expected


def test_from_real_moves_the_bias_into_the_accumulator():
    words, bias = ([3], 0.25, 0, 1.0), {"real_bias": np.array([0.2])}  # .8 of a step of the sum
    assert codes(machine("floor"), *words, **bias) == 0  # .75 + .2
    assert codes(machine("floor", from_real="float64"), *words, **bias) == 1  # (3 + 1) / 4


def test_integer_bias_stays_in_the_accumulator():
    narrow = machine().model_copy(
        update={"accumulator": machine().accumulator.model_copy(update={"bits": 4})}
    )
    assert codes(narrow, [3], 1.0, 0, 1.0, bias=np.array([6])) == -7  # 3 + 6 wraps
    assert codes(narrow, [3], 1.0, 0, 1.0, real_bias=np.array([6.0])) == 9


def test_bias_beyond_int64_is_refused():
    with pytest.raises(ConfigError, match=r"requantizer intermediate of channel 0 = .*2\*\*63"):
        codes(machine(), [1], 2.0**-20, 0, 1.0, real_bias=np.array([2.0**40]))
