"""Sums of tiles that were not run stepwise: the exact ones, all of them and no others."""

from typing import NamedTuple

import numpy as np
import pytest

from hwsim.array.fast_tiles import settle


class Few(NamedTuple):
    """What `settle` reads of a layer in lanes."""

    start: np.ndarray  # (G, parts, rows)
    samples: int
    pixels: int
    channels: int


@pytest.mark.parametrize(("groups", "channels"), [(1, 6), (1, 8), (3, 6)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_every_sum_of_a_tile_that_was_not_stepped_is_the_exact_one(groups, channels, share):
    rng = np.random.default_rng(channels)
    samples, pixels, width, rows = 3, 7, 4, 4
    parts, blocks = -(-channels // rows), -(-samples * pixels // width)
    lanes = Few(np.zeros((groups, parts, rows), np.int32), samples, pixels, channels)
    stepped = rng.random((blocks, groups, parts)) < share
    exact = rng.integers(0, 99, samples * groups * pixels * channels)
    out = np.full_like(exact, -1)
    settle(lanes, stepped, width, exact, out)
    s, g, m, n = np.indices((samples, groups, pixels, channels))
    was = stepped[(s * pixels + m) // width, g, n // rows].ravel()
    assert (out == np.where(was, -1, exact)).all()
