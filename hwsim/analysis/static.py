"""What can be said of every layer before any input: bounds, multipliers, what runs where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.analysis.ladder import width_ladder
from hwsim.array import datapath as datapaths
from hwsim.array.bounds import Bounds, layer_bounds, requantizer_range
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Datapath, Gemm
from hwsim.array.overrides import for_layer
from hwsim.array.requantizer import Requantizer
from hwsim.array.specification import Machine
from hwsim.mapping.run import requantizer_of
from hwsim.network.graph import Graph, Node
from hwsim.network.run import layer_gemms, output_side


@dataclass(frozen=True, eq=False)
class StaticLayer:
    """One layer on one machine, without input: its product has no samples."""

    node: Node
    machine: Machine
    gemm: Gemm
    datapath: Datapath
    schedule: Schedule
    bounds: Bounds
    requantizer: Requantizer


def static_layers(graph: Graph, machine: Machine) -> Iterator[StaticLayer]:
    """Meet of every layer and the machine; a batched product is built with one sample of zeros."""
    for node in graph.mac_nodes:
        own = for_layer(machine, node.name)
        samples = 1 if node.op == "batch_matmul" else 0
        inputs = [
            np.full((samples, *graph.tensors[name].shape), graph.tensors[name].zero_point)
            for name in node.inputs
        ]
        _, gemm = next(layer_gemms(graph, node, inputs, own))
        datapath, _ = datapaths.build(gemm, own, node.name)
        _, groups, m, k, n = gemm.shape
        schedule = Schedule(own.array, groups, m, k, n)
        bounds = layer_bounds(gemm, own, datapath, schedule)
        reach = requantizer_range(bounds, datapath)
        requantizer = requantizer_of(output_side(graph, node), own, reach, node.name)
        yield StaticLayer(node, own, gemm, datapath, schedule, bounds, requantizer)


def static_ladders(graph: Graph, machine: Machine) -> list[dict[str, Any]]:
    """Name and ``width`` entry of every layer; observed rungs are None."""
    return [
        {
            "name": layer.node.name,
            "op": layer.node.op,
            "k": layer.schedule.k,
            "width": width_ladder(
                layer.bounds, layer.datapath.accumulator, layer.datapath.chain, None
            ),
        }
        for layer in static_layers(graph, machine)
    ]
