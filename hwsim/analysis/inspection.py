"""What a network is and what will run where: the rows of ``hwsim inspect``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.inspection_findings import findings, refusal, runtime_findings
from hwsim.analysis.inspection_layer import (
    accumulator_entry,
    activation_entry,
    bias_entry,
    float_bias_entry,
    model_bias_entry,
    requantizer_form,
    shift_entry,
    span,
    weight_entry,
)
from hwsim.analysis.ladder import width_ladder
from hwsim.array.specification import Machine
from hwsim.errors import ConfigError, UnsupportedError
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import weight_matrix
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.network.layers import prepare_without_input

Entry = dict[str, Any]


def inspect(
    graph: Graph, machine: Machine, float_layers: Mapping[str, str] | None = None
) -> list[Entry]:
    """One entry a node, in execution order.

    ``runs``: ``array``; ``beside`` the array; ``float``: a layer without codes, which no machine
    runs; ``refused``: a layer that this machine does not take, ``refused`` says why. Layers have
    ``k``, ``groups``, ``channels``, ``macs``, ``weight`` and ``bias``; those of the array also
    ``multiplier`` and ``shift`` (least and largest over channels), what one shift alone would do
    (``shift_only``), ``width`` (guaranteed rungs), ``holds`` (least and largest sums), ``cycles``,
    ``warnings`` and ``findings``, the warnings with their counts.

    ``float_layers``: layers that the model's own runtime would run in float, each with the reason.
    """
    notes = float_layers or {}
    return [node_entry(graph, node, machine, notes.get(node.name)) for node in graph.nodes]


def node_entry(graph: Graph, node: Node, machine: Machine, note: str | None) -> Entry:
    """One node; ``note``: why its own runtime would run it in float."""
    layer = node.layer
    if layer is None:
        return common_entry(graph, node, "beside")
    if node.is_real_layer:
        parameters = float_bias_entry(layer.float_bias)
        return layer_entry(graph, node, layer, "float") | {"bias": parameters, "warnings": []}
    try:
        prepared = prepare_without_input(graph, node, machine)
    except (ConfigError, UnsupportedError) as error:
        found = [refusal(machine.name, str(error)), *runtime_findings(note)]
        return layer_entry(graph, node, layer, "refused") | {
            "bias": model_bias_entry(layer, graph.tensors[node.inputs[0]].scale),
            "refused": str(error),
            **warning_entry(found),
        }
    return array_entry(graph, node, prepared, note)


def common_entry(graph: Graph, node: Node, runs: str) -> Entry:
    """What every operator has."""
    return {
        "name": node.name,
        "op": node.op,
        "runs": runs,
        "inputs": [tensor_entry(graph, graph.tensors[name]) for name in node.inputs],
        "output": tensor_entry(graph, graph.tensors[node.output]),
    }


def tensor_entry(graph: Graph, tensor: Tensor) -> Entry:
    """One activation tensor; ``network``: ``input`` or ``output`` of the whole network."""
    ends = {"input": graph.inputs, "output": graph.outputs}
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "format": "float" if tensor.format is None else str(tensor.format),
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
        "network": next((end for end, names in ends.items() if tensor.name in names), None),
    }


def layer_entry(graph: Graph, node: Node, layer: MacLayer, runs: str) -> Entry:
    """What is known of a layer without a machine: its product and its weights."""
    groups, k, columns = product_shape(graph, node, layer)
    outputs = int(np.prod(graph.tensors[node.output].shape, dtype=np.int64))
    rows = outputs // max(groups * columns, 1)
    return {
        **common_entry(graph, node, runs),
        "k": k,
        "groups": groups,
        "channels": groups * columns,
        "macs": groups * rows * k * columns,
        "cycles": None,
        "weight": weight_entry(layer),
    }


def product_shape(graph: Graph, node: Node, layer: MacLayer) -> tuple[int, int, int]:
    """Groups, K and N of a layer's product."""
    weight: NDArray[Any] | None = layer.float_weight if layer.weight is None else layer.weight
    if weight is None:
        *leading, k, columns = graph.tensors[node.inputs[1]].shape
        return int(np.prod(leading, dtype=np.int64)), k, columns
    groups, k, columns = weight_matrix(weight, layer, ["ky", "kx", "ic"]).shape
    return groups, k, columns


def array_entry(
    graph: Graph, node: Node, prepared: PreparedLayer, note: str | None = None
) -> Entry:
    """A layer that runs on the array."""
    layer, requantizer = node.layer, prepared.requantizer
    assert layer is not None
    source, output = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    array = prepared.machine.array.is_array
    found = [*findings(prepared, layer.activation, output.scale), *runtime_findings(note)]
    return {
        **common_entry(graph, node, "array"),
        "k": prepared.schedule.k,
        "groups": prepared.schedule.groups,
        "channels": requantizer.real_scale.size,
        "macs": prepared.gemm.macs,
        "cycles": prepared.schedule.cycles if array else None,
        "weight": weight_entry(layer),
        "bias": bias_entry(layer, prepared, source.scale),
        "scheme": requantizer.scheme.name.lower(),
        "form": requantizer_form(requantizer),
        "rounding": requantizer.rounding.name.lower(),
        "multiplier": span(requantizer.multiplier),
        "shift": span(requantizer.shift),
        "real_scale": span(requantizer.real_scale),
        "shift_only": shift_entry(requantizer.real_scale),
        "activation": activation_entry(layer, requantizer.clamp),
        "width": width_ladder(
            prepared.bounds, prepared.datapath.accumulator, prepared.datapath.chain, None
        ),
        "holds": accumulator_entry(prepared.bounds),
        **warning_entry(found),
    }


def warning_entry(found: list[Entry]) -> Entry:
    """The sentences, and the numbers behind them."""
    return {"warnings": [finding["text"] for finding in found], "findings": found}


def warnings(prepared: PreparedLayer) -> list[str]:
    """What bites, in words: lossy scales, dead multipliers, biases and sums beyond a register."""
    return [finding["text"] for finding in findings(prepared)]
