"""Sums that saturate at each addition: every form in vectors, and the definition, are one."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.saturating_sums import Operands

from hwsim.array.saturating_sums import add_saturating, folded_sums, lay_steps, saturating_sums
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.saturating import (
    ENDS,
    HALVES,
    HAS_LANE,
    LANE,
    PIXELS,
    halves_of,
    lanes_of_vector,
    tile_kernel,
)


class Problem(Operands):
    """Laid out for one way."""

    def found(self, form, vectors, shift=(0, 0), link=None, fold=1):
        """Laid out for one form, run, and taken apart; the definition on the same arrays."""
        lanes = lanes_of_vector(form) * vectors or 16
        halves = halves_of(form) if vectors else 1
        w = lay_steps(self.w << shift[1], lanes, halves)
        x = np.append((self.x << shift[0]).astype(np.int16), np.int16(-1))
        places = np.pad(self.places, (0, -len(self.places) % PIXELS.get(vectors, 1)), mode="edge")
        ends = self.ends_in_lanes(lanes)
        rest = ((self.lo, self.hi, sum(shift)),)
        if link is not None:
            rest += ((-(1 << link - 1), (1 << link - 1) - 1), fold)
        sums = saturating_sums if link is None else folded_sums
        out = np.empty((len(places), len(w), lanes), np.int32)
        sums(form, vectors)(x, places, self.taps, w, *ends, *rest, out)
        defined = np.empty_like(out)
        sums(form, 0)(x, places, self.taps, w[..., ::halves], *ends, *rest, defined)
        assert (out == defined).all()
        return out.reshape(len(places), -1)[: len(self.places), : self.w.shape[1]]


@pytest.mark.skipif(CHOSEN is None, reason="no vector instructions")
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    bits=st.integers(4, 29),
    steps=st.integers(0, 40),
    channels=st.integers(1, 80),
    pixels=st.integers(1, 30),
    symmetric=st.booleans(),
    vectors=st.sampled_from(sorted(PIXELS)),
)
def test_every_form_gives_the_sums_of_the_oracle(
    seed, bits, steps, channels, pixels, symmetric, vectors
):
    problem = Problem(seed, bits, steps, channels, pixels, symmetric)
    expected = problem.expected()
    assert (problem.found(ENDS, vectors) == expected).all()
    if bits <= 16:
        assert (problem.found(HALVES, vectors) == expected).all()
    if HAS_LANE and bits >= 17 and not symmetric:
        code = min(32 - bits, 7)
        assert (problem.found(LANE, vectors, (code, 32 - bits - code)) == expected).all()


@pytest.mark.skipif(CHOSEN is None, reason="no vector instructions")
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    bits=st.integers(8, 29),
    link=st.integers(12, 29),
    fold=st.integers(1, 20),
    steps=st.integers(1, 40),
    channels=st.integers(1, 40),
    symmetric=st.booleans(),
    vectors=st.sampled_from(sorted(PIXELS)),
)
def test_sums_of_chains_are_those_of_the_oracle(
    seed, bits, link, fold, steps, channels, symmetric, vectors
):
    problem = Problem(seed, bits, steps, channels, 9, symmetric)
    expected = problem.expected(link=link, fold=fold)
    assert (problem.found(ENDS, vectors, link=link, fold=fold) == expected).all()
    if HAS_LANE and link >= 17:
        code = min(32 - link, 7)
        shift = (code, 32 - link - code)
        assert (problem.found(LANE, vectors, shift, link, fold) == expected).all()


def test_the_definition_runs_without_numba():
    problem = Problem(3, 20, 7, 5, 4, symmetric=False)
    out = np.empty((4, 1, 5), np.int32)
    add_saturating(
        problem.x.astype(np.int16), problem.places, problem.taps,
        problem.w[None].astype(np.int16), problem.start[None].astype(np.int32),
        problem.late[None].astype(np.int32), (problem.lo, problem.hi, 0), out,
    )  # fmt: skip
    assert (out[:, 0] == problem.expected()).all()


@pytest.mark.skipif(not HAS_LANE, reason="no vpdpwssds")
def test_a_step_of_a_tile_stands_once_and_its_sums_stay_in_registers():
    """Unrolled, sums waited on the stack: time depended on where that lay."""
    vectors = 2
    add_tiles = tile_kernel(LANE, vectors, False)

    @numba.njit
    def sums(x, places, taps, w, start, lo, hi, shift, out):
        add_tiles(x, places, taps, w, start, start, lo, hi, lo, hi, shift, 1, out)

    ints, words = (numba.types.Array(kind, 1, "C") for kind in (numba.int64, numba.int16))
    w, start, out = (
        numba.types.Array(kind, n, "C")
        for kind, n in ((numba.int16, 3), (numba.int32, 2), (numba.int32, 3))
    )
    sums.compile((words, ints, ints, w, start, *(numba.int64,) * 3, out))
    lines = sums.inspect_asm(sums.signatures[0]).split("\n")
    at = [i for i, line in enumerate(lines) if "vpdpwssds" in line]
    assert len(at) == PIXELS[vectors] * vectors
    assert not [line for line in lines[at[0] : at[-1]] if "vmov" in line and "sp)" in line]
