"""The layers of a network that are made ready, and how long they are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from hwsim.array.bounds import Bounds
from hwsim.array.room import Room
from hwsim.array.specification import Machine
from hwsim.array.threads import ahead
from hwsim.mapping.prepare import PreparedLayer
from hwsim.mapping.ready import ReadyLayer, runs_in_lanes
from hwsim.network.graph import Graph, Node
from hwsim.network.kept import own_dtype
from hwsim.network.layers import prepare_without_input

WEIGHTS_KEPT = 1 << 22  # of all layers of a network: they lie in lanes at 12 bytes each


class ReadyLayers(Mapping[str, ReadyLayer]):
    """The layers that can be made ready, by node name; all are kept from batch to batch, but of a
    network with many weights only the one that was asked for last, and the one behind it, which
    another thread makes meanwhile."""

    def __init__(self, graph: Graph, machine: Machine, samples: int) -> None:
        self.graph, self.machine, self.samples = graph, machine, samples
        layers = [node.layer for node in graph.mac_nodes if node.layer is not None]
        weights = sum(layer.weight.size for layer in layers if layer.weight is not None)
        self.keeps_all = weights <= WEIGHTS_KEPT
        self.nodes: dict[str, Node] = {}
        self.made: dict[str, ReadyLayer] = {}
        self.begun: Callable[[], ReadyLayer] | None = None
        self.bounds: dict[str, Bounds] = {}
        self.room = Room()

    def add(self, node: Node, prepared: PreparedLayer) -> None:
        """Take a layer in, if it can be made ready."""
        form = self.graph.tensors[node.output].format
        if node.layer is None or form is None or not runs_in_lanes(node.layer, prepared):
            return
        self.nodes[node.name], self.bounds[node.name] = node, prepared.bounds
        if self.keeps_all:
            self.made[node.name] = self._make(node, prepared)

    def _make(self, node: Node, prepared: PreparedLayer) -> ReadyLayer:
        tensors, layer = self.graph.tensors, node.layer
        form, shape = tensors[node.output].format, tensors[node.inputs[0]].shape
        assert layer is not None
        assert form is not None
        facts = self.samples, own_dtype(form), node.name
        return ReadyLayer(layer, shape, prepared, *facts, self.room)

    def __getitem__(self, name: str) -> ReadyLayer:
        if name not in self.made:
            self.made.clear()
            begun, self.begun = self.begun, None
            made = begun() if begun else None
            if made is None or made.where != name:
                made = self._make_again(name)
            self.made[name] = made
            names = list(self.nodes)
            for following in names[names.index(name) + 1 :][:1]:
                self.begun = ahead(partial(self._make_again, following))
        return self.made[name]

    def _make_again(self, name: str) -> ReadyLayer:
        """A layer that was not kept, laid out."""
        node, bounds = self.nodes[name], self.bounds[name]
        prepared = prepare_without_input(self.graph, node, self.machine, bounds)
        made = self._make(node, prepared)
        made.lane_run(limited=True)
        return made

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)
