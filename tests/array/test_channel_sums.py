"""Channels summed alone: every output's are those of the oracle, wherever its neighbours lie."""

import numpy as np
import pytest
from oracles.saturating_sums import Operands, by_oracle

from hwsim.array.channel_sums import LANES, exact_channels, repeated, saturating_channels

CHANNELS = [1, 8, 37, LANES - 1, LANES, LANES + 3]


def places_of(rng, channels, outputs):
    """Rows of outputs that stand side by side, and some that stand alone."""
    first = rng.integers(0, 300, outputs)
    row = rng.integers(0, 4, outputs) > 0
    for p in range(1, outputs):
        if row[p]:
            first[p] = first[p - 1] + channels
    return first


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("steps", [0, 1, 9])
def test_exact_sums_of_channels(channels, steps):
    rng = np.random.default_rng(channels)
    places, taps = places_of(rng, channels, 120), rng.integers(0, 150, steps)
    x = rng.integers(0, 256, places.max() + 160 + channels).astype(np.uint8)
    w = rng.integers(-128, 128, (steps, channels))
    start = rng.integers(-1000, 1000, (1, channels))
    out = np.empty((len(places), channels), np.int32)
    exact_channels(x, places, taps, repeated(w), repeated(start), out)
    codes = x[places[:, None, None] + taps[:, None] + np.arange(channels)].astype(np.int64)
    assert (out == (codes * w).sum(axis=1) + start).all()


@pytest.mark.parametrize("fold", [0, 1, 4])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("bits", [12, 15, 16, 17, 20, 28])
def test_saturating_sums_of_channels(bits, channels, fold):
    rng = np.random.default_rng(bits)
    problem = Operands(bits, bits, 9, channels, 1, symmetric=bits == 15)
    places = places_of(rng, channels, 40)
    x = np.resize(problem.x, places.max() + 300 + channels).astype(np.int16)
    out = np.empty((40, channels), np.int32)
    register, link = (problem.lo, problem.hi, 0), 16 if fold else 31
    ends = (-(1 << link - 1), (1 << link - 1) - 1)
    rows = [repeated(row[None]) for row in (problem.start, problem.late)]
    w = repeated(problem.w)
    saturating_channels(x, places, problem.taps, w, *rows, register, ends, fold, out)
    for c in rng.permutation(channels)[:4]:
        alone = by_oracle(
            x[c:], places, problem.taps, problem.w[:, [c]], problem.start[[c]],
            problem.late[[c]], bits, bits == 15, link, fold or 1,
        )  # fmt: skip
        assert (out[:, [c]] == alone).all()
