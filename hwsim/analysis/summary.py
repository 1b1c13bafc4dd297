"""summary.json and details.npz: everything that a report, a plot or a script reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.error import ErrorFigures, top1
from hwsim.analysis.ladder import layer_ladder
from hwsim.analysis.measured import Measured
from hwsim.analysis.overflow import ledger_arrays, overflow_entry
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.importers.data import Data
from hwsim.network import float_twin
from hwsim.network.graph import Graph
from hwsim.network.run import LayerResult, NetworkRun

SCHEMA = 1  # version of summary.json


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that was computed for one run; what a trace or a cause needs besides is run again."""

    graph: Graph
    machine: Machine
    run: NetworkRun
    data: Data
    measured: Measured

    @property
    def labels(self) -> Ints | None:
        """Of every sample, or None."""
        return self.data.Y

    def reference(self, samples: int | None = None) -> dict[str, NDArray[np.float64]]:
        """The float twin's tensors by name, of the first so many samples."""
        return float_twin.run(
            self.graph,
            {self.graph.inputs[0]: real_values(self.graph, self.data, slice(0, samples))},
        )


def real_values(graph: Graph, data: Data, samples: slice) -> NDArray[np.float64]:
    """Some samples of the sole input, as real values."""
    if data.real is not None:
        return data.real[samples]
    tensor = graph.tensors[graph.inputs[0]]
    return (data.X[samples] - tensor.zero_point) * tensor.scale


def summarize(evidence: Evidence) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The measured part of summary.json, and the arrays of details.npz."""
    layers: list[dict[str, Any]] = []
    details: dict[str, NDArray[Any]] = {}
    for i, result in enumerate(evidence.run.layers.values()):
        clipped = int(result.ledger.clipped.sum())
        accumulated, isolated = evidence.measured.layers[result.node.name].figures(clipped)
        layers.append(layer_entry(evidence.graph, result, accumulated, isolated))
        arrays: dict[str, NDArray[Any]] = dict(ledger_arrays(result.ledger))
        arrays["error_histogram"] = accumulated.histogram
        arrays["channel_mean_lsb"] = accumulated.channel_mean_lsb
        details.update({f"layer{i}_{name}": array for name, array in arrays.items()})
    summary = {
        "accuracy": accuracy(evidence),
        "totals": totals(layers, evidence.machine),
        "layers": layers,
    }
    return summary, details


def layer_entry(
    graph: Graph, result: LayerResult, accumulated: ErrorFigures, isolated: ErrorFigures
) -> dict[str, Any]:
    """One element of summary.json's ``layers``."""
    node, schedule, machine = result.node, result.schedule, result.machine
    array = machine.array.is_array
    source = graph.tensors[node.inputs[0]]
    assert node.layer is not None
    return {
        "name": node.name,
        "tensor": node.output,
        "op": node.op,
        "m": schedule.m,
        "n": schedule.n,
        "k": schedule.k,
        "groups": schedule.groups,
        "macs": result.macs,
        "cycles": schedule.cycles if array else None,
        "stall_cycles": stall_cycles(result),
        "utilization": schedule.utilization if array else None,
        "fold_utilization": fold_entry(schedule) if array else None,
        "dataflow_folds": schedule.folds if array else None,
        "groups_per_fold": schedule.packed if array else None,
        "latency_cycles": schedule.latency_cycles if array else None,
        "memory": memory_entry(result),
        "shape": list(graph.tensors[node.output].shape),
        "formats": {
            "activation": str(source.format),
            "weight": str(node.layer.weight_format),
            "bias": None if node.layer.bias is None else f"int{machine.bias.bits}",
            "output": str(graph.tensors[node.output].format),
        },
        "scheme": machine.policy(node.op, source.format.bits if source.format else 0).scheme,
        "width": layer_ladder(result),
        "overflow": overflow_entry(result.ledger),
        "error": accumulated.as_json(),
        "error_isolated": isolated.as_json(),
    }


def fold_entry(schedule: Schedule) -> dict[str, Any]:
    """How busy the folds of one layer keep the array, and how many do not fill it."""
    if not schedule.folds:
        return {"least": 0.0, "largest": 0.0, "edge_folds": 0}
    share = schedule.fold_utilization()
    whole = (schedule.extent(schedule.dataflow.row) // schedule.rows) * (
        schedule.extent(schedule.dataflow.col) // schedule.cols
    )
    return {
        "least": float(share.min()),
        "largest": float(share.max()),
        "edge_folds": schedule.folds - schedule.groups * whole,
    }


def stall_cycles(result: LayerResult) -> int | None:
    """Clocks that a layer waits for its memory; None for a runtime, which has no clocks."""
    if not result.machine.array.is_array:
        return None
    return 0 if result.memory is None else result.memory.stall_cycles


def memory_entry(result: LayerResult) -> dict[str, Any] | None:
    """Bytes of one layer and image between DRAM and SRAM, and what bounds it."""
    timing = result.memory
    if timing is None:
        return None
    moved = timing.fetched_bytes + timing.written_bytes
    stalled = timing.stalls > 0
    return {
        "fetched_bytes": timing.fetched_bytes,
        "written_bytes": timing.written_bytes,
        "macs_per_byte": result.macs / moved if moved else None,
        "bound": timing.bound,
        "stalled_folds": int(stalled.sum()),
        "largest_fold_stall": int(timing.stalls.max(initial=0)),
    }


def totals(layers: list[dict[str, Any]], machine: Machine) -> dict[str, Any]:
    """Sums over layers; utilization = useful MACs / (PEs x cycles), so weighted by cycles."""
    macs = sum(layer["macs"] for layer in layers)
    events = sum(layer["overflow"]["events"] for layer in layers)
    if not machine.array.is_array:
        return {
            "macs": macs,
            "cycles": None,
            "utilization": None,
            "stall_cycles": None,
            "overflow_events": events,
        }
    cycles = sum(layer["cycles"] for layer in layers)
    pes = (machine.array.rows or 0) * (machine.array.cols or 0)
    return {
        "macs": macs,
        "cycles": cycles,
        "utilization": macs / (pes * cycles) if cycles else 0.0,
        "stall_cycles": sum(layer["stall_cycles"] for layer in layers),
        "overflow_events": events,
    }


def accuracy(evidence: Evidence) -> dict[str, float] | None:
    """Top-1 of the float twin, the exact run and the hardware run; None without labels."""
    if evidence.labels is None:
        return None
    output = evidence.graph.outputs[0]
    return {
        "float": top1(evidence.measured.outputs[output], evidence.labels),
        "exact": top1(evidence.run.exact[output], evidence.labels),
        "hardware": top1(evidence.run.codes[output], evidence.labels),
    }
