"""Sums of a layer whose registers saturate at each addition, of the steps whose operand is not 0.

What `values_saturating` adds step by step; `hwsim.array.listed_sums` says why steps may be left
out. How much that saves is seen when codes come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.listed_sums import OUTPUTS, are_groups, listed_sums
from hwsim.array.vector.listed import HAS_LISTS
from hwsim.array.vector.saturating import HALVES, LANE
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Tensor
from hwsim.network.values_geometry import Geometry
from hwsim.network.values_pieces import Span
from hwsim.network.values_registers import Registers
from hwsim.network.values_saturating import Form, SaturatingSums, form_of

LISTED = 0.5  # cost, in those of forms, of one step of a list that is made
STEP = {  # of a vector's addition, by form and by vectors of a block, measured
    LANE: {2: 1.95, 4: 1.55, 8: 1.5},
    HALVES: {1: 3.7, 2: 2.35, 4: 2.15},
}
FEWEST = {LANE: OUTPUTS, HALVES: 1}  # outputs of a part: fewer would wait for their weights


@dataclass(frozen=True)
class ListedForm(Form):
    """A form whose outputs are added one by one."""

    @property
    def tile(self) -> int:
        """Outputs that are added together."""
        return 1

    def cost(self, channels: int) -> tuple[float, int]:
        """Of one listed step of all channels; of equals, the wider."""
        vectors = -(-channels // self.lanes) * self.vectors
        return vectors * STEP[self.form][self.vectors], -self.vectors


class ListedSums(SaturatingSums):
    """`hwsim.network.values_pieces.Sums` in the array's order, operands of 0 left out."""

    form: ListedForm

    def add(self, images: NDArray[Any], places: Ints, out: NDArray[np.int32]) -> list[Span]:
        """Sums of all places."""
        add = listed_sums(self.form.form, self.form.vectors)
        given = (images, places, self.taps, self.weight, self.start, self.late, self.register)
        add(*given, out)
        return []

    @property
    def fewest(self) -> int:
        """Outputs that are worth a pass over the weights."""
        return FEWEST[self.form.form]

    def cost_of(self, codes: NDArray[Any]) -> float:
        """Of one output of these codes, in the measure of `hwsim.network.values_saturating`."""
        nothing = self.zero ^ int(self.top_bit)  # the byte of an operand of 0
        share = np.count_nonzero(codes.view(np.uint8) != nothing) / max(codes.size, 1)
        return (LISTED + share * self.form.cost(self.start.size)[0]) * len(self.taps)


def listed_sums_of(
    prepared: PreparedLayer, source: Tensor, geometry: Geometry, registers: Registers
) -> ListedSums | None:
    """The sums, or None where steps cannot be listed, or the form is not built."""
    if not HAS_LISTS or geometry.by_channel or registers.chain is not None:
        return None
    if not are_groups(geometry.steps(prepared.machine.array.k_order)):
        return None
    w = prepared.datapath.w
    channels = w.shape[0] * w.shape[2]
    dense = form_of(registers.operands, w, registers.ends, channels)
    if dense.form not in STEP:
        return None
    shifts = dense.code_shift, dense.weight_shift
    forms = [ListedForm(dense.form, vectors, *shifts) for vectors in STEP[dense.form]]
    form = min(forms, key=lambda one: one.cost(channels))
    return ListedSums(geometry, prepared, source, registers, form)
