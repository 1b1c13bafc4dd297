"""A sweep on the terminal: a line a point."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.text import Text

from hwsim.report import words
from hwsim.report.tables import text_table

FIELDS = {  # headings of the swept fields
    "accumulator.bits": "acc",
    "accumulator.overflow": "overflow",
    "chain.bits": "chain",
    "chain.overflow": "in the chain",
    "requantize.rounding": "rounding",
    "requantize.multiplier_bits": "multiplier",
    "array.dataflow": "dataflow",
    "array.rows": "rows",
    "array.cols": "cols",
    "array.k_order": "k order",
}


def sweep_table(manifest: dict[str, Any]) -> Group:
    """What `hwsim sweep` prints.

    ``top-1``: on the machine, of the labelled samples; ``events``: stores that changed their value;
    ``persistent``: outputs whose final value does not fit; ``changed``: output codes of layers that
    overflow changed; ``samples``: those with any changed output of the network.
    """
    headings = ["layer alone"] if manifest["per_layer"] else []
    headings += [FIELDS.get(name, name) for name in manifest["fields"]]
    labelled = manifest["data"]["labels"]
    headings += ["top-1"] if labelled else []
    headings += ["events", "outputs", "persistent", "changed", "samples"]
    rows = [_row(point, manifest["per_layer"], labelled) for point in manifest["points"]]
    title = words.printable(f"{manifest['model']} on {manifest['hardware']}")
    samples = words.several(manifest["data"]["samples"], "sample")
    data = f"{words.printable(manifest['data']['name'])}, {samples}"
    return Group(
        Text.assemble((title, "bold"), f"  ({data})"),
        text_table(headings, rows, text_columns=len(headings) - 5 - labelled),
        *([Text(_ample(manifest))] if labelled and manifest["points"] else []),
    )


def _row(point: dict[str, Any], per_layer: bool, labelled: bool) -> list[str | Text]:
    overflow, events = point["overflow"], point["overflow"]["events"]
    return [
        *([point["only_layer"] or "all layers"] if per_layer else []),
        *(str(value).replace("_", " ") for value in point["values"].values()),
        *([words.percent(point["accuracy"]["hardware"])] if labelled else []),
        Text(words.metric(events), style="red" if events else ""),
        words.metric(overflow["outputs_affected"]),
        words.metric(overflow["persistent"]),
        words.metric(overflow["codes_changed"]),
        str(point["samples_changed"]),
    ]


def _ample(manifest: dict[str, Any]) -> str:
    """Accuracy without any register's limit, and of the float network."""
    exact = {point["accuracy"]["exact"] for point in manifest["points"]}
    ends = [words.percent(end) for end in sorted({min(exact), max(exact)})]
    reference = words.percent(manifest["points"][0]["accuracy"]["float"])
    return f"Without limits: top-1 {' to '.join(ends)}; float {reference}."
