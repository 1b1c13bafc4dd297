"""Layers of every point, made ready once for all widths of their registers.

What a layer needs before its first input (`hwsim.mapping.prepare`) depends on register widths in
two places only: the registers themselves, and the sums that the requantizer can meet. Points that
agree in everything else share the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hwsim.array.conditions import LayerFacts
from hwsim.array.datapath import chain_registers, register
from hwsim.array.memory import MemoryTiming
from hwsim.array.overrides import for_layer
from hwsim.array.requantizer import Requantizer
from hwsim.array.room import Room
from hwsim.array.specification import Machine
from hwsim.array.stepwise import unlimited
from hwsim.mapping.prepare import PreparedLayer, final_range
from hwsim.mapping.ready import ReadyLayer, ready_layer
from hwsim.network.beside import is_beside, run_beside
from hwsim.network.graph import Graph, Node
from hwsim.network.kept import own_dtype
from hwsim.network.layers import layer_facts, layer_memory, prepare_without_input, refuse_float
from hwsim.network.preparation import nothing
from hwsim.sweeps.digest import digest

Layers = Mapping[str, PreparedLayer]  # of every node on the array, by name
WIDTHS = ("bits", "overflow", "wrap_bits")  # of a register: what the exact run does not see
MOST_WEIGHTS = 1 << 24  # of the layers that are kept ready: they lie in lanes at 12 bytes each
MOST_KNOWN = 256  # machines whose layers are kept
MOST_MET = 4096  # machines whose words are kept as text
TIMING = ("chain", "array.dataflow", "array.rows", "array.cols", "memory", "latency")


@dataclass(frozen=True, eq=False)
class Kind:
    """What points share that differ in the widths and rules of registers alone."""

    layer: PreparedLayer
    sums: tuple[int, int]  # that its requantizer can meet
    memory: MemoryTiming | None


@dataclass(eq=False)
class Preparation:
    """Layers of one network on any machine, by node and by the machine's words."""

    graph: Graph
    kinds: dict[tuple[str, str], Kind] = field(default_factory=dict)
    requantizers: dict[tuple[str, str, tuple[int, int]], Requantizer] = field(default_factory=dict)
    beside: set[str] = field(default_factory=set)
    digests: dict[int, str] = field(default_factory=dict)
    room: Room = field(default_factory=Room)
    made: dict[tuple[str, str, int], ReadyLayer | None] = field(default_factory=dict)
    facts: dict[str, LayerFacts] = field(default_factory=dict)
    known: dict[int, tuple[Machine, Layers]] = field(default_factory=dict)
    met: dict[tuple[int, tuple[str, ...]], tuple[Machine, str]] = field(default_factory=dict)

    def layers(self, machine: Machine) -> Layers:
        """Every layer on one machine.

        Raises
        ------
        ConfigError, UnsupportedError
            A node does not go with the machine.
        """
        if id(machine) not in self.known:
            if len(self.known) >= MOST_KNOWN:
                self.known.clear()
            self.known[id(machine)] = (machine, self._layers(machine))
        return self.known[id(machine)][1]

    def _layers(self, machine: Machine) -> Layers:
        """The same, not met yet."""
        refuse_float(self.graph)
        words = self.words(machine)
        if words not in self.beside:
            for node in self.graph.nodes:
                if is_beside(node):
                    run_beside(self.graph, node, nothing(self.graph, node), machine)
            self.beside.add(words)
        return {
            node.name: self._layer(node, machine)
            for node in self.graph.nodes
            if not is_beside(node)
        }

    def memory(self, layer: PreparedLayer, node: Node) -> MemoryTiming | None:
        """What a layer waits for its memory."""
        return self.kinds[node.name, self.words(layer.machine)].memory

    def ready(self, node: Node, layer: PreparedLayer, samples: int) -> ReadyLayer | None:
        """The layer made ready for every width of its registers (`ready_registers`), or
        None where it does not run in lanes; those that were asked for last are kept.

        ``samples`` : of a batch, at most.
        """
        key = (node.name, self.words(layer.machine), samples)
        made = self.made.pop(key) if key in self.made else self._make_ready(node, layer, samples)
        self.made[key] = made
        while len(self.made) > 1 and self._weights() > MOST_WEIGHTS:
            del self.made[next(iter(self.made))]
        return made

    def _make_ready(self, node: Node, layer: PreparedLayer, samples: int) -> ReadyLayer | None:
        tensors = self.graph.tensors
        form, shape = tensors[node.output].format, tensors[node.inputs[0]].shape
        if node.layer is None or form is None:
            return None
        layer = replace(layer, datapath=unlimited(layer.datapath))
        kind = own_dtype(form)
        return ready_layer(node.layer, shape, layer, samples, kind, node.name, self.room)

    def _weights(self) -> int:
        """Of all layers that are kept ready."""
        return sum(made.prepared.gemm.w.size for made in self.made.values() if made is not None)

    def words(self, machine: Machine, *others: str) -> str:
        """`without_widths`, once for each machine that is met again."""
        key = (id(machine), others)  # the machine is kept, so that no other one has its id
        if key not in self.met:
            if len(self.met) >= MOST_MET:
                self.met.clear()
            self.met[key] = (machine, without_widths(machine, *others))
        return self.met[key][1]

    def _layer(self, node: Node, machine: Machine) -> PreparedLayer:
        if node.name not in self.facts:
            self.facts[node.name] = layer_facts(self.graph, node)
        own = for_layer(machine, self.facts[node.name])
        words = self.words(own)
        kind = self.kinds.get((node.name, words))
        if kind is None:
            layer = prepare_without_input(self.graph, node, machine)
            sums = final_range(layer.bounds, layer.datapath, layer.bias)
            kind = Kind(layer, sums, layer_memory(self.graph, node, layer))
            self.kinds[node.name, words] = kind
            self.requantizers[node.name, words, sums] = layer.requantizer
        shared = kind.layer
        datapath = replace(
            shared.datapath,
            chain=chain_registers(own, shared.schedule),
            accumulator=register(own.accumulator),
        )
        sums = final_range(shared.bounds, datapath, shared.bias)
        if (node.name, words, sums) not in self.requantizers:
            rebuilt = prepare_without_input(self.graph, node, machine).requantizer
            self.requantizers[node.name, words, sums] = rebuilt
        requantizer = self.requantizers[node.name, words, sums]
        return replace(shared, machine=own, datapath=datapath, requantizer=requantizer)

    def exact_key(self, machine: Machine, layers: Layers) -> tuple[str, ...]:
        """Points of one key have one exact run: all that stands between inputs and codes."""
        words = [self.words(machine, *TIMING)]
        words += [self.words(layer.machine, *TIMING) for layer in layers.values()]
        for layer in layers.values():
            name = id(layer.requantizer)  # kept alive in `requantizers`
            if name not in self.digests:
                self.digests[name] = digest(_seen(layer.requantizer))
            words.append(self.digests[name])
        return tuple(words)


def _seen(requantizer: Requantizer) -> Requantizer:
    """Columns of the array choose an LFSR, and nothing else."""
    return requantizer if requantizer.lfsr is not None else replace(requantizer, columns=0)


def without_widths(machine: Machine, *others: str) -> str:
    """The words of a machine, resolved for a layer, as text: widths and rules of its registers left
    out.

    ``others`` : further dotted words to leave out.
    """
    tree: dict[str, Any] = machine.model_dump(exclude_none=True)
    widths = [f"{name}.{word}" for name in ("accumulator", "chain") for word in WIDTHS]
    for dotted in (*widths, "name", "clock_mhz", "overrides", *others):
        *parents, word = dotted.split(".")
        below: Any = tree
        for parent in parents:
            below = below.get(parent, {})
        below.pop(word, None)
    return json.dumps(tree, sort_keys=True)
