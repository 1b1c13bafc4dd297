"""A network at every point: the exact run once, and of each point only what differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.error import ErrorFigures
from hwsim.array.specification import Machine
from hwsim.mapping.prepare import PreparedLayer
from hwsim.mapping.run import LayerLedger
from hwsim.network.beside import is_beside, run_beside
from hwsim.network.graph import Graph, Node
from hwsim.network.kept import narrowed
from hwsim.network.layers import codes_of, layer_output
from hwsim.network.run import LayerResult, NetworkRun
from hwsim.network.steps import Table, operator_tables
from hwsim.sweeps import layer as layers
from hwsim.sweeps.layer import Outputs
from hwsim.sweeps.observed import Flags, Observed
from hwsim.sweeps.prepared import Layers, Preparation

Tensors = dict[str, NDArray[Any]]
Order = tuple[int, int, int]
WIDEST = 8  # bytes of a word
OFTEN = 4  # how often a sweep runs an operator, at least, as one table serves all


@dataclass(eq=False)
class ExactRun:
    """A network with unlimited registers, and what its sums reached, for all points that share it.

    Attributes
    ----------
    codes : dict of name to ndarray of shape (S, *shape)
        In the smallest type of each tensor's format.
    outputs : dict of node name to Outputs
    observed : dict of node name and order of additions to Observed
    tables : dict of node name to Table
        Operators that are looked up.
    figures : dict of tensor name and number of clipped outputs to ErrorFigures
        Of the tensors in ``codes``; points that share them fill it.
    """

    graph: Graph
    machine: Machine
    codes: Tensors
    outputs: dict[str, Outputs] = field(default_factory=dict)
    observed: dict[tuple[str, Order], Observed] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    figures: dict[tuple[str, int], ErrorFigures] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        graph: Graph,
        machine: Machine,
        prepared: Layers,
        inputs: Mapping[str, NDArray[Any]],
        make: Preparation,
    ) -> ExactRun:
        """Run it, in the order of one machine's additions."""
        tensors = graph.tensors
        exact = cls(graph, machine, {n: narrowed(x, tensors[n]) for n, x in inputs.items()})
        exact.tables = operator_tables(graph, machine, OFTEN * exact.samples, {})
        for node in graph.nodes:
            sources = exact.inputs(node)
            if is_beside(node):
                exact.keep(node, exact.beside(node, sources))
                continue
            layer = prepared[node.name]
            made = make.ready(node, layer, exact.samples)
            if layers.has_facts(layer, node):
                found = layers.observe(graph, node, layer, sources, made)
                codes, observed, exact.outputs[node.name] = found
                exact.keep(node, codes)
                exact.observed[node.name, order_of(layer)] = observed
            else:
                every = np.arange(exact.samples)
                runs, _ = layers.run_samples(graph, node, layer, sources, every, made)
                columns = [run.exact_codes for run in runs]
                exact.keep(node, layer_output(graph, node, columns))
        return exact

    @property
    def samples(self) -> int:
        """How many there are."""
        return len(self.codes[self.graph.inputs[0]])

    def beside(self, node: Node, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        """A node beside the array, on some samples."""
        if node.name in self.tables and all(codes.dtype.itemsize == 1 for codes in inputs):
            return self.tables[node.name]([np.ascontiguousarray(codes) for codes in inputs])
        parts = []
        for batch in layers.batches(self.graph, len(inputs[0])):
            some = [codes[batch] for codes in inputs]
            found = run_beside(self.graph, node, some, self.machine)
            parts.append(narrowed(found, self.graph.tensors[node.output]))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def keep(self, node: Node, codes: NDArray[Any]) -> None:
        """What a node gives."""
        self.codes[node.output] = narrowed(codes, self.graph.tensors[node.output])

    def inputs(self, node: Node) -> list[NDArray[Any]]:
        """What a node is given."""
        return [codes_of(self.graph, self.codes, name) for name in node.inputs]

    def reach(self, node: Node, layer: PreparedLayer, make: Preparation) -> Observed:
        """What a layer's sums reach in the order of this layer's machine."""
        key = (node.name, order_of(layer))
        if key not in self.observed:
            made = make.ready(node, layer, self.samples)
            self.observed[key] = layers.observe(self.graph, node, layer, self.inputs(node), made)[1]
        return self.observed[key]


def order_of(layer: PreparedLayer) -> Order:
    """What decides the order of an output's additions: fold, lanes of a tree, levels."""
    levels, schedule = len(layer.datapath.chain), layer.schedule
    if not levels:
        return 0, 0, 0
    return schedule.k_tile, schedule.rows if schedule.tree_levels else 0, levels


@dataclass(eq=False)
class PointRun:
    """One point: every tensor, every layer's ledger, and which samples differ from the exact run.

    ``changed`` : dict of tensor name to bool ndarray of shape (S,).
    """

    run: NetworkRun
    changed: dict[str, Flags]


def run_point(exact: ExactRun, machine: Machine, prepared: Layers, make: Preparation) -> PointRun:
    """A network on one machine: the same as `hwsim.network.run.run`, without what is known."""
    graph = exact.graph
    same = np.zeros(exact.samples, np.bool_)
    hardware: Tensors = {name: exact.codes[name] for name in graph.inputs}
    point = PointRun(NetworkRun(hardware, exact.codes), {})
    for node in graph.nodes:
        changed = same.copy()
        for name in node.inputs:
            changed |= point.changed.get(name, same)
        inputs = [codes_of(graph, hardware, name) for name in node.inputs]
        codes: NDArray[Any] | None
        if is_beside(node):
            codes = None
            if changed.any():
                chosen = np.flatnonzero(changed)
                codes = exact.beside(node, [layers.taken(source, chosen) for source in inputs])
        else:
            layer = prepared[node.name]
            codes, changed, ledger = _run_layer(exact, node, layer, inputs, changed, make)
            point.run.layers[node.name] = _result(node, layer, ledger, make)
        known = exact.codes[node.output]
        hardware[node.output], point.changed[node.output] = replaced(known, changed, codes)
    return point


def _run_layer(
    exact: ExactRun,
    node: Node,
    layer: PreparedLayer,
    inputs: list[NDArray[Any]],
    changed: Flags,
    make: Preparation,
) -> tuple[NDArray[Any] | None, Flags, LayerLedger]:
    """One layer: samples that differ or overflow are run, the others are known.

    Gives back the codes of those that were run, which they are, and the ledger of all.
    """
    ledgers: list[LayerLedger] = []
    rerun = np.ones_like(changed)
    if layers.has_facts(layer, node):
        observed = exact.reach(node, layer, make)
        rerun = changed | observed.leaves(layer.datapath)
        if not rerun.all():
            outputs = exact.outputs[node.name]
            ledgers.append(layers.quiet_ledger(layer, observed, outputs, ~rerun))
    if not rerun.any():
        return None, rerun, ledgers[0]
    made, chosen = make.ready(node, layer, exact.samples), np.flatnonzero(rerun)
    runs, ledger = layers.run_samples(exact.graph, node, layer, inputs, chosen, made)
    codes = layer_output(exact.graph, node, [run.codes for run in runs])
    codes = narrowed(codes, exact.graph.tensors[node.output])
    return codes, rerun, ledger.merge(ledgers[0]) if ledgers else ledger


def replaced(
    known: NDArray[Any], samples: Flags, values: NDArray[Any] | None
) -> tuple[NDArray[Any], Flags]:
    """A tensor with some samples replaced, and which of them differ from what they were.

    The tensor itself is given back where none does. ``values`` : None where there is no sample; of
    a wider type where codes lie beyond their format.

    >>> known, some = np.array([[1, 2], [3, 4]], np.int8), np.array([False, True])
    >>> codes, differ = replaced(known, some, np.array([[3, 5]], np.int8))
    >>> codes.tolist(), differ.tolist(), replaced(known, some, known[1:])[0] is known
    ([[1, 2], [3, 5]], [False, True], True)
    """
    differ = np.zeros_like(samples)
    if values is None:
        return known, differ
    kind, every = np.promote_types(known.dtype, values.dtype), bool(samples.all())
    values, known = (codes.astype(kind, copy=False) for codes in (values, known))
    differ[samples] = (words(values) != words(known if every else known[samples])).any(axis=1)
    if not differ.any():
        return known, differ
    if every:
        return values, differ
    codes = np.empty_like(known)
    codes[samples], codes[~samples] = values, known[~samples]
    return codes, differ


def words(codes: NDArray[Any]) -> NDArray[np.unsignedinteger]:
    """The bytes of every sample, in the largest words that they fill: quick to compare.

    >>> words(np.zeros((3, 4, 3), np.int8)).shape, words(np.zeros((3, 4, 3), np.int8)).dtype
    ((3, 3), dtype('uint32'))
    """
    samples, size = len(codes), prod(codes.shape[1:]) * codes.dtype.itemsize
    plain = np.ascontiguousarray(codes).view(np.uint8).reshape(samples, size)
    return plain.view(f"u{gcd(size, WIDEST)}")


def _result(
    node: Node, layer: PreparedLayer, ledger: LayerLedger, make: Preparation
) -> LayerResult:
    schedule = layer.schedule
    return LayerResult(
        node=node,
        machine=layer.machine,
        ledger=ledger,
        schedule=schedule,
        chain=layer.datapath.chain,
        accumulator=layer.datapath.accumulator,
        bounds=layer.bounds,
        macs=layer.gemm.macs,
        memory=make.memory(layer, node),
    )
