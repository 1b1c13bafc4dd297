"""report.html of a run: one self-contained file, plain language first, no network."""

from __future__ import annotations

from typing import Any

from hwsim.report import layer_panel, layer_table, words
from hwsim.report import verdict as verdicts
from hwsim.report.cards import key_figures
from hwsim.report.description import machine_sentences, model_sentences
from hwsim.report.plots import Picture
from hwsim.report.templates import rendered, shown, yaml_text
from hwsim.report.words import NONE, Summary

_ACCURACY = "What does it cost in accuracy?"
_SECTIONS = (
    ("Does every sum fit?", ("width_ladder", "accumulator_range", "overflow", "overflow_place")),
    (_ACCURACY, ("accuracy", "causes", "error_histogram", "channel_error")),
    ("How busy is the array?", ("utilization", "roofline")),
)


def html(summary: Summary, pictures: dict[str, Picture]) -> str:
    """The page.

    Parameters
    ----------
    summary : dict
        As in summary_schema.json.
    pictures : dict of Picture
        What `plots.draw_all` drew.
    """
    first = verdicts.first_overflow(summary)
    layers = summary["layers"]
    return rendered(
        "page.html.j2",
        title=words.printable(f"{summary['model']} on {summary['hardware']}"),
        model=words.printable(summary["model"]),
        hardware=words.printable(summary["hardware"]),
        version=summary["hwsim_version"],
        facts=facts(summary),
        verdict=verdicts.page_verdict(summary),
        cards=key_figures(summary),
        columns=layer_table.columns(summary),
        rows=[layer_table.row(i, layer, summary) for i, layer in enumerate(layers)],
        sections=_sections(summary, pictures),
        panels=[layer_panel.panel(layer) for layer in layers],
        first=None if first is None else verdicts.place_sentence(*first),
        places=_places(summary),
        description=[*machine_sentences(summary.get("machine") or {}), *model_sentences(summary)],
        machine=yaml_text(summary.get("machine")),
        command=words.printable(summary.get("command") or ""),
    )


def facts(summary: Summary) -> list[tuple[str, str]]:
    """What ran, with which numbers it can be told apart from another run."""
    data, apart = summary["data"], summary.get("causes_samples")
    found = [
        ("Data", f"{data['name']}, {words.several(data['samples'], 'sample')}"),
        ("Layers on the array", words.count(len(summary["layers"]))),
        ("Engine", summary.get("engine")),
        ("Errors by cause", apart and f"of {words.several(apart, 'sample')}"),
        ("Float reference", summary.get("float_reference")),
        ("Seed", summary.get("seed")),
        ("Simulated in", words.metric(summary.get("time_s"), "s")),
        ("hwsim", summary["hwsim_version"]),
        ("Data SHA-256", (data["sha256"] or "")[:16]),
    ]
    return [
        (name, words.printable(str(value)))
        for name, value in found
        if value not in (None, "", NONE)
    ]


def _sections(summary: Summary, pictures: dict[str, Picture]) -> list[dict[str, Any]]:
    """Plots under the question they answer; what would help goes with accuracy."""
    sections = []
    for title, names in _SECTIONS:
        plots = [shown(pictures[name]) for name in names if name in pictures]
        changes = (summary.get("changes") or []) if title == _ACCURACY else []
        if plots or changes:
            told = [
                {"text": words.printable(x["words"]), "evidence": words.printable(x["evidence"])}
                for x in changes
            ]
            sections.append({"title": title, "plots": plots, "changes": told})
    return sections


def _places(summary: Summary) -> list[str]:
    """The first event of every layer that has one, in words."""
    return [
        verdicts.place_sentence(layer, layer["overflow"]["first"])
        for layer in summary["layers"]
        if layer["overflow"]["first"]
    ]
