"""Whether a layer's outputs can run side by side, in which width, and how they lie in lanes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.overflow import Overflow
from hwsim.array.dataflow import Schedule
from hwsim.array.fast_lanes import WIDTH, Lanes, Scratch
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.stepwise import HI, LO, OVERFLOW, WRAP_BITS, register_table

SATURATING = (Overflow.SATURATE, Overflow.SATURATE_SYMMETRIC, Overflow.TRAP)
INT32_REACH = 1 << 30  # below: values, and their distance from a register's lo, stay in int32
LANES = 512  # pixels of one block: its operands stay in the cache while all channels pass


@dataclass(frozen=True, eq=False)
class Layout:
    """How one layer lies in lanes.

    Attributes
    ----------
    dtype : numpy dtype
        int32 or int64, of every lane.
    registers : int64 ndarray of shape (3, 4)
        `Lanes.registers`; one that holds every sum of this layer is only as wide as those.
    fold : int
        Reduction steps of one fold; all of them where there is no chain.
    chained : int
    samples, pixels : int
        Samples of one block, and pixels of each; several of one, or one of the other.
    shape : tuple of int
        S, G, M, K, N.
    """

    dtype: np.dtype[np.signedinteger]
    registers: Ints
    fold: int
    chained: int
    samples: int
    pixels: int
    shape: tuple[int, int, int, int, int]

    def blocks(self) -> list[tuple[slice, slice]]:
        """Samples and pixels of every block, as slices that end inside the layer."""
        samples, _, m, _, _ = self.shape
        return [
            (slice(s, min(s + self.samples, samples)), slice(p, min(p + self.pixels, m)))
            for s in range(0, samples, self.samples)
            for p in range(0, m, self.pixels)
        ]

    def laid(self, values: NDArray[np.signedinteger]) -> Ints:
        """From ``(S, G, M, K)`` to ``(blocks, G, K, B)``."""
        groups, k = values.shape[1], values.shape[3]
        blocks = self.blocks()
        laid = np.empty((len(blocks), groups, k, self.width), self.dtype)
        for block, (s, m) in zip(laid, blocks, strict=True):
            first, pixels = 0, m.stop - m.start
            for sample in values[s, :, m].transpose(0, 1, 3, 2):
                block[:, :, first : first + pixels] = sample
                first += pixels
            block[:, :, first:] = 0
        return laid

    def by_output(self, laid: Ints) -> Ints:
        """From ``(blocks, G, N, B)`` to ``(S, G, M, N)``."""
        samples, groups, m, _, n = self.shape
        out = np.empty((samples, groups, m, n), np.int64)
        used = laid[..., : self.samples * self.pixels]
        for block, (s, p) in zip(used, self.blocks(), strict=True):
            part = block.reshape(groups, n, self.samples, self.pixels).transpose(2, 0, 3, 1)
            out[s, :, p] = part[: s.stop - s.start, :, : p.stop - p.start]
        return out

    @property
    def width(self) -> int:
        """B: the lanes of a block, those that fill it up included."""
        return -(-self.samples * self.pixels // WIDTH) * WIDTH

    def images(self) -> Ints:
        """`Lanes.image`; lanes that are not in use say nothing."""
        _, groups, m, _, _ = self.shape
        blocks = self.blocks()
        images = np.zeros((len(blocks), self.width), np.int64)
        for image, (s, p) in zip(images, blocks, strict=True):
            samples = np.arange(s.start, s.stop)[:, None] * groups * m
            lanes = (samples + np.arange(p.start, p.stop)).ravel()
            image[: len(lanes)] = lanes
        return images

    def lanes(self, datapath: Datapath) -> Lanes:
        """The operands of all samples, laid out."""
        _, groups, m, k, n = self.shape
        ends = np.array([(s.stop - s.start) * (p.stop - p.start) for s, p in self.blocks()])
        used = (np.arange(self.width) < ends.reshape(-1, 1)).astype(self.dtype)
        factor, term = [], []
        if datapath.row_sum is not None:
            factor.append(-datapath.w_zero_point)
            term.append(self.laid(datapath.row_sum[..., None])[:, :, 0])
        if datapath.last is not None:
            factor.append(datapath.last)
            term.append(np.repeat(used[:, None], groups, axis=1))
        v = self.laid(datapath.a)
        start = np.zeros((groups, n)) if datapath.preload is None else datapath.preload
        return Lanes(
            x=np.ascontiguousarray(datapath.w.transpose(0, 2, 1), self.dtype),
            v=v,
            length=ends.astype(np.int64),
            used=used,
            image=self.images(),
            pixels=m,
            start=start.astype(self.dtype),
            factor=np.array(factor, self.dtype).reshape(len(factor), groups, n),
            term=np.array(term, self.dtype).reshape(len(term), len(v), groups, v.shape[3]),
            registers=self.registers,
            fold=self.fold,
            folds=-(-k // self.fold),
            chained=self.chained,
        )

    def scratch(self) -> Scratch:
        """Memory of one row of lanes."""
        return Scratch(
            sums=np.zeros((2, 3, self.width), self.dtype),
            kept=np.zeros((2, 2, self.width), self.dtype),
            fold_sum=np.zeros((-(-self.shape[3] // self.fold), self.width), self.dtype),
            fold_range=np.zeros(2, np.int64),
        )


def reach(datapath: Datapath) -> int:
    """No sum of this layer, exact or stored, is farther from zero: K times the largest product,
    and the addends. No rule of overflow takes a value farther from zero than it was presented."""
    operands = datapath.reach or (_farthest(datapath.a), _farthest(datapath.w))
    largest = operands[0] * operands[1]
    addends = sum(_farthest(b) for b in (datapath.preload, datapath.last) if b is not None)
    if datapath.row_sum is not None:
        addends += _farthest(datapath.row_sum) * _farthest(datapath.w_zero_point)
    return datapath.shape[3] * largest + addends


def _farthest(values: NDArray[np.signedinteger]) -> int:
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
            registers.append((-far, far, 0, 1))
        elif row[OVERFLOW] in SATURATING or (row[OVERFLOW] == Overflow.WRAP and not row[WRAP_BITS]):
            registers.append((row[LO], row[HI], int(row[OVERFLOW] == Overflow.WRAP), 1))
        else:
            return None
    samples, _, m, k, _ = datapath.shape
    narrow = far < INT32_REACH and datapath.a.dtype == datapath.w.dtype == np.int32
    pixels = -(-m // max(-(-m // LANES), 1))  # of one block: an even share of the image
    return Layout(
        dtype=np.dtype(np.int32 if narrow else np.int64),
        registers=np.array(registers, np.int64),
        fold=schedule.k_tile if datapath.chain else max(k, 1),
        chained=int(bool(datapath.chain)),
        samples=max(1, min(LANES // max(m, 1), samples)),
        pixels=max(pixels, 1),
        shape=datapath.shape,
    )
