"""Operators that go element by element, on byte codes, as tables of all their results.

The operator itself makes the table, once: nothing is computed twice in two ways. Where a machine
rounds an element by its place in the tensor (`tail`), no table can say what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.array.specification import Machine
from hwsim.network.beside import run_beside
from hwsim.network.graph import Graph, Node

OF_ONE = frozenset({"clamp", "hard_swish", "logistic", "quantize", "relu", "tanh"})
OF_TWO = frozenset({"add", "mul", "sub"})
BYTE = 256
BYTE_CODES = 8


def table_of(
    graph: Graph, node: Node, machine: Machine
) -> Callable[[list[NDArray[Any]]], NDArray[Any]] | None:
    """The node as a look-up, or None where it is no function of the codes of one element."""
    count = 1 if node.op in OF_ONE else 2 if node.op in OF_TWO else 0
    tensors = [graph.tensors[name] for name in (*node.inputs, node.output)]
    bytes_alone = all(t.format is not None and t.format.bits <= BYTE_CODES for t in tensors)
    alike = len({t.shape for t in tensors}) == 1 and not set(node.inputs) & set(graph.constants)
    if len(node.inputs) != count or not bytes_alone or not alike or rounds_by_place(machine):
        return None
    table = _table(graph, node, machine)
    signed = tensors[-1].format is not None and tensors[-1].format.signed
    table = table.astype(np.int8 if signed else np.uint8)

    def look_up(inputs: list[NDArray[Any]]) -> NDArray[Any]:
        found = np.empty(inputs[0].shape, table.dtype)
        codes = [x.reshape(-1).view(np.uint8) for x in inputs]
        _look_up(codes[0], codes[-1], BYTE * (count - 1), table, found.reshape(-1))
        return found

    return look_up


def rounds_by_place(machine: Machine) -> bool:
    """Whether some element rounds otherwise because of where it stands."""
    operators = (policy.tail for policy in machine.operators.values())
    layers = (policy.tail for policy in machine.requantize.values())
    return any(tail is not None for tail in chain(operators, layers))


def _table(graph: Graph, node: Node, machine: Machine) -> NDArray[Any]:
    """Results of all bytes, or of all pairs of bytes, each as its 8 bits; legal codes alone."""
    tensors = [graph.tensors[name] for name in node.inputs]
    axes = []
    for tensor in tensors:
        form = tensor.format
        assert form is not None
        of_byte = np.arange(BYTE, dtype=np.uint8)
        codes = of_byte.view(np.int8) if form.signed else of_byte
        axes.append(np.clip(codes.astype(np.int64), form.lo, form.hi))
    grid = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    shape = tensors[0].shape
    size = int(np.prod(shape))
    images = -(-grid[0].size // size)
    given = [np.resize(axis, (images, *shape)) for axis in grid]
    return run_beside(graph, node, given, machine).reshape(-1)[: grid[0].size]


@kernel
def _look_up(first, second, row, table, found):  # type: ignore[no-untyped-def]
    """``found = table[first * row + second]``; ``row`` 0: of one code."""
    for i in range(found.size):
        found[i] = table[np.int64(first[i]) * row + np.int64(second[i])]
