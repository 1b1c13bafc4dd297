"""Each layer alone: true inputs in, so that only this layer's own error comes out.

The inputs are the float twin's values quantized half even with the input tensor's scale; the
layer then runs on the machine as it is. Comparing its codes with the twin's output separates
this layer's error from what earlier layers handed down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.mapping.run import run_layer
from hwsim.network.graph import Graph, Node, quantize_input
from hwsim.network.layers import codes_of, layer_facts, layer_gemms, layer_output, output_side
from hwsim.network.run import batch_size


@dataclass(frozen=True, eq=False)
class IsolatedLayer:
    """Codes of one layer on true inputs, shape (S, *shape), and how many the format saturated."""

    codes: Ints
    clipped: int


def isolated_layer(
    graph: Graph, node: Node, machine: Machine, reference: Mapping[str, NDArray[np.float64]]
) -> IsolatedLayer:
    """Run one layer on the float twin's inputs."""
    machine = for_layer(machine, layer_facts(graph, node))
    computed = [name for name in node.inputs if name not in graph.constants]
    samples = len(reference[computed[0]])
    columns, clipped = [], 0
    step = batch_size(graph, samples)
    for start in range(0, samples, step):
        true = {
            name: quantize_input(graph.tensors[name], reference[name][start : start + step])
            for name in computed
        }
        batch = [codes_of(graph, true, name) for name in node.inputs]
        for _, gemm in layer_gemms(graph, node, batch, machine):
            run = run_layer(gemm, output_side(graph, node), machine, node.name, trap=False)
            columns.append(run.codes)
            clipped += int(run.ledger.clipped.sum())
    return IsolatedLayer(layer_output(graph, node, columns), clipped)
