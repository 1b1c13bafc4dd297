"""Synthetic sweeps: folders as `hwsim sweep` leaves them, for every shape of its report."""

from __future__ import annotations

import csv
import io
import json
from itertools import product
from pathlib import Path
from typing import Any

LAYERS = ("conv_1", "conv_2", "fc")
HOSTILE = "<script>alert(1)</script>\x1b"
SAMPLES = 100
COUNTS = ("groups", "m", "n", "overflow.outputs_affected", "overflow.codes_changed")


def point(number: int, values: dict[str, Any], only: str | None, labels: bool) -> dict[str, Any]:
    """Narrower than 16 bits costs accuracy; more PEs save clocks."""
    short = max(0, 16 - values.get("accumulator.bits", 16)) * (1 if only is None else 0.25)
    pes = values.get("array.rows", 16) * values.get("array.cols", 16)
    overflow = {
        "events": int(1000 * short), "outputs_affected": int(300 * short),
        "persistent": int(200 * short), "transient": int(100 * short),
        "codes_changed": int(150 * short),
    }  # fmt: skip
    accuracy = {"float": 0.95, "exact": 0.9375, "hardware": max(0.9375 - 0.125 * short, 0.0)}
    slower = 500 if values.get("array.dataflow") == "output_stationary" else 0
    totals = {
        "macs": 10_000, "cycles": 4_000_000 // pes + slower, "utilization": 0.5, "stall_cycles": 10,
        "overflow_events": overflow["events"],
    }  # fmt: skip
    return {
        "number": number, "key": f"k{number}", "values": values, "only_layer": only,
        "accuracy": accuracy if labels else None, "totals": totals, "overflow": overflow,
        "samples_changed": min(int(20 * short), SAMPLES),
    }  # fmt: skip


