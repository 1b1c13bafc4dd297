"""One node alone, on inputs from anywhere: a dump's tensors, another machine's, a theory's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.mapping.run import LayerRun, run_layer
from hwsim.network.beside import is_beside, run_beside
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import codes_of, layer_facts, layer_gemms, layer_output, output_side
from hwsim.network.run import batch_size

Arrays = Mapping[str, NDArray[Any]]


def sources_of(graph: Graph, node: Node, tensors: Arrays) -> list[NDArray[Any]]:
    """The inputs of a node, constants included, each of shape (S, *shape)."""
    return [codes_of(graph, tensors, name) for name in node.inputs]


def run_node(
    graph: Graph, node: Node, machine: Machine, sources: Sequence[NDArray[Any]]
) -> NDArray[Any]:
    """The node's output, (S, *shape): codes, or reals where its tensor has no format.

    Raises
    ------
    ConfigError, UnsupportedError
        Node and machine do not go together.
    """
    if is_beside(node):
        return run_beside(graph, node, list(sources), machine)
    return layer_output(
        graph, node, [run.codes for run in layer_runs(graph, node, machine, sources)]
    )


def layer_runs(
    graph: Graph, node: Node, machine: Machine, sources: Sequence[NDArray[Any]]
) -> Iterator[LayerRun]:
    """Every batch of a layer of the array; ``overflow: trap`` does not stop it."""
    own = for_layer(machine, layer_facts(graph, node))
    step = batch_size(graph, len(sources[0]))
    for start in range(0, len(sources[0]), step):
        batch = [source[start : start + step] for source in sources]
        for _, gemm in layer_gemms(graph, node, batch, own):
            yield run_layer(gemm, output_side(graph, node), own, node.name, trap=False)


def accumulators(
    graph: Graph, node: Node, machine: Machine, sources: Sequence[NDArray[Any]]
) -> Ints:
    """What the requantizer of a layer is given, (S, G, M, N)."""
    runs = layer_runs(graph, node, machine, sources)
    return np.concatenate([run.accumulator for run in runs])


def alone(graph: Graph, node: Node) -> Graph:
    """The graph of one node: its inputs, its constants, its output.

    >>> from hwsim import models
    >>> part = alone(models.load("digits")[0], models.load("digits")[0].nodes[1])
    >>> len(part.nodes), len(part.inputs), part.outputs == (part.nodes[0].output,)
    (1, 1, True)
    """
    given = tuple(dict.fromkeys(name for name in node.inputs if name not in graph.constants))
    kept = dict.fromkeys((*node.inputs, node.output))
    return replace(
        graph,
        name=f"{graph.name}.{node.name}",
        tensors={name: graph.tensors[name] for name in kept},
        nodes=(node,),
        inputs=given,
        outputs=(node.output,),
        constants={name: graph.constants[name] for name in kept if name in graph.constants},
    )
