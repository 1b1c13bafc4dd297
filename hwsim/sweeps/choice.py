"""What a sweep leaves to choose from.

sweep.json's ``pareto`` has every machine with what it gives and what it takes, and says which ones
no other beats; ``order`` is of ``order.py``. Objectives: accuracy (without labels: samples whose
output changed), clocks of one image with their stalls, and adder and register bits, or in their
stead the cost, where the user has numbers for it. A runtime has neither clocks nor bits; objectives
that a point lacks are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hwsim.array.specification import Machine
from hwsim.network.graph import Graph
from hwsim.sweeps.array_bits import array_bits
from hwsim.sweeps.costs import Costs, sram_bytes
from hwsim.sweeps.order import families, orders
from hwsim.sweeps.pareto import non_dominated
from hwsim.sweeps.prepared import Layers
from hwsim.sweeps.results import Record
from hwsim.sweeps.work import Sweeper, Work

ACCURACY, CHANGED = "accuracy", "samples_changed"


def choosing(
    work: Work, sweeper: Sweeper, records: Sequence[Record], costs: Costs | None
) -> dict[str, Any]:
    """What sweep.json says beside its points: ``pareto``, and ``order`` where schedules vary."""
    takes = {
        number: amounts(
            work.graph, point.machine, sweeper.preparation.layers(point.machine), records[number]
        )
        for number, point in enumerate(work.points)
        if point.only_layer is None
    }
    found: dict[str, Any] = {"pareto": choices(records, takes, work.machine.clock_mhz, costs)}
    schedules = families(work.points)
    if schedules:
        first = work.points[0]
        exact = sweeper.exact(first, sweeper.preparation.layers(first.machine))
        found["order"] = orders(work.graph, exact.codes, schedules, sweeper.preparation.layers)
    return found


def amounts(
    graph: Graph, machine: Machine, layers: Layers, record: Record
) -> dict[str, int | None]:
    """What one point takes: bits of the array, and of one image MACs, bytes and clocks.

    ``layers`` : every node on the array, as prepared for this machine.
    """
    total = record["totals"]
    bits = array_bits(machine, [layer.schedule for layer in layers.values()])
    memory = [entry["memory"] for entry in record["layers"]]
    dram = None
    if all(entry is not None for entry in memory):
        dram = sum(entry["fetched_bytes"] + entry["written_bytes"] for entry in memory)
    return {
        "cycles": None if bits is None else total["cycles"] + total["stall_cycles"],
        "adder_bits": None if bits is None else bits.adders,
        "register_bits": None if bits is None else bits.registers,
        "macs": total["macs"],
        "sram_bytes": None if bits is None else _sram_bytes(graph, layers),
        "dram_bytes": dram,
    }


def _sram_bytes(graph: Graph, layers: Layers) -> int:
    """Of all layers."""
    total = 0
    for node in graph.mac_nodes:
        layer, output = layers[node.name], graph.tensors[node.output].format
        assert output is not None
        operands = layer.machine.operands
        bits = operands.activation.bits, operands.weight.bits, output.bits
        total += sram_bytes(layer.schedule, bits)
    return total


def choices(
    records: Sequence[Record],
    takes: Mapping[int, Mapping[str, int | None]],
    clock_mhz: float | None,
    costs: Costs | None,
) -> dict[str, Any]:
    """The entry of sweep.json.

    Parameters
    ----------
    records : sequence of dict
        Of every point; only those of whole machines count, not those of a layer alone.
    takes : mapping of int
        By point number: `amounts`.
    clock_mhz : float or None
        Turns clocks into time.
    costs : Costs or None

    Raises
    ------
    ConfigError
        Something that costs is not known.
    """
    found = [entry(number, records[number], takes[number], clock_mhz, costs) for number in takes]
    names = objectives(found, costs)
    table = [[point[name] for name in names] for point in found]
    kept = non_dominated(table, [name == ACCURACY for name in names])
    for point, best in zip(found, kept.tolist(), strict=True):
        point["non_dominated"] = best
    return {
        "objectives": [
            {"name": name, "best": "largest" if name == ACCURACY else "least"} for name in names
        ],
        "costs": None if costs is None else asdict(costs),
        "clock_mhz": clock_mhz,
        "points": found,
    }


def entry(
    number: int,
    record: Record,
    takes: Mapping[str, int | None],
    clock_mhz: float | None,
    costs: Costs | None,
) -> dict[str, Any]:
    """One point: what it gives, what it takes."""
    accuracy, cycles = record["accuracy"], takes["cycles"]
    return {
        "number": number,
        ACCURACY: None if accuracy is None else accuracy["hardware"],
        CHANGED: sum(record["changed"]),
        **takes,
        "time_us": None if cycles is None or clock_mhz is None else cycles / clock_mhz,
        "cost": None if costs is None else costs.total(takes),
    }


def objectives(points: Sequence[Mapping[str, Any]], costs: Costs | None) -> list[str]:
    """Names of what is weighed; each is known of every point, or left out."""
    hardware = ["adder_bits", "register_bits"] if costs is None else ["cost"]
    labelled = bool(points) and points[0][ACCURACY] is not None
    names = [ACCURACY if labelled else CHANGED, "cycles", *hardware]
    return [name for name in names if all(point[name] is not None for point in points)]
