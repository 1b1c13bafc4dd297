"""Which arithmetic made these tensors? Every machine tried, layer by layer, on true inputs.

The input of each node is the dumped tensor where there is one, so that every layer is judged alone;
where there is none it is computed by the machine on trial. Machines that have the same words for a
node share its run. A dump of final outputs only is thereby a run of the whole network.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.compare import Comparison, compare
from hwsim.analysis.compare_node import run_node
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.errors import HwsimError
from hwsim.network.beside import is_beside
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import layer_facts
from hwsim.network.run import Progress

Arrays = Mapping[str, NDArray[Any]]
BATCH = 16  # samples held at once
_NOT_OF_A_LAYER = {"name", "clock_mhz", "latency", "overrides", "requantize", "operators"}


@dataclass
class Trial:
    """One machine on a dump.

    Attributes
    ----------
    machine : Machine
    refused : dict of str to str
        Nodes that do not go with the machine, and why; nor were those run that need their output.
    tensors : dict of str to Comparison
        Every dumped tensor that a node computes, each on its node's true inputs.
    """

    machine: Machine
    refused: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, Comparison] = field(default_factory=dict)

    @property
    def elements(self) -> int:
        """Values compared."""
        return sum(one.elements for one in self.tensors.values())

    @property
    def different(self) -> int:
        """Values that are not equal."""
        return sum(one.different for one in self.tensors.values())

    @property
    def fits(self) -> bool:
        """Whether values were compared, and all are equal."""
        return not self.refused and self.elements > 0 and self.different == 0

    @property
    def first(self) -> Comparison | None:
        """The first tensor that differs, in the order of execution."""
        return next((one for one in self.tensors.values() if one.different), None)


def words_for(graph: Graph, node: Node, machine: Machine) -> str:
    """The words of a machine that can change this node's output, as text to compare.

    Raises
    ------
    ConfigError, UnsupportedError
        The machine does not go with the node.
    """
    if is_beside(node):
        entries = {"operators", "output"}
        words = machine.model_dump(mode="json", include=entries, exclude_none=True)
        words["default"] = machine.requantize["default"].model_dump(mode="json", exclude_none=True)
        return json.dumps(words, sort_keys=True)
    own = for_layer(machine, layer_facts(graph, node))
    source = graph.tensors[node.inputs[0]].format
    words = own.model_dump(mode="json", exclude=_NOT_OF_A_LAYER, exclude_none=True)
    policy = own.policy(node.op, 0 if source is None else source.bits)
    words["policy"] = policy.model_dump(mode="json", exclude_none=True)
    return json.dumps(words, sort_keys=True)


def try_machines(
    graph: Graph,
    machines: Iterable[Machine],
    dumped: Arrays,
    progress: Progress | None = None,
) -> list[Trial]:
    """Every machine on a dump, the best first.

    Parameters
    ----------
    graph : Graph
    machines : iterable of Machine
    dumped : mapping of str to ndarray of shape (S, *shape)
        The network's inputs and any of its tensors.
    progress : callable, optional
        Called as ``progress(done, total, name)``.

    Returns
    -------
    list of Trial
        Those that fit first, then by the share of equal values; last those that do not go with
        every node.
    """
    trials = [Trial(machine) for machine in machines]
    samples = len(dumped[graph.inputs[0]])
    starts = range(0, samples, BATCH)
    for number, start in enumerate(starts):
        batch = {name: values[start : start + BATCH] for name, values in dumped.items()}
        known: dict[Any, NDArray[Any]] = {}
        for i, trial in enumerate(trials):
            if progress is not None:
                done = number * len(trials) + i
                progress(done, len(starts) * len(trials), trial.machine.name)
            _try(graph, trial, batch, known, start)
    return sorted(trials, key=_rank)


def _rank(trial: Trial) -> tuple[bool, float, str]:
    share = trial.different / trial.elements if trial.elements else 1.0
    return bool(trial.refused), share, trial.machine.name


def _try(
    graph: Graph,
    trial: Trial,
    batch: Arrays,
    known: dict[Any, NDArray[Any]],
    start: int,
) -> None:
    """One machine on one batch."""
    for node, codes in outputs(graph, trial.machine, batch, known, trial.refused):
        name = node.output
        if name in batch:
            one = compare(name, codes, batch[name], start)
            earlier = trial.tensors.get(name)
            trial.tensors[name] = one if earlier is None else earlier.merge(one)


def outputs(
    graph: Graph,
    machine: Machine,
    batch: Arrays,
    known: dict[Any, NDArray[Any]],
    refused: dict[str, str],
) -> Iterator[tuple[Node, NDArray[Any]]]:
    """Every node that can run, with its output on true inputs.

    ``known`` keeps what machines share; ``refused`` is told which nodes the machine cannot run.
    """
    values: dict[str, NDArray[Any]] = dict(batch)
    origin: dict[str, Any] = {}  # of tensors that are computed: what made them
    for node in graph.nodes:
        if any(name not in values and name not in graph.constants for name in node.inputs):
            continue  # a node before it was refused
        sources = tuple(origin.get(name, name) for name in node.inputs)
        try:
            key = (node.name, words_for(graph, node, machine), sources)
            if key not in known:
                inputs = [source_of(graph, values, name) for name in node.inputs]
                known[key] = run_node(graph, node, machine, inputs)
        except HwsimError as refusal:
            refused[node.name] = str(refusal).splitlines()[0]
            continue
        yield node, known[key]
        if node.output not in batch:
            values[node.output] = known[key]
            origin[node.output] = key


def source_of(graph: Graph, values: Arrays, name: str) -> NDArray[Any]:
    """A node's input: dumped, computed, or a constant for every sample."""
    if name in values:
        return values[name]
    samples = len(next(iter(values.values())))
    constant = graph.constants[name]
    kind = np.float64 if graph.tensors[name].format is None else np.int64
    return np.broadcast_to(constant, (samples, *constant.shape)).astype(kind)


def same_on(graph: Graph, a: Machine, b: Machine) -> bool:
    """Whether two machines have the same words for every node of a network."""
    return all(words_for(graph, node, a) == words_for(graph, node, b) for node in graph.nodes)
