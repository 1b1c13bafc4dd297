"""A divergence for people and programs: where, both values, the likely cause, the way there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hwsim.analysis.compare_causes import Cause
from hwsim.analysis.compare_steps import Step, steps
from hwsim.vectors.divergence import Differences, Place
from hwsim.vectors.divergence_alternatives import Alternative
from hwsim.vectors.divergence_causes import likely
from hwsim.vectors.divergence_walk import Event, Parting, first_event, parting

CODES = ("output", "requantized")


@dataclass(frozen=True)
class Divergence:
    """The first divergence of one stage.

    Attributes
    ----------
    layer, stage : str
    beats, beats_seen : int
        Of the bundle, of the dump.
    values, different : int
        Compared; of these not equal, or unknown, or missing.
    first : Place or None
        None: every value of the dump is right, but beats are too few or too many.
    cause : Cause
    event : Event or None
        Where a register of the true machine first lost something of that output.
    parting : Parting or None
        Where the machine of the cause first differs, if it is one of other registers.
    steps : tuple of Step
        The true way from the accumulator to the code.
    """

    layer: str
    stage: str
    beats: int
    beats_seen: int
    values: int
    different: int
    first: Place | None
    cause: Cause
    event: Event | None = None
    parting: Parting | None = None
    steps: tuple[Step, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def explain(d: Differences) -> Divergence:
    """Everything that is known about a dump that is not equal."""
    cause, other = likely(d)
    first = d.first
    return Divergence(
        layer=d.golden.layer,
        stage=d.stage,
        beats=len(d.expected),
        beats_seen=len(d.dump.values),
        values=int(np.count_nonzero(d.beats.keep)),
        different=int(np.count_nonzero(d.different)),
        first=first,
        cause=cause,
        **({} if first is None or first.seen == first.expected else _way(d, first, other)),
    )


def _way(d: Differences, first: Place, other: Alternative | None) -> dict[str, Any]:
    """How the first wrong value comes about."""
    run = int(d.beats.run[first.beat, first.lane])
    one = d.golden.products[run]
    at = first.group, first.m, first.n
    found: dict[str, Any] = {"event": first_event(one, *at)}
    if other is not None and other.datapath is not None:
        found["parting"] = parting(one, other.datapath, *at)
    if d.stage in CODES and (other is None or other.codes is not None):
        channel = first.group * one.schedule.n + first.n
        sum_ = int(d.sums[run][at])
        found["steps"] = tuple(steps(d.golden.requantizer, sum_, channel))
    return found


def lines(found: Divergence) -> list[str]:
    """For people, a fact a line."""
    said = [
        f"{found.layer}, stage {found.stage}: {found.different} of {found.values} values differ"
    ]
    if found.beats != found.beats_seen:
        said[0] += f"; {found.beats_seen} beats in the dump, {found.beats} in the bundle"
    if found.first is not None:
        said += _place_lines(found.first)
    said.append(f"Likely cause: {found.cause.text}")
    if found.event is not None:
        event = found.event
        clock = "" if event.cycle < 0 else f", cycle {event.cycle}"
        said.append(
            f"This output first overflows in the {event.stage} at k step {event.k}{clock}: "
            f"{event.presented} is stored as {event.stored}"
        )
    if found.parting is not None:
        apart = found.parting
        said.append(
            f"Both machines part at k step {apart.k}: the {apart.stage} holds {apart.ours}, "
            f"the other {apart.other}"
        )
    width = max((len(step.label) for step in found.steps), default=0)
    for step in found.steps:
        note = f"    {step.note}" if step.note else ""
        said.append(f"    {step.label:{width}}  {step.value}{note}")
    return said


def _place_lines(first: Place) -> list[str]:
    """Where, and both values."""
    seen = "X" if first.seen is None else str(first.seen)
    clock = "" if first.seen_cycle is None else f", seen after cycle {first.seen_cycle}"
    steps_ = f"k steps {first.k[0]} to {first.k[1]}"
    return [
        f"First: run {first.run}, tile {first.fold} (k tile {first.k_tile}, {steps_}), "
        f"group {first.group}, pixel m {first.m}, channel n {first.n}",
        f"  beat {first.beat}, lane {first.lane}, cycle {first.cycle}{clock}",
        f"  expected {first.expected}, seen {seen}",
    ]
