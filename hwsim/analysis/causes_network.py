"""A network with some causes of error taken away from some layers.

Every layer's output is the counterfactual of ``causes_layer.py`` on the inputs that it gets *in
this run*; what it hands on is a real number where rounding was taken away, and beyond the format
where clipping was. Operators beside the array compute on codes as the machine does, and as the
float twin where an input is no code.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.causes_layer import Inputs, LayerOutputs
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.network import float_twin
from hwsim.network.beside import run_beside
from hwsim.network.graph import Graph, Node, Tensor, quantize_input
from hwsim.network.layers import layer_facts

Reals = NDArray[np.float64]


def run_without(
    graph: Graph,
    machine: Machine,
    reference: Mapping[str, Reals],
    removed: Mapping[str, frozenset[str]],
    active: set[str],
) -> dict[str, Reals]:
    """A network with causes taken away from some layers: every tensor in LSB, zero point removed.

    With nothing removed these are the machine's own codes (a test says so).

    Parameters
    ----------
    graph, machine
    reference : mapping of str to float64 ndarray of shape (S, *shape)
        The float twin's tensors.
    removed : mapping of str to frozenset of str
        Node to causes.
    active : set of str
        Causes that were at work somewhere are added to it.
    """
    values: dict[str, Reals] = {}
    for name in graph.inputs:
        values[name] = _steps(graph.tensors[name], reference[name])
    for node in graph.nodes:
        if node.layer is None or node.is_real_layer:
            values[node.output] = _beside(graph, node, machine, values)
            continue
        whole = _layer(graph, node, machine, values, reference)
        active.update(whole.active)
        at_work = set(whole.active) - removed.get(node.name, frozenset())
        values[node.output] = whole(frozenset(at_work))
    return values


def _steps(tensor: Tensor, real: Reals) -> Reals:
    """Real values as codes less their zero point; of a real tensor as they are."""
    if tensor.format is None:
        return real
    return (quantize_input(tensor, real) - tensor.zero_point).astype(np.float64)


def _given(graph: Graph, values: Mapping[str, Reals], name: str) -> Reals:
    """A tensor in LSB, zero point removed: computed, or a constant given to every sample."""
    if name in values:
        return values[name]
    constant = np.asarray(graph.constants[name], np.float64) - graph.tensors[name].zero_point
    samples = len(next(iter(values.values())))
    return np.broadcast_to(constant, (samples, *constant.shape))


def _beside(graph: Graph, node: Node, machine: Machine, values: Mapping[str, Reals]) -> Reals:
    """An operator beside the array."""
    tensors = [graph.tensors[name] for name in node.inputs]
    given = [_given(graph, values, name) for name in node.inputs]
    output = graph.tensors[node.output]
    if all(_are_codes(tensor, x) for tensor, x in zip(tensors, given, strict=True)):
        codes = [
            x if t.format is None else x.astype(np.int64) + t.zero_point
            for t, x in zip(tensors, given, strict=True)
        ]
        done = run_beside(graph, node, codes, machine)
        return np.asarray(done, np.float64) - output.zero_point
    real = [x * tensor.scale for tensor, x in zip(tensors, given, strict=True)]
    return float_twin.run_node(graph, node, real) / output.scale


def _are_codes(tensor: Tensor, steps: Reals) -> bool:
    """Whether a tensor's values are codes of its format."""
    form = tensor.format
    if form is None:
        return True
    codes = steps + tensor.zero_point
    return bool((codes == np.clip(np.rint(codes), form.lo, form.hi)).all())


def _layer(
    graph: Graph,
    node: Node,
    machine: Machine,
    values: Mapping[str, Reals],
    reference: Mapping[str, Reals],
) -> LayerOutputs:
    """A layer of the array on the values of this run."""
    received = [_given(graph, values, name) for name in node.inputs]
    true = [
        received[i] if name in graph.constants else reference[name] / graph.tensors[name].scale
        for i, name in enumerate(node.inputs)
    ]
    own = for_layer(machine, layer_facts(graph, node))
    return LayerOutputs(graph, node, own, Inputs(true, received, list(received)))
