"""What the runs of a layer reach: bins with hits, and why the empty ones are empty.

Every run goes through the cycle engine with its list of events; bins count from that, from the
accumulators and from the requantizer's stages::

    overflow   each register's events upward and downward; outputs (chain: folds of them) that
               lost, by the sign and class of the loss
    tie        each rounding's ties, by side of zero and by way
    clamp      values before the activation clamp and the format, around their ends
    tile       folds, whole and partial; first, middle, last K tile
    pe         products of two operands that are not 0, by PE
    lane       outputs by the column that they leave
    operand    codes at the ends of their formats and at the zero point

A bin without hits is *unreachable* only with a proof, from weights, scales and formats, that no
input reaches it; else it is *open*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from hwsim.arith.formats import IntFormat
from hwsim.array.cycle import execute
from hwsim.vectors import coverage_outputs, coverage_places, coverage_registers
from hwsim.vectors.case import LayerCase, Run
from hwsim.vectors.coverage_bins import Bin, Ran
from hwsim.vectors.directed_stores import Stores

HIT, UNREACHABLE, OPEN = "hit", "unreachable", "open"


class Row(NamedTuple):
    """One line of the table: bins of a group, by state, and the share of reachable ones hit."""

    group: str
    bins: int
    hit: int
    unreachable: int
    open: int
    percent: float


@dataclass(frozen=True, eq=False)
class Coverage:
    """Bins of one layer on one machine.

    Attributes
    ----------
    model, layer, machine : str
    runs : tuple of str
        What was run.
    bins : tuple of Bin
        In order of groups; names are unique.
    """

    model: str
    layer: str
    machine: str
    runs: tuple[str, ...]
    bins: tuple[Bin, ...]

    @cached_property
    def groups(self) -> dict[str, list[Bin]]:
        """Bins by group, in order."""
        found: dict[str, list[Bin]] = {}
        for one in self.bins:
            found.setdefault(one.group, []).append(one)
        return found

    @property
    def open_bins(self) -> list[Bin]:
        """Bins without a hit and without a proof."""
        return [one for one in self.bins if one.state == OPEN]

    @property
    def unreachable_bins(self) -> list[Bin]:
        """Bins that no input reaches."""
        return [one for one in self.bins if one.state == UNREACHABLE]


def coverage(case: LayerCase) -> Coverage:
    """Execute all runs of a case and count.

    Raises
    ------
    UnsupportedError
        The machine has no array.
    """
    stores = Stores(case)
    runs = [ran(run, case) for run in case.runs]
    bins: list[Bin] = []
    for make in (
        coverage_registers.bins,
        coverage_outputs.bins,
        coverage_places.bins,
    ):
        bins += make(stores, runs)
    names = tuple(run.name for run in case.runs)
    return Coverage(case.model, case.layer, case.machine.name, names, tuple(bins))


def ran(run: Run, case: LayerCase) -> Ran:
    """One run through the cycle engine and the requantizer."""
    execution = execute(run.datapath, run.schedule, list_events=True)
    unlimited = execution.exact
    if run.prepared.bias.lost is not None:
        unlimited = unlimited + run.prepared.bias.lost[None, :, None, :]
    free = replace(case.requantizer, clamp=(None, None), output=IntFormat(64))
    return Ran(run, execution, free.apply(execution.accumulator), free.apply(unlimited).events)


def table(found: Coverage) -> list[Row]:
    """One row a group, and ``all`` last."""
    rows = [_row(group, bins) for group, bins in found.groups.items()]
    return [*rows, _row("all", list(found.bins))]


def _row(group: str, bins: list[Bin]) -> Row:
    """Counts of some bins."""
    states = [one.state for one in bins]
    hit, never, left = (states.count(state) for state in (HIT, UNREACHABLE, OPEN))
    reachable = hit + left
    return Row(group, len(bins), hit, never, left, 100 * hit / reachable if reachable else 100.0)


def details(found: Coverage) -> Iterator[tuple[str, int, str, str]]:
    """Name, hits, state and reason of every bin but those of single PEs and lanes that were hit."""
    for one in found.bins:
        if one.group not in ("pe", "lane") or one.state != HIT:
            yield one.name, one.hits, one.state, one.reason
