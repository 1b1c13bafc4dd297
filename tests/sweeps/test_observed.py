"""A range leaves a register by one, and not before."""

import numpy as np
import pytest

from hwsim.array.datapath import register
from hwsim.array.fast_tally import FAR
from hwsim.array.specification import RegisterSpec
from hwsim.sweeps.observed import outside


@pytest.mark.parametrize(
    ("overflow", "least"), [("wrap", -128), ("saturate", -128), ("saturate_symmetric", -127)]
)
def test_a_register_holds_its_ends_and_nothing_beyond(overflow, least):
    eight = register(RegisterSpec(bits=8, overflow=overflow))
    lo = np.array([least, least - 1, 0, 0, 127, FAR])
    hi = np.array([0, 0, 127, 128, 127, -FAR])
    assert outside(lo, hi, eight).tolist() == [False, True, False, True, False, False]
