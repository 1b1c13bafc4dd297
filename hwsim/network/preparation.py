"""What a run prepares before its first input, and how the next run finds it again.

Layers made ready, operators as tables and clocks of memories depend on the network and the machine
alone. They are kept for the next run of the same network, and used where nothing differs:

- the network is the same object, and its `Stamp` holds: no number in it has changed, in place or
  otherwise;
- the machine equals a copy, made when it was prepared, of the machine then: all words, overrides
  too;
- it was made for as many samples or more.

Of each network the last machine is kept, as long as the network lives, and of all networks
together no more than `KEPT_BYTES`. A run takes what it uses away and puts it back when it is done:
two runs at the same time, or one that failed, share nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.array.memory import MemoryTiming
from hwsim.array.specification import Machine
from hwsim.mapping.ready import ReadyLayer
from hwsim.network.beside import is_beside, run_beside
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import layer_memory, prepare_without_input
from hwsim.network.ready_layers import ReadyLayers
from hwsim.network.stamp import Stamp
from hwsim.network.steps import Table, operator_tables

KEPT_BYTES = 1 << 26  # of all networks of a process


@dataclass(frozen=True, eq=False)
class Preparation:
    """A network on a machine, before its first input.

    Attributes
    ----------
    ready : mapping of node name to ReadyLayer
    tables : mapping of node name to Table
    memory : mapping of node name to MemoryTiming or None
    machine : Machine
        A copy, which nobody changes.
    samples : int
        It was made for so many, or fewer.
    seen : int
        Samples of all runs that had it: an operator becomes a table once they are worth one.
    stamp : Stamp or None
        None: it is not kept.
    """

    ready: Mapping[str, ReadyLayer]
    tables: Mapping[str, Table]
    memory: Mapping[str, MemoryTiming | None]
    machine: Machine
    samples: int
    seen: int
    stamp: Stamp | None

    @cached_property
    def nbytes(self) -> int:
        """Of all arrays, each counted once, however many layers use it; after its last run."""
        arrays = [array for layer in self.ready.values() for array in layer.arrays()]
        memory = {id(array): array.nbytes for array in arrays}
        return sum(memory.values()) + (self.stamp.nbytes if self.stamp else 0)

    def is_for(self, graph: Graph, machine: Machine, samples: int) -> bool:
        """Whether a run of this network would make the same."""
        fits = self.samples >= samples and self.machine == machine
        return fits and self.stamp is not None and self.stamp.holds(graph)


class Shelf:
    """Where preparations lie between two runs; they leave with their network."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Graph, Preparation] = WeakKeyDictionary()
        self.renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        """A lock of this process's own: another thread may have held it when it was forked."""
        self._lock = Lock()

    def take(self, graph: Graph, machine: Machine, samples: int) -> Preparation | None:
        """What was kept of a network, if it is still what a run would make; no longer kept."""
        with self._lock:
            found = self._kept.pop(graph, None)
        return found if found is not None and found.is_for(graph, machine, samples) else None

    def put(self, graph: Graph, made: Preparation) -> None:
        """Keep it, and let the oldest go, as memory asks."""
        if made.stamp is None or made.nbytes > KEPT_BYTES:
            return
        with self._lock:
            self._kept.pop(graph, None)
            self._kept[graph] = made
            kept = list(self._kept.items())
            total = sum(one.nbytes for _, one in kept)
            for oldest, one in kept:
                if total <= KEPT_BYTES:
                    break
                del self._kept[oldest]
                total -= one.nbytes

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)


SHELF = Shelf()


def prepare_network(graph: Graph, machine: Machine, samples: int, *, in_lanes: bool) -> Preparation:
    """Make everything ready, or find it made.

    ``in_lanes``: layers may run as `hwsim.mapping.ready` runs them.

    Raises
    ------
    ConfigError, UnsupportedError
        A node does not go with the machine.
    """
    found = SHELF.take(graph, machine, samples) if in_lanes else None
    if found is not None:
        seen = found.seen + samples
        return replace(found, tables=operator_tables(graph, machine, seen, found.tables), seen=seen)
    ready = ReadyLayers(graph, machine, samples)
    stamp = Stamp(graph) if in_lanes and ready.keeps_all else None
    own = machine.model_copy(deep=True)
    memory: dict[str, MemoryTiming | None] = {}
    for node in graph.nodes:
        if is_beside(node):
            run_beside(graph, node, nothing(graph, node), machine)
        else:
            prepared = prepare_without_input(graph, node, machine)
            memory[node.name] = layer_memory(graph, node, prepared)
            if in_lanes:
                ready.add(node, prepared)
            if stamp is not None:
                bounds = vars(prepared.bounds).values()
                for shared in (*bounds, memory[node.name]):
                    make_read_only(shared)
    tables = operator_tables(graph, machine, samples, {})
    return Preparation(ready, tables, memory, own, samples, samples, stamp)


def put_back(graph: Graph, used: Preparation) -> None:
    """A run is done: the next one may have what it used."""
    if isinstance(used.ready, ReadyLayers):
        used = replace(used, ready=used.ready.made)  # without the network: it may go
    SHELF.put(graph, used)


def make_read_only(shared: object) -> None:
    """Nobody writes into arrays of a result that the next run's result has too."""
    for array in vars(shared).values() if shared is not None else ():
        if isinstance(array, np.ndarray):
            array.setflags(write=False)


def nothing(graph: Graph, node: Node) -> list[Ints]:
    """Inputs without a sample: what does not go together is refused on them already."""
    return [np.zeros((0, *graph.tensors[name].shape), np.int64) for name in node.inputs]