def write(
    folder: Path,
    fields: dict[str, list[Any]],
    *,
    per_layer: bool = False,
    labels: bool = True,
    layers: tuple[str, ...] = LAYERS,
    **more: Any,
) -> Path:
    """sweep.json and sweep.csv."""
    alone = [None, *(layers if per_layer else ())]
    every = [dict(zip(fields, values, strict=True)) for values in product(*fields.values())]
    points = [
        point(number, values, only, labels)
        for number, (only, values) in enumerate(product(alone, every))
    ]
    manifest = {
        "schema": "hwsim.sweep/1", "hwsim_version": "0.1.0", "model": "net", "hardware": "edge",
        "data": {"name": "images", "samples": SAMPLES, "sha256": "cd" * 32, "labels": labels},
        "digests": {}, "fields": fields, "per_layer": per_layer, "command": "hwsim sweep net",
        "machine": {
            "name": "edge", "array": {"dataflow": "weight_stationary", "rows": 16, "cols": 16},
            "accumulator": {"bits": 24, "overflow": "saturate"},
        },
        "points": points, **more,
    }  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*fields, "layer", *COUNTS])
    for entry in points:
        share = entry["overflow"]["outputs_affected"] // max(len(layers), 1)
        for name in layers:
            writer.writerow([*entry["values"].values(), name, 1, 64, 16, share, share // 2])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "sweep.csv").write_text(text.getvalue(), encoding="utf-8")
    return folder


def found(bits: int, proof: str = "observed") -> dict[str, Any]:
    return {
        "bits": bits, "proof": proof, "lost": 3, "gained": 1, "loss": 0.02, "loss_bound": 0.05,
        "mcnemar": 0.625, "rate": 0.0, "rate_bound": 0.00003,
    }  # fmt: skip


def recommendation(bits: int | None = 15, layers: tuple[str, ...] = LAYERS) -> dict[str, Any]:
    answers = [
        {
            "values": {"accumulator.overflow": rule}, "guaranteed_bits": 21, "observed_bits": 17,
            "headroom": 4, "widths": [], "found": None if bits is None else found(bits + more),
        }
        for more, rule in enumerate(("wrap", "saturate"))
    ]  # fmt: skip
    return {
        "terms": {"budget": 0.05, "confidence": 0.95, "overflow_rate": None},
        "uniform": answers,
        "best": None if bits is None else answers[0],
        "per_layer": None,
        "layers": [
            {
                "name": name, "type_bits": 26, "l1_bits": 22 - i, "weight_bits": 21 - i,
                "observed_bits": 17 - i, "headroom": 4,
                "recommended_bits": None if bits is None else bits - i,
                "groups": [{"first": 0, "last": 15, "weight_bits": 20, "observed_bits": 16 - i}],
            }
            for i, name in enumerate(layers)
        ],
        "saved": {
            "adder_bits": [4000, 3000], "register_bits": [8000, 6000], "stored_bits": [100, 80],
            "stored_bits_per_layer": None, "stored_bits_per_group": [100, 60],
        },
        "files": ["recommended.yaml", "recommended.svh"],
    }  # fmt: skip


def pareto(fields: dict[str, list[Any]]) -> dict[str, Any]:
    """As sweep.json weighs machines; every third one is not beaten."""
    entries = []
    for number, values in enumerate(product(*fields.values())):
        own = point(number, dict(zip(fields, values, strict=True)), None, labels=True)
        entries.append(
            {
                "number": number, "accuracy": own["accuracy"]["hardware"],
                "samples_changed": own["samples_changed"],
                "cycles": own["totals"]["cycles"] + 10, "adder_bits": 100 + number,
                "register_bits": 200, "macs": 10_000, "sram_bytes": 5000, "dram_bytes": None,
                "time_us": None, "cost": None, "non_dominated": number % 3 == 0,
            }
        )  # fmt: skip
    return {"objectives": [], "costs": None, "clock_mhz": None, "points": entries}


def order() -> list[dict[str, Any]]:
    """Two schedules: one output in forty overflows under one of them only."""
    return [
        {
            "values": {"accumulator.bits": 15},
            "schedules": [
                {"array.dataflow": "weight_stationary", "array.rows": 8},
                {"array.dataflow": "output_stationary", "array.rows": 8},
            ],
            "layers": [
                {
                    "name": "conv_1", "outputs": 1000, "persistent": 3, "by_all": 5, "by_some": 20,
                    "by_none": 975, "affected": [25, 5], "best": 1, "worst": 0,
                },
                {
                    "name": "fc", "outputs": 10, "persistent": 0, "by_all": 0, "by_some": 0,
                    "by_none": 10, "affected": [0, 0], "best": 0, "worst": 0,
                },
            ],
        }
    ]  # fmt: skip


WIDTHS = {
    "accumulator.bits": [12, 13, 14, 15, 16, 17],
    "accumulator.overflow": ["wrap", "saturate"],
}
ARRAYS = {
    "accumulator.bits": [15, 16], "array.dataflow": ["weight_stationary", "output_stationary"],
    "array.rows": [8, 16], "array.cols": [8, 16],
}  # fmt: skip
SWEEPS: dict[str, dict[str, Any]] = {
    "widths": {"fields": WIDTHS},
    "recommended": {"fields": WIDTHS, "recommendation": recommendation()},
    "nothing recommended": {"fields": WIDTHS, "recommendation": recommendation(None)},
    "per layer": {"fields": {"accumulator.bits": [14, 15]}, "per_layer": True},
    "no labels": {"fields": WIDTHS, "labels": False},
    "arrays": {"fields": ARRAYS, "pareto": pareto(ARRAYS), "order": order()},
    "arrays without choice": {"fields": ARRAYS},
    "rounding alone": {"fields": {"requantize.rounding": ["half_up", "half_even"]}},
    "one point": {"fields": {"accumulator.bits": [20]}},
    "no fields": {"fields": {}},
    "no layers": {"fields": WIDTHS, "layers": ()},
    "hostile": {
        "fields": WIDTHS, "model": HOSTILE, "layers": (HOSTILE, "b"), "command": HOSTILE,
        "recommendation": recommendation(layers=(HOSTILE, "b")),
    },
}  # fmt: skip
