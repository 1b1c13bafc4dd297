"""Values alone: a network on a machine, codes in and codes out, without a ledger.

Every node takes the quickest of these ways to the same bits:

- ``bytes``: a layer that cannot overflow, by its weights (`values_exact`);
- ``once``: a layer whose exact sum is stored once, or as if it were (`values_exact`);
- ``saturating``: a layer whose registers saturate at each addition (`values_saturating`), or by the
  codes that came do not (`values_proven`);
- ``table``: an operator of byte codes that goes element by element, by all its results;
- ``stepwise``, ``operator``: whatever else, as `network.run` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.array.threads import side_by_side, threads
from hwsim.mapping.run import run_layer
from hwsim.network.beside import is_beside, run_beside
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.layers import (
    codes_of,
    layer_facts,
    layer_gemms,
    layer_output,
    output_side,
    prepare_without_input,
    refuse_float,
)
from hwsim.network.values_layer import QuickLayer, quick_layer
from hwsim.network.values_tables import table_of
from hwsim.network.values_work import PARTS, Worker, worth_parts

Way = Callable[[list[NDArray[Any]], Worker], NDArray[Any]]
AT_ONCE = 64  # samples, at most, so that memory stays flat
NEAR = 1 << 21  # codes of the largest tensor, so that they are still near when the next layer reads


class Step(NamedTuple):
    """One node of a call: few words of Python, since between kernels these are cold."""

    inputs: tuple[str, ...]
    output: str
    way: Way
    done: tuple[str, ...]  # tensors that no later node reads, and that are no output


class Values:
    """A network on a machine, made ready once and called often.

    Raises
    ------
    ConfigError, UnsupportedError
        A node does not go with the machine.

    Examples
    --------
    >>> from hwsim.importers import hardware, model
    >>> digits = model.load("digits")
    >>> values = Values(digits.graph, hardware.load("edge_ws_16x16"))
    >>> values(digits.data.X[:2]).shape, [way for _, way in values.ways][0]
    ((2, 10), 'bytes')
    """

    def __init__(self, graph: Graph, machine: Machine) -> None:
        refuse_float(graph)
        self.graph, self.threads = graph, threads()
        self.ways: list[tuple[str, str]] = []
        self.layers: dict[str, QuickLayer] = {}
        self._steps: list[Step] = []
        sizes = [prod(tensor.shape) for tensor in graph.tensors.values()]
        self._at_once = max(1, min(AT_ONCE, NEAR // max(sizes)))  # samples
        self._pace = 0.0  # seconds of an image on one thread, once known: the least so far
        last_use = {name: node for node in graph.nodes for name in node.inputs}
        for node in graph.nodes:
            name, way = _way_of(graph, node, machine)
            if isinstance(way, QuickLayer):
                self.layers[node.name] = way
            last = [n for n in dict.fromkeys(node.inputs) if last_use[n] is node]
            done = tuple(n for n in last if n not in graph.outputs)
            self.ways.append((node.name, name))
            self._steps.append(Step(tuple(node.inputs), node.output, way, done))
        self._quick = all(way != "stepwise" for _, way in self.ways)

    def __call__(self, inputs: Ints | dict[str, Ints], *, widen: bool = True) -> Any:
        """Codes of the sole output, ndarray of shape (S, *shape), or of each by name.

        ``inputs``: codes of the sole input, of shape (S, *shape), or of each by name, in integers
        of any width. ``widen``: codes leave as int64; else those of 8 bits as they are, int8 or
        uint8, which saves the time that memory takes.
        """
        given = inputs if isinstance(inputs, dict) else {self.graph.inputs[0]: inputs}
        samples = len(next(iter(given.values())))
        helpers = self.threads - 1 if samples < self.threads else 0
        if samples <= self._at_once and self._hands(samples) == 1:
            found = self._run(given, Worker(0, helpers))
            if widen:
                for name, codes in found.items():
                    found[name] = widened(codes, self.graph.tensors[name])
        else:
            found = self._run_batches(given, samples, widen)
        return found if len(found) > 1 else found[self.graph.outputs[0]]

    def _run_batches(
        self, given: dict[str, Ints], samples: int, widen: bool
    ) -> dict[str, NDArray[Any]]:
        """Some samples at a time: one batch after the other while that is quicker, or not known
        yet, then all that are left on several threads."""
        found: dict[str, NDArray[Any]] = {}

        def work(start: int, stop: int, number: int) -> None:
            some = {name: codes[start:stop] for name, codes in given.items()}
            for name, codes in self._run(some, Worker(number)).items():
                wide = widen and self.graph.tensors[name].format is not None
                room = np.empty((samples, *codes.shape[1:]), np.int64 if wide else codes.dtype)
                of_all = found.setdefault(name, room)  # the first one's, whoever that is
                of_all[start:stop] = codes

        done = 0
        while done < samples and self._hands(samples - done) == 1:
            work(done, min(done + self._at_once, samples), 0)
            done += self._at_once
        batch = min(self._at_once, -(-(samples - done) // (self.threads * PARTS)))
        left = [(start, min(start + batch, samples)) for start in range(done, samples, batch or 1)]
        side_by_side([partial(work, *some) for some in left], self.threads)
        return found

    def _hands(self, samples: int) -> int:
        """Threads that take images: a step of whole ledgers is no kernel alone, and would keep the
        others from Python too long."""
        if not self._quick or samples < self.threads:
            return 1
        parts = max(self.threads * PARTS, -(-samples // self._at_once))
        return self.threads if worth_parts(samples * self._pace, parts * len(self._steps)) else 1

    def _run(self, codes: dict[str, NDArray[Any]], worker: Worker) -> dict[str, NDArray[Any]]:
        """One batch."""
        graph, began = self.graph, perf_counter()
        kept = {name: narrowed(x, graph.tensors[name]) for name, x in codes.items()}
        samples = len(next(iter(kept.values())))
        for name in graph.constants:
            kept[name] = codes_of(graph, codes, name)
        for inputs, output, way, done in self._steps:
            kept[output] = way([kept[name] for name in inputs], worker)
            for name in done:
                del kept[name]
        if samples:
            pace = (perf_counter() - began) / samples
            self._pace = min(pace, self._pace or pace)
        return {name: kept[name] for name in graph.outputs}


def _way_of(graph: Graph, node: Node, machine: Machine) -> tuple[str, Way]:
    """The quickest way of one node, and its name."""
    tensors = graph.tensors
    output = tensors[node.output]
    if is_beside(node):
        table = table_of(graph, node, machine)
        if table is not None:
            return "table", lambda inputs, _: table(inputs)
        return "operator", lambda inputs, _: narrowed(
            run_beside(graph, node, inputs, machine), output
        )
    prepared = prepare_without_input(graph, node, machine)
    assert node.layer is not None
    found = quick_layer(node.layer, prepared, tensors[node.inputs[0]], output)
    if found is not None:
        return found
    own = for_layer(machine, layer_facts(graph, node))

    def stepwise(inputs: list[NDArray[Any]], _: Worker) -> NDArray[Any]:
        gemms = layer_gemms(graph, node, all_widened(graph, node, inputs), own)
        side = output_side(graph, node)
        codes = [run_layer(gemm, side, own, node.name).codes for _, gemm in gemms]
        return narrowed(layer_output(graph, node, codes), output)

    return "stepwise", stepwise


def narrowed(codes: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Codes of 8 bits as bytes; all others as they are."""
    if tensor.format is None or tensor.format.bits > 8:
        return codes
    return codes.astype(np.int8 if tensor.format.signed else np.uint8, copy=False)


def widened(codes: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Codes as int64; real values as they are."""
    return codes if tensor.format is None else codes.astype(np.int64)


def all_widened(graph: Graph, node: Node, inputs: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """All inputs of a node."""
    pairs = zip(inputs, node.inputs, strict=True)
    return [widened(codes, graph.tensors[name]) for codes, name in pairs]
