"""A network on a machine: nodes in order, every tensor tapped, every layer's ledger kept.

Two runs go side by side: the **hardware** run, and the **exact** run of the same integers with
unlimited registers. They share a layer's execution as long as their inputs are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.bounds import Bounds
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Ints, Register
from hwsim.array.ledger import EventList
from hwsim.array.memory import MemoryTiming
from hwsim.array.specification import Machine
from hwsim.mapping.run import LayerLedger
from hwsim.network.graph import Graph, Node
from hwsim.network.kept import KeptCodes, narrowed
from hwsim.network.layers import refuse_float
from hwsim.network.preparation import prepare_network, put_back
from hwsim.network.steps import Batch, Part, Ways, run_node

Progress = Callable[[int, int, str], None]

BATCH_TAPS = 1 << 23  # operand codes of one layer held at once
BATCH_CODES = 1 << 23  # codes of all tensors held at once
REMADE = 4  # times as many, where a batch makes its layers ready anew


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
    samples = len(next(iter(inputs.values())))
    in_lanes = engine == "fast" and not list_events
    made = prepare_network(graph, machine, samples, in_lanes=in_lanes)
    ready, memory = made.ready, made.memory
    ways = Ways(graph, machine, ready, made.tables, engine, list_events)
    remade = in_lanes and made.stamp is None
    at_once = BATCH_CODES * REMADE if remade else BATCH_CODES
    starts = range(0, samples, batch_size(graph, samples, ready, at_once))
    kept, unlimited = (KeptCodes(graph.tensors, samples) for _ in range(2))
    result = NetworkRun(kept, unlimited)
    for number, start in enumerate(starts):
        batch = _batch(graph, inputs, slice(start, start + starts.step), start)
        for i, node in enumerate(graph.nodes):
            _run_and_keep(result, ways, node, batch)
            if progress is not None:
                done = number * len(graph.nodes) + i + 1
                progress(done, len(starts) * len(graph.nodes), node.name)
        _keep_codes(kept, unlimited, batch)
    for name, layer in result.layers.items():
        layer.memory = memory[name]
    if in_lanes:
        put_back(graph, made)
    return result


def _batch(graph: Graph, inputs: Mapping[str, Ints], samples: slice, start: int) -> Batch:
    """Some samples of the inputs, before the first node."""
    given = {name: narrowed(codes[samples], graph.tensors[name]) for name, codes in inputs.items()}
    return Batch(given, dict(given), start)


def batch_size(
    graph: Graph, samples: int, ready: Container[str] = (), at_once: int | None = None
) -> int:
    """Samples held at once, so that memory stays flat: their codes, ``at_once`` of them, and the
    operands of those layers that are not ``ready``."""
    codes = sum(int(np.prod(tensor.shape)) for tensor in graph.tensors.values())
    batch = min(samples, (at_once or BATCH_CODES) // max(codes, 1))
    for node in graph.mac_nodes:
        assert node.layer is not None
        if node.layer.weight is not None and node.name not in ready:
            pixels = int(np.prod(graph.tensors[node.output].shape)) // node.layer.weight.shape[0]
            taps = node.layer.weight[0].size * node.layer.groups
            batch = min(batch, BATCH_TAPS // max(pixels * taps, 1))
    batches = max(1, -(-samples // max(1, batch)))
    return max(1, -(-samples // batches))  # an even share


def _keep_codes(kept: KeptCodes, unlimited: KeptCodes, batch: Batch) -> None:
    """One batch's tensors to those of all samples; both runs have one array while they agree."""
    hardware, exact, start = batch
    for name, codes in hardware.items():
        shared = name not in kept or unlimited.shares(name, kept)
        if shared and exact[name] is not codes and name in kept:
            unlimited.copy_of(name, kept)
        kept.put(name, start, codes)
        if shared and exact[name] is codes:
            unlimited.share(name, kept)
        else:
            unlimited.put(name, start, exact[name])


def _run_and_keep(result: NetworkRun, ways: Ways, node: Node, batch: Batch) -> None:
    """One node on one batch; nothing of its layer is held longer than this takes."""
    for part in run_node(ways, node, batch):
        _keep(result, node, part)


def _keep(result: NetworkRun, node: Node, part: Part) -> None:
    """Merge one batch into the layer's result."""
    layer, datapath = part.layer, part.layer.datapath
    kept = result.layers.get(node.name)
    if kept is None:
        kept = LayerResult(
            node,
            layer.machine,
            part.ledger,
            layer.schedule,
            datapath.chain,
            datapath.accumulator,
            layer.bounds,
            layer.gemm.macs,
        )
        result.layers[node.name] = kept
    else:
        kept.ledger = kept.ledger.merge(part.ledger)
    if part.events is not None:
        kept.events.append(part.events)
