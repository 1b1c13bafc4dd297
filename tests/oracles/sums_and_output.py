"""What a loop from sums to codes is given: sums of 32 bits, and an output of 8."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

ENDS = [-(1 << 31), (1 << 31) - 1, 0, 1, -1, 2, -2, 3, -3]  # in the first row of sums


@dataclass
class SumsAndOutput:
    """Sums (3, 37), ends of 32 bits among them, and an empty array for their codes."""

    rng: np.random.Generator
    sums: np.ndarray
    codes: np.ndarray
    output: tuple  # zero point, least and largest code


@st.composite
def sums_and_outputs(draw):
    """Of all sizes, and any clamp of signed or unsigned codes."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    offset, kind = draw(st.sampled_from([(0, np.int8), (128, np.uint8)]))
    ends = sorted(draw(st.tuples(st.integers(-128, 127), st.integers(-128, 127))))
    reach = 1 << int(rng.integers(3, 31))
    sums = rng.integers(-reach, reach, (3, 37)).astype(np.int32)
    sums[0, : len(ENDS)] = ENDS
    output = tuple(end + offset for end in (draw(st.integers(-128, 127)), *ends))
    return SumsAndOutput(rng, sums, np.empty(sums.shape, kind), output)
