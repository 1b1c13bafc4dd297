"""Why one layer's output differs: theories of a fault, each re-run on the layer's true inputs.

A theory is the same layer with one thing wrong. One that meets **every** value is named; where
none does, the pattern of the differences (``compare_causes.py``) is, with the requantizer policies
that would fit where codes are off by one LSB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.compare_causes import Cause, likely_cause
from hwsim.analysis.compare_node import accumulators, layer_runs, run_node
from hwsim.analysis.identify_policies import fitting, policies
from hwsim.arith.formats import signed_bits
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.errors import HwsimError
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import layer_facts

Theory = tuple[str, str, Graph, Node, Machine]
NARROWER = 12  # widths below the widest partial sum that are tried
SHOWN = 4


def layer_cause(
    graph: Graph,
    node: Node,
    machine: Machine,
    sources: Sequence[NDArray[Any]],
    theirs: NDArray[Any],
) -> Cause:
    """The likely cause of a difference in one node's output, on its true inputs.

    Parameters
    ----------
    graph, node, machine
        What hwsim computed.
    sources : sequence of ndarray of shape (S, *shape)
        The node's inputs.
    theirs : ndarray of shape (S, *shape)
        The other output; not equal to hwsim's.
    """
    form = graph.tensors[node.output].format
    if form is None:
        return Cause("real", "real values: compare the forms of dequantization")
    ours = run_node(graph, node, machine, sources)
    if np.array_equal(ours, theirs):
        return Cause("inputs", "this layer alone is right: its inputs differ")
    pattern = likely_cause(ours, theirs, form)
    if node.layer is None or node.layer.weight is None:
        return pattern
    for kind, text, other_graph, other_node, other_machine in theories(
        graph, node, machine, sources
    ):
        try:
            codes = run_node(other_graph, other_node, other_machine, sources)
        except HwsimError:  # this machine cannot be wrong in this way
            continue
        if np.array_equal(codes, theirs):
            return Cause(kind, text)
    if pattern.kind == "rounding":
        return rounding_cause(graph, node, machine, sources, theirs, pattern)
    return pattern


def rounding_cause(
    graph: Graph,
    node: Node,
    machine: Machine,
    sources: Sequence[NDArray[Any]],
    theirs: NDArray[Any],
    pattern: Cause,
) -> Cause:
    """Off by one LSB: which requantizer policies would meet all values."""
    found = fitting(graph, node, machine, sources, theirs, policies(graph, node))
    if not found:
        return replace(pattern, text=f"{pattern.text}; no known requantizer meets all values")
    shown = " or ".join(
        ", ".join(f"{key} {value}" for key, value in policy.words.items())
        for policy in found[:SHOWN]
    )
    more = f" (or {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
    text = f"{pattern.text}; all values are met by requantize {shown}{more}"
    return replace(pattern, text=text)


def theories(
    graph: Graph, node: Node, machine: Machine, sources: Sequence[NDArray[Any]]
) -> Iterator[Theory]:
    """The layer with one thing wrong, the commonest faults first."""
    assert node.layer is not None
    for kind, text, layer in [*_activations(node.layer), *_biases(node.layer)]:
        yield kind, text, graph, replace(node, layer=layer), machine
    source, output = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    for name, tensor in (("input", source), ("output", output)):
        if tensor.zero_point:
            wrong = {**graph.tensors, tensor.name: replace(tensor, zero_point=0)}
            text = f"zero point: the {name}'s, {tensor.zero_point}, is left out"
            yield "zero point", text, replace(graph, tensors=wrong), node, machine
    yield from _narrower(graph, node, machine, sources)


def _activations(layer: MacLayer) -> Iterator[tuple[str, str, MacLayer]]:
    if layer.activation != "none" or layer.clamp != (None, None):
        what = layer.activation if layer.activation != "none" else f"clamp {layer.clamp}"
        bare = replace(layer, activation="none", clamp=(None, None))
        yield "clamp", f"clamp: the activation ({what}) is left out", bare


def _biases(layer: MacLayer) -> Iterator[tuple[str, str, MacLayer]]:
    if layer.weight_zero_point.any():
        bare = replace(layer, weight_zero_point=np.zeros_like(layer.weight_zero_point))
        yield "zero point", "zero point: the weight's is left out", bare
    bias = layer.bias
    if bias is None or not bias.any():
        return
    yield "bias", "bias: it is dropped", replace(layer, bias=np.zeros_like(bias))
    yield "bias", "bias: it is subtracted", replace(layer, bias=-bias)
    for shift in range(1, 17):
        right = replace(layer, bias=bias >> shift)
        yield "bias", f"bias: it is shifted right by {shift}", right
        if np.abs(bias).max() < 1 << (31 - min(shift, 30)):
            yield "bias", f"bias: it is shifted left by {shift}", replace(layer, bias=bias << shift)


def _narrower(
    graph: Graph, node: Node, machine: Machine, sources: Sequence[NDArray[Any]]
) -> Iterator[Theory]:
    """Accumulators too narrow for these sums, that wrap or saturate."""
    own = for_layer(machine, layer_facts(graph, node))
    runs = layer_runs(graph, node, machine, sources)
    widest = max(run.ledger.accumulator.observed_partial_bits for run in runs)
    final = accumulators(graph, node, machine, sources)
    least = signed_bits(int(final.min(initial=0)), int(final.max(initial=0)))
    for bits in range(widest - 1, max(widest - NARROWER, 2), -1):
        for overflow, word in (("wrap", "wraps"), ("saturate", "saturates")):
            spec = own.accumulator.model_copy(update={"bits": bits, "overflow": overflow})
            other = own.model_copy(update={"accumulator": spec, "overrides": []})
            kind = "wrap" if overflow == "wrap" else "saturation"
            need = f"the sums need {max(least, bits + 1)}"
            text = f"{kind}: an accumulator of {bits} bits that {word} ({need})"
            yield kind, text, graph, node, other
