"""What a network is and what will run where: the rows of ``hwsim inspect``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.ladder import width_ladder
from hwsim.analysis.static import static_layers
from hwsim.array.bounds import Hull
from hwsim.array.gemm import Register
from hwsim.array.ledger import is_symmetric
from hwsim.array.specification import Machine
from hwsim.mapping.prepare import PreparedLayer
from hwsim.network.graph import Graph, Node, Tensor

GAIN_WARNING = 2.0**-10  # relative gain error that moves a code in a full-scale 8-bit output


def inspect(graph: Graph, machine: Machine) -> list[dict[str, Any]]:
    """One entry a node, in execution order.

    ``runs``: ``array`` or ``beside``. Array layers also have ``k``, ``macs``, scales, ``bias``,
    ``multiplier`` and ``shift`` (least and largest over channels), ``width`` (guaranteed rungs),
    ``cycles`` and ``warnings``.
    """
    layers = {node.name: layer for node, layer in static_layers(graph, machine)}
    return [
        array_entry(graph, node, layers[node.name])
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


def array_entry(graph: Graph, node: Node, prepared: PreparedLayer) -> dict[str, Any]:
    """A layer that runs on the array."""
    layer, requantizer = node.layer, prepared.requantizer
    assert layer is not None
    array = prepared.machine.array.is_array
    return {
        **common_entry(graph, node, "array"),
        "k": prepared.schedule.k,
        "groups": prepared.schedule.groups,
        "macs": prepared.gemm.macs,
        "cycles": prepared.schedule.cycles if array else None,
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
            "format": f"int{prepared.machine.bias.bits}",
            "scale": "input_scale * weight_scale",
            "when": prepared.machine.bias.when,
            "range": span(layer.bias),
        },
        "scheme": requantizer.scheme.name.lower(),
        "multiplier": span(requantizer.multiplier),
        "shift": span(requantizer.shift),
        "real_scale": span(requantizer.real_scale),
        "width": width_ladder(
            prepared.bounds, prepared.datapath.accumulator, prepared.datapath.chain, None
        ),
        "warnings": warnings(prepared),
    }


def warnings(prepared: PreparedLayer) -> list[str]:
    """What bites, in words: lossy scales, dead multipliers, biases and sums beyond a register."""
    return [*scale_warnings(prepared), *bias_warnings(prepared), *sum_warnings(prepared)]


def scale_warnings(prepared: PreparedLayer) -> list[str]:
    """Multipliers that are zero, or far from the scale that they stand for."""
    found = []
    requantizer = prepared.requantizer
    real = requantizer.real_scale
    alive = (requantizer.effective_scale != 0) & (real != 0)
    dead = int(np.count_nonzero(~alive & (real != 0)))
    if dead:
        found.append(f"{dead} multipliers flushed to zero: their channels give a constant")
    gain = np.abs(requantizer.effective_scale[alive] / real[alive] - 1)
    worst = float(gain.max(initial=0.0))
    if worst > GAIN_WARNING:
        found.append(f"requantization gain off by up to {worst:.1%}: scales do not fit the scheme")
    return found


def bias_warnings(prepared: PreparedLayer) -> list[str]:
    """Biases beyond their own format, or beyond the accumulator."""
    found = []
    lost, stored = prepared.bias.lost, prepared.bias.stored
    register = prepared.datapath.accumulator
    if lost is not None and lost.any():
        width = prepared.machine.bias.bits
        found.append(f"{np.count_nonzero(lost)} biases do not fit their own {width} bits")
    if stored is not None:
        beyond = np.count_nonzero((stored < least(register)) | (stored > register.hi))
        if beyond:
            found.append(f"{beyond} biases do not fit the {register.bits}-bit accumulator")
    return found


def sum_warnings(prepared: PreparedLayer) -> list[str]:
    """Registers that some input could overflow."""
    bounds, datapath = prepared.bounds, prepared.datapath
    checked = [("chain", bounds.chain_weight, register) for register in datapath.chain[-1:]]
    checked.append(("accumulator", bounds.accumulator_weight, datapath.accumulator))
    return [
        f"sums may leave the {register.bits}-bit {name}: run with data to see"
        for name, hull, register in checked
        if hull is not None and not holds(register, hull)
    ]


def holds(register: Register, hull: Hull) -> bool:
    """Whether no sum of this hull leaves the register."""
    lo, hi = hull.reach
    return least(register) <= lo and hi <= register.hi


def least(register: Register) -> int:
    """The least value that the register keeps as it is."""
    return -register.hi if is_symmetric(register) else register.lo
