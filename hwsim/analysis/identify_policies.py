"""Requantizer policies to search, and which of them make a layer's output on its true inputs.

The grid is every word of `RequantizeSpec` that its types allow and its scheme takes. Left out are
policies with free numbers: tables, an LFSR, a narrowing stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Literal, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.compare_node import accumulators
from hwsim.array.gemm import Ints
from hwsim.array.overrides import for_layer
from hwsim.array.policy_checks import TABLE_SCHEMES, check_policy
from hwsim.array.specification import (
    ActivationBounds,
    Machine,
    RequantizeSpec,
    TailSpec,
)
from hwsim.errors import HwsimError
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import layer_facts, layer_output, prepare_without_input

NUMBERS: dict[str, tuple[int, ...]] = {
    "multiplier_bits": (31, 24, 16, 15, 8),
    "fraction_bits": (8,),
}
OUTSIDE = frozenset({"table_bits", "lfsr", "narrow", "tail", "activation_bounds"})
TAIL_LANES = (8, 16)
QUICK = 2  # samples that a policy must meet before it is tried on all


@dataclass(frozen=True)
class Fitting:
    """A policy, and its words that are written out."""

    spec: RequantizeSpec

    @property
    def words(self) -> dict[str, Any]:
        """As in a machine's YAML."""
        return self.spec.model_dump(mode="json", exclude_none=True)

    def __str__(self) -> str:
        return ", ".join(f"{key}: {value}" for key, value in self.words.items())


def literals(annotation: Any) -> list[Any]:
    """The words of a type, whatever optional or annotated type holds them.

    >>> literals(RequantizeSpec.model_fields["quantize"].annotation)
    ['division', 'reciprocal', 'reciprocal_float64']
    """
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for part in get_args(annotation) for word in literals(part)]


def choices(field: str) -> list[Any]:
    """What one word of a policy can be in the search; ``scale`` left out is float64."""
    info = RequantizeSpec.model_fields[field]
    words = list(NUMBERS[field]) if field in NUMBERS else literals(info.annotation)
    if field == "scheme":
        return [name for name in words if name not in TABLE_SCHEMES]
    words = [word for word in words if word not in ("stochastic", "float64")]
    return words if info.is_required() else [None, *words]


@cache
def grid() -> tuple[RequantizeSpec, ...]:
    """Every policy of the search, in the order of the schemes.

    Words that a scheme refuses whatever the others are, are left out before words are combined.

    >>> len(grid()) > 100, all(not check_policy(spec) for spec in grid())
    (True, True)
    """
    fields = [name for name in RequantizeSpec.model_fields if name not in {"scheme", *OUTSIDE}]
    found = []
    for scheme in choices("scheme"):
        taken = [[word for word in choices(f) if not _refused(scheme, f, word)] for f in fields]
        for words in product(*taken):
            named = dict(zip(fields, words, strict=True))
            spec = RequantizeSpec(scheme=scheme, **named)
            if not check_policy(spec):
                found.append(spec)
    return tuple(found)


def _refused(scheme: str, field: str, word: Any) -> bool:
    """Whether this word alone contradicts the scheme."""
    words = {"rounding": "half_even", field: word}
    spec = RequantizeSpec(scheme=scheme, **words)  # type: ignore[arg-type]
    return any(failure[0] == field for failure in check_policy(spec))


def with_tails(specs: Iterable[RequantizeSpec]) -> Iterator[RequantizeSpec]:
    """Each policy, and after all of them each with a tail that rounds otherwise."""
    specs = list(specs)
    yield from specs
    roundings = sorted({spec.rounding for spec in specs})
    for spec, lanes, rounding in product(specs, TAIL_LANES, roundings):
        tail = TailSpec(lanes=lanes, rounding=rounding)
        changed = spec.model_copy(update={"tail": tail})
        alone = spec.model_copy(update={"rounding": rounding})
        if rounding != spec.rounding and not check_policy(changed) and not check_policy(alone):
            yield changed


def policies(graph: Graph, node: Node) -> list[RequantizeSpec]:
    """The grid for one layer: tails where its channels leave one, both forms of real bounds."""
    layer = node.layer
    assert layer is not None
    specs = list(grid())
    channels = graph.tensors[node.output].shape[-1]
    if any(channels % lanes for lanes in TAIL_LANES):
        specs += [s for s in with_tails(s for s in specs if "double" in s.scheme) if s.tail]
    if layer.activation in ("relu6", "relu_n1_1"):
        specs = [
            spec.model_copy(update={"activation_bounds": bounds})
            for bounds in get_args(ActivationBounds)
            for spec in specs
        ]
    return specs


def with_policy(machine: Machine, spec: RequantizeSpec) -> Machine:
    """The machine with one policy for all its layers."""
    return machine.model_copy(update={"requantize": {"default": spec}, "overrides": []})


def fitting(
    graph: Graph,
    node: Node,
    machine: Machine,
    sources: Sequence[NDArray[Any]],
    theirs: NDArray[Any],
    specs: Iterable[RequantizeSpec],
) -> list[Fitting]:
    """The policies under which a layer's output is ``theirs``, value by value.

    Parameters
    ----------
    machine : Machine
        Its datapath makes the sums; its requantizer is what is searched.
    sources : sequence of ndarray of shape (S, *shape)
        The layer's true inputs.
    theirs : ndarray of shape (S, *shape)
    specs : iterable of RequantizeSpec
    """
    sums: dict[tuple[bool, int], Ints] = {}  # a bias may be in them, or in the requantizer
    found = []
    own = for_layer(machine, layer_facts(graph, node))
    for spec in specs:
        other = with_policy(own, spec)
        try:
            prepared = prepare_without_input(graph, node, other)
            for samples in sorted({min(QUICK, len(theirs)), len(theirs)}):
                key = prepared.bias.stored is None, samples
                if key not in sums:
                    part = [source[:samples] for source in sources]
                    sums[key] = accumulators(graph, node, other, part)
                codes = layer_output(graph, node, [prepared.requantizer.apply(sums[key]).codes])
                if not np.array_equal(codes, theirs[:samples]):
                    break
            else:
                found.append(Fitting(spec))
        except HwsimError:  # this layer cannot be requantized in this way
            continue
    return found
