"""A layer on the bench: what it should give, and what it would give with something changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.causes_sums import LayerSums, layer_sums
from hwsim.analysis.compare_node import run_node
from hwsim.array.gemm import Ints
from hwsim.array.overrides import for_layer
from hwsim.array.requantizer_stages import output_stage
from hwsim.array.specification import Machine
from hwsim.mapping.lowering import im2col, to_tensor, weight_matrix
from hwsim.mapping.run import run_layer
from hwsim.network import float_twin
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import layer_facts, layer_gemms, layer_output, output_side

Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bench:
    """A layer with weights on its machine, and the inputs that it was given.

    Attributes
    ----------
    graph, node, machine
    sources : sequence of int64 ndarray of shape (S, *shape)
        Input codes.
    real : float64 ndarray of shape (S, *shape), or None
        What the input codes were made of.
    """

    graph: Graph
    node: Node
    machine: Machine
    sources: Sequence[NDArray[Any]]
    real: Reals | None = None

    @cached_property
    def own(self) -> Machine:
        """The machine, its overrides applied to this layer."""
        return for_layer(self.machine, layer_facts(self.graph, self.node))

    @cached_property
    def ours(self) -> Ints:
        """What the machine gives."""
        return self.codes()

    @cached_property
    def sums(self) -> LayerSums:
        """Accumulators and scales."""
        tensors = [self.graph.tensors[name] for name in self.node.inputs]
        steps = zip(self.sources, tensors, strict=True)
        received = [(codes - t.zero_point).astype(np.float64) for codes, t in steps]
        return layer_sums(self.graph, self.node, self.own, received)

    def codes(self, **wrong: Any) -> Ints:
        """Output codes with other ``graph``, ``node``, ``machine`` or ``sources``."""
        names = ("graph", "node", "machine", "sources")
        return run_node(*(wrong.get(name, getattr(self, name)) for name in names))

    def products(self, weight: Reals) -> Reals:
        """Input steps times other weights, ``(oc, ...)``, without a bias: (S, *shape)."""
        layer, zero = self.node.layer, self.graph.tensors[self.node.inputs[0]].zero_point
        assert layer is not None
        nothing = np.zeros(len(weight))
        bare = replace(
            layer,
            float_weight=weight,
            float_bias=nothing,
            real_bias=None,
            clamp=(None, None),
            activation="none",
        )
        node = replace(self.node, layer=bare, attributes={})
        return float_twin.run_node(self.graph, node, [self.sources[0] - float(zero)])

    def requantized(self, steps: Reals) -> Ints:
        """Output codes of whole steps of the output: zero point, activation, format."""
        tensor = self.graph.tensors[self.node.output]
        assert tensor.format is not None
        held = np.clip(steps, -(2.0**60), 2.0**60).astype(np.int64)
        return output_stage(held + tensor.zero_point, self.sums.clamp, tensor.format)[0]


def padded_codes(bench: Bench, constant: int) -> Ints:
    """The layer's output where padding taps hold ``constant``."""
    node, machine = bench.node, bench.own
    assert node.layer is not None
    ((_, gemm),) = layer_gemms(bench.graph, node, list(bench.sources), machine)
    order: list[str] = list(machine.array.k_order)
    a = im2col(np.asarray(bench.sources[0], gemm.a.dtype), node.layer, order, constant)
    wrong = replace(gemm, a=np.ascontiguousarray(a))
    side = output_side(bench.graph, node)
    run = run_layer(wrong, side, machine, node.name, trap=False)
    return layer_output(bench.graph, node, [run.codes])


def border_weight(bench: Bench) -> Reals:
    """``sum of (w - zw)`` over padding taps: 0 where no tap is one; (1, *shape)."""
    layer, weight = bench.node.layer, bench.sums.weight_codes
    assert layer is not None
    assert weight is not None
    order = ["ky", "kx", "ic"]
    inside = np.zeros((1, *bench.graph.tensors[bench.node.inputs[0]].shape))
    columns = weight_matrix(weight, layer, order)
    shape = bench.graph.tensors[bench.node.output].shape
    return to_tensor(im2col(inside, layer, order, 1.0) @ columns, shape)
