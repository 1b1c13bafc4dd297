"""What is wrong with a layer's output, in words with their evidence.

The observed codes are set beside what the machine should give on the same inputs. Every known
mistake is made on purpose (``diagnosis_theories.py``) and explains some of the difference::

    score = 1 - sum (observed - theory)**2 / sum (observed - machine)**2

A mistake that explains more than half of it is named, the best first. The device need not be this
machine to the bit: a score of 1 is not asked for. Where no mistake explains the difference, its
shape may tell (``diagnosis_symptoms.py``). Of a right layer, or one that another rounding rule
moves by an LSB here and there, nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.compare_causes import FEWEST
from hwsim.analysis.compare_node import sources_of
from hwsim.analysis.compare_runs import Parting
from hwsim.analysis.diagnosis_bench import Bench
from hwsim.analysis.diagnosis_evidence import Finding, evidence_of, free, input_sums
from hwsim.analysis.diagnosis_symptoms import symptoms
from hwsim.analysis.diagnosis_theories import Outcome, mistakes, rarer
from hwsim.array.specification import Machine
from hwsim.network.graph import Graph, Node

Reals = NDArray[np.float64]
NAMED = 0.5  # of the squared difference that a mistake must explain
CERTAIN = 0.98  # beyond this, rarer mistakes are not tried


def diagnose(
    graph: Graph,
    node: Node,
    machine: Machine,
    sources: Sequence[NDArray[Any]],
    observed: NDArray[Any],
    *,
    real: Reals | None = None,
) -> list[Finding]:
    """Mistakes that would make these output codes, the likeliest first.

    Parameters
    ----------
    graph : Graph
    node : Node
        A layer with weights.
    machine : Machine
        What the device should be.
    sources : sequence of int64 ndarray of shape (S, *shape)
        The layer's true input codes.
    observed : int64 ndarray of shape (S, *shape)
        The device's output codes.
    real : float64 ndarray of shape (S, *shape), optional
        The real values of which the input codes were made; without them, input codes that were
        cut instead of rounded are beyond telling.

    Returns
    -------
    list of Finding
        Empty where nothing is wrong, or where nothing known would be wrong in this way.

    Examples
    --------
    >>> from hwsim.importers import hardware, model
    >>> net, machine = model.load("seed_conv"), hardware.load("edge_os_16x16")
    >>> bench = Bench(net.graph, net.graph.nodes[0], machine, [net.data.X])
    >>> diagnose(bench.graph, bench.node, machine, bench.sources, bench.ours)
    []
    >>> wrong = bench.requantized(np.rint(2 * bench.sums.accumulator * bench.sums.unit))
    >>> print(diagnose(bench.graph, bench.node, machine, bench.sources, wrong)[0].words)
    shift: the requantizer's is too small by one, a gain of 2
    """
    if node.layer is None or node.layer.weight is None or not observed.size:
        return []
    bench = Bench(graph, node, machine, sources, real)
    observed = np.asarray(observed, np.int64)
    if np.count_nonzero(observed != bench.ours) < FEWEST:
        return []
    found = _weighed(bench, observed, mistakes(bench))
    if not found or found[0].score < CERTAIN:
        found = _ranked([*found, *_weighed(bench, observed, rarer(bench))])
    if found:
        return found
    difference = (observed - bench.ours).astype(np.float64)
    zero = graph.tensors[node.output].zero_point
    return symptoms(
        difference,
        free(bench, observed),
        input_sum=input_sums(bench),
        unit=bench.sums.unit,
        reference=(bench.ours - zero).astype(np.float64),
    )


def _weighed(bench: Bench, observed: NDArray[Any], outcomes: Iterator[Outcome]) -> list[Finding]:
    """Findings of the mistakes that explain enough, the best first, one of each sentence's kind."""
    difference = (observed - bench.ours).astype(np.float64)
    whole = float(np.square(difference).sum())
    best: dict[str, tuple[float, str, str]] = {}
    for cause, text, codes in outcomes:
        if np.array_equal(codes, bench.ours):
            continue  # this mistake would change nothing here
        left = float(np.square((observed - codes).astype(np.float64)).sum())
        score = 1.0 - left / whole
        kind = text.split(" (")[0] if cause == "truncation" else cause
        if score > NAMED and score > best.get(kind, (0.0, "", ""))[0]:
            best[kind] = (score, cause, text)
        if left == 0.0:
            break  # nothing later can explain more
    return _ranked(
        [
            Finding(cause, text, evidence_of(cause, bench, observed, score), score)
            for score, cause, text in best.values()
        ]
    )


def _ranked(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: -one.score)


def diagnose_parting(graph: Graph, machine: Machine, where: Parting) -> list[Finding]:
    """The same where two sources of a network's tensors part (``hwsim verify``)."""
    if graph.tensors[where.node.output].format is None:
        return []
    sources = sources_of(graph, where.node, where.tensors)
    return diagnose(graph, where.node, machine, sources, where.theirs)
