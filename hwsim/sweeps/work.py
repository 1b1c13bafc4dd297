"""A sweep as work: what it is made of, and what computes its points, in this process or another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import source_digest
from hwsim.analysis.measured import samples_at_once
from hwsim.analysis.summary import real_values
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.importers.data import Data
from hwsim.importers.hardware import machine_hash
from hwsim.network import float_twin
from hwsim.network.graph import Graph
from hwsim.sweeps.axes import Axes
from hwsim.sweeps.digest import digest
from hwsim.sweeps.network import ExactRun, run_point
from hwsim.sweeps.points import Point, points
from hwsim.sweeps.prepared import Layers, Preparation
from hwsim.sweeps.results import Measures, Record, predicted

ExactKey = tuple[str, ...]


@dataclass(eq=False)
class Work:
    """Everything that decides a sweep's result.

    ``machine`` : the machine before any field is swept.
    """

    graph: Graph
    machine: Machine
    data: Data
    axes: Axes
    per_layer: bool

    @cached_property
    def points(self) -> list[Point]:
        """Every point, in the order of the table."""
        return points(self.graph, self.machine, self.axes, per_layer=self.per_layer)

    @cached_property
    def digests(self) -> dict[str, str]:
        """What a sweep that goes on must have in common with the one that was begun."""
        return {
            "model": digest(self.graph),
            "data": digest([self.data.X, self.data.Y, self.data.real]),
            "machine": machine_hash(self.machine),
            "fields": digest([list(self.axes.items()), self.per_layer]),
            "hwsim": source_digest(),
        }


class Sweeper:
    """Computes points, one by one; what one point leaves behind, the next one uses."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.preparation = Preparation(work.graph)
        self.inputs = {work.graph.inputs[0]: work.data.X}
        self._exact: tuple[ExactKey, ExactRun] | None = None
        self._keys: dict[int, ExactKey] = {}  # of points, by number

    @cached_property
    def measures(self) -> Measures:
        """The float twin's tensors, which every point is compared with."""
        graph, data = self.work.graph, self.work.data
        names = {*graph.outputs, *(node.output for node in graph.mac_nodes)}
        reference: dict[str, NDArray[Any]] = {}
        step = samples_at_once(graph)
        for start in range(0, max(len(data.X), 1), step):
            some = slice(start, start + step)
            real = real_values(graph, data, some)
            twin = float_twin.run(graph, {graph.inputs[0]: real})
            for name in names:
                if name not in reference:
                    shape = (len(data.X), *twin[name].shape[1:])
                    reference[name] = np.empty(shape, twin[name].dtype)
                reference[name][some] = twin[name]
        return Measures(graph, reference, data.Y)

    def classes(self) -> tuple[Ints, Ints]:
        """Classes of the exact run of the first point, and of the float twin."""
        first, output = self.work.points[0], self.work.graph.outputs[0]
        exact = self.exact(first, self.preparation.layers(first.machine))
        return predicted(exact.codes[output]), predicted(self.measures.reference[output])

    def exact(self, point: Point, layers: Layers) -> ExactRun:
        """The exact run that a point shares; only the last one is kept."""
        key = self.preparation.exact_key(point.machine, layers)
        if self._exact is None or self._exact[0] != key:
            self._exact = None
            made = self.preparation
            run = ExactRun.of(self.work.graph, point.machine, layers, self.inputs, made)
            self._exact = (key, run)
        return self._exact[1]

    def record(self, number: int) -> Record:
        """One point."""
        point = self.work.points[number]
        layers = self.preparation.layers(point.machine)
        exact = self.exact(point, layers)
        run = run_point(exact, point.machine, layers, self.preparation)
        return self.measures.record(point, exact, run)

    def in_order(self, numbers: Sequence[int]) -> list[int]:
        """Points that share an exact run, one after the other."""
        groups: dict[ExactKey, list[int]] = {}
        for number in numbers:
            if number not in self._keys:
                machine = self.work.points[number].machine
                layers = self.preparation.layers(machine)
                self._keys[number] = self.preparation.exact_key(machine, layers)
            groups.setdefault(self._keys[number], []).append(number)
        return [number for group in groups.values() for number in group]

    def records(self, numbers: Sequence[int]) -> Iterator[tuple[int, Record]]:
        """Some points, as they are done."""
        for number in self.in_order(numbers):
            yield number, self.record(number)
