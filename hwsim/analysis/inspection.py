"""What a network is and what will run where: the rows of ``hwsim inspect``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.ladder import width_ladder
from hwsim.analysis.static import StaticLayer, static_layers
from hwsim.array.specification import Machine
from hwsim.network.graph import Graph, Node, Tensor

GAIN_WARNING = 2.0**-10  # relative gain error that moves a code in a full-scale 8-bit output


def inspect(graph: Graph, machine: Machine) -> list[dict[str, Any]]:
    """One entry a node, in execution order.

    ``runs``: ``array`` or ``beside``. Array layers also have ``k``, ``macs``, scales, ``bias``,
    ``multiplier`` and ``shift`` (least and largest over channels), ``width`` (guaranteed rungs),
    ``cycles`` and ``warnings``.
    """
    layers = {layer.node.name: layer for layer in static_layers(graph, machine)}
    return [
        array_entry(graph, layers[node.name])
        if node.name in layers
        else common_entry(graph, node, "beside")
        for node in graph.nodes
    ]


def common_entry(graph: Graph, node: Node, runs: str) -> dict[str, Any]:
    """What every operator has."""
    return {
        "name": node.name,
        "op": node.op,
        "runs": runs,
        "inputs": [tensor_entry(graph.tensors[name]) for name in node.inputs],
        "output": tensor_entry(graph.tensors[node.output]),
    }


def tensor_entry(tensor: Tensor) -> dict[str, Any]:
    """One activation tensor."""
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "format": "float" if tensor.format is None else str(tensor.format),
        "scale": tensor.scale,
        "zero_point": tensor.zero_point,
    }


def span(values: NDArray[Any]) -> list[Any]:
    """Least and largest value, as plain numbers."""
    return [values.min().item(), values.max().item()] if values.size else []


def array_entry(graph: Graph, static: StaticLayer) -> dict[str, Any]:
    """A layer that runs on the array."""
    layer, requantizer = static.node.layer, static.requantizer
    assert layer is not None
    array = static.machine.array.is_array
    return {
        **common_entry(graph, static.node, "array"),
        "k": static.schedule.k,
        "groups": static.schedule.groups,
        "macs": static.gemm.macs,
        "cycles": static.schedule.cycles if array else None,
        "weight": {
            "shape": None if layer.weight is None else list(layer.weight.shape),
            "format": str(layer.weight_format),
            "scale": span(layer.weight_scale),
            "zero_point": span(layer.weight_zero_point),
            "per": "channel" if layer.weight_scale.size > 1 else "tensor",
        },
        "bias": None
        if layer.bias is None
        else {
            "format": f"int{static.machine.bias.bits}",
            "scale": "input_scale * weight_scale",
            "when": static.machine.bias.when,
            "range": span(layer.bias),
        },
        "scheme": requantizer.scheme.name.lower(),
        "multiplier": span(requantizer.multiplier),
        "shift": span(requantizer.shift),
        "real_scale": span(requantizer.real_scale),
        "width": width_ladder(
            static.bounds, static.datapath.accumulator, static.datapath.chain, None
        ),
        "warnings": warnings(static),
    }


def warnings(static: StaticLayer) -> list[str]:
    """What bites, in words: lossy scales, dead multipliers, biases and sums beyond a register."""
    found = []
    requantizer, datapath = static.requantizer, static.datapath
    real = requantizer.real_scale
    gain = np.abs(requantizer.effective_scale / real - 1) if real.all() else np.zeros(1)
    dead = int(np.count_nonzero((requantizer.effective_scale == 0) & (real != 0)))
    if dead:
        found.append(f"{dead} multipliers flushed to zero: their channels give a constant")
    worst = float(gain[gain < 1].max(initial=0.0))
    if worst > GAIN_WARNING:
        found.append(f"requantization gain off by up to {worst:.1%}: scales do not fit the scheme")
    bias = datapath.preload if datapath.preload is not None else datapath.last
    register = datapath.accumulator
    if bias is not None:
        beyond = int(np.count_nonzero((bias < register.lo) | (bias > register.hi)))
        if beyond:
            found.append(f"{beyond} biases do not fit the {register.bits}-bit accumulator")
    lo, hi = static.bounds.accumulator_weight.reach
    if not (register.lo <= lo and hi <= register.hi):
        found.append(f"sums may leave the {register.bits}-bit accumulator: run with data to see")
    return found
