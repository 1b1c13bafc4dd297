"""A network on a machine: nodes in order, every tensor tapped, every layer's ledger kept.

Two runs go side by side: the **hardware** run, and the **exact** run of the same integers with
unlimited registers. They share a layer's execution as long as their inputs are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.bounds import Bounds
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Gemm, Ints, Register
from hwsim.array.ledger import EventList
from hwsim.array.memory import MemoryTiming
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.mapping.run import LayerLedger, LayerRun, run_layer
from hwsim.network.beside import is_beside, run_beside
from hwsim.network.graph import Graph, Node
from hwsim.network.kept import KeptCodes
from hwsim.network.layers import (
    codes_of,
    layer_facts,
    layer_gemms,
    layer_memory,
    layer_output,
    output_side,
    prepare_without_input,
    refuse_float,
)

Progress = Callable[[int, int, str], None]
BATCH_TAPS = 1 << 23  # operand codes of one layer held at once


@dataclass(eq=False)
class LayerResult:
    """What one layer did on all samples."""

    node: Node
    machine: Machine
    ledger: LayerLedger
    schedule: Schedule
    chain: tuple[Register, ...]
    accumulator: Register
    bounds: Bounds
    macs: int
    memory: MemoryTiming | None = None
    events: list[EventList] = field(default_factory=list)


@dataclass(eq=False)
class NetworkRun:
    """Every tensor's codes, int64 arrays of shape (S, *shape), and every layer's result by name.

    ``codes`` and ``exact`` keep one and the same array where both runs agree on a tensor.
    """

    codes: Mapping[str, Ints]
    exact: Mapping[str, Ints]
    layers: dict[str, LayerResult] = field(default_factory=dict)

    def part(self, name: str, samples: slice) -> Ints:
        """Codes of some samples; those of the others are not widened."""
        if isinstance(self.codes, KeptCodes):
            return self.codes.part(name, samples)
        return self.codes[name][samples]

    def own(self, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Codes as the type of their format."""
        if isinstance(self.codes, KeptCodes):
            return self.codes.own(name).astype(dtype, copy=False)
        return self.codes[name].astype(dtype)


def run(
    graph: Graph,
    machine: Machine,
    inputs: Mapping[str, Ints],
    *,
    engine: str = "fast",
    list_events: bool = False,
    progress: Progress | None = None,
) -> NetworkRun:
    """Execute a network on codes.

    Parameters
    ----------
    graph : Graph
    machine : Machine
    inputs : mapping of name to int64 ndarray of shape (S, *shape)
    engine : {"fast", "cycle"}
    list_events : bool
        Keep the list of all events (``--trace overflow``).
    progress : callable, optional
        Called as ``progress(done, total, name)`` after each node of each batch.

    Raises
    ------
    ConfigError, UnsupportedError
        A node does not go with the machine; named before anything runs.
    TrapError
        A register with ``overflow: trap`` overflowed.
    """
    refuse_float(graph)
    memory: dict[str, MemoryTiming | None] = {}
    for node in graph.nodes:
        if is_beside(node):
            run_beside(graph, node, nothing(graph, node), machine)
        else:
            prepared = prepare_without_input(graph, node, machine)
            memory[node.name] = layer_memory(graph, node, prepared)
    samples = len(next(iter(inputs.values())))
    batch = batch_size(graph, samples)
    starts = range(0, samples, batch)
    kept, unlimited = (KeptCodes(graph.tensors, samples) for _ in range(2))
    result = NetworkRun(kept, unlimited)
    for number, start in enumerate(starts):
        hardware = {name: codes[start : start + batch] for name, codes in inputs.items()}
        exact = dict(hardware)
        for i, node in enumerate(graph.nodes):
            _run_node(graph, node, machine, hardware, exact, result, start, engine, list_events)
            if progress is not None:
                done = number * len(graph.nodes) + i + 1
                progress(done, len(starts) * len(graph.nodes), node.name)
        _keep_codes(kept, unlimited, hardware, exact, start)
    for name, layer in result.layers.items():
        layer.memory = memory[name]
    return result


def nothing(graph: Graph, node: Node) -> list[Ints]:
    """Inputs without a sample: what does not go together is refused on them already."""
    return [np.zeros((0, *graph.tensors[name].shape), np.int64) for name in node.inputs]


def batch_size(graph: Graph, samples: int) -> int:
    """Samples whose operands are held at once, so that memory stays flat."""
    largest = 1
    for node in graph.mac_nodes:
        assert node.layer is not None
        if node.layer.weight is not None:
            pixels = int(np.prod(graph.tensors[node.output].shape)) // node.layer.weight.shape[0]
            taps = node.layer.weight[0].size * node.layer.groups
            largest = max(largest, pixels * taps)
    return max(1, min(samples, BATCH_TAPS // largest))


def _run_node(
    graph: Graph,
    node: Node,
    machine: Machine,
    hardware: dict[str, Ints],
    exact: dict[str, Ints],
    result: NetworkRun,
    start: int,
    engine: str,
    list_events: bool,
) -> None:
    """One node on one batch, in the hardware run and in the exact run."""
    ours = [codes_of(graph, hardware, name) for name in node.inputs]
    theirs = [codes_of(graph, exact, name) for name in node.inputs]
    same = all(a is b or np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    if is_beside(node):
        hardware[node.output] = run_beside(graph, node, ours, machine)
        exact[node.output] = (
            hardware[node.output] if same else run_beside(graph, node, theirs, machine)
        )
        return
    machine = for_layer(machine, layer_facts(graph, node))
    runs = []
    for offset, gemm in layer_gemms(graph, node, ours, machine):
        run = run_layer(
            gemm,
            output_side(graph, node),
            machine,
            node.name,
            engine=engine,
            first_sample=start + offset,
            list_events=list_events,
        )
        runs.append(run)
        _keep(result, node, machine, run, gemm, list_events)
    hardware[node.output] = layer_output(graph, node, [run.codes for run in runs])
    if same and all(run.exact_codes is run.codes for run in runs):
        exact[node.output] = hardware[node.output]
        return
    if not same:
        runs = [
            run_layer(gemm, output_side(graph, node), machine, node.name, trap=False)
            for _, gemm in layer_gemms(graph, node, theirs, machine)
        ]
    exact[node.output] = layer_output(graph, node, [run.exact_codes for run in runs])


def _keep_codes(
    kept: KeptCodes,
    unlimited: KeptCodes,
    hardware: Mapping[str, Ints],
    exact: Mapping[str, Ints],
    start: int,
) -> None:
    """One batch's tensors to those of all samples; both runs have one array while they agree."""
    for name, codes in hardware.items():
        shared = name not in kept or unlimited.shares(name, kept)
        if shared and exact[name] is not codes and name in kept:
            unlimited.copy_of(name, kept)
        kept.put(name, start, codes)
        if shared and exact[name] is codes:
            unlimited.share(name, kept)
        else:
            unlimited.put(name, start, exact[name])


def _keep(
    result: NetworkRun,
    node: Node,
    machine: Machine,
    run: LayerRun,
    gemm: Gemm,
    list_events: bool,
) -> None:
    """Merge one batch into the layer's result."""
    kept = result.layers.get(node.name)
    if kept is None:
        kept = LayerResult(
            node,
            machine,
            run.ledger,
            run.schedule,
            run.datapath.chain,
            run.datapath.accumulator,
            run.bounds,
            gemm.macs,
        )
        result.layers[node.name] = kept
    else:
        kept.ledger = kept.ledger.merge(run.ledger)
    if list_events and run.events is not None:
        kept.events.append(run.events)
