"""Sums in pairs of steps of one sign: what a register holds that is stored step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.rules import kept

from hwsim.array.paired_sums import (
    LANES,
    LARGEST,
    SIDE,
    TILE,
    add_pairs,
    lay_pairs,
    lay_taps,
    paired_sums,
)
from hwsim.array.vector.pairs import HAS_PAIRS

TIES = (-128, -127, -65, -64, -63, -1, 0, 1, 63, 64, 65, 127)  # pairs of 127, 128, 129 and more
REGISTERS = [(16, False), (16, True), (15, False), (12, False), (12, True), (9, False)]


class Problem:
    """Operands and weights at their ends more often than not; taps of every kind."""

    def __init__(self, seed, bits, symmetric, steps, channels, pixels):
        rng = np.random.default_rng(seed)
        self.x = rng.integers(0, 256, 900).astype(np.uint8)
        self.x[rng.random(900) < 0.5] = 255
        self.w = rng.integers(-128, 128, (steps, channels))
        ties = rng.random(self.w.shape) < 0.6
        self.w[ties] = rng.choice(TIES, int(ties.sum()))
        self.w[: steps // 3] = abs(self.w[: steps // 3]).clip(max=127)  # a run that reaches the end
        self.places = rng.integers(0, 300, pixels)
        self.taps = rng.integers(0, 600, steps)
        if seed % 3:  # bytes side by side, whole or in runs of odd length
            self.taps = np.arange(steps) + np.arange(steps) // (7 if seed % 3 == 1 else 1000) * 3
        self.bits, self.rule = bits, "saturate_symmetric" if symmetric else "saturate"
        self.hi = (1 << bits - 1) - 1
        self.lo = -self.hi - (not symmetric)
        self.start = rng.integers(self.lo, self.hi + 1, channels)
        self.late = rng.integers(-(1 << bits + 1), 1 << bits + 1, channels)

    def by_oracle(self):
        """Python integers, one step after the other."""
        out = np.empty((len(self.places), len(self.start)), np.int64)
        for p, place in enumerate(self.places.tolist()):
            codes = self.x[place + self.taps].tolist()
            for n, total in enumerate(self.start.tolist()):
                for code, weight in zip(codes, self.w[:, n].tolist(), strict=True):
                    total = kept(total + code * weight, self.bits, self.rule)
                out[p, n] = kept(total + int(self.late[n]), self.bits, self.rule)
        return out

    def by(self, sums, tile=1):
        """A kernel on arrays as it asks for them."""
        pixels, channels = len(self.places), len(self.start)
        lanes = -(-channels // SIDE) * SIDE
        places = np.pad(self.places, (0, -pixels % tile), mode="edge")
        start, late = np.zeros((2, 1, lanes), np.int32)
        start[0, :channels], late[0, :channels] = self.start, self.late
        out = np.full((len(places), 1, lanes), 7, np.int32)
        ends = (start, late, (self.lo, self.hi))
        sums(self.x, places, lay_taps(self.taps), *lay_pairs(self.w, lanes), *ends, out)
        return out[:pixels, 0, :channels]


problems = st.builds(
    lambda seed, register, steps, channels, pixels: Problem(
        seed, *register, steps, channels, pixels
    ),
    st.integers(0, 1 << 32), st.sampled_from(REGISTERS), st.integers(0, 90), st.integers(1, 20),
    st.integers(1, 9),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(problem=problems)
def test_pairs_of_one_sign_are_stored_as_steps_are(problem):
    assert (problem.by(add_pairs) == problem.by_oracle()).all()


@pytest.mark.skipif(not HAS_PAIRS, reason="no vector instructions")
@settings(max_examples=80, deadline=None)
@given(problem=problems)
def test_vectors_of_pairs_give_the_sums_of_the_oracle(problem):
    assert (problem.by(paired_sums, TILE) == problem.by_oracle()).all()


@pytest.mark.skipif(not HAS_PAIRS, reason="no vector instructions")
@pytest.mark.parametrize("register", REGISTERS, ids=str)
@pytest.mark.parametrize("pixels", [TILE, LANES, LANES + 3 * TILE, 2 * LANES - 1])
def test_whole_tiles_and_what_is_left_of_them_are_one(pixels, register):
    """Every lane of both widths of tile, squares of steps and those behind them."""
    problem = Problem(pixels, *register, 71, 19, pixels)
    found = problem.by(paired_sums, TILE)
    problem.places = problem.places[-70:]
    assert (found[-70:] == problem.by_oracle()).all()


@pytest.mark.parametrize("register", REGISTERS, ids=str)
@pytest.mark.parametrize("larger", [0, 1, 63, 64, 65, 127, 128])
@pytest.mark.parametrize("smaller", [0, 1, 63, 64, 65, 127, 128])
def test_pairs_at_the_bound_of_an_entry_are_stored_as_steps_are(larger, smaller, register):
    """255 times the weights' sum: at 128 it fits 16 bits, at 129 not."""
    problem = Problem(1, *register, 2, 4, 3)
    problem.x[:], problem.late[:] = 255, 0
    weights = np.array([larger, smaller])
    problem.w = np.stack([-weights, -weights[::-1], weights, weights * [1, -1]], axis=1)
    problem.w = problem.w.clip(max=127)
    problem.start = np.array([problem.hi, 0, problem.lo, 1])
    together = larger + smaller <= LARGEST
    entries = np.diff(lay_pairs(problem.w, 4).first)
    assert (
        entries[0]
        == entries[1]
        == (larger > 0) + (smaller > 0) - (together and larger > 0 and smaller > 0)
    )
    assert (problem.by(add_pairs) == problem.by_oracle()).all()
    if HAS_PAIRS:
        assert (problem.by(paired_sums, TILE) == problem.by_oracle()).all()


def test_an_odd_last_step_reads_nothing_behind_it():
    problem = Problem(2, 12, False, 35, 5, 4)
    problem.taps = np.arange(35)
    problem.places = np.full(4, len(problem.x) - 35)
    assert lay_taps(problem.taps).max() == 34
    for sums, tile in ((add_pairs, 1), *[(paired_sums, TILE)] * HAS_PAIRS):
        assert (problem.by(sums, tile) == problem.by_oracle()).all()


def test_entries_keep_every_weight_once_and_in_order():
    rng = np.random.default_rng(0)
    w = rng.choice(TIES, (41, 7))
    laid = lay_pairs(w, SIDE)
    assert (laid.words[:, :2] == laid.words[:, 2:]).all()
    assert (laid.first[7:] == laid.first[7]).all()
    for n in range(7):
        entries = slice(laid.first[n], laid.first[n + 1])
        at, words = laid.at[entries].tolist(), laid.words[entries].astype(int)
        assert at == sorted(at)
        assert (abs(words).sum(axis=1) <= 2 * LARGEST).all()
        assert (words[:, 0] * words[:, 1] >= 0).all()
        steps = [(2 * q + i, row[i]) for q, row in zip(at, words, strict=True) for i in (0, 1)]
        assert [s for s in steps if s[1]] == [(k, v) for k, v in enumerate(w[:, n]) if v]
