"""Bins of the requantizer's ties and of values around the ends of clamp and format."""

from __future__ import annotations

import numpy as np

from hwsim.arith.rounding import Rounding, round_up
from hwsim.array.gemm import Ints
from hwsim.array.requantizer_integers import ZERO_POINT_INSIDE
from hwsim.array.requantizer_stages import narrowed
from hwsim.vectors.case import LayerCase
from hwsim.vectors.coverage_bins import Bin, Ran
from hwsim.vectors.directed_goals import merged
from hwsim.vectors.directed_outputs import (
    Edge,
    edge_proof,
    edges,
    inside,
    of_channel,
    tie_proof,
)
from hwsim.vectors.directed_rounding import HIGH_SHIFT, ChannelRequantizer, Stage
from hwsim.vectors.directed_stores import Stores

SIDES = ("positive", "negative")
WAYS = ("up", "down")


def bins(stores: Stores, runs: list[Ran]) -> list[Bin]:
    """All bins of groups ``tie`` and ``clamp``."""
    return tie_bins(stores, runs) + edge_bins(stores, runs)


def tie_bins(stores: Stores, runs: list[Ran]) -> list[Bin]:
    """Ties of every stage; none of a scheme that is no integer scheme."""
    hits: dict[tuple[str, str, str], int] = {}
    groups, _, channels = stores.weights.shape
    for g in range(groups):
        for n in range(channels):
            channel = of_channel(stores, g, n)
            for one in runs:
                for key, count in channel_ties(channel, one, g, n).items():
                    hits[key] = hits.get(key, 0) + count
    return [
        Bin("tie", f"tie.{stage}.{side}.{way}", count,
            None if count else _every_channel(stores, stage, side == "negative", way == "up"))
        for (stage, side, way), count in sorted(hits.items(), key=lambda hit: hit[0])
    ]  # fmt: skip


def _every_channel(stores: Stores, stage: str, negative: bool, up: bool) -> str | None:
    """Why no channel has such a tie, or None."""
    groups, _, channels = stores.weights.shape
    reasons: list[str] = []
    for g in range(groups):
        for n in range(channels):
            channel = of_channel(stores, g, n)
            own = next(s for s in channel.stages if s.name == stage)
            reason = tie_proof(stores, channel, own, negative, up, g, n)
            if reason is None:
                return None
            reasons.append(reason)
    return merged(reasons)


def channel_ties(
    channel: ChannelRequantizer, one: Ran, g: int, n: int
) -> dict[tuple[str, str, str], int]:
    """Ties of one channel in one run: (stage, side, way) to a count; outputs with an event of
    the requantizer do not count."""
    kept = ~one.values.events[0, g, :, n]
    sums = one.execution.accumulator[0, g, :, n]
    codes = one.values.codes[0, g, :, n]
    hits = {}
    for stage in channel.stages:
        x = dropped_from(channel, stage, sums)
        half = np.zeros(x.shape, np.bool_)
        if stage.shift > 0:
            half = (x & ((1 << stage.shift) - 1)) == 1 << (stage.shift - 1)
        rises = way_up(channel, stage, x, codes)
        for negative, side in ((False, "positive"), (True, "negative")):
            here = half & kept & ((x < 0) == negative)
            hits[stage.name, side, "up"] = int((here & rises).sum())
            hits[stage.name, side, "down"] = int((here & ~rises).sum())
    return hits


def dropped_from(channel: ChannelRequantizer, stage: Stage, sums: Ints) -> Ints:
    """The integers x that a stage rounds."""
    spec = channel.whole.narrow
    values = narrowed(sums, spec)[0] if stage.of_narrow and spec is not None else sums
    if stage.after_high:
        return (values * stage.multiplier + (1 << (HIGH_SHIFT - 1))) >> HIGH_SHIFT
    return values * stage.multiplier + stage.add


def way_up(channel: ChannelRequantizer, stage: Stage, x: Ints, codes: Ints) -> Ints:
    """Whether each x, if it is a tie, was rounded up: by the rule; by chance, as it came out."""
    floor = x >> max(stage.shift, 0)
    if stage.rounding == Rounding.STOCHASTIC:
        inside_scheme = channel.whole.scheme in ZERO_POINT_INSIDE
        return np.asarray(codes - (0 if inside_scheme else channel.whole.zero_point) > floor)
    rule = [
        [bool(round_up(parity, bool(negative), 0, stage.rounding)) for parity in (0, 1)]
        for negative in (0, 1)
    ]
    return np.asarray(np.array(rule)[(x < 0).astype(np.int64), floor & 1])


def first_edges(case: LayerCase) -> list[Edge]:
    """The goals around clamp and format, the same in every channel."""
    return list(edges(ChannelRequantizer(case.requantizer, 0)))


def edge_bins(stores: Stores, runs: list[Ran]) -> list[Bin]:
    """Values at, beside and beyond the ends of activation and format."""
    found = []
    for edge in first_edges(stores.case):
        hits = sum(int(np.sum(inside(edge, one.values.codes.reshape(-1)))) for one in runs)
        proof = None if hits else _no_channel(stores, edge)
        found.append(Bin("clamp", f"clamp.{edge.goal}", hits, proof))
    return found


def _no_channel(stores: Stores, edge: Edge) -> str | None:
    """Why no channel reaches an edge, or None."""
    groups, _, channels = stores.weights.shape
    reasons: list[str] = []
    for g in range(groups):
        for n in range(channels):
            reason = edge_proof(stores, of_channel(stores, g, n), edge, g, n)
            if reason is None:
                return None
            reasons.append(reason)
    return merged(reasons)
