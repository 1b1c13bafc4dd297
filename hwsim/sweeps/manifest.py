"""sweep.json: what was swept, and of every point what a plot or a recommendation reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hwsim.sweeps.results import Record
from hwsim.sweeps.work import Work
from hwsim.version import VERSION

SCHEMA = "hwsim.sweep/1"


def manifest_of(work: Work, records: Sequence[Record], about: Mapping[str, Any]) -> dict[str, Any]:
    """The whole file; ``about``: further words of it."""
    return {
        "schema": SCHEMA,
        "hwsim_version": VERSION,
        "model": work.graph.name,
        "hardware": work.machine.name,
        "data": {
            "name": work.data.name,
            "samples": len(work.data.X),
            "sha256": work.data.sha256,
            "labels": work.data.Y is not None,
        },
        "digests": work.digests,
        "fields": {name: list(values) for name, values in work.axes.items()},
        "per_layer": work.per_layer,
        **about,
        "machine": work.machine.model_dump(mode="json", exclude_none=True),
        "points": [
            point_entry(number, work.points[number].key, record)
            for number, record in enumerate(records)
        ],
    }


def point_entry(number: int, key: str, record: Record) -> dict[str, Any]:
    """One point of sweep.json: its fields, accuracy, totals, and overflow over all layers."""
    names = ("events", "outputs_affected", "persistent", "transient", "codes_changed")
    layers = record["layers"]
    return {
        "number": number,
        "key": key,
        "values": record["values"],
        "only_layer": record["only_layer"],
        "accuracy": record["accuracy"],
        "totals": record["totals"],
        "overflow": {name: sum(layer["overflow"][name] for layer in layers) for name in names},
        "samples_changed": sum(record["changed"]),
    }


def shown(record: Record) -> str:
    """One point in a few words.

    >>> shown({"values": {"accumulator.bits": 12}, "only_layer": None})
    'accumulator.bits 12'
    """
    words = [f"{name} {value}" for name, value in record["values"].items()]
    words += [f"in {record['only_layer']} alone"] if record["only_layer"] else []
    return ", ".join(words) or "the machine"
