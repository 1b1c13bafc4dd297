"""A layer of a network on a machine, made ready once: from batch to batch its codes alone change.

What `hwsim.mapping.run.run_layer` gives, in the same bits: weights lie in lanes and counters and
memory stay in place, activations are read from padded images, some samples at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array import datapath as datapaths
from hwsim.array.fast_lanes import ACC, LINK
from hwsim.array.fast_layout import lane_layout
from hwsim.array.fast_run import Happened, LaneRun, first_places
from hwsim.array.fast_tally import register_ledgers
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.ledger import Place
from hwsim.array.requantizer_counts import CountingRequantizer, Room
from hwsim.array.stepwise import unlimited
from hwsim.mapping.images import Images
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.prepare import PreparedLayer
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
        self.columns = (groups, m, n)
        offset = -gemm.a_zero_point
        if machine.operands.zero_point != "subtract":
            activation = machine.operands.activation.format
            offset = datapaths.recentre(*gemm.a_range, activation, "operands.activation", where)
        dtype, zero_point = prepared.datapath.a.dtype, gemm.a_zero_point
        k_order: list[str] = list(machine.array.k_order)
        self.images = Images(layer, shape, k_order, offset, zero_point, self.at_once, dtype)
        self.room = room
        self.requantizer = CountingRequantizer(prepared.requantizer, self.columns, room)
        self.runs: dict[bool, LaneRun] = {}

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
            yield run.lanes.w
            for scratch, *_ in run.workers:
                yield from (scratch.panels, scratch.total, scratch.spans, scratch.kept)

    def lane_run(self, *, limited: bool) -> LaneRun:
        """The layer in lanes, with its registers or with unlimited ones."""
        if limited not in self.runs:
            datapath = self.prepared.datapath
            datapath = datapath if limited else unlimited(datapath)
            layout = lane_layout(datapath, self.prepared.schedule, self.at_once)
            assert layout is not None  # ready_layer
            self.runs[limited] = LaneRun(layout, datapath, self.images.source)
        return self.runs[limited]

    def exact_codes(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Codes of shape (S, G, M, N) that unlimited registers give; nothing is counted."""
        run = self.lane_run(limited=False)
        found = np.empty((len(codes), *self.columns), self.kind)
        for start in range(0, len(codes), self.at_once):
            some = codes[start : start + self.at_once]
            self.images.place(some)
            exact, kept = self.sums(len(some))
            run(len(some), exact.reshape(-1), kept.reshape(-1))
            self.requantizer(exact, found[start : start + self.at_once])
        return found

    def __call__(
        self, codes: NDArray[Any], *, first_sample: int = 0, trap: bool = True
    ) -> LayerPass:
        """Codes of shape (S, *shape) as `hwsim.mapping.run.run_layer` runs them.

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
            found = run(len(some), *(each.reshape(-1) for each in sums))
            batch.take(start, sums, found)
        ledger = batch.ledger(run)
        if trap:
            trap_at_first(self.prepared, ledger, first_sample, self.where)
        return LayerPass(batch.codes, batch.exact_codes, ledger)


class Batch:
    """What one batch gave so far."""

    def __init__(self, ready: ReadyLayer, samples: int, first_sample: int) -> None:
        self.ready, self.first_sample = ready, first_sample
        self.codes = np.empty((samples, *ready.columns), ready.kind)
        self.exact_codes = self.codes
        self.places: list[Place | None] = [None, None, None]  # of chain, accumulator, requantizer
        self.requant_transient = np.zeros((ready.columns[0], ready.columns[2]), np.int64)
        self.changed, self.farthest = 0, 0

    def take(self, start: int, sums: tuple[Ints, Ints], found: Happened) -> None:
        """Some samples: exact sums, and what registers kept where any was run stepwise."""
        ready, (exact, kept), samples = self.ready, sums, len(sums[0])
        part = self.codes[start : start + samples]
        hardware = kept if found.stepped else exact
        flags, happened = ready.requantizer(hardware, part)
        if found.stepped:
            self._places(start, samples, found)
        if happened and self.places[2] is None:
            s, g, m, n = (int(i) for i in np.argwhere(flags)[0])
            s += self.first_sample + start
            k = ready.prepared.datapath.shape[3]
            self.places[2] = ready.prepared.schedule.place("requant", s, g, m, n, k)
        if not found.stepped or all(map(np.array_equal, hardware, exact)):  # sample by sample
            if self.exact_codes is not self.codes:
                self.exact_codes[start : start + samples] = part
            return
        if self.exact_codes is self.codes:
            self.exact_codes = self.codes.copy()
        theirs, flags = self.exact_codes[start : start + samples], flags.copy()
        lost = flags & ~ready.requantizer.uncounted(exact, theirs)
        self.requant_transient += lost.sum(axis=(0, 2), dtype=np.int64) if happened else 0
        self.changed += int(np.count_nonzero(part != theirs))
        apart = np.maximum(part, theirs) - np.minimum(part, theirs)  # modulo their own type
        self.farthest = max(self.farthest, int(apart.view(f"u{part.itemsize}").max(initial=0)))

    def _places(self, start: int, samples: int, found: Happened) -> None:
        """The first event of each register, where there was none before."""
        outputs = samples * int(np.prod(self.ready.columns))
        happened = found.first[[LINK, ACC]] < outputs
        if all(
            known is not None or not new for known, new in zip(self.places, happened, strict=False)
        ):
            return

        datapath, images = self.ready.prepared.datapath, self.ready.images.source
        groups, m, n = self.ready.columns

        def row(s: int, g: int, pixel: int) -> tuple[Datapath, int]:
            at = s * images.strides[0] + g * images.strides[1] + images.pixel[pixel]
            steps = images.codes[at + images.step]
            return replace(datapath, a=np.broadcast_to(steps, (1, groups, m, len(steps)))), 0

        schedule, number = self.ready.prepared.schedule, self.first_sample + start
        places = first_places((samples, groups, m, n), row, schedule, found.first, number)
        for i, place in enumerate(places):
            self.places[i] = self.places[i] or place

    def ledger(self, run: LaneRun) -> LayerLedger:
        """The ledger of the whole batch."""
        ready, groups = self.ready, self.ready.columns[0]
        places = (self.places[0], self.places[1])
        chain, acc = register_ledgers(ready.prepared.datapath, *run.tallies(), places)
        return LayerLedger(
            chain=chain,
            accumulator=acc,
            bias_events=np.zeros((groups, ready.columns[2]), np.int64),
            requant_events=ready.requantizer.events,
            requant_persistent=ready.requantizer.events - self.requant_transient,
            clipped=ready.requantizer.clipped,
            codes_changed=self.changed,
            max_code_change=self.farthest,
            first=min((place for place in self.places if place is not None), default=None),
        )


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
        That of other layers, which run one after the other.
    """
    datapath, lost = prepared.datapath, prepared.bias.lost
    if layer.op == "batch_matmul" or datapath.row_sum is not None:
        return None
    if lost is not None and lost.any():
        return None
    if datapath.shape[1] != layer.groups:  # groups lie otherwise on the array
        return None
    if lane_layout(datapath, prepared.schedule) is None:
        return None
    return ReadyLayer(layer, shape, prepared, most, kind, where, room or Room())
