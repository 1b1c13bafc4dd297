"""A network verified: every tensor compared, and the first difference traced to its cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from hwsim.analysis.compare import Comparison
from hwsim.analysis.compare_causes import Cause
from hwsim.analysis.compare_explain import Explanation, batch_of, explain
from hwsim.analysis.compare_layer import layer_cause
from hwsim.analysis.compare_node import sources_of
from hwsim.analysis.compare_runs import Parting, Source, compare_runs, parting
from hwsim.analysis.diagnosis import diagnose_parting
from hwsim.analysis.diagnosis_evidence import Finding
from hwsim.array.specification import Machine
from hwsim.network.graph import Graph
from hwsim.network.run import Progress

CAUSE_SAMPLES = 4  # on which a cause must meet every value
DIAGNOSIS_OUTPUTS = 1 << 16  # enough to weigh mistakes by; CAUSE_SAMPLES images at least
MOST_FINDINGS = 3


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes
    ----------
    tensors : list of Comparison
        In the order of execution.
    nodes : dict of str to tuple of str
        Tensor to the name and operator of the node that computes it.
    missing : tuple of str
        Computed tensors that the other source does not show.
    first : str or None
        The node where both part.
    unseen : tuple of str
        Its inputs that were not compared.
    cause : Cause or None
        Against a runtime or a dump.
    explanation : Explanation or None
        Against a machine.
    findings : tuple of Finding
        Against a runtime or a dump: known mistakes that would make such a difference.
    """

    tensors: list[Comparison]
    nodes: dict[str, tuple[str, str]]
    missing: tuple[str, ...]
    first: str | None = None
    unseen: tuple[str, ...] = ()
    cause: Cause | None = None
    explanation: Explanation | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether something was compared, and all of it is equal."""
        return bool(self.tensors) and not any(one.different for one in self.tensors)


def verify(
    graph: Graph,
    machine: Machine,
    inputs: Mapping[str, NDArray[Any]],
    other: Source,
    other_machine: Machine | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Compare a network on a machine with another source of its tensors.

    Parameters
    ----------
    graph : Graph
    machine : Machine
    inputs : mapping of str to ndarray of shape (S, *shape)
    other : callable
        ``other(start, stop)``: its tensors of these samples.
    other_machine : Machine, optional
        Where the other source is a machine of hwsim, whose steps can be shown.
    progress : callable, optional
    """
    found = compare_runs(graph, machine, inputs, other, progress)
    nodes = {node.output: (node.name, node.op) for node in graph.nodes}
    seen = {one.tensor for one in found}
    missing = tuple(name for name in nodes if name not in seen)
    where = parting(graph, machine, inputs, other, found)
    if where is None:
        return Verification(found, nodes, missing)
    cause, explanation = None, None
    findings: tuple[Finding, ...] = ()
    if other_machine is None:
        cause = cause_of(graph, machine, batch_of(where, CAUSE_SAMPLES))
        findings = findings_of(graph, machine, where)
    else:
        place = next(one.first for one in found if one.tensor == where.node.output)
        assert place is not None
        explanation = explain(graph, (machine, other_machine), where, place)
    first, unseen = where.node.name, where.unseen
    return Verification(found, nodes, missing, first, unseen, cause, explanation, findings)


def cause_of(graph: Graph, machine: Machine, where: Parting) -> Cause:
    """The likely cause at the node where both part."""
    sources = sources_of(graph, where.node, where.tensors)
    return layer_cause(graph, where.node, machine, sources, where.theirs)


def findings_of(graph: Graph, machine: Machine, where: Parting) -> tuple[Finding, ...]:
    """Known mistakes at the node where both part, the likeliest first."""
    outputs = max(where.theirs[0].size, 1)
    batch = batch_of(where, max(CAUSE_SAMPLES, DIAGNOSIS_OUTPUTS // outputs))
    return tuple(diagnose_parting(graph, machine, batch)[:MOST_FINDINGS])
