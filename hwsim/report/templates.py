"""The pages' templates: self-contained HTML, no network, complete without JavaScript."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hwsim.report.plots import Picture


def kept(text: str) -> str:
    """The text with numbers kept on one line with their units.

    >>> kept("513 k sums")
    '513\\xa0k sums'
    """
    text = re.sub(r"(?<=\d) (?=([kMGµmn]?s?|%|dB|LSB|bits?)\b|%)", "\N{NO-BREAK SPACE}", text)
    return text.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hwsim.report", "."),
        autoescape=True,  # names come from model files
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kept"] = kept
    return environment


def rendered(template: str, **values: Any) -> str:
    """A page."""
    return _environment().get_template(template).render(**values)


def shown(picture: Picture) -> dict[str, Any]:
    """A plot as the templates take it."""
    plot = picture.plot
    return {
        "name": plot.name,
        "title": plot.title,
        "caption": plot.caption,
        "svg": Markup(picture.svg),  # escaped where it is written
    }


def yaml_text(machine: dict[str, Any] | None) -> str | None:
    """The machine as YAML."""
    if not machine:
        return None
    return yaml.safe_dump(machine, sort_keys=False, allow_unicode=True, width=96)
