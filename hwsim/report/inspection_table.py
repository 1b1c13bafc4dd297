"""``hwsim inspect`` for the console: a line a node, or one layer's facts in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from hwsim.report import words
from hwsim.report.tables import text_table

Entry = Mapping[str, Any]
_HEADINGS = ["layer", "operator", "output", "K", "MACs", "cycles", "acc", "needs", "shift"]


def network(entries: Sequence[Entry], model: str, machine: str) -> Group:
    """All nodes in execution order, and below them what bites.

    ``acc``: bits of the accumulator; ``needs``: bits for these weights and any input; ``shift``: of
    the requantizer, least to largest over the channels. ``–``: beside the array.
    """
    array = [entry for entry in entries if entry["runs"] == "array"]
    title = words.printable(f"{model} on {machine}")
    schemes = {entry["scheme"]: "" for entry in array}
    lines = [f"{entry['name']}: {text}" for entry in array for text in entry["warnings"]]
    return Group(
        Text(title, style="bold"),
        text_table(_HEADINGS, [_row(entry) for entry in entries], text_columns=3),
        Text(_totals(entries, array)),
        *([Text(f"Requantized by {words.listing(list(schemes))}.")] if schemes else []),
        *(Text(words.printable(line), style="yellow") for line in lines),
    )


def _row(entry: Entry) -> list[str | Text]:
    output = f"{shape(entry['output'])} {entry['output']['format']}"
    if entry["runs"] != "array":
        return [entry["name"], entry["op"], output, *[words.NONE] * 6]
    width = entry["width"]
    short = width["weight_bits"] > width["accumulator_bits"]
    return [
        entry["name"],
        entry["op"],
        output,
        str(entry["k"]),
        words.metric(entry["macs"]),
        words.metric(entry["cycles"]),
        str(width["accumulator_bits"]),
        Text(str(width["weight_bits"]), style="red" if short else ""),
        span(entry["shift"]),
    ]


def _totals(entries: Sequence[Entry], array: Sequence[Entry]) -> str:
    parts = [f"{len(array)} of {words.several(len(entries), 'node')} on the array"]
    parts.append(f"{words.metric(sum(entry['macs'] for entry in array))} MACs an image")
    if array and array[0]["cycles"] is not None:
        parts.append(f"{words.metric(sum(entry['cycles'] for entry in array))} cycles")
    return "; ".join(parts) + "."


def shape(tensor: Entry) -> str:
    """A shape as it is spoken.

    >>> shape({"shape": [8, 8, 16]}), shape({"shape": []})
    ('8×8×16', 'scalar')
    """
    return "×".join(map(str, tensor["shape"])) or "scalar"


def span(values: Sequence[float]) -> str:
    """Least and largest value, or the only one.

    >>> span([38, 40]), span([7, 7]), span([])
    ('38..40', '7', '–')
    """
    if not values:
        return words.NONE
    least, largest = (f"{v:.6g}" if isinstance(v, float) else str(v) for v in values)
    return least if least == largest else f"{least}..{largest}"


def layer(entry: Entry) -> Group:
    """One node: every number that `hwsim.analysis.inspection.inspect` knows of it."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for name, text in facts(entry):
        table.add_row(Text(name, style="bold"), Text(words.printable(text)))
    where = "on the array" if entry["runs"] == "array" else "beside the array"
    return Group(Text(words.printable(f"{entry['name']}  ({entry['op']}, {where})")), table)


def facts(entry: Entry) -> list[tuple[str, str]]:
    """Name and sentence of every fact of one node."""
    found = [("input", _tensor(tensor)) for tensor in entry["inputs"]]
    found.append(("output", _tensor(entry["output"])))
    if entry["runs"] != "array":
        return found
    groups = f", {entry['groups']} groups" if entry["groups"] > 1 else ""
    clocks = "" if entry["cycles"] is None else f", {words.count(entry['cycles'])} cycles"
    found.append(("weight", _weight(entry["weight"])))
    found.append(("bias", _bias(entry["bias"])))
    found.append(("product", f"K {entry['k']}{groups}, {words.count(entry['macs'])} MACs{clocks}"))
    found.append(("requantizer", _requantizer(entry)))
    width = entry["width"]
    if width["chain"] is not None:
        found.append(("chain", _register(width["chain"], width["chain"]["bits"])))
    found.append(("accumulator", _register(width, width["accumulator_bits"])))
    return found + [("warning", text) for text in entry["warnings"]]


def _tensor(tensor: Entry) -> str:
    text = f"{tensor['name']}, {shape(tensor)} {tensor['format']}"
    if tensor["format"] == "float":
        return text
    return f"{text}, scale {tensor['scale']:.8g}, zero point {tensor['zero_point']}"


def _weight(weight: Entry) -> str:
    extents = "" if weight["shape"] is None else f"{shape(weight)} "
    scales = f"scale per {weight['per']} {span(weight['scale'])}"
    return f"{extents}{weight['format']}, {scales}, zero point {span(weight['zero_point'])}"


def _bias(bias: Entry | None) -> str:
    if bias is None:
        return "none"
    when = {"preload": "before the first product", "last": "after the last product"}[bias["when"]]
    return f"{bias['format']}, codes {span(bias['range'])}, added {when}"


def _requantizer(entry: Entry) -> str:
    text = f"{entry['scheme']}, real scale {span(entry['real_scale'])}"
    if entry["multiplier"]:
        text += f", multiplier {span(entry['multiplier'])}"
    return f"{text}, shift {span(entry['shift'])}" if entry["shift"] else text


def _register(ladder: Entry, bits: int | list[int]) -> str:
    needs = f"these weights need {ladder['weight_bits']}, any weights {ladder['type_bits']}"
    return f"{words.chain_bits(bits)} bits, {ladder['overflow'].replace('_', ' ')}; {needs}"
