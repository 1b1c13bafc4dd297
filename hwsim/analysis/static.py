"""What can be said of every layer before any input: bounds, multipliers, what runs where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hwsim.analysis.ladder import width_ladder
from hwsim.array.specification import Machine
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import prepare_without_input


def static_layers(graph: Graph, machine: Machine) -> Iterator[tuple[Node, PreparedLayer]]:
    """Every layer of the array with its meet of the machine, in execution order."""
    for node in graph.mac_nodes:
        yield node, prepare_without_input(graph, node, machine)


def static_ladders(graph: Graph, machine: Machine) -> list[dict[str, Any]]:
    """Name and ``width`` entry of every layer; observed rungs are None."""
    return [
        {
            "name": node.name,
            "op": node.op,
            "k": layer.schedule.k,
            "width": width_ladder(
                layer.bounds, layer.datapath.accumulator, layer.datapath.chain, None
            ),
        }
        for node, layer in static_layers(graph, machine)
    ]
