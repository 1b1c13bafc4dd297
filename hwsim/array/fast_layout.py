"""Whether a layer's outputs can run side by side, in which width, and along which axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim.arith.overflow import Overflow
from hwsim.array.dataflow import Schedule
from hwsim.array.fast_lanes import ADDING, CHAIN, FINAL, Lanes
from hwsim.array.fast_tally import Tally, empty_tally
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.stepwise import HI, LO, OVERFLOW, WRAP_BITS, Problem, register_table

SATURATING = (Overflow.SATURATE, Overflow.SATURATE_SYMMETRIC, Overflow.TRAP)
INT32_REACH = 1 << 30  # below: values, and their distance from a register's lo, stay in int32
FEW_CHANNELS = 64  # below: lanes lie along pixels


@dataclass(frozen=True, eq=False)
class Layout:
    """How the outputs of one layer lie in lanes.

    Attributes
    ----------
    pixels : bool
        False: a unit is a group, its rows are pixels, its lanes channels. True (depthwise, and
        other layers of few channels): a unit is one channel of a group, its lanes are pixels.
    dtype : numpy dtype
        int32 or int64, of every lane.
    registers : int64 ndarray of shape (3, 3)
        `Lanes.registers`; one that holds every sum of this layer is only as wide as those.
    fold, chained : int
        `Lanes.fold`, `Lanes.chained`.
    far : int
        `reach` of the layer.
    shape : tuple of int
        G, M, K, N.
    by_step : int64 ndarray of shape (2, K + 2)
        `Lanes.by_step`, over all samples.
    """

    pixels: bool
    dtype: np.dtype[np.signedinteger]
    registers: Ints
    fold: int
    chained: int
    far: int
    shape: tuple[int, int, int, int]
    by_step: Ints

    def empty_tally(self) -> Tally:
        """Counters by unit and lane, or by unit."""
        groups, _, k, n = self.shape
        return empty_tally(groups * n, 1, k, 1) if self.pixels else empty_tally(groups, n, k, 1)

    def lanes(self, problem: Problem) -> Lanes:
        """The operands of one sample, laid out."""
        groups, m, k, n = self.shape
        x, v, after = problem.a, problem.w, problem.after
        start = problem.before.sum(axis=0)
        if self.pixels:
            units = groups * n
            x, v = v.transpose(0, 2, 1).reshape(units, 1, k), x.transpose(0, 2, 1)
            start = np.repeat(start.reshape(units, 1), m, axis=1)
            after = after.transpose(0, 1, 3, 2).reshape(len(after), units, 1, m)
        length = v.shape[2]
        flat = np.zeros(6 * length, self.dtype)
        return Lanes(
            x=np.ascontiguousarray(x, self.dtype),
            v=np.ascontiguousarray(v, self.dtype),
            start=np.ascontiguousarray(start, self.dtype),
            after=np.ascontiguousarray(after, self.dtype),
            registers=self.registers,
            share=n if self.pixels else 1,
            spread=0 if self.pixels else 1,
            fold=self.fold,
            chained=self.chained,
            sums=flat.reshape(2, 3, length),
            flat=flat,
            limits=self.limits().repeat(length, axis=1),
            hull=np.zeros((2, 6 * length), self.dtype),
            kept=np.zeros((2, 2, length), self.dtype),
            zero=np.zeros(length, self.dtype),
            folds=np.zeros((-(-k // self.fold), length), self.dtype),
            fold_hull=np.zeros((2, length), self.dtype),
            by_step=self.by_step,
            far=self.far,
        )

    def limits(self) -> np.ndarray:
        """Least and largest value without an event of: LO, SUM, HI of the accumulator, whose sum
        must also fit its last store; of the chain."""
        rows = [self.registers[i, :2] for i in (ADDING, FINAL, ADDING, CHAIN, CHAIN, CHAIN)]
        return np.array(rows, self.dtype).T

    def by_output(self, laid: np.ndarray) -> np.ndarray:
        """From ``(..., U, R, L)`` to ``(..., G, M, N)``."""
        groups, m, _, n = self.shape
        if not self.pixels:
            return laid
        return np.moveaxis(laid.reshape(*laid.shape[:-3], groups, n, m), -1, -2)

    def by_channel(self, tally: Tally, stage: int) -> Tally:
        """Counters by group and channel, with the one range that they have in all; ``stage``:
        `ACC` or `LINK`."""
        groups, _, _, n = self.shape
        fields = tally._asdict()
        for name, counter in fields.items():
            if name not in ("events_by_step", "level_range"):
                fields[name] = counter.reshape(groups, n)
        fields["events_by_step"] = self.by_step[stage]
        if fields["partial_lo"].size:
            fields["level_range"] = np.array(
                [[fields["partial_lo"].min(), fields["partial_hi"].max()]], np.int64
            )
        return Tally(**fields)


def reach(datapath: Datapath) -> int:
    """No sum of this layer, exact or stored, is farther from zero: K times the largest product,
    and the addends. No rule of overflow takes a value farther from zero than it was presented."""
    largest = _farthest(datapath.a) * _farthest(datapath.w)
    addends = sum(_farthest(b) for b in (datapath.preload, datapath.last) if b is not None)
    if datapath.row_sum is not None:
        addends += _farthest(datapath.row_sum) * _farthest(datapath.w_zero_point)
    return datapath.shape[3] * largest + addends


def _farthest(values: np.ndarray) -> int:
    return max(-int(values.min(initial=0)), int(values.max(initial=0)))


def lane_layout(datapath: Datapath, schedule: Schedule) -> Layout | None:
    """How this layer lies in lanes, or None: an adder tree, dropped bits, or a register that
    could overflow by a rule other than plain wrapping and saturating."""
    if datapath.drop_bits or (datapath.chain and schedule.tree_levels):
        return None
    far = reach(datapath)
    table = register_table(datapath)
    adding, final = table[0], table[-1]
    registers = []
    for row in (adding, table[1] if datapath.chain else None, final):
        if row is None or row[HI] >= far:
            registers.append((-far, far, 0))
        elif row[OVERFLOW] in SATURATING or (row[OVERFLOW] == Overflow.WRAP and not row[WRAP_BITS]):
            registers.append((row[LO], row[HI], int(row[OVERFLOW] == Overflow.WRAP)))
        else:
            return None
    _, groups, m, k, n = datapath.shape
    narrow = far < INT32_REACH and datapath.a.dtype == datapath.w.dtype == np.int32
    return Layout(
        pixels=n < FEW_CHANNELS and m > n,
        dtype=np.dtype(np.int32 if narrow else np.int64),
        registers=np.array(registers, np.int64),
        fold=schedule.k_tile if datapath.chain else max(k, 1),
        chained=int(bool(datapath.chain)),
        far=far,
        shape=(groups, m, k, n),
        by_step=np.zeros((2, k + 2), np.int64),
    )
