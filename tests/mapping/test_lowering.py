"""Lowering against the definition of a convolution, tap by tap."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import (
    im2col,
    lower,
    lower_matmul,
    output_shape,
    to_tensor,
    weight_matrix,
)

ORDERS = [list(order) for order in itertools.permutations(["ky", "kx", "ic"])]


def make_layer(weight, **words) -> MacLayer:
    one, zero = np.ones(1), np.zeros(1, np.int64)
    return MacLayer("conv_2d", weight, IntFormat(8), one, zero, **words)


def convolve(x, weight, stride, padding, dilation, groups, pad_value):
    """The definition: Python loops over output pixel, channel and tap; padding holds a value."""
    oc, ky, kx, ic = weight.shape
    (top, bottom), (left, right) = padding
    height, width, _ = x.shape
    oy = (height + top + bottom - (ky - 1) * dilation[0] - 1) // stride[0] + 1
    ox = (width + left + right - (kx - 1) * dilation[1] - 1) // stride[1] + 1
    out = np.zeros((oy, ox, oc), np.int64)
    for y, z, c in np.ndindex(oy, ox, oc):
        first = c // (oc // groups) * ic
        for j, i, d in np.ndindex(ky, kx, ic):
            row = y * stride[0] + j * dilation[0] - top
            col = z * stride[1] + i * dilation[1] - left
            inside = 0 <= row < height and 0 <= col < width
            value = x[row, col, first + d] if inside else pad_value
            out[y, z, c] += int(value) * int(weight[c, j, i, d])
    return out


@st.composite
def convolutions(draw):
    groups, per_group, multiplier = draw(st.tuples(*[st.integers(1, 3)] * 3))
    ky, kx = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    height = draw(st.integers((ky - 1) * dilation[0] + 1, 7))
    width = draw(st.integers((kx - 1) * dilation[1] + 1, 7))
    pad = st.tuples(st.integers(0, 2), st.integers(0, 2))
    words = {
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": draw(st.tuples(pad, pad)),
        "dilation": dilation,
        "groups": groups,
    }
    rng = np.random.default_rng(draw(st.integers(0, 1 << 16)))
    x = rng.integers(-128, 128, (2, height, width, groups * per_group))
    weight = rng.integers(-128, 128, (groups * multiplier, ky, kx, per_group)).astype(np.int32)
    return x, weight, words, draw(st.sampled_from(ORDERS)), int(rng.integers(-128, 128))


@given(convolutions())
def test_lowered_product_is_the_convolution_in_every_order(case):
    x, weight, words, k_order, pad_value = case
    layer = make_layer(weight, **words)
    gemm = lower(layer, x, pad_value, (-128, 127), k_order)
    columns = np.einsum("sgmk,gkn->sgmn", gemm.a.astype(np.int64), gemm.w.astype(np.int64))
    out = to_tensor(columns, output_shape(layer, x.shape[1:]))
    expected = [convolve(sample, weight, **words, pad_value=pad_value) for sample in x]
    assert np.array_equal(out, np.stack(expected))


def test_k_order_names_the_fastest_axis_last():
    x = np.arange(8).reshape(1, 2, 2, 2)
    layer = make_layer(np.zeros((1, 2, 2, 2), np.int32))
    assert im2col(x, layer, ["ky", "kx", "ic"], 0).ravel().tolist() == list(range(8))
    assert im2col(x, layer, ["ic", "ky", "kx"], 0).ravel().tolist() == [0, 2, 4, 6, 1, 3, 5, 7]
    w = np.arange(8, dtype=np.int32).reshape(1, 2, 2, 2)
    assert weight_matrix(w, layer, ["ic", "ky", "kx"]).ravel().tolist() == [0, 2, 4, 6, 1, 3, 5, 7]


def test_linear_layer_keeps_leading_axes():
    layer = MacLayer(
        "fully_connected",
        np.ones((5, 3), np.int32),
        IntFormat(8),
        np.ones(1),
        np.zeros(1, np.int64),
    )
    assert output_shape(layer, (7, 3)) == (7, 5)
    assert im2col(np.zeros((2, 7, 3)), layer, ["ky", "kx", "ic"], 0).shape == (2, 1, 7, 3)


def test_batched_product_has_one_group_a_leading_index():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-9, 9, (3, 2, 4, 5)), rng.integers(-9, 9, (3, 2, 5, 6))
    gemm = lower_matmul(a, b, (0, 0), ((-128, 127), (-128, 127)))
    assert gemm.shape == (1, 6, 4, 5, 6)
    product = np.einsum("sgmk,gkn->sgmn", gemm.a, gemm.w).reshape(3, 2, 4, 6)
    assert np.array_equal(product, a @ b)


def test_kernel_beyond_the_image_is_refused():
    with pytest.raises(ModelError, match=r"input = \(2, 2, 1\): must reach over the kernel's 3"):
        output_shape(make_layer(np.ones((1, 3, 3, 1), np.int32)), (2, 2, 1))
