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
from typing import Any

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
from hwsim.network.values_work import PARTS, Worker, worth

Step = Callable[[list[NDArray[Any]], Worker], NDArray[Any]]
AT_ONCE = 32  # samples, so that memory stays flat


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
        self._steps: list[tuple[Node, Step]] = []
        self._macs = 0  # of one image, on quick layers
        for node in graph.nodes:
            way, step, macs = _step_of(graph, node, machine)
            self.ways.append((node.name, way))
            self._steps.append((node, step))
            self._macs += macs
        self._quick = all(way != "stepwise" for _, way in self.ways)
        self._last_use = {name: node for node in graph.nodes for name in node.inputs}

    def __call__(self, inputs: Ints | dict[str, Ints], *, widen: bool = True) -> Any:
        """Codes of the sole output, ndarray of shape (S, *shape), or of each by name.

        ``inputs``: codes of the sole input, of shape (S, *shape), or of each by name, in integers
        of any width. ``widen``: codes leave as int64; else those of 8 bits as they are, int8 or
        uint8, which saves the time that memory takes.
        """
        given = inputs if isinstance(inputs, dict) else {self.graph.inputs[0]: inputs}
        samples = len(next(iter(given.values())))
        hands = self._hands(samples)
        parts_of_all = 1 if hands == 1 else hands * PARTS
        batch = min(AT_ONCE, -(-max(samples, 1) // parts_of_all))
        starts = range(0, max(samples, 1), batch)
        helpers = self.threads - 1 if samples < self.threads else 0
        found: dict[str, NDArray[Any]] = {}

        def work(start: int, number: int) -> None:
            some = {name: codes[start : start + batch] for name, codes in given.items()}
            for name, codes in self._run(some, Worker(number, helpers)).items():
                self._keep(found, name, codes, (start, samples), widen)

        side_by_side([partial(work, start) for start in starts], hands)
        return found if len(found) > 1 else found[self.graph.outputs[0]]

    def _keep(
        self,
        found: dict[str, NDArray[Any]],
        name: str,
        codes: NDArray[Any],
        place: tuple[int, int],
        widen: bool,
    ) -> None:
        """One batch of an output among those of all samples; ``place``: its first, and their
        number. Whoever comes first makes the array (at once: `dict.setdefault`)."""
        start, samples = place
        wide = widen and self.graph.tensors[name].format is not None
        kind = np.dtype(np.int64) if wide else codes.dtype
        if len(codes) == samples:
            found[name] = codes.astype(kind, copy=False)
            return
        of_all = found.setdefault(name, np.empty((samples, *codes.shape[1:]), kind))
        of_all[start : start + len(codes)] = codes

    def _hands(self, samples: int) -> int:
        """Threads that take images: a step of whole ledgers is no kernel alone, and would keep the
        others from Python too long."""
        enough = samples >= self.threads and worth(samples * self._macs)
        return self.threads if self._quick and enough else 1

    def _run(self, codes: dict[str, NDArray[Any]], worker: Worker) -> dict[str, NDArray[Any]]:
        """One batch."""
        tensors, kept = self.graph.tensors, dict(codes)
        for name in codes:
            kept[name] = narrowed(codes[name], tensors[name])
        for node, step in self._steps:
            inputs = [codes_of(self.graph, kept, name) for name in node.inputs]
            kept[node.output] = step(inputs, worker)
            for name in node.inputs:
                if self._last_use[name] is node and name not in self.graph.outputs:
                    kept.pop(name, None)
        return {name: kept[name] for name in self.graph.outputs}


def _step_of(graph: Graph, node: Node, machine: Machine) -> tuple[str, Step, int]:
    """The quickest way of one node, its name, and its MACs of one image on a quick layer."""
    tensors = graph.tensors
    output = tensors[node.output]
    if is_beside(node):
        table = table_of(graph, node, machine)
        if table is not None:
            return "table", lambda inputs, _: table(inputs), 0
        return (
            "operator",
            lambda inputs, _: narrowed(
                run_beside(graph, node, all_widened(graph, node, inputs), machine), output
            ),
            0,
        )
    prepared = prepare_without_input(graph, node, machine)
    assert node.layer is not None
    found = quick_layer(node.layer, prepared, tensors[node.inputs[0]], output)
    if found is not None:
        way, layer = found
        return way, partial(_of_first, layer), layer.macs
    own = for_layer(machine, layer_facts(graph, node))

    def stepwise(inputs: list[NDArray[Any]], _: Worker) -> NDArray[Any]:
        gemms = layer_gemms(graph, node, all_widened(graph, node, inputs), own)
        side = output_side(graph, node)
        codes = [run_layer(gemm, side, own, node.name).codes for _, gemm in gemms]
        return narrowed(layer_output(graph, node, codes), output)

    return "stepwise", stepwise, 0


def _of_first(layer: QuickLayer, inputs: list[NDArray[Any]], worker: Worker) -> NDArray[Any]:
    """A layer on its sole input."""
    return layer(inputs[0], worker)


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
