"""A few cases of every dataflow on small arrays, quick enough for NUMBA_DISABLE_JIT=1.

CI runs this file once more with that variable: kernels are then Python on numpy scalars, which
warn where compiled integers would wrap silently, and warnings are errors.
"""

from itertools import count, islice

import pytest
import strategies
from equivalence.test_engines_agree import campaign

CASES, MOST_PES = 12, 40


def small_seeds(dataflow):
    """Seeds of cases whose array has few PEs."""
    for seed in count(1000):
        array = strategies.seeded(dataflow, seed)[1].array
        if (array.rows or 1) * (array.cols or 1) <= MOST_PES:
            yield seed


@pytest.mark.parametrize("dataflow", [*strategies.ARRAYS, "none"])
def test_engines_equal_the_oracle_on_a_small_campaign(dataflow):
    seen = campaign(dataflow, islice(small_seeds(dataflow), CASES))
    assert seen["persistent"] > 0
    assert seen["transient"] > 0
