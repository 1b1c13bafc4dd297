"""Whether a layer's outputs can run side by side, in which width, and how they lie in lanes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hwsim._jit import kernel
from hwsim.array.alignment import aligned
from hwsim.array.dataflow import Schedule
from hwsim.array.fast_lanes import Lanes, Scratch
from hwsim.array.fast_reach import INT16_REACH, lane_registers, operand_reach, reach
from hwsim.array.fast_runs import QUAD, Runs, fits, in_runs, no_runs
from hwsim.array.fast_source import Source, of_rows
from hwsim.array.fast_tally import FAR, Tally, with_level_range
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.stepwise import HI, LO
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.runs import BLOCKS, HAS_RUNS

INT32_REACH = 1 << 30  # below: values, and their distance from a register's lo, stay in int32
WORD_REACH = 1 << 31  # below: values stay in int32; vector code wraps without a distance
STRIP = 64  # steps of a part's weights that are laid out together: they stay near the processor
ROW, ROW_STEP = 512, 64  # lanes of a row in plain kernels, at most, and what they are a multiple of


@dataclass(frozen=True, eq=False)
class Layout:
    """How one layer lies in lanes.

    Attributes
    ----------
    dtype : numpy dtype
        int32 or int64, of every lane's sums.
    pairs : bool
        Activations lie in 16-bit pairs, for `hwsim.array.vector`.
    rows, width : int
        R channels and B lanes of a tile.
    registers : int64 ndarray of shape (3, 5)
        `Lanes.registers`; one that holds every sum of this layer is only as wide as those.
    fold : int
        Reduction steps of one fold; all of them where there is no chain.
    chained : int
    by_runs : bool
        Exact sums are added in runs (`hwsim.array.fast_runs`).
    shape : tuple of int
        S, G, M, K, N.
    """

    dtype: np.dtype[np.signedinteger]
    pairs: bool
    rows: int
    width: int
    registers: Ints
    fold: int
    chained: int
    by_runs: bool
    shape: tuple[int, int, int, int, int]

    @property
    def outputs(self) -> int:
        """Of one channel: pixels of all samples."""
        return self.shape[0] * self.shape[2]

    @property
    def blocks(self) -> int:
        """Blocks of B lanes."""
        return -(-self.outputs // self.width)

    @property
    def parts(self) -> int:
        """Parts of R channels of one group."""
        return -(-self.shape[4] // self.rows)

    @property
    def slots(self) -> int:
        """Blocks at work at once: what a part of the weights is read for."""
        return BLOCKS if self.pairs else 1

    def in_parts(self, values: NDArray[np.signedinteger]) -> Ints:
        """From ``(..., N)`` to ``(..., parts, R)``; channels that are not there hold 0."""
        parts = np.zeros((*values.shape[:-1], self.parts * self.rows), self.dtype)
        parts[..., : self.shape[4]] = values
        return parts.reshape(*values.shape[:-1], self.parts, self.rows)

    def lanes(self, datapath: Datapath, source: Source | None = None) -> Lanes:
        """One layer, laid out; ``source`` : its activations, where not in ``datapath``."""
        samples, groups, m, k, n = self.shape
        source = source or of_rows(datapath.a)
        factor, term = [], []
        if datapath.row_sum is not None:
            factor.append(self.in_parts(-datapath.w_zero_point))
            term.append(datapath.row_sum.transpose(1, 0, 2).reshape(groups, -1))
        if datapath.last is not None:
            factor.append(self.in_parts(datapath.last))
            term.append(np.ones((groups, self.outputs), self.dtype))
        start = np.zeros((groups, self.parts, self.rows), self.dtype)
        if datapath.preload is not None:
            start = self.in_parts(datapath.preload)
        return Lanes(
            codes=source.codes,
            strides=source.strides,
            pixel=source.pixel,
            step=source.step,
            w=self.weights(datapath, 0 if self.by_runs else k),
            samples=samples,
            pixels=m,
            channels=n,
            start=start,
            factor=np.array(factor, self.dtype).reshape(len(factor), *start.shape),
            term=np.array(term, self.dtype).reshape(len(term), groups, self.outputs),
            registers=self.registers,
            fold=self.fold,
            chained=self.chained,
            final=int(datapath.check_final),
            by_runs=int(self.by_runs),
            runs=self.runs(datapath.w),
        )

    def runs(self, w: NDArray[np.signedinteger]) -> Runs:
        """`Lanes.runs`."""
        if not self.by_runs:
            return no_runs(self.shape[1])
        return in_runs(w, self.parts * self.rows, self.fold)

    def weights(self, datapath: Datapath, steps: int) -> Ints:
        """`Lanes.w`, of the first so many steps."""
        shape = (self.shape[1], self.parts, steps, 3 if self.pairs else 1, self.rows)
        w = np.empty(shape, self.dtype)
        if steps:
            lay_weights(np.ascontiguousarray(datapath.w.transpose(0, 2, 1)), w)
        return w

    def scratch(self) -> Scratch:
        """Memory of the tiles at work."""
        k, tile, slots = self.shape[3], (self.rows, self.width), self.slots
        limits = np.empty((4, self.shape[1], self.parts, 2, self.rows), np.int64)
        limits[:, :, :, LO], limits[:, :, :, HI] = FAR, -FAR
        folds = -(-k // self.fold) * self.chained
        tiles = aligned((5, *tile), self.dtype)
        own = slots if self.by_runs else 1
        quads = -(-k // QUAD) if self.by_runs else 0
        kind: DTypeLike = np.uint8 if self.by_runs else np.int8
        return Scratch(
            panels=aligned((slots, k, self.width), np.int16 if self.pairs else self.dtype),
            quads=aligned((quads, slots * self.width, QUAD), np.uint8).view(kind),
            packed=np.zeros(slots, np.int64),
            lengths=np.zeros(slots, np.int64),
            places=np.zeros((slots, 2, self.width), np.int64),
            used=aligned((slots, self.width), self.dtype),
            addend=tiles[0],
            total=aligned((own, *tile), self.dtype),
            spans=aligned((own, 3, 2, *tile), self.dtype),
            ends=aligned((own, folds, *tile), self.dtype),
            kept=tiles[1:].reshape(2, 2, *tile),
            events=np.zeros((2, self.rows), np.int64),
            classes=np.zeros((2, self.rows), np.int64),
            limits=limits,
            left=np.zeros(3, np.int64),
        )

    def take_ranges(self, limits: Ints, tally: Tally) -> Tally:
        """One register's two rows of `Scratch.limits` in its counters."""
        ends = limits.transpose(0, 3, 1, 2, 4).reshape(2, 2, self.shape[1], self.parts * self.rows)
        (lo, hi), (final_lo, final_hi) = ends[..., : self.shape[4]]
        found = tally._replace(partial_lo=lo, partial_hi=hi, final_lo=final_lo, final_hi=final_hi)
        return with_level_range(found)


