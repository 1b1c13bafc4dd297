"""report.html: one self-contained file, plain language first, no network."""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from hwsim.report import layer_table, words
from hwsim.report import verdict as verdicts
from hwsim.report.cards import key_figures
from hwsim.report.words import NONE, Summary

if TYPE_CHECKING:
    from hwsim.report.plots import Picture

_SECTIONS = (
    ("Does every sum fit?", ("width_ladder", "accumulator_range", "overflow", "overflow_place")),
    ("What does it cost in accuracy?", ("accuracy", "error_histogram", "channel_error")),
    ("How busy is the array?", ("utilization",)),
)


def kept(text: str) -> str:
    """The text with numbers kept on one line with their units.

    >>> kept("513 k sums")
    '513\\xa0k sums'
    """
    text = re.sub(r"(?<=\d) (?=([kMGµmn]?s?|%|dB|LSB|bits?)\b|%)", "\N{NO-BREAK SPACE}", text)
    return text.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("hwsim.report", "."),
        autoescape=True,  # names come from model files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kept"] = kept
    return environment.get_template("page.html.j2")


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
    return _template().render(
        title=words.printable(f"{summary['model']} on {summary['hardware']}"),
        model=words.printable(summary["model"]),
        hardware=words.printable(summary["hardware"]),
        version=summary["hwsim_version"],
        facts=_facts(summary),
        verdict=verdicts.verdict(summary),
        cards=key_figures(summary),
        columns=layer_table.columns(summary),
        rows=[layer_table.row(i, layer, summary) for i, layer in enumerate(summary["layers"])],
        sections=_sections(pictures),
        first=None if first is None else verdicts.place_sentence(*first),
        places=_places(summary),
        machine=_machine(summary),
        command=words.printable(summary.get("command") or ""),
    )


def _facts(summary: Summary) -> list[tuple[str, str]]:
    """What ran, with which numbers it can be told apart from another run."""
    data = summary["data"]
    facts = [
        ("Data", f"{data['name']}, {words.several(data['samples'], 'sample')}"),
        ("Layers on the array", words.count(len(summary["layers"]))),
        ("Engine", summary.get("engine")),
        ("Float reference", summary.get("float_reference")),
        ("Seed", summary.get("seed")),
        ("Simulated in", words.metric(summary.get("time_s"), "s")),
        ("hwsim", summary["hwsim_version"]),
        ("Data SHA-256", (data["sha256"] or "")[:16]),
    ]
    return [
        (name, words.printable(str(value)))
        for name, value in facts
        if value not in (None, "", NONE)
    ]


def _sections(pictures: dict[str, Picture]) -> list[dict[str, Any]]:
    """Plots under the question they answer."""
    sections = []
    for title, names in _SECTIONS:
        shown = [
            {
                "name": name,
                "title": pictures[name].plot.title,
                "caption": pictures[name].plot.caption,
                "source": "data:image/png;base64," + base64.b64encode(pictures[name].png).decode(),
            }
            for name in names
            if name in pictures
        ]
        if shown:
            sections.append({"title": title, "plots": shown})
    return sections


def _places(summary: Summary) -> list[str]:
    """The first event of every layer that has one, in words."""
    return [
        verdicts.place_sentence(layer, layer["overflow"]["first"])
        for layer in summary["layers"]
        if layer["overflow"]["first"]
    ]


def _machine(summary: Summary) -> str | None:
    machine = summary.get("machine")
    if not machine:
        return None
    return yaml.safe_dump(machine, sort_keys=False, allow_unicode=True, width=96)
