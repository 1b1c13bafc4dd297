"""A requantizer's tail of elements: the last outputs of an image, in memory order."""

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.array.requantizer import build
from hwsim.array.specification import RequantizeSpec

TIES = {"scheme": "multiplier_shift_double", "rounding": "half_up"}


def codes(accumulator, channels, tail):
    spec = RequantizeSpec(**TIES, tail=tail)
    requantizer = build(
        spec,
        input_scale=0.25,
        weight_scale=np.ones(channels),
        output_scale=1.0,
        zero_point=0,
        output=IntFormat(8),
        clamp=(None, None),
        accumulator=(-100, 100),
        where="layer",
    )
    return requantizer.apply(accumulator).codes


def test_the_last_elements_of_each_image_round_by_the_tail_s_rule():
    accumulator = np.full((2, 2, 5, 3), -6)  # * 1/4 is -1.5: up to -1, away to -2
    tail = {"lanes": 8, "rounding": "half_away", "of": "elements"}
    got = codes(accumulator, 6, tail)
    in_memory = got.transpose(0, 2, 1, 3).reshape(2, 30)  # pixel, then channel
    assert in_memory.tolist() == [[-1] * 24 + [-2] * 6] * 2


def test_whole_vectors_leave_no_tail():
    accumulator = np.full((1, 1, 4, 4), -6)
    tail = {"lanes": 16, "rounding": "half_away", "of": "elements"}
    assert np.unique(codes(accumulator, 4, tail)).tolist() == [-1]


def test_the_tail_of_channels_is_the_same_at_every_pixel():
    accumulator = np.full((1, 1, 4, 10), -6)
    got = codes(accumulator, 10, {"lanes": 8, "rounding": "half_away"})
    assert got[0, 0].tolist() == [[-1] * 8 + [-2] * 2] * 4
