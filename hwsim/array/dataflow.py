"""The dataflow table: which axis of the product lies along rows, columns and time.

A dataflow is a row of one table, not a class: an affine map from (m, n, k) to (PE row, PE column,
clock). Within a fold, clocks counted from its first::

    output_stationary   row m   col n   stream k    clock = k + row + col
    weight_stationary   row k   col n   stream m    clock = rows + m + row + col
    input_stationary    row k   col m   stream n    clock = rows + n + row + col
    dot_product         row k   col n   stream m    clock = m + tree level (root: ceil(log2 rows))

Weight- and input-stationary arrays take ``rows`` clocks to load the operand that stays; further
pipeline registers: `Schedule.store_clock`. Folds never overlap; a layer is the sum of its folds,
each costs the same. A runtime has no clocks; a fold of its chain is ``chain.length`` products.
Source: DATAPATH.md section 8; cycles = SCALE-Sim's figure + 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.ledger import STAGES, Place
from hwsim.array.specification import ArraySpec, LatencySpec, Machine

Clocks = TypeVar("Clocks", int, Ints)
ONE_EACH = LatencySpec()


@dataclass(frozen=True)
class Dataflow:
    """One row of the table.

    ``row``, ``col``, ``stream``: the axis along PE rows, PE columns and time. ``reduction``: where
    products of one output meet: in one PE, down a column, or in an adder tree. ``outer``: the axis
    of the outer fold loop; the other tiled axis is inner. ``loads``: whether the operand that
    stays is shifted in before the fold, in ``rows`` clocks.
    """

    row: Literal["m", "k"]
    col: Literal["m", "n"]
    stream: Literal["m", "n", "k"]
    reduction: Literal["pe", "column", "tree"]
    outer: Literal["m", "n"]
    loads: bool


DATAFLOWS = {
    "output_stationary": Dataflow("m", "n", "k", "pe", "m", loads=False),
    "weight_stationary": Dataflow("k", "n", "m", "column", "n", loads=True),
    "input_stationary": Dataflow("k", "m", "n", "column", "m", loads=True),
    "dot_product": Dataflow("k", "n", "m", "tree", "n", loads=False),
}


class Fold(NamedTuple):
    """One pass of a tile over the array: first index along the rows' and the columns' axis."""

    number: int
    group: int
    row_start: int
    col_start: int


@dataclass(frozen=True)
class Schedule:
    """All clocks of one layer and one image on one array, in closed form.

    ``packed``: groups of the layer that stand side by side in each group here (`Gemm.packed`).

    >>> ws = ArraySpec(dataflow="weight_stationary", rows=4, cols=4, k_order=["ky", "kx", "ic"])
    >>> Schedule(ws, groups=1, m=4, k=4, n=4).cycles  # DATAPATH.md section 8
    14
    """

    array: ArraySpec
    groups: int
    m: int
    k: int
    n: int
    chain_length: int | None = None
    latency: LatencySpec = ONE_EACH
    packed: int = 1  # groups of the layer in each group here

    @classmethod
    def of(
        cls, machine: Machine, shape: tuple[int, int, int, int, int], packed: int = 1
    ) -> Schedule:
        """The schedule of one layer, ``shape`` S, G, M, K, N, on one machine."""
        _, groups, m, k, n = shape
        length = None if machine.chain is None else machine.chain.length
        return cls(machine.array, groups, m, k, n, length, machine.latency, packed)

    @property
    def rows(self) -> int:
        """PEs down (lanes of a dot-product unit)."""
        return self.array.rows or 1

    @property
    def cols(self) -> int:
        """PEs across (units of a dot-product array)."""
        return self.array.cols or 1

    @property
    def dataflow(self) -> Dataflow:
        """The table's row."""
        return DATAFLOWS[self.array.dataflow]

    @property
    def tree_levels(self) -> int:
        """Levels of the adder tree: ceil(log2 rows); 0 where there is no tree."""
        if self.array.dataflow != "dot_product":
            return 0
        return (self.rows - 1).bit_length()

    @property
    def k_tile(self) -> int:
        """Reduction steps of one fold: ``rows`` where k lies along the rows, ``chain_length`` of a
        runtime that has a chain, else all of them."""
        if self.chain_length is not None:
            return self.chain_length
        if not self.array.is_array or self.dataflow.row != "k":
            return max(self.k, 1)
        return self.rows

    def extent(self, axis: str) -> int:
        """Size of one axis of the product."""
        return {"m": self.m, "n": self.n, "k": self.k}[axis]

    @property
    def load_cycles(self) -> int:
        """Clocks in which the operand that stays shifts in."""
        return self.rows if self.dataflow.loads else 0

    def store_clock(self, element: Clocks, row: Clocks, col: Clocks, level: Clocks) -> Clocks:
        """Clock within the fold of the store in which an element of the stream takes part.

        ::

            systolic   load + element + pe (row + col) + multiplier - 1
            tree       element + tree_stage level + multiplier - 1
        """
        late = self.latency.multiplier - 1
        if self.dataflow.reduction == "tree":
            return element + level * self.latency.tree_stage + late
        return element + (row + col) * self.latency.pe + late + self.load_cycles

    @property
    def fold_cycles(self) -> int:
        """Compute clocks of one fold; x, p, s: `LatencySpec` multiplier, pe, tree_stage.

        ::

            output_stationary   K + p (R + C - 2) + x - 1
            weight_stationary   R + M + p (R + C - 2) + x - 1
            input_stationary    R + N + p (R + C - 2) + x - 1
            dot_product         M + s ceil(log2 R) + x - 1
        """
        last = self.extent(self.dataflow.stream) - 1
        return self.store_clock(last, self.rows - 1, self.cols - 1, self.tree_levels) + 1

    @property
    def row_tiles(self) -> int:
        """Tiles along the rows' axis."""
        return -(-self.extent(self.dataflow.row) // self.rows)

    @property
    def col_tiles(self) -> int:
        """Tiles along the columns' axis."""
        return -(-self.extent(self.dataflow.col) // self.cols)

    @property
    def folds(self) -> int:
        """Folds of one image; 0 where there is no array or nothing to add."""
        if not self.array.is_array or 0 in (self.m, self.k, self.n):
            return 0
        return self.groups * self.row_tiles * self.col_tiles

    @property
    def cycles(self) -> int:
        """Compute clocks of one image."""
        return self.folds * self.fold_cycles if self.folds else 0

    @property
    def latency_cycles(self) -> int:
        """Constant clocks after the last fold, not in ``cycles``: accumulator write (the drain of
        ``rows`` where sums stay), then ``latency.requantize``."""
        if not self.folds:
            return 0
        return (self.rows if self.dataflow.reduction == "pe" else 1) + self.latency.requantize

    @property
    def utilization(self) -> float:
        """Useful MACs / (PEs x cycles); 0 where there are no cycles."""
        macs = self.groups * self.m * self.k * self.n // self.packed
        return macs / (self.rows * self.cols * self.cycles) if self.cycles else 0.0

    def fold_utilization(self) -> NDArray[np.float64]:
        """Useful MACs / (PEs x clocks) of every fold of one group, of shape (row tiles, column
        tiles); its mean is `utilization`. A tile at an edge keeps fewer PEs busy.

        >>> ws = ArraySpec(dataflow="weight_stationary", rows=4, cols=4, k_order=["ky", "kx", "ic"])
        >>> Schedule(ws, groups=1, m=6, k=6, n=4).fold_utilization().tolist()  # 16 clocks a fold
        [[0.375], [0.1875]]
        """
        flow = self.dataflow
        across = ((flow.row, self.row_tiles, self.rows), (flow.col, self.col_tiles, self.cols))
        used = [
            np.minimum(self.extent(axis) - np.arange(tiles) * lanes, lanes)
            for axis, tiles, lanes in across
        ]
        macs = np.multiply.outer(*used) * self.extent(flow.stream)
        share: NDArray[np.float64] = macs / self.packed / (self.rows * self.cols * self.fold_cycles)
        return share

    def fold_list(self) -> Iterator[Fold]:
        """Folds in order: groups, then the table's outer axis, then the inner one."""
        if not self.folds:
            return
        rows_outer = self.dataflow.outer == self.dataflow.row
        outer, inner = self.row_tiles, self.col_tiles
        if not rows_outer:
            outer, inner = inner, outer
        number = 0
        for group in range(self.groups):
            for i in range(outer):
                for j in range(inner):
                    row, col = (i, j) if rows_outer else (j, i)
                    yield Fold(number, group, row * self.rows, col * self.cols)
                    number += 1

    def fold_of(self, group: int, m: int, n: int, k: int) -> int:
        """Index of the fold in which output (m, n) takes step k (clipped to 0..K-1)."""
        at = {"m": m, "n": n, "k": min(max(k, 0), self.k - 1)}
        row_tile = at[self.dataflow.row] // self.rows
        col_tile = at[self.dataflow.col] // self.cols
        if self.dataflow.outer == self.dataflow.row:
            tile = row_tile * self.col_tiles + col_tile
        else:
            tile = col_tile * self.row_tiles + row_tile
        return group * self.row_tiles * self.col_tiles + tile

    def place(
        self, stage: str, sample: int, group: int, m: int, n: int, k: int, level: int = 0
    ) -> Place:
        """Where and when a store happens (definitions: `Place`, DATAPATH.md sections 6 and 8).

        ``level``: of a tree node, leaves' parents = 1. The cycle of an accumulator store is the
        clock at which the array holds the addend: the bottom register of a column, the root of a
        tree, the PE itself. A preload (k = -1) counts at its fold's first clock; bias, row-sum and
        requantizer stores after all products (k = K) at the clock of the last accumulator store.
        """
        row, col, clock = -1, -1, -1
        if self.folds:
            row, col, clock = self._pe_and_clock(stage, m, n, k, level)
            clock += self.fold_of(group, m, n, k) * self.fold_cycles
        elif self.array.is_array:
            clock = 0
        if stage in ("bias", "requant"):
            row, col = -1, -1
        return Place(sample, group, m, n, k, STAGES.index(stage), stage, row, col, clock)

    def _pe_and_clock(self, stage: str, m: int, n: int, k: int, level: int) -> tuple[int, int, int]:
        """PE row, PE column and clock within the fold."""
        flow = self.dataflow
        at = {"m": m, "n": n, "k": min(k, self.k - 1)}
        col = at[flow.col] % self.cols
        row = at[flow.row] % self.rows if k >= 0 or flow.row != "k" else 0
        if stage != "chain" and flow.row == "k":
            row = self.rows - 1  # the accumulator stands below the column or behind the root
            level = self.tree_levels
        return row, col, self.store_clock(at[flow.stream], row, col, level) if k >= 0 else 0
