"""The transposed convolution on the array: lowering, shapes, refusals."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import im2col, lower, output_shape, to_tensor, weight_matrix
from hwsim.network import float_twin
from hwsim.network.graph import Graph, Node, Tensor

RNG = np.random.default_rng(7)
ORDER = ["ky", "kx", "ic"]


def layer_of(weight, stride, padding):
    one, zero = np.ones(1), np.zeros(1, np.int64)
    return MacLayer(
        "transpose_conv_2d", weight, IntFormat(8), one, zero, stride=stride, padding=padding
    )


def scattered(x, layer):
    """The definition: every input pixel adds its kernel to the outputs that it reaches."""
    (top, bottom), (left, right) = layer.padding
    samples, height, width, _ = x.shape
    oc, ky, kx, _ = layer.weight.shape
    sy, sx = layer.stride
    full = np.zeros((samples, (height - 1) * sy + ky, (width - 1) * sx + kx, oc), np.int64)
    for y, i, j, k in product(range(height), range(width), range(ky), range(kx)):
        full[:, y * sy + j, i * sx + k] += x[:, y, i] @ layer.weight[:, j, k].T
    more = [(0, 0), (0, max(-bottom, 0)), (0, max(-right, 0)), (0, 0)]
    full = np.pad(full, more)
    rows = slice(top, full.shape[1] - max(bottom, 0))
    return full[:, rows, left : full.shape[2] - max(right, 0)]


CASES = [
    ((3, 4), (2, 2), (3, 3), ((0, 0), (0, 0))),
    ((3, 4), (2, 2), (3, 3), ((0, 1), (0, 1))),  # SAME
    ((2, 5), (3, 1), (4, 2), ((1, 2), (0, 1))),
    ((1, 1), (1, 1), (1, 1), ((0, 0), (0, 0))),
    ((3, 2), (3, 3), (2, 1), ((0, -1), (0, -2))),  # a kernel below its stride, outputs of no tap
]


@pytest.mark.parametrize("k_order", [ORDER, ["ic", "kx", "ky"]])
@pytest.mark.parametrize(("size", "stride", "kernel", "padding"), CASES)
def test_lowered_product_is_the_scattered_sum(size, stride, kernel, padding, k_order):
    x = RNG.integers(-128, 128, (2, *size, 3))
    layer = layer_of(RNG.integers(-128, 128, (5, *kernel, 3)), stride, padding)
    gemm = lower(layer, x, 0, (-128, 127), k_order)
    shape = output_shape(layer, x.shape[1:])
    got = to_tensor(gemm.a.astype(np.int64) @ gemm.w, shape)
    assert np.array_equal(got, scattered(x, layer))
    assert gemm.shape == (2, 1, shape[0] * shape[1], 3 * kernel[0] * kernel[1], 5)


def test_inserted_and_padded_taps_hold_the_zero_point():
    x = np.full((1, 2, 2, 1), 9)
    layer = layer_of(np.ones((1, 3, 3, 1), np.int64), (2, 2), ((0, 0), (0, 0)))
    rows = im2col(x, layer, ORDER, 4)[0, 0]
    assert sorted(np.unique(rows).tolist()) == [4, 9]
    assert np.count_nonzero(rows == 9) == 2 * 2 * 9  # each pixel meets each tap once


def test_k_runs_from_the_kernel_s_last_tap_to_its_first():
    weight = np.arange(6).reshape(1, 2, 3, 1)
    layer = layer_of(weight, (1, 1), ((0, 0), (0, 0)))
    assert weight_matrix(weight, layer, ORDER).ravel().tolist() == [5, 4, 3, 2, 1, 0]


def test_padding_beyond_the_kernel_is_refused():
    layer = layer_of(np.ones((1, 2, 2, 1), np.int64), (1, 1), ((2, 0), (0, 0)))
    with pytest.raises(ModelError, match=r"padding = .*must be smaller than the kernel"):
        output_shape(layer, (3, 3, 1))


def test_float_twin_scatters_real_values():
    weight = RNG.integers(-128, 128, (5, 3, 2, 3))
    layer = replace(layer_of(weight, (2, 3), ((1, 0), (0, 1))), bias=np.arange(5))
    shape = output_shape(layer, (3, 4, 3))
    tensors = {
        "x": Tensor("x", (3, 4, 3), IntFormat(8), 1.0, 0),
        "y": Tensor("y", shape, IntFormat(8), 1.0, 0),
    }
    graph = Graph("g", tensors, (Node("n", layer.op, ("x",), "y", layer),), ("x",), ("y",))
    x = RNG.integers(-128, 128, (2, 3, 4, 3))
    real = float_twin.run(graph, {"x": x.astype(np.float64)})["y"]
    assert np.array_equal(real, scattered(x, layer) + np.arange(5))
