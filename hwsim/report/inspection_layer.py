"""``hwsim inspect --layer NAME``: every number of one node, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from hwsim.report import words
from hwsim.report.inspection_words import (
    activation_text,
    bias_text,
    register_text,
    requantizer_text,
    shape,
    shift_text,
    span,
    tensor_text,
)

Entry = Mapping[str, Any]
_PLACES = {
    "array": "on the array",
    "beside": "beside the array",
    "float": "float: quantize first",
    "refused": "not on this machine",
}


def layer(entry: Entry, machine: str) -> Group:
    """One node: every number that `hwsim.analysis.inspection.inspect` knows of it."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts(entry):
        style = "yellow" if name == "warning" else ""
        table.add_row(Text(name, style="bold"), Text(words.printable(text), style=style))
    where = _PLACES[entry["runs"]]
    title = f"{entry['name']}  ({entry['op']}, {where})"
    if entry["runs"] in ("array", "refused"):
        title += f"  {machine}"
    return Group(Text(words.printable(title)), table)


def facts(entry: Entry) -> list[tuple[str, str]]:
    """Name and sentence of every fact of one node."""
    found = [("input", tensor_text(tensor)) for tensor in entry["inputs"]]
    found.append(("output", tensor_text(entry["output"])))
    if "k" not in entry:
        return found
    groups = f", {entry['groups']} groups" if entry["groups"] > 1 else ""
    clocks = "" if entry["cycles"] is None else f", {words.count(entry['cycles'])} cycles"
    found.append(("weight", _weight(entry["weight"])))
    found.append(("bias", bias_text(entry)))
    found += _bias_details(entry["bias"])
    found.append(("product", f"K {entry['k']}{groups}, {words.count(entry['macs'])} MACs{clocks}"))
    if entry["runs"] == "array":
        found += _machine(entry)
    return found + [("warning", text) for text in entry["warnings"]]


def _bias_details(bias: Entry | None) -> list[tuple[str, str]]:
    """The bias in real numbers, and what the accumulator adds under ``fold``."""
    if bias is None or bias["format"] == "real":
        return []
    found = [("", f"in real numbers {span(bias['real'])}")]
    if bias["folded"] is not None:
        found.append(("", f"with zero points folded into it {span(bias['folded'])}"))
    return found


def _machine(entry: Entry) -> list[tuple[str, str]]:
    """What this machine does with the layer."""
    width, holds = entry["width"], entry["holds"]
    found = [
        ("requantizer", requantizer_text(entry)),
        ("a pure shift", shift_text(entry)),
        ("activation", activation_text(entry["activation"])),
    ]
    if width["chain"] is not None:
        chain = width["chain"]
        found.append(("chain", register_text(chain, chain["bits"], holds["chain"])))
    bits = width["accumulator_bits"]
    return [*found, ("accumulator", register_text(width, bits, holds["weight"]))]


def _weight(weight: Entry) -> str:
    """Shape, format, scales and zero points; a float layer's range."""
    extents = "the second input" if weight["shape"] is None else shape(weight)
    if weight["per"] is None:
        return f"{extents} float, {span(weight['range'])}"
    scales = f"scale per {weight['per']} {span(weight['scale'])}"
    codes = f", codes {span(weight['range'])}" if weight["range"] else ""
    return f"{extents} {weight['format']}, {scales}, zero point {span(weight['zero_point'])}{codes}"