@kernel
def lay_weights(w, laid):  # type: ignore[no-untyped-def]
    """From (G, N, K) to (G, parts, K, words, R): the weight itself; where there are three words,
    its low half alone, its low half above zeros, and both. Channels that are not there are 0."""
    parts, steps, words, rows = laid.shape[1:]
    for g in range(laid.shape[0]):
        for c in range(parts):
            for begin in range(0, steps, STRIP):
                for r in range(rows):
                    n = c * rows + r
                    for k in range(begin, min(begin + STRIP, steps)):
                        weight = w[g, n, k] if n < w.shape[1] else w.dtype.type(0)
                        if words == 1:
                            laid[g, c, k, 0, r] = weight
                        else:
                            low, high = weight & 0xFFFF, weight << 16
                            laid[g, c, k, 0, r] = low
                            laid[g, c, k, 1, r] = high
                            laid[g, c, k, 2, r] = low | high


def lane_layout(
    datapath: Datapath, schedule: Schedule, samples: int | None = None
) -> Layout | None:
    """How this layer lies in lanes, or None: an adder tree, dropped bits, or a register that
    could overflow by a rule other than plain wrapping and saturating. ``samples`` : where not those
    of ``datapath``."""
    if datapath.drop_bits or (datapath.chain and schedule.tree_levels):
        return None
    product, far = reach(datapath)
    registers = lane_registers(datapath, product, far)
    if registers is None:
        return None
    given, groups, m, k, n = datapath.shape
    samples = given if samples is None else samples
    words = datapath.a.dtype == datapath.w.dtype == np.int32
    halves = words and max(operand_reach(datapath)) <= INT16_REACH
    pairs = CHOSEN if halves and far < WORD_REACH else None
    narrow = pairs is not None or (words and far < INT32_REACH)
    rows_of_lanes = -(-samples * m // ROW)
    even = -(-samples * m // max(rows_of_lanes, 1))  # an even share of all outputs
    layout = Layout(
        dtype=np.dtype(np.int32 if narrow else np.int64),
        pairs=pairs is not None,
        rows=pairs.channels if pairs else 1,
        width=pairs.lanes if pairs else max(-(-even // ROW_STEP), 1) * ROW_STEP,
        registers=registers,
        fold=schedule.k_tile if datapath.chain else max(k, 1),
        chained=int(bool(datapath.chain)),
        by_runs=False,
        shape=(samples, groups, m, k, n),
    )
    by_runs = HAS_RUNS and layout.pairs and fits(datapath)
    return replace(layout, by_runs=by_runs)
