"""The likely cause of a divergence: the first explanation that fits every value of the dump.

In this order: values that come too late, twice or never (`divergence_order`), one thing of the
machine built otherwise (`divergence_alternatives`, computed anew by the engines and the
requantizer), values in other places, and patterns of the numbers alone
(`hwsim.analysis.compare_causes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from hwsim.analysis.compare_causes import Cause, likely_cause
from hwsim.arith.formats import IntFormat
from hwsim.array.gemm import Datapath, Ints
from hwsim.vectors.divergence import Differences
from hwsim.vectors.divergence_alternatives import (
    Alternative,
    Kind,
    register_kinds,
    requantizer_kinds,
)
from hwsim.vectors.divergence_order import AFTER_RULES, AT_ONCE
from hwsim.vectors.divergence_stage import Product, values

UNSEEN = {"chain": ("bias", "row sum", "accumulator", "accumulator check")}
"""Kinds that a stage cannot show."""


def likely(d: Differences) -> tuple[Cause, Alternative | None]:
    """The cause, and the machine that fits, where it is one; ``d`` must not be equal."""
    for moved in AT_ONCE:
        cause = moved(d)
        if cause is not None:
            return cause, None
    for kind in kinds(d):
        fitting = [other for other in kind.alternatives if fits(d, other)]
        if fitting:
            return _cause(d, kind, fitting), fitting[0]
    found = (cause for moved in AFTER_RULES if (cause := moved(d)) is not None)
    return next(found, None) or pattern(d), None


def kinds(d: Differences) -> Iterator[Kind]:
    """Kinds of alternatives that the stage can show, the array's own first for sums."""
    if d.stage == "output":
        yield from requantizer_kinds(d.golden.requantizer)
    hidden = UNSEEN.get(d.stage, ())
    for kind in register_kinds(d.golden.products[0].datapath):
        if kind.name not in hidden:
            yield kind


def fits(d: Differences, other: Alternative) -> bool:
    """Whether another machine gives every value that the dump has, runs with differences first."""
    order = np.unique(d.beats.run[d.different]).tolist()
    order += [run for run in range(len(d.golden.products)) if run not in order]
    for run in order:
        own = d.known & (d.beats.run == run)
        made = _of_run(d, other, run)
        if not np.array_equal(made[own], d.seen[own]):
            return False
    return bool(d.known.any())


def _of_run(d: Differences, other: Alternative, run: int) -> Ints:
    """The beats of one run, as another machine makes them."""
    one = d.golden.products[run]
    if other.codes is not None:
        made = other.codes(d.sums[run][None])[0]
    else:
        assert other.datapath is not None
        made = values(d.stage, changed(one, other), d.golden.requantizer)
    beats = d.beats
    own = replace(beats, keep=beats.keep & (beats.run == run))
    return own.at([made] * len(d.golden.products))


def changed(one: Product, other: Alternative) -> Product:
    """A run on another machine."""
    assert other.datapath is not None
    data: Datapath = other.datapath(one.datapath)
    return replace(one, datapath=data)


def _cause(d: Differences, kind: Kind, fitting: Sequence[Alternative]) -> Cause:
    """All that fit, in one sentence."""
    words = " or ".join(other.words for other in fitting[:4])
    more = f" or {len(fitting) - 4} more" if len(fitting) > 4 else ""
    count = int(np.count_nonzero(d.known))
    different = int(np.count_nonzero(d.different))
    text = (
        f"{kind.name}: {words}{more} fits all {count} values, {different} of which differ; "
        f"the machine has {kind.ours}"
    )
    return Cause(kind.name, text)


def pattern(d: Differences) -> Cause:
    """What the numbers alone show, over all outputs side by side as (beats, lanes)."""
    if not d.known[d.beats.keep].all():
        lost = np.count_nonzero(d.beats.keep & ~d.known)
        return Cause("unknown", f"unknown: {lost} values are X or missing")
    full = d.beats.keep.all(axis=1)
    rows = full if d.different[full].any() else np.ones_like(full)
    form = IntFormat(min(d.packing.bits, 63), d.packing.signed)
    want, have = d.expected[rows], d.seen[rows]
    if np.array_equal(want, have):
        want, have = d.expected, d.seen
    limit = _at_limit(d)
    return limit or likely_cause(want[:, None, :], have[:, None, :], form)


def _at_limit(d: Differences) -> Cause | None:
    """Every value that differs is an end of one register."""
    ends = np.unique(d.seen[d.different])
    reach = {int(max(end, -end - 1)) for end in ends}
    top = next(iter(reach)) if len(reach) == 1 else 0
    bits = top.bit_length() + 1
    if np.count_nonzero(d.different) < 2 or top < 3 or top & (top + 1):
        return None
    return Cause("saturation", f"saturation: what differs is at the limit of {bits} bits")
