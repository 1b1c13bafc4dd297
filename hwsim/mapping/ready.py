"""A layer of a network on a machine, made ready once: from batch to batch its codes alone change.

What `hwsim.mapping.run.run_layer` gives, in the same bits: weights lie in lanes and counters and
memory stay in place, activations are read from padded images, some samples at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array import datapath as datapaths
from hwsim.array.fast_layout import lane_layout
from hwsim.array.fast_run import LaneRun
from hwsim.array.gemm import Ints
from hwsim.array.requantizer_counts import CountingRequantizer
from hwsim.array.room import Room
from hwsim.array.stepwise import UNLIMITED
from hwsim.mapping.images import Images
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.prepare import PreparedLayer
from hwsim.mapping.ready_batch import Batch
from hwsim.mapping.run import LayerLedger, trap_at_first

OUTPUTS_AT_ONCE = 1 << 17  # whose sums stay near the processor


@dataclass(frozen=True, eq=False)
class LayerPass:
    """One batch of one layer, columns of shape (S, G, M, N) as in `hwsim.mapping.run.LayerRun`."""

    codes: NDArray[Any]
    exact_codes: NDArray[Any]
    ledger: LayerLedger


class ReadyLayer:
    """One layer, ready to run batch after batch; `ready_layer` makes it."""

    def __init__(
        self,
        layer: MacLayer,
        shape: tuple[int, ...],
        prepared: PreparedLayer,
        most: int,
        kind: np.dtype[Any],
        where: str,
        room: Room,
    ) -> None:
        _, groups, m, _, n = prepared.datapath.shape
        gemm, machine = prepared.gemm, prepared.machine
        self.prepared, self.where, self.kind = prepared, where, kind
        self.at_once = max(1, min(most, OUTPUTS_AT_ONCE // max(groups * m * n, 1)))
        self.k_order: list[str] = list(machine.array.k_order)
        self.columns = (groups, m, n)
        offset = -gemm.a_zero_point
        if machine.operands.zero_point != "subtract":
            activation = machine.operands.activation.format
            offset = datapaths.recentre(*gemm.a_range, activation, "operands.activation", where)
        dtype, zero_point = prepared.datapath.a.dtype, gemm.a_zero_point
        place = (self.k_order, offset, zero_point, self.at_once, dtype)
        self._new_images = partial(Images, layer, shape, *place)
        self.others: list[ReadyLayer] = []
        self._own(room)

    def _own(self, room: Room) -> None:
        """What changes while it runs."""
        self.room, self.images = room, self._new_images()
        self.requantizer = CountingRequantizer(self.prepared.requantizer, self.columns, room)
        self.runs: dict[bool, LaneRun] = {}

    def beside(self, number: int, *, limited: bool) -> ReadyLayer:
        """The same layer for another thread, with memory and counters of its own; 0: this one.
        Weights lie in lanes once, however many threads read them."""
        run = self.lane_run(limited=limited)
        while len(self.others) < number:
            other = copy(self)
            other.others = []
            other._own(self.room.beside(len(self.others) + 1))
            self.others.append(other)
        if number == 0:
            return self
        other = self.others[number - 1]
        if limited not in other.runs:
            other.runs[limited] = run.beside(other.images.source)
        return other

    def sums(self, samples: int) -> tuple[Ints, Ints]:
        """Room for the exact sums of so many samples, and for what the accumulator keeps."""
        size = samples * prod(self.columns)
        exact, kept = (self.room.of(name, size, np.int64) for name in ("exact", "kept"))
        return exact.reshape(-1, *self.columns), kept.reshape(-1, *self.columns)

    def arrays(self) -> Iterator[NDArray[Any]]:
        """What it holds that takes memory; the room may be that of other layers too."""
        gemm, datapath = self.prepared.gemm, self.prepared.datapath
        yield from (gemm.w, datapath.w, self.images.images, *self.room.arrays())
        yield from (*self.requantizer.by_row, self.requantizer.reals)
        for run in self.runs.values():
            yield from run.arrays()
        for other in self.others:
            yield from other.arrays()

    def lane_run(self, *, limited: bool) -> LaneRun:
        """The layer in lanes, with its registers or with unlimited ones."""
        if limited not in self.runs:
            datapath = self.prepared.datapath
            if not limited:
                chain = tuple(UNLIMITED for _ in datapath.chain)
                datapath = replace(datapath, accumulator=UNLIMITED, chain=chain)
            layout = lane_layout(datapath, self.prepared.schedule, self.at_once)
            assert layout is not None  # runs_in_lanes
            other, source = self.runs.get(not limited), self.images.source
            self.runs[limited] = (
                other.between(layout) if other else LaneRun(layout, datapath, source)
            )
        return self.runs[limited]

    def exact_codes(self, codes: NDArray[Any], *, alone: bool = False) -> NDArray[Any]:
        """Codes of shape (S, G, M, N) that unlimited registers give; nothing is counted.

        ``alone``: on this thread."""
        run = self.lane_run(limited=False)
        found = np.empty((len(codes), *self.columns), self.kind)
        for start in range(0, len(codes), self.at_once):
            some = codes[start : start + self.at_once]
            self.images.place(some)
            exact, kept = self.sums(len(some))
            run(len(some), exact.reshape(-1), kept.reshape(-1), alone=alone)
            self.requantizer(exact, found[start : start + self.at_once])
        return found

    def __call__(
        self,
        codes: NDArray[Any],
        *,
        first_sample: int = 0,
        trap: bool = True,
        alone: bool = False,
    ) -> LayerPass:
        """Codes of shape (S, *shape) as `hwsim.mapping.run.run_layer` runs them.

        ``alone``: on this thread.

        Raises
        ------
        TrapError
            A register with ``overflow: trap`` overflowed.
        """
        run, batch = self.lane_run(limited=True), Batch(self, len(codes), first_sample)
        run.reset()
        self.requantizer.reset()
        for start in range(0, len(codes), self.at_once):
            some = codes[start : start + self.at_once]
            self.images.place(some)
            sums = self.sums(len(some))
            found = run(len(some), *(each.reshape(-1) for each in sums), alone=alone)
            batch.take(start, sums, found)
        ledger = batch.ledger(run)
        if trap:
            trap_at_first(self.prepared, ledger, first_sample, self.where)
        return LayerPass(batch.codes, batch.exact_codes, ledger)


def ready_layer(
    layer: MacLayer,
    shape: tuple[int, ...],
    prepared: PreparedLayer,
    most: int,
    kind: np.dtype[Any],
    where: str,
    room: Room | None = None,
) -> ReadyLayer | None:
    """The layer made ready, or None where it does not run in lanes, or its bias loses something.

    Parameters
    ----------
    layer : MacLayer
    shape : tuple of int
        Of one sample's input.
    prepared : PreparedLayer
    most : int
        Samples of a batch.
    kind : dtype
        Of the codes that leave: it holds their format.
    where : str
        The layer's name, for messages.
    room : Room, optional
        For what is read once: that of other layers too, which run one after the other.
    """
    if not runs_in_lanes(layer, prepared):
        return None
    return ReadyLayer(layer, shape, prepared, most, kind, where, room or Room())


def runs_in_lanes(layer: MacLayer, prepared: PreparedLayer) -> bool:
    """Whether a layer can be made ready."""
    datapath, lost = prepared.datapath, prepared.bias.lost
    if layer.op == "batch_matmul" or datapath.row_sum is not None:
        return False
    if lost is not None and lost.any():
        return False
    if datapath.shape[1] != layer.groups:  # groups lie otherwise on the array
        return False
    return lane_layout(datapath, prepared.schedule) is not None
