"""What runs beside the array: operators, and layers that a model leaves in real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.specification import Machine
from hwsim.network import float_twin
from hwsim.network.graph import Graph, Node
from hwsim.network.kept import widened
from hwsim.network.ops import OF_ANY_TYPE, operator_of


def run_beside(
    graph: Graph, node: Node, inputs: Sequence[NDArray[Any]], machine: Machine
) -> NDArray[Any]:
    """One node beside the array: arrays (S, *shape), codes or reals as its tensors say; codes in
    any type that holds them.

    A layer without codes (a dynamically quantized network has some) is computed in binary64 and
    rounded once to binary32, as all operators between real tensors are.
    """
    given: list[NDArray[Any]]
    given = list(inputs) if node.op in OF_ANY_TYPE else [widened(x) for x in inputs]
    if node.is_real_layer:
        real = float_twin.run_node(graph, node, given)
        return real.astype(np.float32).astype(np.float64)
    result: NDArray[Any] = operator_of(node, graph.tensors)(node, graph.tensors, given, machine)
    return result


def is_beside(node: Node) -> bool:
    """Whether a node runs beside the array."""
    return node.layer is None or node.is_real_layer
