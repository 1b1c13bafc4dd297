"""One node on one batch: the quickest of three ways to the same bits.

- a layer that runs in lanes is made ready once, and only its codes change (``mapping/ready.py``);
- an operator of byte codes that goes element by element is looked up, where its elements are many;
- whatever else runs as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.array.ledger import EventList
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.mapping.prepare import PreparedLayer
from hwsim.mapping.ready import ReadyLayer
from hwsim.mapping.ready_shared import exact_codes_shared, run_shared
from hwsim.mapping.run import LayerLedger, run_layer
from hwsim.network.beside import is_beside, run_beside
from hwsim.network.graph import Graph, Node
from hwsim.network.kept import narrowed, widened
from hwsim.network.layers import (
    codes_of,
    layer_facts,
    layer_gemms,
    layer_output,
    output_side,
)
from hwsim.network.values_tables import table_of

BYTE = 8
WORTH_A_TABLE = 4 << 2 * BYTE  # elements; a table has one of every pair of bytes

Codes = dict[str, NDArray[Any]]  # by name of the tensor, (S, *shape), in the type of its format
Table = Callable[[list[NDArray[Any]]], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Ways:
    """A network on a machine, and what is made ready of it.

    Attributes
    ----------
    ready : mapping of node name to ReadyLayer
    tables : mapping of node name to Table
    engine, list_events
        Of `hwsim.network.run.run`.
    """

    graph: Graph
    machine: Machine
    ready: Mapping[str, ReadyLayer]
    tables: Mapping[str, Table]
    engine: str
    list_events: bool


class Batch(NamedTuple):
    """Codes of some samples in the hardware run and in the exact run; ``start``: the first one."""

    hardware: Codes
    exact: Codes
    start: int


class Part(NamedTuple):
    """What one layer lost in one batch, or in one product of it."""

    layer: PreparedLayer
    ledger: LayerLedger
    events: EventList | None = None


def operator_tables(
    graph: Graph, machine: Machine, samples: int, made: Mapping[str, Table]
) -> dict[str, Table]:
    """Tables of the operators whose elements are many more than pairs of byte codes; those that
    are ``made`` stay."""
    tables = dict(made)
    for node in graph.nodes:
        if node.name in made:
            continue
        forms = [graph.tensors[name].format for name in (*node.inputs, node.output)]
        bytes_alone = all(form is not None and form.bits == BYTE for form in forms)
        size = samples * int(np.prod(graph.tensors[node.output].shape))
        if is_beside(node) and bytes_alone and size >= WORTH_A_TABLE:
            table = table_of(graph, node, machine)
            if table is not None:
                tables[node.name] = table
    return tables


def run_node(ways: Ways, node: Node, batch: Batch) -> list[Part]:
    """One node on one batch, in both runs: its output joins `Batch`; what a layer lost."""
    ours, theirs = (
        [codes_of(ways.graph, codes, name) for name in node.inputs]
        for codes in (batch.hardware, batch.exact)
    )
    same = all(a is b or np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    if is_beside(node):
        _run_beside(ways, node, batch, ours, None if same else theirs)
        return []
    if node.name in ways.ready:
        return [_run_ready(ways, node, batch, ours[0], None if same else theirs[0])]
    return _run_products(ways, node, batch, ours, None if same else theirs)


def _run_beside(
    ways: Ways,
    node: Node,
    batch: Batch,
    ours: list[NDArray[Any]],
    theirs: list[NDArray[Any]] | None,
) -> None:
    """A node beside the array; ``theirs`` None: the inputs of both runs are the same."""
    for codes, given in ((batch.hardware, ours), (batch.exact, theirs)):
        if given is None:
            codes[node.output] = batch.hardware[node.output]
        elif node.name in ways.tables and all(x.dtype.itemsize == 1 for x in given):
            codes[node.output] = ways.tables[node.name](given)
        else:
            found = run_beside(ways.graph, node, given, ways.machine)
            codes[node.output] = narrowed(found, ways.graph.tensors[node.output])


def _run_ready(
    ways: Ways, node: Node, batch: Batch, ours: NDArray[Any], theirs: NDArray[Any] | None
) -> Part:
    """A layer that was made ready."""
    ready = ways.ready[node.name]
    done = run_shared(ready, ours, first_sample=batch.start)
    exact = done.exact_codes if theirs is None else exact_codes_shared(ready, theirs)
    own = layer_output(ways.graph, node, [done.codes])
    batch.hardware[node.output] = batch.exact[node.output] = own
    if exact is not done.codes:
        batch.exact[node.output] = layer_output(ways.graph, node, [exact])
    return Part(ready.prepared, done.ledger)


def _run_products(
    ways: Ways,
    node: Node,
    batch: Batch,
    ours: list[NDArray[Any]],
    theirs: list[NDArray[Any]] | None,
) -> list[Part]:
    """A layer by its matrix products."""
    graph, side = ways.graph, output_side(ways.graph, node)
    machine = for_layer(ways.machine, layer_facts(graph, node))
    runs = [
        run_layer(
            gemm,
            side,
            machine,
            node.name,
            engine=ways.engine,
            first_sample=batch.start + offset,
            list_events=ways.list_events,
        )
        for offset, gemm in layer_gemms(graph, node, [widened(x) for x in ours], machine)
    ]
    parts = [Part(run.layer, run.ledger, run.events) for run in runs]
    tensor = graph.tensors[node.output]
    own = narrowed(layer_output(graph, node, [run.codes for run in runs]), tensor)
    batch.hardware[node.output] = batch.exact[node.output] = own
    if theirs is None and all(run.exact_codes is run.codes for run in runs):
        return parts
    if theirs is not None:
        runs = [
            run_layer(gemm, side, machine, node.name, trap=False)
            for _, gemm in layer_gemms(graph, node, [widened(x) for x in theirs], machine)
        ]
    unlimited = layer_output(graph, node, [run.exact_codes for run in runs])
    batch.exact[node.output] = narrowed(unlimited, tensor)
    return parts
