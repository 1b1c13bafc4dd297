"""LOG_SOFTMAX behind a network's last dequantization: real values in, real values out."""

import math

import numpy as np
import pytest

from hwsim import load_hardware
from hwsim.arith.formats import IntFormat
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import log_softmax

NODE = Node("log_softmax_0", "log_softmax", ("x",), "y")
REAL = {name: Tensor(name, (5,), None) for name in "xy"}


def litert_s(row):
    """The reference kernel's steps, each rounded to binary32."""
    shifted = [np.float32(x) - np.float32(max(row)) for x in row]
    total = np.float32(0)
    for step in shifted:
        total = np.float32(total + np.float32(math.exp(step)))
    return [float(np.float32(step - np.float32(math.log(total)))) for step in shifted]


def test_every_step_is_in_binary32() -> None:
    x = np.random.default_rng(0).normal(0, 4, (200, 5)).astype(np.float32).astype(np.float64)
    y = log_softmax.run(NODE, REAL, [x], load_hardware("tflite_reference"))
    assert y.tolist() == [litert_s(row) for row in x]
    assert y.dtype == np.float64


def test_exponentials_of_the_float_twin_sum_to_one() -> None:
    x = np.random.default_rng(0).normal(0, 4, (200, 5))
    y = log_softmax.run_float(NODE, REAL, [x])
    assert np.abs(np.exp(y).sum(axis=-1) - 1).max() < 1e-14  # binary64, five terms
    assert np.array_equal(y.argmax(axis=-1), x.argmax(axis=-1))


def test_no_sample_gives_no_sample() -> None:
    y = log_softmax.run(NODE, REAL, [np.zeros((0, 5))], load_hardware("tflite_reference"))
    assert y.shape == (0, 5)


@pytest.mark.parametrize("name", ["x", "y"])
def test_codes_are_refused(name) -> None:
    tensors = REAL | {name: Tensor(name, (5,), IntFormat(8), 0.1, 0)}
    with pytest.raises(UnsupportedError, match=f"log_softmax_0: {name} = codes: must be real"):
        log_softmax.run(NODE, tensors, [np.zeros((1, 5))], load_hardware("tflite_reference"))
