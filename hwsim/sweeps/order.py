"""sweep.json's ``order``: which overflows vanish when only the schedule changes.

A schedule is what decides the order of an output's additions and where they are cut into folds:
dataflow, rows and ``k_order``; columns do not. Every layer is looked at alone, on the inputs of the
exact run, and at the same widths under every swept schedule::

    affected(o, s)   output o under schedule s presents a value to a register that does not fit it
    by_all           outputs that every schedule affects: no order of these helps
    by_some          outputs that one schedule affects and another does not: these vanish
    by_none          the others

An output whose exact final sum does not fit the accumulator is in ``by_all``: it is counted as
``persistent``. Until an output's first event all of its registers hold exact sums, so the exact
run's ranges (`fast_range.exact_sums`) tell every affected output, at every width at once. Under
wrapping registers an affected output can still end right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwsim.array.dataflow import Schedule
from hwsim.array.engines import ENGINES
from hwsim.array.fast_range import CHAIN_HI, CHAIN_LO, PARTIAL_LO, Sums, exact_sums
from hwsim.array.gemm import Datapath
from hwsim.array.specification import Machine
from hwsim.mapping.prepare import PreparedLayer, prepare
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import codes_of, layer_gemms, output_side
from hwsim.sweeps.layer import Codes, batches, with_inputs
from hwsim.sweeps.network import Order, Tensors, order_of
from hwsim.sweeps.observed import Flags, outside
from hwsim.sweeps.points import Point
from hwsim.sweeps.prepared import Layers

SCHEDULE = ("array.dataflow", "array.rows", "array.k_order")
UNORDERED = ("array.cols",)
Values = tuple[tuple[str, Any], ...]
Known = dict[tuple[Order, tuple[str, ...], int], Sums]


@dataclass(frozen=True, eq=False)
class Family:
    """Machines that differ in their schedule alone: ``machines`` by schedule, in order."""

    values: Values
    machines: dict[Values, Machine]


def families(points: Sequence[Point]) -> list[Family]:
    """Points of whole machines, put together by what is not their schedule.

    Those with one schedule are left out.
    """
    found: dict[Values, Family] = {}
    for point in points:
        if point.only_layer is not None:
            continue
        named = [(k, v) for k, v in point.values.items() if k not in UNORDERED]
        others = tuple((k, v) for k, v in named if k not in SCHEDULE)
        own = tuple((k, v) for k, v in named if k in SCHEDULE)
        family = found.setdefault(others, Family(others, {}))
        family.machines.setdefault(own, point.machine)
    return [family for family in found.values() if len(family.machines) > 1]


def orders(
    graph: Graph,
    codes: Tensors,
    found: Sequence[Family],
    layers_of: Callable[[Machine], Layers],
) -> list[dict[str, Any]]:
    """The entry of sweep.json: of each family its schedules, and of each layer the counts.

    Parameters
    ----------
    graph : Graph
    codes : dict of name to ndarray of shape (S, *shape)
        Of the exact run.
    found : sequence of Family
    layers_of : callable
        Every layer on one machine (`Preparation.layers`).
    """
    layers = [_layer(graph, node, codes, found, layers_of) for node in graph.mac_nodes]
    return [
        {
            "values": dict(family.values),
            "schedules": [dict(own) for own in family.machines],
            "layers": [layer[i] for layer in layers],
        }
        for i, family in enumerate(found)
    ]


def _layer(
    graph: Graph,
    node: Node,
    codes: Tensors,
    found: Sequence[Family],
    layers_of: Callable[[Machine], Layers],
) -> list[dict[str, Any]]:
    """One layer: an entry for each family."""
    tallies = [Tally(len(family.machines)) for family in found]
    sources = [codes_of(graph, codes, name) for name in node.inputs]
    prepared = [[layers_of(m)[node.name] for m in f.machines.values()] for f in found]
    for batch in batches(graph, len(sources[0])):
        known: Known = {}
        cut = [source[batch] for source in sources]
        for tally, layers in zip(tallies, prepared, strict=True):
            flags = [affected(graph, node, layer, cut, known) for layer in layers]
            tally.add([one for one, _ in flags], flags[0][1])
    return [{"name": node.name, **tally.entry()} for tally in tallies]


def affected(
    graph: Graph, node: Node, layer: PreparedLayer, inputs: list[Codes], known: Known
) -> tuple[Flags, Flags]:
    """Of one batch which outputs lose something on their way, and which whatever the way.

    ``known`` : sums of the same inputs in orders that were met before; filled.

    Returns
    -------
    two bool ndarrays of shape (outputs,)
        An event in any register; a final sum that the accumulator cannot hold.
    """
    own = layer.datapath
    order, k_order = order_of(layer), tuple(layer.machine.array.k_order)
    lost, final = [], []
    for i, (datapath, schedule) in enumerate(_parts(graph, node, layer, inputs)):
        sums = known.get((order, k_order, i))
        if sums is None:
            sums = known[order, k_order, i] = exact_sums(datapath, schedule)
        ends = (sums.exact, sums.exact) if own.check_final else sums.ends[PARTIAL_LO:CHAIN_LO]
        flags = outside(ends[0], ends[1], own.accumulator)
        if len(set(own.chain)) == 1:
            flags |= outside(sums.ends[CHAIN_LO], sums.ends[CHAIN_HI], own.chain[0])
        elif own.chain:
            flags |= by_events(datapath, schedule)
        lost.append(flags.ravel())
        final.append(outside(sums.exact, sums.exact, own.accumulator).ravel())
    return np.concatenate(lost), np.concatenate(final)


def _parts(
    graph: Graph, node: Node, layer: PreparedLayer, inputs: list[Codes]
) -> Iterator[tuple[Datapath, Schedule]]:
    """The products of one layer and batch; where samples bring their own weights, one a sample."""
    if node.op != "batch_matmul":
        ready = with_inputs(graph, node, layer, inputs)
        yield ready.datapath, ready.schedule
        return
    side = output_side(graph, node)
    for _, gemm in layer_gemms(graph, node, inputs, layer.machine):
        ready = prepare(gemm, side, layer.machine, node.name)
        yield ready.datapath, ready.schedule


def by_events(datapath: Datapath, schedule: Schedule) -> Flags:
    """The same from the list of events: for trees whose levels have registers of their own width.

    bool ndarray of shape (S, G, M, N).
    """
    samples, groups, m, _, n = datapath.shape
    flags = np.zeros((samples, groups, m, n), np.bool_)
    events = ENGINES["fast"](datapath, schedule, list_events=True).events
    assert events is not None
    flags[tuple(events.columns[name] for name in ("sample", "group", "m", "n"))] = True
    return flags


@dataclass(eq=False)
class Tally:
    """Outputs of one layer, counted by how many of the schedules affect them."""

    schedules: int
    outputs: int = 0
    persistent: int = 0
    by_all: int = 0
    by_some: int = 0
    counts: list[int] = field(default_factory=list)

    def add(self, flags: Sequence[Flags], persistent: Flags) -> None:
        """One batch: the outputs that each schedule affects, and those that no order helps.

        >>> tally = Tally(2)
        >>> tally.add([np.array([True, True, False]), np.array([True, False, False])],
        ...           np.array([True, False, False]))
        >>> tally.entry()["by_all"], tally.entry()["by_some"], tally.entry()["by_none"]
        (1, 1, 1)
        """
        times = np.sum(flags, axis=0, dtype=np.int64)
        every = times == self.schedules
        self.outputs += times.size
        self.persistent += int(persistent.sum())
        self.by_all += int(every.sum())
        self.by_some += int(((times > 0) & ~every).sum())
        counts = [int(one.sum()) for one in flags]
        before = self.counts or [0] * self.schedules
        self.counts = [a + b for a, b in zip(before, counts, strict=True)]

    def entry(self) -> dict[str, Any]:
        """As JSON; ``affected`` : by schedule; ``best``, ``worst`` : numbers of schedules."""
        return {
            "outputs": self.outputs,
            "persistent": self.persistent,
            "by_all": self.by_all,
            "by_some": self.by_some,
            "by_none": self.outputs - self.by_all - self.by_some,
            "affected": self.counts,
            "best": self.counts.index(min(self.counts)),
            "worst": self.counts.index(max(self.counts)),
        }
