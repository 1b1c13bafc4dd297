"""Values alone: a network on a machine, codes in and codes out, without a ledger.

Every node takes the quickest of three ways to the same bits:

- a layer that cannot overflow, by its weights, on bytes (`values_layer`);
- an operator of byte codes that goes element by element, by a table of all its results;
- whatever else, as `network.run` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
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
from hwsim.network.values_layer import on_bytes
from hwsim.network.values_tables import table_of

Step = Callable[[list[NDArray[Any]]], NDArray[Any]]
AT_ONCE = 64  # samples, so that memory stays flat


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
        self.graph = graph
        self.ways: list[tuple[str, str]] = []
        self._steps: list[tuple[Node, Step]] = []
        for node in graph.nodes:
            way, step = _step_of(graph, node, machine)
            self.ways.append((node.name, way))
            self._steps.append((node, step))
        self._last_use = {name: node for node in graph.nodes for name in node.inputs}

    def __call__(self, inputs: Ints | dict[str, Ints]) -> Any:
        """Codes of the sole output, int64 ndarray of shape (S, *shape), or of each by name.

        ``inputs``: codes of the sole input, of shape (S, *shape), or of each by name.
        """
        given = inputs if isinstance(inputs, dict) else {self.graph.inputs[0]: inputs}
        samples = len(next(iter(given.values())))
        parts = [
            self._run({name: codes[start : start + AT_ONCE] for name, codes in given.items()})
            for start in range(0, max(samples, 1), AT_ONCE)
        ]
        found = {
            name: np.concatenate([part[name] for part in parts]) for name in self.graph.outputs
        }
        return found if len(found) > 1 else found[self.graph.outputs[0]]

    def _run(self, codes: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """One batch."""
        tensors, kept = self.graph.tensors, dict(codes)
        for name in codes:
            kept[name] = narrowed(codes[name], tensors[name])
        for node, step in self._steps:
            kept[node.output] = step([codes_of(self.graph, kept, name) for name in node.inputs])
            for name in node.inputs:
                if self._last_use[name] is node and name not in self.graph.outputs:
                    kept.pop(name, None)
        return {name: widened(kept[name], tensors[name]) for name in self.graph.outputs}


def _step_of(graph: Graph, node: Node, machine: Machine) -> tuple[str, Step]:
    """The quickest way of one node, and its name."""
    tensors = graph.tensors
    output = tensors[node.output]
    if is_beside(node):
        step = table_of(graph, node, machine)
        if step is not None:
            return "table", step
        return "operator", lambda inputs: narrowed(
            run_beside(graph, node, all_widened(graph, node, inputs), machine), output
        )
    prepared = prepare_without_input(graph, node, machine)
    assert node.layer is not None
    quick = on_bytes(node.layer, prepared, tensors[node.inputs[0]], output)
    if quick is not None:
        return "bytes", lambda inputs: quick(inputs[0])
    own = for_layer(machine, layer_facts(graph, node))

    def stepwise(inputs: list[NDArray[Any]]) -> NDArray[Any]:
        gemms = layer_gemms(graph, node, all_widened(graph, node, inputs), own)
        side = output_side(graph, node)
        codes = [run_layer(gemm, side, own, node.name).codes for _, gemm in gemms]
        return narrowed(layer_output(graph, node, codes), output)

    return "stepwise", stepwise


def narrowed(codes: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Codes of 8 bits as bytes; all others as they are."""
    if tensor.format is None or tensor.format.bits > 8:
        return codes
    return codes.astype(np.int8 if tensor.format.signed else np.uint8)


def widened(codes: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Codes as int64; real values as they are."""
    return codes if tensor.format is None else codes.astype(np.int64)


def all_widened(graph: Graph, node: Node, inputs: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """All inputs of a node."""
    pairs = zip(inputs, node.inputs, strict=True)
    return [widened(codes, graph.tensors[name]) for codes, name in pairs]
