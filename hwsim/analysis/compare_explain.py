"""Why two machines part: one output of the first layer that differs, both ways step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.compare import Difference
from hwsim.analysis.compare_node import layer_runs
from hwsim.analysis.compare_runs import Parting
from hwsim.analysis.compare_steps import Step, steps
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.network.beside import is_beside
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import layer_facts, layer_output, prepare_without_input
from hwsim.network.ops.policy import policy_of


@dataclass(frozen=True)
class Side:
    """One machine's way to the code.

    Attributes
    ----------
    machine : str
    policy : str
        The words that apply, as in its YAML.
    steps : tuple of Step
        Of an operator beside the array only what goes in and out.
    code : int or float
    product : float or None
        The accumulator times the real scale, not rounded.
    """

    machine: str
    policy: str
    steps: tuple[Step, ...]
    code: int | float
    product: float | None = None


@dataclass(frozen=True)
class Explanation:
    """One output: where it is, how each machine computed it, and what that comes to."""

    node: str
    op: str
    place: Difference
    sides: tuple[Side, ...]
    verdict: str


def explain(
    graph: Graph, machines: Sequence[Machine], where: Parting, place: Difference
) -> Explanation:
    """The output at ``place`` of the node where two machines part.

    Parameters
    ----------
    graph : Graph
    machines : sequence of Machine
        Ours and the other.
    where : Parting
    place : Difference
        Its first difference.
    """
    node = where.node
    sources = [
        graph.constants[name][None] if name in graph.constants else where.tensors[name]
        for name in node.inputs
    ]
    row = place.sample - where.first_sample
    one = [source if len(source) == 1 else source[row : row + 1] for source in sources]
    codes = (place.ours, place.theirs)
    if is_beside(node):
        given = _given(node, one, place)
        sides = [
            _beside(graph, node, m, given, code) for m, code in zip(machines, codes, strict=True)
        ]
    else:
        sides = [
            _on_array(graph, node, m, one, place.index, code)
            for m, code in zip(machines, codes, strict=True)
        ]
    return Explanation(node.name, node.op, place, tuple(sides), _verdict(sides))


def _given(node: Node, sources: list[NDArray[Any]], place: Difference) -> list[Step]:
    """The inputs at the output's own place, of an operator that works value by value."""
    return [
        Step(f"input {name}", source[(0, *place.index)].item())
        for name, source in zip(node.inputs, sources, strict=True)
        if source.ndim == 1 + len(place.index)
        and all(i < extent for i, extent in zip(place.index, source.shape[1:], strict=True))
    ]


def _beside(
    graph: Graph, node: Node, machine: Machine, given: list[Step], code: int | float
) -> Side:
    form = graph.tensors[node.inputs[0]].format
    bits = 32 if form is None else form.bits
    name = node.op.removesuffix("_2d")
    policy = policy_of(machine, name, bits, node.name)
    return Side(machine.name, _words(policy), (*given, Step("code", code)), code)


def _on_array(
    graph: Graph,
    node: Node,
    machine: Machine,
    sources: list[NDArray[Any]],
    index: tuple[int, ...],
    code: int | float,
) -> Side:
    """The accumulator and the requantizer's steps of one output."""
    own = for_layer(machine, layer_facts(graph, node))
    sums = np.concatenate([run.accumulator for run in layer_runs(graph, node, machine, sources)])
    _, groups, m, n = sums.shape
    numbers = np.arange(sums.size).reshape(1, groups, m, n)
    flat = int(layer_output(graph, node, [numbers])[0][index])
    group, _, column = (int(i) for i in np.unravel_index(flat, (groups, m, n)))
    requantizer = prepare_without_input(graph, node, machine).requantizer
    channel, sum_ = group * n + column, int(sums.flat[flat])
    found = steps(requantizer, sum_, channel)
    product = sum_ * float(requantizer.real_scale[channel])
    source = graph.tensors[node.inputs[0]].format
    assert source is not None
    words = _words(own.policy(node.op, source.bits))
    return Side(machine.name, words, tuple(found), code, product)


def _words(policy: Any) -> str:
    words = policy.model_dump(mode="json", exclude_none=True)
    return ", ".join(f"{key} {value}" for key, value in words.items())


def _verdict(sides: Sequence[Side]) -> str:
    """What the two ways come to, in a sentence."""
    if sides[0].product is None:
        return "an operator beside the array: its policies differ"
    first, second = (side.steps[0].value for side in sides)
    if first != second:
        return f"the accumulators differ, {first} and {second}: registers, not requantizers"
    exact = f"the unrounded product is {sides[0].product:.10g}"
    ties = {side.machine: step.note for side in sides for step in side.steps if step.note}
    if len(ties) == len(sides):
        return f"{exact}, {next(iter(ties.values()))}"
    if ties:
        machine, note = next(iter(ties.items()))
        return f"{exact}; an earlier rounding makes it a tie in {machine} alone: {note[7:]}"
    return f"{exact}: the precision of the factors decides, or the number of roundings"


def batch_of(where: Parting, samples: int) -> Parting:
    """The first ``samples`` rows of a parting: enough to look for a cause.

    A cause that meets these is tried on few values, so not too few are kept.
    """
    tensors = {name: values[:samples] for name, values in where.tensors.items()}
    return replace(where, tensors=tensors, theirs=where.theirs[:samples])
