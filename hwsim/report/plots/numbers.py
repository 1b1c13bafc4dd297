"""The numbers behind a plot: named columns, one row a layer, channel or bin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwsim.report.tables import csv_text

if TYPE_CHECKING:
    from hwsim.report.drawing.shapes import Drawing

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Numbers:
    """Columns and rows of one plot; ``None`` is an empty cell.

    Of plots with a row a layer, the first two columns are its index and name.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def column(self, name: str) -> list[Any]:
        """All values of one column.

        >>> Numbers(("index", "layer", "bits"), [(0, "a", 8), (1, "b", 9)]).column("bits")
        [8, 9]
        """
        at = self.columns.index(name)
        return [row[at] for row in self.rows]

    def layers(self) -> dict[int, str]:
        """Index and name of every layer, in order."""
        return {row[0]: row[1] for row in self.rows}

    def of_layer(self, index: int) -> Numbers:
        """The rows of one layer."""
        return Numbers(self.columns, [row for row in self.rows if row[0] == index])

    def csv(self) -> str:
        """The table as CSV."""
        rows = [["" if value is None else value for value in row] for row in self.rows]
        return csv_text(list(self.columns), rows)


@dataclass(frozen=True)
class Plot:
    """One plot: ``caption`` says in a sentence or two how to read it."""

    name: str
    title: str
    caption: str
    numbers: Callable[..., Numbers]  # of a run's summary and details, or of a sweep
    draw: Callable[[Numbers], Drawing]


def detail(details: Arrays, index: int, name: str) -> NDArray[Any]:
    """``layer<index>_<name>``; empty where it was not recorded."""
    return details.get(f"layer{index}_{name}", np.zeros(0, np.int64))
