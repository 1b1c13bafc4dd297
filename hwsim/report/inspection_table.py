"""``hwsim inspect`` for the console: the network in one screen of 100 characters.

The head says what file it is; one table says what the network is, one what the machine does with
its layers; sentences say what is common to many layers, and what bites.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hwsim.report import words
from hwsim.report.inspection_words import (
    bias_sentence,
    requantizer_sentence,
    shape,
    span,
    tensor_text,
    weight_sentence,
)
from hwsim.report.tables import text_table

Entry = Mapping[str, Any]
NETWORK = ["layer", "operator", "output", "scale", "zero", "K", "MACs", "cycles"]
FLOAT = ["layer", "operator", "input", "output", "K", "MACs"]
MACHINE = ["layer", "weights", "scale", "zero", "bias", "multiplier", "shift", "acc", "needs"]
ZERO = MACHINE.index("zero")
NAMED = 3  # layers that a sentence names


def network(entries: Sequence[Entry], model: Entry, machine: str) -> Group:
    """All nodes in execution order, what the machine does with its layers, and what bites.

    ``acc``: bits of the accumulator; ``needs``: bits for these weights and any input. Ranges are
    least to largest over the channels. ``–``: beside the array, or there is none.
    """
    array = [entry for entry in entries if entry["runs"] == "array"]
    coded = [entry for entry in entries if entry["runs"] in ("array", "refused")]
    parts: list[RenderableType] = [*_head(model, machine), Text()]
    if any(entry["runs"] == "float" for entry in entries):
        parts.append(text_table(FLOAT, [_float_row(entry) for entry in entries], text_columns=4))
    else:
        parts.append(text_table(NETWORK, [_row(entry) for entry in entries], text_columns=3))
    if coded:
        parts += [Text(), _machine_table(coded)]
    parts += [Text(), Text(_totals(entries, array))]
    parts += [Text(words.printable(line)) for line in _common(coded)]
    parts += [Text(words.printable(line), style="yellow") for line in bites(entries)]
    return Group(*parts)


def _head(model: Entry, machine: str) -> list[Text]:
    """What the file is, and the network's ends."""
    on = "" if model["formats"].startswith("float") else f" on {machine}"
    lines = [Text(words.printable(model["name"] + on), style="bold")]
    lines.append(Text(words.printable(f"{model['kind']}; {model['formats']}")))
    if model["note"]:
        lines.append(Text(words.printable(model["note"])))
    for end in ("input", "output"):
        lines += [
            Text(words.printable(f"{end:7}{tensor_text(tensor, letters=24)}"))
            for tensor in model[f"{end}s"]
        ]
    return lines


def _product(entry: Entry) -> list[str]:
    """K and MACs of a layer."""
    if "k" not in entry:
        return [words.NONE] * 2
    groups = f"{entry['groups']}·" if entry["groups"] > 1 else ""
    return [f"{groups}{entry['k']}", words.metric(entry["macs"])]


def _row(entry: Entry) -> list[str | Text]:
    output = entry["output"]
    coded = output["format"] != "float"
    return [
        entry["name"],
        entry["op"],
        f"{shape(output)} {output['format']}",
        f"{output['scale']:.4g}" if coded else words.NONE,
        str(output["zero_point"]) if coded else words.NONE,
        *_product(entry),
        words.metric(entry.get("cycles")),
    ]


def _float_row(entry: Entry) -> list[str | Text]:
    source = " + ".join(shape(tensor) for tensor in entry["inputs"])
    return [entry["name"], entry["op"], source, shape(entry["output"]), *_product(entry)]


def _machine_table(layers: Sequence[Entry]) -> Table:
    """A line a layer; the weights' zero points have a column where any of them is not 0."""
    rows, headings = [_machine_row(entry) for entry in layers], MACHINE
    if not any(any(entry["weight"]["zero_point"]) for entry in layers):
        headings = headings[:ZERO] + headings[ZERO + 1 :]
        rows = [row[:ZERO] + row[ZERO + 1 :] for row in rows]
    return text_table(headings, rows, text_columns=2)


