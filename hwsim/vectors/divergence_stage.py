"""The stages of a layer as a bundle orders them: what stands where, in which beat and clock.

::

    chain        what leaves the array and is added: the sums of one k tile
    partial      the accumulators after that store, every fold
    products     the accumulators after the last product
    accumulator  after the last store (bias last, row sum, final check included)
    requantized  after the scheme, zero point added, before clamp and output format
    output       the codes

A beat is COLS lanes; lane c holds output (m, n + c), where columns are n, or (m + c, n), where they
are m.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwsim.array.dataflow import Schedule
from hwsim.array.fast import execute
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.requantizer import Requantizer
from hwsim.array.stepwise import UNLIMITED
from hwsim.rtl.expected import stores

STAGES = ("chain", "partial", "products", "accumulator", "requantized", "output")
"""In the order in which data meets them."""

TILED = ("chain", "partial")  # one value a k tile and output; the others: one an output


@dataclass(frozen=True, eq=False)
class Product:
    """One run as numbers: ``name``, operands and registers, folds and clocks."""

    name: str
    datapath: Datapath
    schedule: Schedule


@dataclass(frozen=True, eq=False)
class StageBeats:
    """Where every lane of every beat of one stage belongs.

    Attributes
    ----------
    stage : str
    keep : bool ndarray of shape (beats, lanes)
        Lanes that hold a value.
    run, group, m, n : int64 ndarray of shape (beats, lanes)
        Of lanes that hold one.
    fold, k_tile, clock : int64 ndarray of shape (beats,)
        Number of the fold in its run, its k tile, the compute clock after which the beat stands.
    """

    stage: str
    keep: NDArray[np.bool_]
    run: Ints
    group: Ints
    m: Ints
    n: Ints
    fold: Ints
    k_tile: Ints
    clock: Ints

    def at(self, runs: Sequence[Ints]) -> Ints:
        """Values of every lane, 0 where it holds none; ``runs``: `values` of each run."""
        found = np.zeros(self.keep.shape, np.int64)
        for number, values in enumerate(runs):
            own = self.keep & (self.run == number)
            place: tuple[Ints, ...] = (self.group[own], self.m[own], self.n[own])
            if self.stage in TILED:
                tile = np.broadcast_to(self.k_tile[:, None], own.shape)[own]
                place = (tile, *place)
            found[own] = values[place]
        return found


def stage_beats(stage: str, products: Sequence[Product]) -> StageBeats:
    """The beats of one stage, all runs one after the other."""
    rows = [row for number, one in enumerate(products) for row in _beats(stage, number, one)]
    cols = products[0].schedule.cols
    table = np.array(rows, np.int64).reshape(-1, 8)
    run, fold, k_tile, clock, group, m, n, lanes = (table[:, i, None] for i in range(8))
    lane = np.arange(cols)
    columns_are_n = products[0].schedule.dataflow.col == "n"
    whole = np.zeros_like(lane)
    return StageBeats(
        stage=stage,
        keep=lane < lanes,
        run=run + whole,
        group=group + whole,
        m=m + (whole if columns_are_n else lane),
        n=n + (lane if columns_are_n else whole),
        fold=fold[:, 0],
        k_tile=k_tile[:, 0],
        clock=clock[:, 0],
    )


def _beats(stage: str, number: int, one: Product) -> list[tuple[int, ...]]:
    """(run, fold, k tile, clock, group, m, n, lanes) of every beat of a run."""
    found: list[tuple[int, ...]] = []
    tiles: Counter[tuple[int, int, int]] = Counter()
    for beat in stores(one.datapath, one.schedule, 0).beats:
        place = beat.group, beat.m, beat.n
        k_tile = tiles[place]
        tiles[place] += 1
        if beat.last or stage in TILED:
            clock = {"chain": beat.clock - 1, "output": beat.code_clock}.get(stage, beat.clock)
            found.append((number, beat.fold, k_tile, clock, *place, beat.lanes))
    return found


def values(stage: str, one: Product, requantizer: Requantizer) -> Ints:
    """One stage of one run: int64 of shape (G, M, N); of `TILED` ones (k tiles, G, M, N)."""
    data, schedule = one.datapath, one.schedule
    if stage in TILED:
        starts = range(0, schedule.k, schedule.k_tile)
        return np.stack([tile(stage, data, schedule, start) for start in starts])
    if stage == "products":
        data = adding(data)
    found = execute(data, schedule).accumulator
    if stage == "requantized":
        found = wide(requantizer).apply(found).codes
    if stage == "output":
        found = requantizer.apply(found).codes
    return np.asarray(found[0], np.int64)


def wide(requantizer: Requantizer) -> Requantizer:
    """The same scheme without clamp and output format."""
    return replace(requantizer, clamp=(None, None), output=_Unbounded())  # type: ignore[arg-type]


class _Unbounded:
    """A format that holds every int64."""

    lo, hi = UNLIMITED.lo, UNLIMITED.hi


def adding(data: Datapath) -> Datapath:
    """The registers as long as products are added: no stores after them."""
    if data.check_final:
        data = replace(data, check_final=False, accumulator=UNLIMITED)
    return replace(data, row_sum=None, last=None)


def tile(stage: str, data: Datapath, schedule: Schedule, start: int) -> Ints:
    """The chain of one k tile, or the accumulators after it: (G, M, N)."""
    data = adding(data)
    stop = min(start + schedule.k_tile, schedule.k)
    if stage == "chain":
        data = replace(data, preload=None, accumulator=UNLIMITED)
    else:
        start = 0
    part = replace(data, a=data.a[..., start:stop], w=data.w[:, start:stop])
    found = execute(part, replace(schedule, k=stop - start)).accumulator[0]
    return np.asarray(found, np.int64)
