"""The recommended widths on the terminal, with what speaks for them."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.text import Text

from hwsim.report import words
from hwsim.report.sweep_table import FIELDS
from hwsim.report.tables import text_table


def recommendation_table(manifest: dict[str, Any]) -> Group:
    """What `hwsim sweep` prints last: nothing where nothing was asked for."""
    found = manifest.get("recommendation")
    if found is None:
        return Group()
    terms, best = found["terms"], found["best"]
    lost = "top-1 lost" if manifest["data"].get("labels") else "all classes changed"
    asked = f"at most {words.percent(terms['budget'])} of {lost} on as many other samples"
    title = f"Recommended accumulators: {asked}, confidence {words.percent(terms['confidence'])}"
    lines: list[Any] = [Text(title, style="bold"), _uniform(found["uniform"])]
    if found["least_samples"] > manifest["data"]["samples"]:
        few, many = words.several(manifest["data"]["samples"], "sample"), found["least_samples"]
        lines.append(Text(f"{few} cannot promise that without a proof: {words.count(many)} can."))
    if best is None:
        lines.append(Text("No swept width keeps that: sweep wider ones."))
    else:
        lines.append(Text(_saved(found, best)))
    lines.append(_layers(found["layers"]))
    lines += [Text(f"Machines: {', '.join(found['files'])}")] if found["files"] else []
    return Group(*lines)


def _uniform(answers: list[dict[str, Any]]) -> Any:
    """One width for all layers, for each combination of the other fields."""
    names = list(answers[0]["values"]) if answers else []
    headings = [FIELDS.get(name, name) for name in names] or ["all layers"]
    headings += ["bits", "proof", "lost", "gained", "at most lost", "guaranteed", "observed"]
    rows: list[list[str | Text]] = []
    for answer in answers:
        own: list[str | Text] = [str(v).replace("_", " ") for v in answer["values"].values()]
        width = answer["found"]
        cells = ["none", "", "", "", ""]
        if width is not None:
            cells = [
                str(width["bits"]), width["proof"], str(width["lost"]), str(width["gained"]),
                words.percent(width["loss_bound"]),
            ]  # fmt: skip
        ends = [str(answer["guaranteed_bits"]), str(answer["observed_bits"])]
        rows.append([*(own or ["uniform"]), *cells, *ends])
    return text_table(headings, rows, text_columns=max(len(names), 1))


def _layers(layers: list[dict[str, Any]]) -> Any:
    """A width for each layer, and the bounds above it."""
    headings = ["layer", "type", "L1 norm", "signs", "observed", "headroom", "recommended"]
    keys = ("type_bits", "l1_bits", "weight_bits", "observed_bits", "headroom", "recommended_bits")
    rows: list[list[str | Text]] = [
        [layer["name"], *("none" if layer[key] is None else str(layer[key]) for key in keys)]
        for layer in layers
    ]
    return text_table(headings, rows)


def _saved(found: dict[str, Any], best: dict[str, Any]) -> str:
    """What the narrower registers save."""
    saved = found["saved"]
    parts = [
        f"{label} {words.count(saved[key][0])} to {words.count(saved[key][1])}"
        for key, label in (
            ("adder_bits", "adder bits"),
            ("register_bits", "register bits"),
            ("stored_bits", "bits stored an image"),
            ("stored_bits_per_layer", "with a width a layer"),
            ("stored_bits_per_group", "with a width a channel group"),
        )
        if saved[key] is not None
    ]
    return f"{best['found']['bits']} bits: {', '.join(parts)}"
