"""A network on a machine beside another source of the same tensors, batch by batch.

The other source is a function of a range of samples: a runtime that runs them, a dump that is cut,
another machine. hwsim computes from the network's inputs on; so long as all earlier tensors are
equal, the first one that differs names the operator that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.compare import Comparison, compare, shaped
from hwsim.array.specification import Machine
from hwsim.network import run as network_run
from hwsim.network.graph import Graph, Node
from hwsim.network.run import Progress

Arrays = Mapping[str, NDArray[Any]]
Source = Callable[[int, int], Arrays]
BATCH = 16  # samples held at once


@dataclass(frozen=True, eq=False)
class Parting:
    """Where both sources part: the first node, in order, whose tensor differs.

    Attributes
    ----------
    node : Node
    first_sample : int
        Number of the first row of the arrays below.
    tensors : mapping of str to ndarray
        hwsim's tensors, the node's inputs among them.
    theirs : ndarray of shape (S, *shape)
        The node's output as the other source has it.
    unseen : tuple of str
        Inputs of the node that nothing was compared with: the cause may lie before.
    """

    node: Node
    first_sample: int
    tensors: Arrays
    theirs: NDArray[Any]
    unseen: tuple[str, ...]


def compare_runs(
    graph: Graph,
    machine: Machine,
    inputs: Arrays,
    other: Source,
    progress: Progress | None = None,
) -> list[Comparison]:
    """Every computed tensor that the other source shows, in the order of execution.

    Parameters
    ----------
    graph : Graph
    machine : Machine
    inputs : mapping of str to ndarray of shape (S, *shape)
    other : callable
        ``other(start, stop)``: tensors by name, of these samples.
    progress : callable, optional
        Called as ``progress(done, total, name)``.
    """
    samples = len(next(iter(inputs.values())))
    found: dict[str, Comparison] = {}
    for start in range(0, samples, BATCH):
        stop = min(start + BATCH, samples)
        ours, theirs = both(graph, machine, inputs, other, start, stop)
        for node in graph.nodes:
            name = node.output
            if name in theirs:
                one = compare(name, ours[name], theirs[name], start)
                found[name] = found[name].merge(one) if name in found else one
        if progress is not None:
            progress(stop, samples, f"{stop} of {samples} samples")
    return [found[node.output] for node in graph.nodes if node.output in found]


def both(
    graph: Graph, machine: Machine, inputs: Arrays, other: Source, start: int, stop: int
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """hwsim's tensors and the other source's, of samples ``start <= s < stop``."""
    batch = {name: values[start:stop] for name, values in inputs.items()}
    ours: dict[str, NDArray[Any]] = dict(network_run.run(graph, machine, batch).codes)
    shown = other(start, stop)
    return ours, {
        name: shaped(values, graph.tensors[name])
        for name, values in shown.items()
        if name in graph.tensors
    }


def parting(
    graph: Graph, machine: Machine, inputs: Arrays, other: Source, found: list[Comparison]
) -> Parting | None:
    """The first node whose tensor differs, with the samples from its first difference on."""
    differing = {one.tensor: one for one in found if one.first is not None}
    seen = {one.tensor for one in found} | set(graph.inputs) | set(graph.constants)
    for node in graph.nodes:
        if node.output not in differing:
            continue
        first = differing[node.output].first
        assert first is not None
        samples = len(next(iter(inputs.values())))
        stop = min(first.sample + BATCH, samples)
        ours, theirs = both(graph, machine, inputs, other, first.sample, stop)
        unseen = tuple(name for name in node.inputs if name not in seen)
        return Parting(node, first.sample, ours, theirs[node.output], unseen)
    return None


def machine_source(graph: Graph, machine: Machine, inputs: Arrays) -> Source:
    """Another machine of hwsim as the other source."""

    def tensors(start: int, stop: int) -> Arrays:
        batch = {name: values[start:stop] for name, values in inputs.items()}
        return network_run.run(graph, machine, batch).codes

    return tensors


def uniform_inputs(graph: Graph, samples: int, seed: int) -> dict[str, NDArray[Any]]:
    """Inputs without data: uniform codes of each input's format, one generator for all.

    A real-valued input is uniform over what the codes of the quantizer behind it stand for, as
    float32 values, and over -1..1 where there is none.

    >>> from hwsim import models
    >>> graph = models.load("seed_conv")[0]
    >>> codes = uniform_inputs(graph, 8, 0)[graph.inputs[0]]
    >>> len(codes), bool((codes == uniform_inputs(graph, 8, 0)[graph.inputs[0]]).all())
    (8, True)
    """
    rng = np.random.default_rng(seed)
    inputs: dict[str, NDArray[Any]] = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        shape = (samples, *tensor.shape)
        if tensor.format is not None:
            lo, hi = tensor.format.lo, tensor.format.hi
            inputs[name] = rng.integers(lo, hi, shape, np.int64, endpoint=True)
            continue
        least, largest = _real_range(graph, name)
        inputs[name] = rng.uniform(least, largest, shape).astype(np.float32).astype(np.float64)
    return inputs


def _real_range(graph: Graph, name: str) -> tuple[float, float]:
    """Real values of the first tensor of codes that is made of an input."""
    for node in graph.nodes:
        output = graph.tensors[node.output]
        if name in node.inputs and output.format is not None:
            lo, hi = output.format.lo - output.zero_point, output.format.hi - output.zero_point
            return lo * output.scale, hi * output.scale
    return -1.0, 1.0
