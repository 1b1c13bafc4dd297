"""What tells two machines apart that are equal on the data: a sum, or an input of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.compare import Comparison
from hwsim.analysis.compare_runs import compare_runs, machine_source, uniform_inputs
from hwsim.analysis.identify import words_for
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.errors import HwsimError
from hwsim.mapping.prepare import PreparedLayer, final_range
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import prepare_without_input

VALUES = 1 << 13  # accumulators tried, each on every channel
INPUTS = 64  # random inputs tried


@dataclass(frozen=True)
class TellingSum:
    """An accumulator of one layer and channel that two requantizers turn into two codes."""

    node: str
    channel: int
    accumulator: int
    codes: tuple[int, int]


@dataclass(frozen=True, eq=False)
class TellingInput:
    """One sample of the network's inputs on which two machines differ, and where first."""

    inputs: dict[str, NDArray[Any]]  # each of shape (1, *shape)
    first: Comparison


def telling_sum(graph: Graph, a: Machine, b: Machine, seed: int = 0) -> TellingSum | None:
    """The first layer with an accumulator on which both requantizers differ.

    All values that the layer's sums can take are tried where they are few; else both ends, what is
    near zero, and random ones.

    Parameters
    ----------
    graph : Graph
    a, b : Machine
    seed : int
        Of the random values.
    """
    rng = np.random.default_rng(seed)
    for node in graph.mac_nodes:
        if words_for(graph, node, a) == words_for(graph, node, b):
            continue
        try:
            pair = [prepare_without_input(graph, node, machine) for machine in (a, b)]
        except HwsimError:
            continue
        found = _telling(node, pair, rng)
        if found is not None:
            return found
    return None


def _telling(node: Node, pair: list[PreparedLayer], rng: np.random.Generator) -> TellingSum | None:
    groups, columns = pair[0].gemm.shape[1], pair[0].gemm.shape[4]
    ranges = [final_range(p.bounds, p.datapath, p.bias) for p in pair]
    lo, hi = max(r[0] for r in ranges), min(r[1] for r in ranges)
    sums = _sums(lo, hi, rng)
    spread = np.broadcast_to(sums[None, None, :, None], (1, groups, len(sums), columns))
    codes = [p.requantizer.apply(_with_bias(p, spread)).codes for p in pair]
    unequal = np.argwhere(codes[0] != codes[1])
    if not len(unequal):
        return None
    nearest = unequal[np.abs(sums[unequal[:, 2]]).argmin()]
    place = tuple(int(i) for i in nearest)
    _, group, _, column = place
    both = (int(codes[0][place]), int(codes[1][place]))
    presented = int(_with_bias(pair[0], spread)[place])
    return TellingSum(node.name, group * columns + column, presented, both)


def _sums(lo: int, hi: int, rng: np.random.Generator) -> Ints:
    """Sums without bias, ascending, within the range."""
    if hi - lo < VALUES:
        return np.arange(lo, hi + 1)
    near = np.arange(-(VALUES // 4), VALUES // 4)
    ends = np.concatenate([lo + np.arange(64), hi - np.arange(64)])
    spread = rng.integers(lo, hi, VALUES, np.int64, endpoint=True)
    values = np.unique(np.concatenate([near, ends, spread]))
    return values[(values >= lo) & (values <= hi)]


def _with_bias(layer: PreparedLayer, sums: Ints) -> Ints:
    """What the requantizer is given: a bias that it adds itself is not in the register."""
    if layer.bias.stored is None:
        return np.ascontiguousarray(sums)
    return np.ascontiguousarray(sums + layer.bias.stored[None, :, None, :])


def telling_input(
    graph: Graph, a: Machine, b: Machine, seed: int = 0, samples: int = INPUTS
) -> TellingInput | None:
    """A random input on which two machines give different tensors, or None.

    Uniform codes, as ``hwsim verify --against --seed SEED --limit SAMPLES`` draws them.
    """
    inputs = uniform_inputs(graph, samples, seed)
    found = compare_runs(graph, a, inputs, machine_source(graph, b, inputs))
    differing = [one for one in found if one.first is not None]
    if not differing:
        return None
    first = differing[0]
    assert first.first is not None
    sample = first.first.sample
    alone = {name: values[sample : sample + 1] for name, values in inputs.items()}
    return TellingInput(alone, first)
