"""Steps whose code is 0 add nothing: sums of the others are those of the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.saturating_sums import Operands

from hwsim._jit import kernel
from hwsim.array.listed_sums import OUTPUTS, list_steps, listed_sums, part_of
from hwsim.array.saturating_sums import lay_steps
from hwsim.array.vector import listed
from hwsim.array.vector.listed import GROUP, HAS_LISTS
from hwsim.array.vector.saturating import HALVES, HAS_LANE, LANE, halves_of, lanes_of_vector

pytestmark = pytest.mark.skipif(not HAS_LISTS, reason="no instruction that compresses vectors")


@kernel
def lay_lists(x, places, taps, part, codes, steps, ends):
    listed.lay_lists(x, places, taps, part, codes, steps, ends)


class Problem(Operands):
    """Steps that lie side by side, 16 by 16, wherever each group begins."""

    def __init__(self, seed, bits, groups, channels, pixels, symmetric, nothing):
        steps = groups * GROUP
        super().__init__(seed, bits, steps, channels, pixels, symmetric, nothing)
        first = np.random.default_rng(seed).integers(0, 300 - GROUP, (groups, 1))
        self.taps = (first + np.arange(GROUP)).ravel()

    def found(self, form, vectors, shift=(0, 0)):
        lanes = lanes_of_vector(form) * vectors
        w = lay_steps(self.w << shift[1], lanes, halves_of(form))
        x = np.append((self.x << shift[0]).astype(np.int16), np.int16(-1))
        out = np.full((len(self.places), len(w), lanes), 77, np.int32)
        register = (self.lo, self.hi, sum(shift))
        given = (x, self.places, self.taps, w, *self.ends_in_lanes(lanes), register)
        listed_sums(form, vectors)(*given, out)
        return out.reshape(len(self.places), -1)[:, : self.w.shape[1]]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    bits=st.integers(4, 29),
    groups=st.integers(1, 12),
    channels=st.integers(1, 140),
    pixels=st.integers(1, 20),
    symmetric=st.booleans(),
    nothing=st.sampled_from([0.0, 0.5, 0.5, 0.9, 1.0]),
    vectors=st.sampled_from([1, 2, 4, 8]),
)
def test_listed_sums_are_those_of_the_oracle(
    seed, bits, groups, channels, pixels, symmetric, nothing, vectors
):
    problem = Problem(seed, bits, groups, channels, pixels, symmetric, nothing)
    expected = problem.expected()
    if bits <= 16:
        assert (problem.found(HALVES, vectors) == expected).all()
    if HAS_LANE and bits >= 17 and not symmetric:
        code = min(32 - bits, 7)
        assert (problem.found(LANE, vectors, (code, 32 - bits - code)) == expected).all()


@pytest.mark.parametrize("form", [LANE, HALVES])
def test_many_parts_of_the_steps_and_many_outputs(form):
    """Sums wait between parts, and lists of some outputs follow those of others."""
    bits, vectors = (18, 8) if form == LANE else (15, 4)
    groups = 2 * part_of(vectors) // GROUP + 1
    problem = Problem(3, bits, groups, 130, OUTPUTS + 5, False, 0.5)
    shift = (7, 7) if form == LANE else (0, 0)
    found, expected = problem.found(form, vectors, shift), problem.expected()
    assert (found == expected).all()
    assert len(np.unique(expected)) > 1000
    assert (expected == problem.hi).any()


@pytest.mark.parametrize("nothing", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("part", [GROUP, 3 * GROUP, 64 * GROUP])
def test_lists_are_those_of_the_definition(part, nothing):
    problem = Problem(5, 12, 7, 1, 9, False, nothing)
    x = (problem.x - 3 * (problem.x != 0)).astype(np.int16)  # negative ones too
    shape, parts = (9, 7 * GROUP + GROUP), -(-7 * GROUP // part)
    ways = []
    for lay in (lay_lists, list_steps):
        codes, steps = np.zeros(shape, np.int32), np.zeros(shape, np.uint16)
        ends = np.zeros((9, parts + 1), np.int64)
        lay(x, problem.places, problem.taps, part, codes, steps, ends)
        inside = np.arange(shape[1]) < ends[:, -1:]
        ways.append((codes[inside], steps[inside], ends))
    for ours, defined in zip(*ways, strict=True):
        assert (ours == defined).all()
    assert (ways[0][2][:, -1] == (x[problem.places[:, None] + problem.taps] != 0).sum(axis=1)).all()
