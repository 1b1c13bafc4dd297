"""A table of a page, every column sortable."""

from __future__ import annotations

from dataclasses import dataclass

from hwsim.report import words

LEAST, MOST = -1e300, 1e300  # sort before and after every number


@dataclass(frozen=True)
class Column:
    """``meaning`` is the heading's tooltip; ``names``: the rows' heading."""

    heading: str
    meaning: str
    text: bool = False
    names: bool = False


@dataclass(frozen=True)
class Cell:
    """One table cell: its text, and what the column sorts by.

    ``mark``: ``alarm``, ``better`` or ``worse``; ``link``: an id of the page.
    """

    text: str
    key: float | str
    mark: str = ""
    link: str = ""


def name_cell(text: str, link: str = "") -> Cell:
    """A name or another word."""
    shown = words.printable(text)
    return Cell(shown, shown, link=link)


def count_cell(value: int | None, *, alarm: bool = False) -> Cell:
    """An integer; red where ``alarm`` and not 0."""
    return Cell(words.count(value), sort_key(value), "alarm" if alarm and value else "")


def sort_key(value: float | None) -> float:
    """A number, or less than any."""
    return LEAST if value is None else float(value)
