"""``hwsim inspect`` as a table: one short line a node, warnings below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def overview(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One node's row, from `hwsim.analysis.inspection.inspect`."""
    output, weight = entry["output"], entry.get("weight")
    scale, width = output["scale"], entry.get("width")
    return {
        "name": entry["name"],
        "op": entry["op"],
        "runs": entry["runs"],
        "output": "x".join(map(str, output["shape"])),
        "format": output["format"],
        "scale": "" if output["format"] == "float" else f"{scale:.6g}",
        "zero point": output["zero_point"],
        "weight": "" if weight is None else f"{weight['format']} per {weight['per']}",
        "K": entry.get("k"),
        "MACs": entry.get("macs"),
        "cycles": entry.get("cycles"),
        "requantize": entry.get("scheme"),
        "needs bits": None if width is None else width["weight_bits"],
    }


def print_warnings(entries: Sequence[Mapping[str, Any]]) -> None:
    """What bites, a line each."""
    for entry in entries:
        for warning in entry.get("warnings", ()):
            print(f"{entry['name']}: {warning}")
