"""Ranges that observers choose, against definitions computed another way."""

import numpy as np
import pytest

from hwsim.quantization.choices import Choices
from hwsim.quantization.observers import BINS, Observer


def observed(choices, *batches):
    observer = Observer(choices)
    for batch in batches:
        observer.see(batch)
    if observer.needs_histogram:
        for batch in batches:
            observer.count(batch)
    return observer.range()


def heavy_tails(seed=0, size=20_000):
    return np.random.default_rng(seed).standard_t(3, size)


def test_minmax_is_the_least_and_largest_of_all_batches():
    x = heavy_tails()
    assert observed(Choices(observer="minmax"), x[:7], x[7:]) == (x.min(), x.max())


def test_moving_average_is_the_recurrence():
    batches = [heavy_tails(seed, 100) for seed in range(5)]
    lo, hi = batches[0].min(), batches[0].max()
    for batch in batches[1:]:
        lo, hi = lo + 0.1 * (batch.min() - lo), hi + 0.1 * (batch.max() - hi)
    assert observed(Choices(observer="moving_average", averaging=0.1), *batches) == (lo, hi)


@pytest.mark.parametrize("percent", [90.0, 99.0, 99.9])
def test_percentile_cuts_as_little_as_a_bin_allows(percent):
    x = heavy_tails()
    lo, hi = observed(Choices(observer="percentile", percentile=percent), x[:9], x[9:])
    cut = (100 - percent) / 200
    width = (x.max() - x.min()) / BINS
    assert np.mean(x < lo) <= cut <= np.mean(x < lo + width)
    assert np.mean(x > hi) <= cut <= np.mean(x > hi - width)


def test_a_percentile_of_100_is_minmax():
    x = heavy_tails()
    assert observed(Choices(observer="percentile", percentile=100.0), x) == (x.min(), x.max())


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_mean_square_has_less_error_than_minmax(bits):
    x = heavy_tails()

    def error(ends):
        lo, hi = ends
        scale = (hi - lo) / ((1 << bits) - 1)
        codes = np.clip(np.rint((x - lo) / scale), 0, (1 << bits) - 1)
        return np.mean((x - lo - codes * scale) ** 2)

    chosen = observed(Choices(observer="mean_square", activation_bits=bits), x)
    assert error(chosen) < error((x.min(), x.max()))
    assert chosen[0] <= 0 <= chosen[1]


@pytest.mark.parametrize("bits", [4, 8])
def test_entropy_cuts_a_lone_outlier(bits):
    bell = np.append(np.random.default_rng(0).normal(size=50_000), 60.0)
    lo, hi = observed(Choices(observer="entropy", activation_bits=bits), bell)
    assert 1.5 < hi < 20
    assert lo < -1.5


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_entropy_leaves_out_zeros(bits):
    """After a relu half of the values are zero; they must not decide where the rest is cut."""
    x = np.maximum(heavy_tails(), 0.0)
    choices = Choices(observer="entropy", activation_bits=bits)
    assert observed(choices, x) == observed(choices, x[x > 0], np.zeros(1))


def test_entropy_cuts_nothing_of_even_values():
    x = np.linspace(-1, 3, 8192)
    assert observed(Choices(observer="entropy"), x) == (-1.0, 3.0)


@pytest.mark.parametrize("observer", ["minmax", "percentile", "entropy", "mean_square"])
@pytest.mark.parametrize("value", [0.0, 1.5, -2.0])
def test_a_constant_tensor_has_a_range(observer, value):
    assert observed(Choices(observer=observer), np.full(10, value)) == (value, value)
