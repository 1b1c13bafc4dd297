"""Directed runs: inputs computed from a layer's real weights to reach its corners.

Seven sets, each a run of the layer: ``extremes``, ``limits``, ``transients``, ``ties``,
``clamps`` (goals of single output channels, `directed_goals`), ``corners`` and ``toggles`` (whole
rows, `directed_rows`). A row that is made for one channel goes to all others of its group too;
groups have rows of their own at the same m. Deterministic by seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import NamedTuple

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.vectors import directed_outputs, directed_registers, directed_rows
from hwsim.vectors.case import LayerCase, Run
from hwsim.vectors.directed_goals import EVERY_OUTPUT, Aims, Hit, Miss, merged
from hwsim.vectors.directed_stores import Stores

SETS: dict[str, tuple[Aims, int]] = {
    "extremes": (directed_registers.ends, 128),
    "limits": (directed_registers.limits, 128),
    "transients": (directed_registers.transients, 32),
    "ties": (directed_outputs.ties, 96),
    "clamps": (directed_outputs.clamps, 96),
}
"""Sets of single channels: what tries, and the most rows of a run."""

CHANNELS = 128  # over all groups, of those that goals are tried in
GROUPS = 16  # groups that goals are tried in; the others have their extremes alone


class Purpose(NamedTuple):
    """What one row of a run is for.

    ``n``: the output channel in its group, EVERY_OUTPUT where it is for all. ``value``: as
    `directed_goals.Hit`.
    """

    run: str
    group: int
    m: int
    n: int
    goal: str
    value: int


@dataclass(frozen=True, eq=False)
class DirectedSet:
    """Directed runs of one layer on one machine.

    Attributes
    ----------
    seed : int
    runs : tuple of Run
        Named ``directed_<set>``; a set without rows has no run.
    purposes : tuple of Purpose
    misses : tuple of Miss
        Goals without an input, channel by channel.
    left_out : tuple of str
        What was not tried, to stay within the budget of rows.
    """

    seed: int
    runs: tuple[Run, ...]
    purposes: tuple[Purpose, ...]
    misses: tuple[Miss, ...]
    left_out: tuple[str, ...]

    @cached_property
    def _never(self) -> dict[str, list[Miss]]:
        """Misses of goals that no channel reaches."""
        reached = {purpose.goal for purpose in self.purposes}
        found: dict[str, list[Miss]] = {}
        for miss in self.misses:
            if miss.goal not in reached:
                found.setdefault(miss.goal, []).append(miss)
        return found

    @property
    def unreachable(self) -> list[tuple[str, str]]:
        """Goals that no input reaches in any channel tried, and why."""
        never = self._never.items()
        return [
            (goal, merged([m.reason for m in all_]))
            for goal, all_ in never
            if all(m.proven for m in all_)
        ]

    @property
    def not_found(self) -> list[tuple[str, str]]:
        """Goals that no input was found for, without a proof that there is none."""
        never = self._never.items()
        return [
            (goal, merged([m.reason for m in all_ if not m.proven]))
            for goal, all_ in never
            if not all(m.proven for m in all_)
        ]


def directed_runs(case: LayerCase, seed: int) -> DirectedSet:
    """All directed runs of a layer.

    Parameters
    ----------
    case : LayerCase
        Its first run gives weights, machine and requantizer; its images the border patterns.
    seed : int
        Of the search; the same seed gives the same rows.

    Raises
    ------
    ConfigError
        As `prepare`.
    """
    stores, made = Stores(case), _Made(seed, case)
    for name, (aims, most) in SETS.items():
        made.channels(stores, name, aims, most)
    made.rows("corners", [*directed_rows.corners(stores), *made.product_ties(stores)])
    made.rows("toggles", directed_rows.toggles(stores))
    return DirectedSet(
        seed, tuple(made.runs), tuple(made.purposes), tuple(made.misses), tuple(made.left_out)
    )


class _Made:
    """A directed set in the making."""

    def __init__(self, seed: int, case: LayerCase) -> None:
        self.seed, self.case = seed, case
        self.runs: list[Run] = []
        self.purposes: list[Purpose] = []
        self.misses: list[Miss] = []
        self.left_out: list[str] = []

    def channels(self, stores: Stores, name: str, aims: Aims, most: int) -> None:
        """One set of single channels."""
        groups, _, n = stores.weights.shape
        whole = list(range(groups)) if name == "extremes" else spread(groups, GROUPS)
        tried = spread(n, max(CHANNELS // len(whole), 1))
        self.leave_out(name, len(tried), n, "channels of a group were tried")
        self.leave_out(name, len(whole), groups, "groups were tried")
        hits: list[list[Hit]] = [[] for _ in range(groups)]
        for g in whole:
            for channel in tried:
                random = Random(f"{self.seed} {name} {g} {channel}")
                found = aims(stores, g, channel, random)
                self.misses += [f for f in found if isinstance(f, Miss)]
                hits[g] += [f for f in found if isinstance(f, Hit)]
            self.leave_out(f"{name} of group {g}", most, len(hits[g]), "inputs were kept")
            hits[g] = goal_by_goal(hits[g])[:most]
        self.pack(stores, f"directed_{name}", hits)

    def leave_out(self, name: str, kept: int, of: int, what: str) -> None:
        """Say that not all was tried or kept, where that is so."""
        if kept < of:
            self.left_out.append(f"{name}: {kept} of {of} {what}")

    def pack(self, stores: Stores, name: str, hits: list[list[Hit]]) -> None:
        """Hits of all groups side by side; a group with fewer has rows of zero points."""
        groups, taps, _ = stores.weights.shape
        height = max(map(len, hits))
        if height == 0:
            return
        rows = np.full((groups, height, taps), self.case.runs[0].gemm.a_zero_point, np.int64)
        for g, own in enumerate(hits):
            for m, hit in enumerate(own):
                rows[g, m] = np.array(hit.operands, np.int64) + stores.code_of_zero
                self.purposes.append(Purpose(name, g, m, hit.n, hit.goal, hit.value))
        self.run(name, rows)

    def rows(self, name: str, named: Sequence[directed_rows.NamedRow]) -> None:
        """One set of whole rows."""
        name = f"directed_{name}"
        rows = np.stack([row for _, row in named], axis=1)
        for m, (goal, _) in enumerate(named):
            for g in range(len(rows)):
                self.purposes.append(Purpose(name, g, m, EVERY_OUTPUT, goal, 0))
        self.run(name, rows)

    def product_ties(self, stores: Stores) -> list[directed_rows.NamedRow]:
        """Rows of products that are ties, and what has none."""
        rows, missed = directed_rows.product_ties(stores)
        self.misses += [Miss(goal, 0, EVERY_OUTPUT, reason, True) for goal, reason in missed]
        return rows

    def run(self, name: str, rows: Ints) -> None:
        """One more run, in the dtype of the layer's codes."""
        codes = rows.astype(self.case.runs[0].gemm.a.dtype)
        self.runs.append(self.case.rows_run(name, codes))


def goal_by_goal(hits: list[Hit]) -> list[Hit]:
    """Every goal's first input, then every goal's second, so that none is cut off whole."""
    rank: dict[str, int] = {}
    ranked = []
    for hit in hits:
        rank[hit.goal] = rank.get(hit.goal, 0) + 1
        ranked.append((rank[hit.goal], hit))
    return [hit for _, hit in sorted(ranked, key=lambda pair: pair[0])]


def spread(extent: int, most: int) -> list[int]:
    """At most ``most`` of ``0..extent-1``, both ends among them, evenly.

    >>> spread(10, 4), spread(3, 8), spread(5, 1)
    ([0, 3, 6, 9], [0, 1, 2], [0])
    """
    if extent <= most:
        return list(range(extent))
    return [round(i * (extent - 1) / max(most - 1, 1)) for i in range(most)]
