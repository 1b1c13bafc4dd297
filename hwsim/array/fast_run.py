"""A layer laid out in lanes once, and run as often as there are activations.

Outputs are shared out among threads, some blocks of lanes at a time; every thread has memory and
counters of its own. Counters add up and ranges join, so the number of threads changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import is_kept
from hwsim.array import replay, stepwise
from hwsim.array.dataflow import Schedule
from hwsim.array.fast_lanes import ACC, LINK, Found, Lanes, Scratch
from hwsim.array.fast_layout import Layout
from hwsim.array.fast_planes import in_planes, plane_sums
from hwsim.array.fast_source import Source
from hwsim.array.fast_steps import HI, LO
from hwsim.array.fast_tally import FAR, Tally, added, empty_tally
from hwsim.array.fast_tiles import range_tiles, run_tiles, settle
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.ledger import Place
from hwsim.array.sample_ranges import range_samples
from hwsim.array.threads import shares, side_by_side, threads

WORTH_SHARING = 20_000_000  # MACs: what takes much longer than to start a thread
WORTH_PLANES = 1 << 25  # MACs of a layer, from which its own kernel is worth compiling
Places = tuple[Place | None, Place | None]  # of chain and accumulator


class Happened(NamedTuple):
    """Which outputs had an event, and whether any had to be run store by store.

    ``first``, ``hits`` : of `hwsim.array.fast_lanes.Found`.
    """

    first: Ints
    hits: NDArray[np.uint8]
    stepped: bool


class Worker(NamedTuple):
    """Memory of one thread, and what it counted."""

    scratch: Scratch
    chain: Tally
    acc: Tally


class Weights:
    """Weights step by step, for stores: where exact sums are added in runs they are laid out when
    the first tile leaves a register. Layers that differ in activations or registers share them."""

    def __init__(self, layout: Layout, datapath: Datapath) -> None:
        self.layout, self.datapath, self.lock = layout, datapath, Lock()
        self.laid: Ints | None = None

    def to(self, lanes: Lanes) -> Lanes:
        """The same lanes, with weights."""
        if not lanes.by_runs:
            return lanes
        with self.lock:
            if self.laid is None:
                self.laid = self.layout.weights(self.datapath, self.layout.shape[3])
        return lanes._replace(w=self.laid)


class LaneRun:
    """One layer, ready to run.

    Parameters
    ----------
    layout : Layout
    datapath : Datapath
        Weights and registers; its activations are read where there is no ``source``.
    source : Source, optional
    """

    def __init__(self, layout: Layout, datapath: Datapath, source: Source | None = None) -> None:
        self.layout = layout
        self.lanes, self.weights = layout.lanes(datapath, source), Weights(layout, datapath)
        self.planes = in_planes(layout, datapath, self.lanes.pixel)
        self.macs = 0  # of a layer in planes, so far
        self.workers: list[Worker] = []

    def arrays(self) -> Iterator[NDArray[Any]]:
        """What it holds that takes memory."""
        yield from (self.lanes.w, *self.lanes.runs)
        if self.weights.laid is not None:
            yield self.weights.laid
        for scratch, *_ in self.workers:
            yield from (scratch.panels, scratch.quads, scratch.total, scratch.spans)
            yield from (scratch.ends, scratch.kept)

    def between(self, layout: Layout) -> LaneRun:
        """The same layer between other registers, those of a layout that is else the same. Both
        work in the same memory, one after the other."""
        other = copy(self)
        other.layout, other.lanes = layout, self.lanes._replace(registers=layout.registers)
        return other

    def beside(self, source: Source) -> LaneRun:
        """The same layer for another thread: its own activations, which lie as these do, and its
        own counters."""
        other = copy(self)
        other.lanes, other.workers = self.lanes._replace(codes=source.codes), []
        return other

    def reset(self) -> None:
        """Counters begin anew."""
        self.workers = [self._worker(worker.scratch) for worker in self.workers]

    def _worker(self, scratch: Scratch | None = None) -> Worker:
        """A thread that has seen nothing."""
        _, groups, _, k, n = self.layout.shape
        scratch = scratch or self.layout.scratch()
        scratch.limits[:, :, :, LO], scratch.limits[:, :, :, HI] = FAR, -FAR
        return Worker(scratch, *(empty_tally(groups, n, k, 1) for _ in range(2)))

    def __call__(
        self,
        samples: int,
        exact: Ints,
        out: Ints,
        *,
        list_events: bool = False,
        alone: bool = False,
    ) -> Happened:
        """Run the first so many samples that lie in the source.

        ``exact``, ``out`` : int64 ndarrays of shape (S * G * M * N,), or longer; exact sums, and
        what the accumulator keeps, the latter only where `Happened.stepped`. ``alone`` : on this
        thread.
        """
        _, groups, m, k, n = self.layout.shape
        lanes, outputs = self.lanes._replace(samples=samples), samples * groups * m * n
        blocks = -(-samples * m // self.layout.width)
        many = threads() if outputs * k >= WORTH_SHARING and not alone else 1
        parts = shares(blocks, many, max(self.layout.slots - 1, 1))
        while len(self.workers) < max(min(many, len(parts)), 1):
            self.workers.append(self._worker())
        hits = np.zeros((2, outputs if list_events else 0), np.uint8)
        if self._stays_in_planes(lanes, exact):
            return Happened(np.full(2, outputs), hits, False)
        begun = [start for start, _ in parts]
        if len(parts) == 1:  # the usual way of a small layer: nothing else is needed
            begun = [range_tiles(lanes, self.workers[0].scratch, 0, blocks, exact)]
            if begun[0] == blocks:
                return Happened(np.full(2, outputs), hits, False)
        found = [Found(np.full(2, outputs, np.int64), hits) for _ in self.workers]
        stepped = np.zeros((blocks, groups, self.layout.parts), np.bool_)

        def run(part: int, number: int) -> None:
            (scratch, chain, acc), start, stop = self.workers[number], begun[part], parts[part][1]
            if len(parts) > 1:
                start = range_tiles(lanes, scratch, start, stop, exact)
            if start < stop:
                own, mine = self.weights.to(lanes), found[number]
                run_tiles(own, scratch, chain, acc, mine, exact, out, stepped, start, stop)

        side_by_side([partial(run, part) for part in range(len(parts))], many)
        any_stepped = bool(stepped.any())
        if any_stepped:
            settle(lanes, stepped, self.layout.width, exact, out)
        first = np.min([np.full(2, outputs), *(f.first for f in found)], axis=0)
        return Happened(first, hits, any_stepped)

    def by_sample(self, samples: int, exact: Ints) -> Ints:
        """The range pass of the first so many samples that lie in the source, registers not looked
        at: int64 ndarray of shape (S, 4, G, parts, 2, R), `Scratch.limits` of each.

        ``exact`` : int64 ndarray of shape (S * G * M * N,), written.
        """
        if not self.workers:
            self.workers.append(self._worker())
        scratch, lanes = self.workers[0].scratch, self.lanes._replace(samples=samples)
        limits = np.empty((samples, *scratch.limits.shape), np.int64)
        limits[..., LO, :], limits[..., HI, :] = FAR, -FAR
        if self._takes_planes(samples):
            stride, outputs = lanes.strides[0], exact.size // max(samples, 1)
            for s, own in enumerate(limits):
                self._add_planes(lanes.codes[s * stride :], 1, own, exact[s * outputs :])
            return limits
        blocks = -(-samples * self.layout.shape[2] // self.layout.width)
        range_samples(lanes, scratch, blocks, exact, limits)
        return limits

    def _stays_in_planes(self, lanes: Lanes, exact: Ints) -> bool:
        """Whether a depthwise layer ran, and no sum left its register."""
        if not self._takes_planes(lanes.samples):
            return False
        limits = self.workers[0].scratch.limits
        return not self._add_planes(lanes.codes, lanes.samples, limits, exact)

    def _takes_planes(self, samples: int) -> bool:
        """Whether so many samples are worth a kernel of their own, or it is there."""
        if self.planes is None:
            return False
        self.macs += samples * len(self.lanes.pixel) * self.planes.w.size
        return self.macs >= WORTH_PLANES or is_kept(plane_sums)

    def _add_planes(self, codes: Ints, samples: int, limits: Ints, exact: Ints) -> bool:
        """`plane_sums` of the first samples in ``codes``."""
        assert self.planes is not None
        lanes, planes = self.lanes, self.planes
        return bool(
            plane_sums(
                codes, lanes.strides, lanes.pixel, lanes.step, planes, planes.rows(),
                lanes.registers, lanes.chained, limits, samples, exact,
            )
        )  # fmt: skip

    def tallies(self) -> tuple[Tally, Tally]:
        """Counters of chain and accumulator since the beginning, of all threads together."""
        limits = self.workers[0].scratch.limits.copy()
        for worker in self.workers[1:]:
            for join, end in ((np.minimum, LO), (np.maximum, HI)):
                row = limits[:, :, :, end]
                join(row, worker.scratch.limits[:, :, :, end], out=row)
        chain, acc = added([w.chain for w in self.workers]), added([w.acc for w in self.workers])
        if self.layout.chained:
            chain = self.layout.take_ranges(limits[2:], chain)
        return chain, self.layout.take_ranges(limits[:2], acc)


def first_places(
    shape: tuple[int, int, int, int],
    sample: Callable[[int, int, int], tuple[Datapath, int]],
    schedule: Schedule,
    first: Ints,
    first_sample: int,
) -> Places:
    """The places of the first event of chain and accumulator, of the first output that has one.

    ``shape`` : S, G, M, N. ``sample`` : of a sample's number, a group and a pixel, a datapath with
    that row of activations at least, and the sample's number there. ``first`` : of `Happened`.
    """
    places: list[Place | None] = [None, None]
    for i, (at, stage) in enumerate(((LINK, replay.CHAIN), (ACC, replay.ACCUMULATOR))):
        if first[at] < np.prod(shape):
            s, g, m, n = (int(i) for i in np.unravel_index(int(first[at]), shape))
            datapath, own = sample(s, g, m)
            plan = stepwise.plan(datapath, schedule)
            problem = stepwise.output_problem(datapath, own, g, m, n)
            number = first_sample + s
            places[i] = replay.first_place(problem, plan, schedule, number, (g, m, n), stage)
    return places[0], places[1]
