"""strided_slice, pack and resize_nearest_neighbor on codes and on real values."""

import numpy as np
import pytest
from oracles.tflite_machine import machine_with, tflite_machine

from hwsim.arith.formats import IntFormat
from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import FLOAT_OPS, OPS
from hwsim.network.ops.resize_nearest_neighbor import nearest_fixed_point, nearest_float32

INT8 = IntFormat(8)
RNG = np.random.default_rng(3)


def node_of(op, inputs, **attributes):
    return Node("move", op, tuple(f"x{i}" for i in range(inputs)), "y", attributes=attributes)


def both(op, arrays, machine=None, scales=(0.1, 0.1), **attributes):
    """Codes of equal scales, and the same move of real values."""
    node = node_of(op, len(arrays), **attributes)
    tensors = {name: Tensor(name, (), INT8, scales[0], 3) for name in node.inputs}
    tensors["y"] = Tensor("y", (), INT8, scales[1], 3)
    codes = OPS[op](node, tensors, arrays, machine or tflite_machine())
    reals = FLOAT_OPS[op](node, tensors, [x.astype(np.float64) for x in arrays])
    return codes, reals


SLICES = [
    ({"begin": (1, 0), "end": (3, None), "stride": (1, 2)}, np.s_[:, 1:3, ::2]),
    ({"begin": (-1, None), "end": (None, 0), "stride": (-2, -1)}, np.s_[:, ::-2, :0:-1]),
    ({"begin": (0, 1), "end": (9, 9)}, np.s_[:, :, 1:]),
    ({"begin": (2, 0), "end": (3, 5), "squeeze": (0,)}, np.s_[:, 2]),
    ({"begin": (3, 0), "end": (1, 5)}, np.s_[:, 3:1]),
]


@pytest.mark.parametrize(("attributes", "index"), SLICES)
def test_strided_slice_takes_what_python_takes(attributes, index):
    x = RNG.integers(-128, 128, (2, 4, 5))
    codes, reals = both("strided_slice", [x], **attributes)
    assert np.array_equal(codes, x[index])
    assert np.array_equal(reals, x[index])


@pytest.mark.parametrize(("axis", "expected"), [(0, 1), (1, 2), (2, 3), (-1, 3), (-3, 1)])
def test_pack_stacks_behind_the_samples(axis, expected):
    parts = [RNG.integers(-128, 128, (2, 3, 4)) for _ in range(3)]
    codes, reals = both("pack", parts, axis=axis)
    assert np.array_equal(codes, np.stack(parts, expected))
    assert np.array_equal(reals, codes)


def test_moved_codes_are_rescaled_where_scales_differ():
    x = np.array([[[13, -7]]])
    assert both("pack", [x], scales=(0.1, 0.2))[0].ravel().tolist() == [8, -2]
    sliced = both("strided_slice", [x], scales=(0.1, 0.2), begin=(0, 1), end=(1, 2))
    assert sliced[0].ravel().tolist() == [-2]


@pytest.mark.parametrize("nearest", [nearest_float32, nearest_fixed_point])
def test_nearest_of_a_whole_factor_repeats_or_skips(nearest):
    assert nearest(3, 12, False, False).tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert nearest(12, 3, False, False).tolist() == [0, 4, 8]
    assert nearest(5, 5, False, False).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("nearest", [nearest_float32, nearest_fixed_point])
def test_nearest_stays_inside_and_never_turns_back(nearest):
    for source, size in [(7, 96), (96, 7), (1, 9), (9, 1), (57, 111)]:
        for align, centers in [(False, False), (True, False), (False, True), (True, True)]:
            places = nearest(source, size, align, centers)
            assert places.min() >= 0
            assert places.max() <= source - 1
            assert (np.diff(places) >= 0).all()


def test_resize_keeps_pixels_together():
    x = np.arange(12).reshape(1, 2, 2, 3)
    codes, reals = both("resize_nearest_neighbor", [x], size=(4, 2))
    assert np.array_equal(codes, x[:, [0, 0, 1, 1]])
    assert np.array_equal(reals, codes)


def test_resize_follows_the_machine_s_scheme():
    x = np.arange(9).reshape(1, 9, 1, 1)
    words = {"resize_nearest_neighbor": {"scheme": "fixed_point", "rounding": "floor"}}
    fixed, _ = both("resize_nearest_neighbor", [x], machine_with(words), size=(111, 1))
    binary32, _ = both("resize_nearest_neighbor", [x], size=(111, 1))
    assert np.nonzero((fixed != binary32).ravel())[0].tolist() == [37, 74]
    words["resize_nearest_neighbor"]["scheme"] = "shift_only"
    with pytest.raises(UnsupportedError, match=r"resize_nearest_neighbor\.scheme = shift_only"):
        both("resize_nearest_neighbor", [x], machine_with(words), size=(2, 1))
