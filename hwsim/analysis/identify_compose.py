"""No machine fits: requantizer policies layer by layer, and a machine made of those that do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.identify import BATCH, Trial, outputs, source_of
from hwsim.analysis.identify_policies import Fitting, fitting, policies
from hwsim.array.specification import Machine
from hwsim.network.graph import Graph, Node
from hwsim.network.run import Progress

Arrays = Mapping[str, NDArray[Any]]
NAME = "identified"


@dataclass
class Search:
    """What was found.

    Attributes
    ----------
    layers : dict of str to list of Fitting
        Policies that make each layer's output, alone, on its true inputs.
    kinds : dict of str to list of Fitting
        By ``<op>_<bits>``: policies that make the outputs of all its layers.
    operators : dict of str to list of str
        By operator beside the array: machines that make the outputs of all its nodes.
    machine : Machine or None
        One of each, where there is one for everything.
    """

    layers: dict[str, list[Fitting]] = field(default_factory=dict)
    kinds: dict[str, list[Fitting]] = field(default_factory=dict)
    operators: dict[str, list[str]] = field(default_factory=dict)
    machine: Machine | None = None


def search(
    graph: Graph, trials: Sequence[Trial], dumped: Arrays, progress: Progress | None = None
) -> Search:
    """Policies for the layers whose output was dumped, on the first samples of the dump.

    Parameters
    ----------
    graph : Graph
    trials : sequence of Trial
        The best first; its machine's datapath makes the sums.
    dumped : mapping of str to ndarray
    progress : callable, optional

    Notes
    -----
    What is found here holds on at most 16 samples; try the composed machine on all of them.
    """
    found, base = Search(), trials[0].machine
    batch = {name: values[:BATCH] for name, values in dumped.items()}
    values: dict[str, NDArray[Any]] = {}
    for node, codes in outputs(graph, base, batch, {}, {}):
        values[node.output] = batch.get(node.output, codes)
    values |= batch
    layers = [node for node in graph.mac_nodes if node.output in batch]
    for i, node in enumerate(layers):
        if progress is not None:
            progress(i, len(layers), node.name)
        _one_layer(graph, node, base, values, found)
    for node in graph.nodes:
        if node.layer is None and node.output in batch:
            able = [t.machine.name for t in trials if _met(t, node)]
            earlier = found.operators.get(node.op, able)
            found.operators[node.op] = [name for name in earlier if name in able]
    found.machine = composed(base, found, trials)
    return found


def kind_of(graph: Graph, node: Node) -> str:
    """The key of ``requantize`` that is for this layer and its width alone."""
    form = graph.tensors[node.inputs[0]].format
    assert form is not None
    return f"{node.op}_{form.bits}"


def _one_layer(graph: Graph, node: Node, base: Machine, values: Arrays, found: Search) -> None:
    """Narrow the policies of the layer's kind; all are tried again where none is left."""
    kind = kind_of(graph, node)
    sources = [source_of(graph, values, name) for name in node.inputs]
    left = [one.spec for one in found.kinds.get(kind, [])]
    first = kind not in found.kinds
    specs = policies(graph, node) if first else left
    fits = fitting(graph, node, base, sources, values[node.output], specs)
    found.kinds[kind] = fits
    if not fits and not first:
        fits = fitting(graph, node, base, sources, values[node.output], policies(graph, node))
    found.layers[node.name] = fits


def _met(trial: Trial, node: Node) -> bool:
    one = trial.tensors.get(node.output)
    return one is not None and not one.different


def composed(base: Machine, found: Search, trials: Sequence[Trial]) -> Machine | None:
    """A machine of the first policy of each kind and the first machine's word of each operator."""
    if not found.kinds or not all(found.kinds.values()) or not all(found.operators.values()):
        return None
    requantize = dict(base.requantize) | {key: fits[0].spec for key, fits in found.kinds.items()}
    operators = dict(base.operators)
    by_name = {trial.machine.name: trial.machine for trial in trials}
    for op, names in found.operators.items():
        if base.name not in names:
            key = op.removesuffix("_2d")
            theirs = by_name[names[0]].operators
            operators |= {k: spec for k, spec in theirs.items() if k in (op, key)}
    words = {"name": NAME, "requantize": requantize, "operators": operators, "overrides": []}
    return base.model_copy(update=words)


def equal_values(trial: Trial) -> int:
    """Values that are equal."""
    return trial.elements - trial.different


def any_dumped(graph: Graph, dumped: Arrays) -> bool:
    """Whether a layer of the array was dumped with its input: then policies can be searched."""
    given = set(dumped) | set(graph.constants)
    return any(
        node.output in given and all(name in given for name in node.inputs)
        for node in graph.mac_nodes
    ) and bool(np.size(dumped[graph.inputs[0]]))
