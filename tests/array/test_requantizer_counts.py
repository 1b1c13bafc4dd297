"""Codes and what their format saturated, counted some rows at a time."""

import numpy as np
import pytest

from hwsim.array.requantizer_counts import MOST_ROWS, count_codes


@pytest.mark.parametrize("kind", [np.int16, np.int64])
@pytest.mark.parametrize("shape", [(3, 2, 5, 7), (2, 1, MOST_ROWS, 2), (4, 2, MOST_ROWS // 2, 1)])
@pytest.mark.parametrize("by_sample", [False, True])
def test_every_saturated_value_counts_once(shape, kind, by_sample):
    """Also where an element of a row is saturated more often than 16 bits count."""
    rng = np.random.default_rng(sum(shape))
    values = rng.integers(-9, 10, shape).astype(kind)
    values[..., 0] = 9
    codes = np.full(shape, 99, np.int8)
    samples, groups, rows, length = shape
    counted = samples if by_sample else 1
    part, clipped = np.zeros(length, kind), np.full((counted, groups, length), 5)
    for number in (1, 2):
        count_codes(values, -4, 7, codes, part, clipped)
        assert (codes == np.clip(values, -4, 7)).all()
        beyond = (values < -4) | (values > 7)
        expected = beyond.reshape(counted, -1, groups, rows, length).sum(axis=(1, 3))
        assert (clipped == 5 + number * expected).all()
        assert expected[..., 0].min() == samples // counted * rows
    assert not part.any()
