"""One layer at one point: what earlier points found is used again, the rest is run.

Of a layer's samples, some have inputs that the exact run had too, and sums that fit every register
of this point: nothing can have happened, and what the exact run found holds. The others are run as
`hwsim simulate` runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array import datapath as datapaths
from hwsim.array.engines import ENGINES
from hwsim.array.fast_range import exact_sums
from hwsim.array.gemm import Ints
from hwsim.array.ledger import Place
from hwsim.array.requantizer_stages import Requantized
from hwsim.array.stepwise import unlimited
from hwsim.mapping.prepare import PreparedLayer
from hwsim.mapping.ready import LayerPass, ReadyLayer
from hwsim.mapping.ready_registers import with_registers
from hwsim.mapping.ready_sums import exact_pass
from hwsim.mapping.run import LayerLedger, LayerRun, finish, run_layer
from hwsim.network.graph import Graph, Node
from hwsim.network.kept import widened
from hwsim.network.layers import layer_gemms, layer_output, output_side
from hwsim.network.run import batch_size
from hwsim.sweeps.observed import Flags, Observed

Codes = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Outputs:
    """What the exact run of a layer gave to the requantizer's ledger, sample by sample.

    ``events``, ``clipped`` : int64 ndarrays of shape (S, G, N); ``first`` : int64 ndarray of shape
    (S,), the first output with an event of the requantizer, -1 where none has one.
    """

    events: Ints
    clipped: Ints
    first: Ints

    @classmethod
    def of(cls, given: Requantized) -> Outputs:
        """From the requantizer."""
        flat = given.events.reshape(len(given.events), -1)
        found = flat.any(axis=1)
        first = flat.argmax(axis=1) if flat.shape[1] else np.zeros(len(flat), np.int64)
        return cls(
            given.events.sum(axis=2, dtype=np.int64),
            given.clipped.sum(axis=2, dtype=np.int64),
            np.where(found, first, -1),
        )

    @cached_property
    def whole(self) -> tuple[Ints, Ints]:
        """Events and clipped outputs of all samples, int64 ndarrays of shape (G, N)."""
        return self.events.sum(axis=0), self.clipped.sum(axis=0)

    def counts(self, samples: Flags) -> tuple[Ints, Ints]:
        """The same of some samples."""
        if samples.all():
            return self.whole
        return self.events[samples].sum(axis=0), self.clipped[samples].sum(axis=0)

    @classmethod
    def joined(cls, parts: list[Outputs]) -> Outputs:
        """Batches of samples, one after the other."""
        return cls(
            np.concatenate([part.events for part in parts]),
            np.concatenate([part.clipped for part in parts]),
            np.concatenate([part.first for part in parts]),
        )


def has_facts(layer: PreparedLayer, node: Node) -> bool:
    """Whether the exact run can answer for a point: not where each sample brings its own weights,
    nor where the bias lost something before the first sum."""
    lost = layer.bias.lost
    return node.op != "batch_matmul" and (lost is None or not lost.any())


def with_inputs(
    graph: Graph, node: Node, layer: PreparedLayer, inputs: list[Codes]
) -> PreparedLayer:
    """A layer and a batch of its inputs; of everything but a batched product."""
    _, gemm = next(layer_gemms(graph, node, inputs, layer.machine))
    gemm = datapaths.to_machine_formats(gemm, layer.machine, node.name)
    a, row_sum = datapaths.activations(gemm, layer.machine)
    return replace(layer, datapath=replace(layer.datapath, a=a, row_sum=row_sum))


def observe(
    graph: Graph, node: Node, layer: PreparedLayer, inputs: list[Codes], made: ReadyLayer | None
) -> tuple[Codes, Observed, Outputs]:
    """The exact run of one layer: its tensor, and what answers for every width.

    ``made`` : the layer made ready, where it can be.
    """
    ready = None if made is None else with_registers(made, without_limits(layer))
    if ready is not None:
        found = exact_pass(ready, inputs[0])
        outputs_of = Outputs(found.events, found.clipped, found.first)
        return (
            layer_output(graph, node, [found.codes]),
            Observed(found.ends, found.levels),
            outputs_of,
        )
    columns, ranges, outputs = [], [], []
    for batch in batches(graph, len(inputs[0])):
        some = with_inputs(graph, node, layer, [widened(source[batch]) for source in inputs])
        sums = exact_sums(some.datapath, some.schedule)
        given = layer.requantizer.apply(sums.exact)
        columns.append(given.codes)
        ranges.append(Observed.of(sums))
        outputs.append(Outputs.of(given))
    return (
        layer_output(graph, node, columns),
        Observed.joined(ranges),
        Outputs.joined(outputs),
    )


def batches(graph: Graph, samples: int) -> list[slice]:
    """Samples that are run at once."""
    step = batch_size(graph, samples)
    return [slice(start, start + step) for start in range(0, max(samples, 1), step)]


def quiet_ledger(
    layer: PreparedLayer, observed: Observed, outputs: Outputs, samples: Flags
) -> LayerLedger:
    """The ledger of samples to which nothing happened in any register."""
    accumulator, chain = observed.ledgers(layer.datapath, samples)
    events, clipped = outputs.counts(samples)
    return LayerLedger(
        chain=chain,
        accumulator=accumulator,
        bias_events=np.zeros_like(events),
        requant_events=events,
        requant_persistent=events,
        clipped=clipped,
        codes_changed=0,
        max_code_change=0,
        first=_first_requant(layer, outputs, samples),
    )


def _first_requant(layer: PreparedLayer, outputs: Outputs, samples: Flags) -> Place | None:
    """Where the requantizer lost something first."""
    found = np.flatnonzero(samples & (outputs.first >= 0))
    if not len(found):
        return None
    _, groups, m, k, n = (*layer.datapath.shape[:2], layer.schedule.m, *layer.datapath.shape[3:])
    g, row, col = np.unravel_index(int(outputs.first[found[0]]), (groups, m, n))
    return layer.schedule.place("requant", int(found[0]), int(g), int(row), int(col), k)


def without_limits(layer: PreparedLayer) -> PreparedLayer:
    """The same layer with registers that hold any sum."""
    return replace(layer, datapath=unlimited(layer.datapath))


def run_samples(
    graph: Graph,
    node: Node,
    layer: PreparedLayer,
    inputs: list[Codes],
    samples: Ints,
    made: ReadyLayer | None,
) -> tuple[Sequence[LayerRun | LayerPass], LayerLedger]:
    """Some samples store by store, batch after batch, and their ledger.

    ``samples`` : indices, ascending; ``made`` : the layer made ready, where it can be.
    """
    ready = None if made is None else with_registers(made, layer)
    if ready is not None:
        done = ready(taken(inputs[0], samples), trap=False)
        return [done], placed(done.ledger, samples)
    runs: list[LayerRun] = []
    ledgers: list[LayerLedger] = []
    for batch in batches(graph, len(samples)):
        chosen = samples[batch]
        given = [widened(source[chosen]) for source in inputs]
        for offset, run in _runs(graph, node, layer, given):
            runs.append(run)
            ledgers.append(placed(run.ledger, chosen[offset:]))
    return runs, reduce(LayerLedger.merge, ledgers)


def taken(codes: Codes, samples: Ints) -> Codes:
    """Codes of some samples; those of all are not copied.

    >>> codes = np.arange(3)
    >>> taken(codes, np.array([0, 2])), taken(codes, np.arange(3)) is codes
    (array([0, 2]), True)
    """
    return codes if len(samples) == len(codes) else codes[samples]


def _runs(
    graph: Graph, node: Node, layer: PreparedLayer, inputs: list[Codes]
) -> list[tuple[int, LayerRun]]:
    """One batch."""
    if node.op != "batch_matmul":
        ready = with_inputs(graph, node, layer, inputs)
        execution = ENGINES["fast"](ready.datapath, ready.schedule)
        return [(0, finish(ready, execution, node.name, trap=False))]
    side = output_side(graph, node)
    return [
        (offset, run_layer(gemm, side, layer.machine, node.name, trap=False))
        for offset, gemm in layer_gemms(graph, node, inputs, layer.machine)
    ]


def placed(ledger: LayerLedger, samples: Ints) -> LayerLedger:
    """The same ledger, its places at the samples' own numbers."""

    def at(place: Place | None) -> Place | None:
        return None if place is None else replace(place, sample=int(samples[place.sample]))

    chain = ledger.chain
    return replace(
        ledger,
        chain=None if chain is None else replace(chain, first=at(chain.first)),
        accumulator=replace(ledger.accumulator, first=at(ledger.accumulator.first)),
        first=at(ledger.first),
    )
