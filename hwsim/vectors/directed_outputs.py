"""Inputs whose accumulator is a tie of a rounding, or gives a code at an end of clamp or format.

The goals are about the accumulator that the machine really requantizes: an input counts only
where the registers, run store by store, end at the wanted value.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.rounding import Rounding
from hwsim.array.gemm import Ints
from hwsim.vectors.directed_goals import Hit, Miss
from hwsim.vectors.directed_registers import NOT_FOUND
from hwsim.vectors.directed_rounding import ChannelRequantizer, Stage, Window, ways
from hwsim.vectors.directed_stores import Stores

WINDOWS = 24  # of one goal that are solved for
TRIES = 4  # inputs of one window, where a register can lose
ALL_WINDOWS = 1000  # fewer than these are all there are


def of_channel(stores: Stores, g: int, n: int) -> ChannelRequantizer:
    """The requantizer of one output channel."""
    return ChannelRequantizer(stores.case.requantizer, g * stores.weights.shape[2] + n)


def ties(stores: Stores, g: int, n: int, random: Random) -> list[Hit | Miss]:
    """Ties of every rounding, on both sides of zero, rounded up and down."""
    channel = of_channel(stores, g, n)
    lo, hi = stores.final_range(g, n)
    found: list[Hit | Miss] = []
    for stage, negative, up, goal in tie_goals(channel):
        certain = channel.lossless(lo, hi)
        reason = no_tie(stage, negative, up)
        if reason is not None:
            found.append(Miss(goal, g, n, reason, proven=True))
            continue
        windows = list(channel.ties(stage, negative, up, lo, hi))
        if not windows:
            reason = f"no sum in [{lo}, {hi}] is such a tie of this factor"
            found.append(Miss(goal, g, n, reason, proven=certain))
            continue
        found.append(_landed(stores, channel, goal, g, n, windows, random, certain))
    return found


def tie_goals(channel: ChannelRequantizer) -> Iterator[tuple[Stage, bool, bool, str]]:
    """Stage, side, way and name of every tie goal; by chance both ways are one goal."""
    for stage in channel.stages:
        for negative in (False, True):
            side = f"tie.{stage.name}.{'negative' if negative else 'positive'}"
            if stage.rounding == Rounding.STOCHASTIC:
                yield stage, negative, True, f"{side}.either"
                continue
            for up in (True, False):
                yield stage, negative, up, f"{side}.{'up' if up else 'down'}"


def no_tie(stage: Stage, negative: bool, up: bool) -> str | None:
    """Why a stage has no such tie whatever its input, or None."""
    if stage.shift <= 0:
        return "no bit is dropped"
    if up not in ways(negative, stage.rounding):
        rule = Rounding(stage.rounding).name.lower()
        side = "below" if negative else "above"
        return f"{rule} never rounds a tie {'up' if up else 'down'} {side} zero"
    return None


def tie_proof(
    stores: Stores,
    channel: ChannelRequantizer,
    stage: Stage,
    negative: bool,
    up: bool,
    g: int,
    n: int,
) -> str | None:
    """Why no input gives a channel such a tie, or None where that is not sure."""
    reason = no_tie(stage, negative, up)
    lo, hi = stores.final_range(g, n)
    if reason is not None or not channel.lossless(lo, hi):
        return reason
    windows = list(channel.ties(stage, negative, up, lo, hi))
    if not windows:
        return f"no sum in [{lo}, {hi}] is such a tie of this factor"
    return no_sum(stores, windows, g, n)


def no_sum(stores: Stores, windows: list[Window], g: int, n: int) -> str | None:
    """Why a channel that loses nothing has no sum in any window; None where that is not sure."""
    if not stores.lossless[g, n] or len(windows) >= ALL_WINDOWS:
        return None
    constant = stores.constant_of_channel(stores.final, g, n)
    sums, reason = stores.sums(stores.final, g, n), None
    for first, last in windows:
        reason = sums.impossible(first - constant, last - constant)
        if reason is None:
            return None
    return reason


def _landed(
    stores: Stores,
    channel: ChannelRequantizer,
    goal: str,
    g: int,
    n: int,
    windows: list[Window],
    random: Random,
    certain: bool,
) -> Hit | Miss:
    """An input whose accumulator lies in one of the windows, nothing lost in the requantizer."""
    constant = stores.constant_of_channel(stores.final, g, n)
    sums, whole = stores.sums(stores.final, g, n), bool(stores.lossless[g, n])
    reasons, solved = set(), 0
    for first, last in windows:
        reason = sums.impossible(first - constant, last - constant)
        if reason is not None:
            reasons.add(reason)
            continue
        solved += 1
        for _ in range(1 if whole else TRIES):
            operands = sums.solve(first - constant, last - constant, random)
            if operands is None:
                break
            total = stores.see(g, n, operands).accumulator
            if first <= total <= last and channel.lossless(total, total):
                return Hit(goal, g, n, operands, total)
        if solved == WINDOWS:
            break
    if solved or len(windows) >= ALL_WINDOWS:
        return Miss(goal, g, n, NOT_FOUND, proven=False)
    return Miss(goal, g, n, "; ".join(sorted(reasons)[:2]), proven=certain and whole)


class Edge(NamedTuple):
    """A goal on codes: the range of values, before clamp and format, that reach it.

    ``least, largest``: None: no bound. ``reason``: why there are none, whatever the input.
    """

    goal: str
    least: int | None
    largest: int | None
    reason: str | None = None


def edges(channel: ChannelRequantizer) -> Iterator[Edge]:
    """Every goal around the ends of activation clamp and output format."""
    whole = channel.whole
    clamp, form = whole.clamp, whole.output
    for side, end, out in (("lo", clamp[0], -1), ("hi", clamp[1], 1)):
        if end is not None:
            yield _beyond(f"activation.{side}.beyond", end + out, out)
            yield Edge(f"activation.{side}.at", end, end)
            yield Edge(f"activation.{side}.inside", end - out, end - out)
    for side, end, out in (("lo", form.lo, -1), ("hi", form.hi, 1)):
        own = clamp[0] if out < 0 else clamp[1]
        if own is not None and (own >= end if out < 0 else own <= end):
            reason = f"the activation ends at {own} before the format does"
            yield Edge(f"output.{side}.beyond", None, None, reason)
        else:
            yield _beyond(f"output.{side}.beyond", end + out, out)
        yield _clamped(f"output.{side}.at", end, clamp)
        yield _clamped(f"output.{side}.inside", end - out, clamp)


def _beyond(goal: str, nearest: int, out: int) -> Edge:
    """All values from ``nearest`` outward."""
    return Edge(goal, nearest, None) if out > 0 else Edge(goal, None, nearest)


def _clamped(goal: str, code: int, clamp: tuple[int | None, int | None]) -> Edge:
    """The values that the activation turns into ``code``."""
    lo, hi = clamp
    if (lo is not None and code < lo) or (hi is not None and code > hi):
        return Edge(goal, None, None, f"the activation holds codes in [{lo}, {hi}]")
    return Edge(goal, None if code == lo else code, None if code == hi else code)


def clamps(stores: Stores, g: int, n: int, random: Random) -> list[Hit | Miss]:
    """Codes at, beside and beyond the ends of the activation and of the output format."""
    channel = of_channel(stores, g, n)
    lo, hi = stores.final_range(g, n)
    certain = channel.monotone(lo, hi)
    found: list[Hit | Miss] = []
    for edge in edges(channel):
        if edge.reason is not None:
            found.append(Miss(edge.goal, g, n, edge.reason, proven=True))
            continue
        window = channel.sums_of(edge.least, edge.largest, lo, hi)
        if window[0] > window[1]:
            reason = f"no sum in [{lo}, {hi}] gives it"
            found.append(Miss(edge.goal, g, n, reason, proven=certain))
            continue
        hit = _landed(stores, channel, edge.goal, g, n, [window], random, certain)
        found.append(_confirmed(channel, edge, hit))
    return found


def edge_proof(
    stores: Stores, channel: ChannelRequantizer, edge: Edge, g: int, n: int
) -> str | None:
    """Why no input brings a channel to an edge, or None where that is not sure."""
    lo, hi = stores.final_range(g, n)
    if edge.reason is not None or not channel.monotone(lo, hi):
        return edge.reason
    window = channel.sums_of(edge.least, edge.largest, lo, hi)
    if window[0] > window[1]:
        return f"no sum in [{lo}, {hi}] gives it"
    return no_sum(stores, [window], g, n)


def _confirmed(channel: ChannelRequantizer, edge: Edge, hit: Hit | Miss) -> Hit | Miss:
    """The hit, if its value really lies in the edge's range: values may not ascend, and chance
    may add one."""
    if isinstance(hit, Miss):
        return hit
    value = channel.value(hit.value)
    risen = value + int(channel.rounding == Rounding.STOCHASTIC)
    if not inside(edge, np.array([value, risen])).all():
        return Miss(hit.goal, hit.group, hit.n, NOT_FOUND, proven=False)
    return hit


def inside(edge: Edge, values: Ints) -> NDArray[np.bool_]:
    """Which values reach an edge's goal."""
    reached = np.full(values.shape, edge.reason is None)
    if edge.least is not None:
        reached &= values >= edge.least
    if edge.largest is not None:
        reached &= values <= edge.largest
    return reached