def _machine_row(entry: Entry) -> list[str | Text]:
    bias, weight = entry["bias"], entry["weight"]
    model: list[str | Text] = [
        entry["name"],
        weight["format"],
        span(weight["scale"], 3),
        span(weight["zero_point"]),
        words.NONE if bias is None else _bias_span(bias),
    ]
    if entry["runs"] == "refused":
        return [*model, *[words.NONE] * 4]
    width = entry["width"]
    short = width["weight_bits"] > width["accumulator_bits"]
    real = entry["form"] == "real"
    return [
        *model,
        span(entry["real_scale"], 3) if real else _metric_span(entry["multiplier"]),
        words.NONE if real else span(entry["shift"]),
        str(width["accumulator_bits"]),
        Text(str(width["weight_bits"]), style="red" if short else ""),
    ]


def _bias_span(bias: Entry) -> str:
    return span(bias["range"], 3) if bias["format"] == "real" else _metric_span(bias["range"])


def _metric_span(values: Sequence[int]) -> str:
    """Least and largest integer, in thousands, millions, ...

    >>> _metric_span([-36675, 8]), _metric_span([128, 128])
    ('-36.7k..8', '128')
    """
    texts = [words.metric(value).replace(" ", "") for value in values]
    return words.NONE if not texts else texts[0] if len({*texts}) == 1 else "..".join(texts)


def _totals(entries: Sequence[Entry], array: Sequence[Entry]) -> str:
    layers = [entry for entry in entries if "k" in entry]
    macs = f"{words.metric(sum(entry['macs'] for entry in layers))} MACs an image"
    if any(entry["runs"] == "float" for entry in layers):
        of = f"{words.several(len(layers), 'layer')} of {words.several(len(entries), 'node')}"
        return f"{of}; {macs}; float: quantize first (hwsim quantize MODEL --data FILE)."
    parts = [f"{len(array)} of {words.several(len(entries), 'node')} on the array", macs]
    if array and array[0]["cycles"] is not None:
        parts.append(f"{words.metric(sum(entry['cycles'] for entry in array))} cycles")
    return "; ".join(parts) + "."


def _common(layers: Sequence[Entry]) -> list[str]:
    """Sentences that hold for many layers: weights, biases, requantizers."""
    lines = []
    for title, sentence in (
        ("Weights", weight_sentence),
        ("Bias", bias_sentence),
        ("Requantizer", requantizer_sentence),
    ):
        groups: dict[str, list[str]] = {}
        for entry in layers:
            if "scheme" in entry or sentence is not requantizer_sentence:
                groups.setdefault(sentence(entry), []).append(entry["name"])
        for text, names in groups.items():
            where = "" if len(groups) == 1 else f" ({some(names)})"
            lines.append(f"{title}: {text}{where}.")
    return lines


def some(names: Sequence[str]) -> str:
    """Layers by name, or by their number where there are many.

    >>> some(["a"]), some(["a", "b", "c", "d"])
    ('a', '4 layers, a to d')
    """
    if len(names) > NAMED:
        ends = [words.shortened(name, 28) for name in (names[0], names[-1])]
        return f"{len(names)} layers, {ends[0]} to {ends[1]}"
    return ", ".join(words.shortened(name, 28) for name in names)


def bites(entries: Sequence[Entry]) -> list[str]:
    """Every warning once, with the layers that it holds for; counts are of all layers' channels."""
    channels = sum(entry.get("channels", 0) for entry in entries)
    groups: dict[tuple[str, str], list[tuple[str, Entry]]] = {}
    for entry in entries:
        for finding in entry.get("findings", ()):
            key = (finding["kind"], finding["what"])
            groups.setdefault(key, []).append((entry["name"], finding))
    return [_bite(kind, what, found, channels) for (kind, what), found in groups.items()]


def _bite(kind: str, what: str, found: Sequence[tuple[str, Entry]], channels: int) -> str:
    """One trouble of some layers."""
    names = list(dict.fromkeys(name for name, _ in found))
    if len(found) == 1:
        return f"{names[0]}: {found[0][1]['text']}"
    if found[0][1]["count"] is not None:
        count = sum(finding["count"] for _, finding in found)
        name, most = max(found, key=lambda pair: int(pair[1]["count"]))
        most_text = f"most in {name}, {most['count']} of {most['of']}"
        return f"{some(names)}: {words.count(count)} of {words.count(channels)} {what}; {most_text}"
    if kind == "gain":
        worst = max(finding["worst"] for _, finding in found)
        return f"{some(names)}: requantization gain off by up to {worst:.1%}: {what}"
    if kind == "activation_bound":
        worst = max(finding["worst"] for _, finding in found)
        return f"{some(names)}: {what}: the clamp is up to {worst:.2f} of a code beside them"
    return f"{some(names)}: {what.replace('{layers}', 'them')}"
