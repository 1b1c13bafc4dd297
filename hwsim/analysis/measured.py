"""A network's run beside its float twin, some samples at a time.

Real values take eight bytes each, and every layer is run once more on true inputs: of both, only
what is counted is kept, so that memory does not grow with the number of samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.error import ErrorFigures, ErrorTally
from hwsim.analysis.isolated import isolated_layer
from hwsim.array.specification import Machine
from hwsim.network import float_twin
from hwsim.network.graph import Graph, Node
from hwsim.network.run import NetworkRun, Progress

VALUES_AT_ONCE = 1 << 23  # of all tensors of the float twin together
RealInputs = Callable[[slice], NDArray[np.float64]]


@dataclass(eq=False)
class LayerErrors:
    """One layer against the float twin, in the network and alone on true inputs."""

    accumulated: ErrorTally
    isolated: ErrorTally
    isolated_clipped: int = 0

    @classmethod
    def of(cls, graph: Graph, node: Node) -> LayerErrors:
        """Before the first sample."""
        tensor = graph.tensors[node.output]
        channels = tensor.shape[-1]
        return cls(ErrorTally(tensor, channels), ErrorTally(tensor, channels))

    def figures(self, clipped: int) -> tuple[ErrorFigures, ErrorFigures]:
        """In the network, where the format saturated ``clipped`` outputs, and alone."""
        return self.accumulated.figures(clipped), self.isolated.figures(self.isolated_clipped)


@dataclass(eq=False)
class Measured:
    """All samples.

    ``layers``: by node name; ``outputs``: the float twin's values of the network's outputs,
    float64 ndarrays of shape (S, *shape), by tensor name.
    """

    layers: dict[str, LayerErrors]
    outputs: dict[str, NDArray[Any]] = field(default_factory=dict)


def samples_at_once(graph: Graph) -> int:
    """Samples whose real values are held together."""
    values = sum(math.prod(tensor.shape) for tensor in graph.tensors.values())
    return max(1, VALUES_AT_ONCE // max(values, 1))


def measure(
    graph: Graph,
    machine: Machine,
    run: NetworkRun,
    real: RealInputs,
    samples: int,
    progress: Progress | None = None,
) -> Measured:
    """Every layer of a run against the float twin.

    Parameters
    ----------
    graph : Graph
    machine : Machine
    run : NetworkRun
        On this machine.
    real : callable
        Real values of the sole input, float64 ndarray of shape (s, *shape), of a slice of samples.
    samples : int
    progress : callable, optional
        Called as ``progress(done, total, name)``.
    """
    nodes, step = graph.mac_nodes, samples_at_once(graph)
    starts = range(0, max(samples, 1), step)
    found = Measured({node.name: LayerErrors.of(graph, node) for node in nodes})
    outputs: dict[str, list[NDArray[Any]]] = {name: [] for name in graph.outputs}
    for number, start in enumerate(starts):
        part = slice(start, min(start + step, samples))
        reference = float_twin.run(graph, {graph.inputs[0]: real(part)})
        for name, parts in outputs.items():
            parts.append(reference[name])
        for i, node in enumerate(nodes):
            layer, values = found.layers[node.name], reference[node.output]
            layer.accumulated.add(run.part(node.output, part), values)
            alone = isolated_layer(graph, node, machine, reference)
            layer.isolated.add(alone.codes, values)
            layer.isolated_clipped += alone.clipped
            if progress is not None:
                done = number * len(nodes) + i + 1
                progress(done, len(starts) * len(nodes), f"{node.name} alone")
    found.outputs = {name: np.concatenate(parts) for name, parts in outputs.items()}
    return found
