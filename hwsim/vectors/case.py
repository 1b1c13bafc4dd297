"""What a bundle is made of: one layer on one machine, and the runs that go through it.

A run is one start of the array: the product of ``m`` rows with the layer's weights. A data run is
one image as it meets the layer in the network; a directed run has rows made to reach a corner.
All runs of a layer share weights, channel records and requantizer; each has its own ``m``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Codes, Datapath, Gemm, Ints
from hwsim.array.overrides import for_layer
from hwsim.array.requantizer import Requantizer
from hwsim.array.specification import Machine
from hwsim.errors import UnsupportedError
from hwsim.mapping.prepare import OutputSide, PreparedLayer, prepare
from hwsim.network import run as network_run
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import codes_of, layer_facts, layer_gemms, output_side


@dataclass(frozen=True, eq=False)
class Run:
    """One start of the array.

    Attributes
    ----------
    name : str
        ``image_<sample>``, or the directed set's name.
    gemm : Gemm
        Raw codes of one sample: ``a`` of shape (1, G, M, K).
    prepared : PreparedLayer
        The same on the machine; its requantizer is the layer's.
    """

    name: str
    gemm: Gemm
    prepared: PreparedLayer

    @property
    def datapath(self) -> Datapath:
        """Operands as the PEs multiply them, one sample."""
        return self.prepared.datapath

    @property
    def schedule(self) -> Schedule:
        """Folds and clocks."""
        return self.prepared.schedule


@dataclass(frozen=True, eq=False)
class LayerCase:
    """One layer on one machine.

    Attributes
    ----------
    model, layer : str
    machine : Machine
        Resolved for this layer (its overrides applied).
    side : OutputSide
    runs : tuple of Run
        At least one.
    """

    model: str
    layer: str
    machine: Machine
    side: OutputSide
    runs: tuple[Run, ...]

    @property
    def requantizer(self) -> Requantizer:
        """The layer's; the same in every run."""
        return self.runs[0].prepared.requantizer

    def rows_run(self, name: str, rows: Codes) -> Run:
        """A run of given rows, raw activation codes of shape (G, M, K); padding taps hold the
        zero point."""
        gemm = replace(self.runs[0].gemm, a=np.asarray(rows)[None])
        return Run(name, gemm, prepare(gemm, self.side, self.machine, self.layer))

    def with_runs(self, *more: Run) -> LayerCase:
        """The same layer with further runs behind its own."""
        return replace(self, runs=(*self.runs, *more))


def layer_case(graph: Graph, machine: Machine, inputs: Ints, node: Node) -> LayerCase:
    """One layer as it meets ``inputs``, network input codes of shape (S, *shape), on a machine.

    Raises
    ------
    UnsupportedError
        The layer is no layer of MACs with constant weights.
    """
    if node.layer is None or node.layer.weight is None:
        must = "must be a layer of MACs with constant weights"
        raise UnsupportedError.at(node.name, "op", node.op, must)
    codes = network_run.run(graph, machine, {graph.inputs[0]: inputs}).codes
    resolved, side = for_layer(machine, layer_facts(graph, node)), output_side(graph, node)
    operands = [codes_of(graph, codes, name) for name in node.inputs]
    _, gemm = next(layer_gemms(graph, node, operands, resolved))
    runs = []
    for sample in range(len(gemm.a)):
        one = replace(gemm, a=gemm.a[sample : sample + 1])
        runs.append(Run(f"image_{sample}", one, prepare(one, side, resolved, node.name)))
    return LayerCase(graph.name, node.name, resolved, side, tuple(runs))
