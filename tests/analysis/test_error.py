"""Error figures against their definitions, one number after the other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hwsim.analysis import error
from hwsim.analysis.error import BLOCK, HISTOGRAM_EDGES, compare, histogram, top1
from hwsim.arith.formats import IntFormat
from hwsim.network.graph import Tensor


def tensor(scale=0.5, zero_point=3, shape=(2, 3)):
    return Tensor("y", shape, IntFormat(8), scale, zero_point)


def slowly(codes, t, reference, clipped):
    """Every figure by its definition with Python floats."""
    pairs = [
        ((int(c) - t.zero_point), float(r))
        for c, r in zip(codes.ravel(), reference.ravel(), strict=True)
    ]
    steps = [c - r / t.scale for c, r in pairs]
    signal = math.fsum(r * r for _, r in pairs)
    power = math.fsum((c * t.scale) ** 2 for c, _ in pairs)
    noise = math.fsum((c * t.scale - r) ** 2 for c, r in pairs)
    dot = math.fsum(c * t.scale * r for c, r in pairs)
    ideal = [min(max(round(r / t.scale) + t.zero_point, -128), 127) for _, r in pairs]
    channels = codes.shape[-1]
    return {
        "sqnr_db": 10 * math.log10(signal / noise) if signal and noise else None,
        "cosine": dot / math.sqrt(signal * power) if signal and power else None,
        "mean_lsb": math.fsum(steps) / len(steps),
        "rms_lsb": math.sqrt(math.fsum(d * d for d in steps) / len(steps)),
        "max_lsb": max(map(abs, steps)),
        "exact_match": sum(i == c for i, c in zip(ideal, codes.ravel(), strict=True)) / len(steps),
        "clipped": clipped / len(steps),
        "histogram": [
            sum(lo <= d < hi for d in steps)
            for lo, hi in zip(
                [-math.inf, *HISTOGRAM_EDGES], [*HISTOGRAM_EDGES, math.inf], strict=True
            )
        ],
        "channels": [
            math.fsum(steps[c::channels]) / len(steps[c::channels]) for c in range(channels)
        ],
    }


@given(
    arrays.arrays(np.int64, (4, 2, 3), elements=st.integers(-128, 127)),
    arrays.arrays(np.float64, (4, 2, 3), elements=st.integers(-400, 400).map(lambda i: i / 8)),
    st.integers(0, 24),
)
def test_figures_equal_their_definitions(codes, reference, clipped):
    """Multiples of 1/8 and a scale of 1/2: every sum is exact; only log and root round."""
    figures = compare(codes, tensor(), reference, clipped)
    expected = slowly(codes, tensor(), reference, clipped)
    assert figures.histogram.tolist() == expected.pop("histogram")
    assert figures.channel_mean_lsb.tolist() == expected.pop("channels")
    for name in ("exact_match", "clipped", "mean_lsb", "max_lsb"):
        assert getattr(figures, name) == expected.pop(name)
    for name, value in expected.items():
        found = getattr(figures, name)
        # logarithms and square roots of float64
        assert found is value is None or found == pytest.approx(value, rel=1e-12, abs=1e-12), name


def test_histogram_counts_every_block_and_gives_an_edge_to_the_bin_above():
    edges = HISTOGRAM_EDGES
    near = np.concatenate([edges, np.nextafter(edges, -np.inf), [-np.inf, np.inf]])
    far = np.random.default_rng(2).normal(0, 5, 2 * BLOCK + 1 - near.size)
    difference = np.concatenate([near, far]).reshape(-1, 1)
    all_edges = np.concatenate([[-np.inf], edges, [np.inf]])
    assert histogram(difference).tolist() == np.histogram(difference, all_edges)[0].tolist()
    assert histogram(near).tolist() == [2] * 19


@pytest.mark.parametrize("spread", [0.1, 3.0, 40.0])
def test_a_histogram_whose_edges_lie_outside_is_no_other(spread):
    """Edges below or above all differences of a block are not counted one by one."""
    rng = np.random.default_rng(3)
    for middle in (-30.0, -8.5, 0.0, 8.5, 30.0):
        difference = middle + spread * rng.uniform(-1, 1, BLOCK + 9)
        difference[:3] = middle, middle + spread, middle - spread
        all_edges = np.concatenate([[-np.inf], HISTOGRAM_EDGES, [np.inf]])
        assert histogram(difference).tolist() == np.histogram(difference, all_edges)[0].tolist()


def test_figures_do_not_depend_on_how_many_samples_are_summed_at_once(monkeypatch):
    rng = np.random.default_rng(4)
    codes, reference = rng.integers(-128, 128, (9, 5, 7)), rng.normal(0, 30, (9, 5, 7))
    found = []
    for at_once in (1, 2 * 35, 1 << 17):
        monkeypatch.setattr(error, "AT_ONCE", at_once)
        figures = compare(codes, tensor(shape=(5, 7)), reference, 3)
        arrays_too = figures.histogram.tolist(), figures.channel_mean_lsb.tolist()
        found.append((figures.as_json(), *arrays_too))
    assert found[0] == found[1] == found[2]
    assert found[0][1][0] > 0


def test_no_signal_gives_null():
    figures = compare(np.array([[5, 3]]), tensor(), np.zeros((1, 2)), 0)
    assert (figures.sqnr_db, figures.cosine, figures.max_lsb) == (None, None, 2.0)


def test_no_error_gives_null_for_the_ratio_and_one_for_the_cosine():
    figures = compare(np.array([[5, 1]]), tensor(), np.array([[1.0, -1.0]]), 0)
    assert (figures.sqnr_db, figures.exact_match, figures.rms_lsb) == (None, 1.0, 0.0)
    assert 1 - 1e-15 <= figures.cosine <= 1


def test_silent_hardware_gives_null_for_the_cosine():
    figures = compare(np.array([[3, 3]]), tensor(), np.array([[1.0, 1.0]]), 0)
    assert (figures.cosine, figures.sqnr_db) == (None, 0.0)


@pytest.mark.parametrize("size", [1e-200, 1e-160, 1e150])
def test_very_small_and_large_values_have_a_cosine_and_no_nan(size):
    codes, reference = np.array([[5, 1]]), np.array([[2.0, -2.0]]) * size
    figures = compare(codes, tensor(scale=size), reference, 0).as_json()
    assert all(value is None or math.isfinite(value) for value in figures.values())
    assert figures["cosine"] is None or figures["cosine"] == pytest.approx(1)


def test_no_samples_give_zeros():
    figures = compare(np.zeros((0, 2, 3), np.int64), tensor(), np.zeros((0, 2, 3)), 0)
    assert set(figures.as_json().values()) == {None, 0.0}
    assert figures.histogram.sum() == 0
    assert figures.channel_mean_lsb.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("difference", "at"), [
    (-8.75, 0), (-8.5, 1), (-7.75, 1), (-7.5, 2), (-0.75, 8), (-0.5, 9), (0.25, 9), (0.5, 10),
    (8.25, 17), (8.5, 18), (100.0, 18),
])  # fmt: skip
def test_histogram_bins_hold_their_lower_edge(difference, at):
    figures = compare(np.array([[3]]), tensor(1.0), np.array([[-difference]]), 0)
    assert np.flatnonzero(figures.histogram).tolist() == [at]
    assert figures.histogram.shape == (19,)


def test_exact_match_rounds_ties_to_even_and_saturates():
    reference = np.array([[0.25, 0.75, 1e6, -1e6]])  # 0.5 and 1.5 LSB, and beyond the format
    codes = np.array([[3, 5, 127, -128]])
    assert compare(codes, tensor(), reference, 0).exact_match == 1.0
    assert compare(np.array([[4, 4, 126, -127]]), tensor(), reference, 0).exact_match == 0.0


def test_constant_offset_stands_in_the_channel_mean():
    """A bias error: one channel two codes up, everywhere."""
    rng = np.random.default_rng(1)
    codes = rng.integers(-50, 50, (3, 4, 4, 5))
    reference = (codes - 3) * 0.5
    figures = compare(codes + np.array([0, 0, 2, 0, 0]), tensor(), reference, 0)
    assert figures.channel_mean_lsb.tolist() == [0, 0, 2, 0, 0]


def test_top1_takes_the_first_of_equals():
    scores = np.array([[1, 3, 3], [2, 2, 2], [0, 0, 1], [5, 4, 3]])
    assert top1(scores, np.array([1, 0, 2, 1])) == 0.75
    assert top1(scores.reshape(4, 1, 3, 1), np.array([2, 1, 0, 0])) == 0.25
