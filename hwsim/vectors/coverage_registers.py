"""Bins of every register's losses, and the proofs that one cannot lose."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hwsim.array.fold_sums import fold_sums
from hwsim.array.gemm import Ints
from hwsim.array.ledger import STAGES
from hwsim.vectors.coverage_bins import Bin, Ran
from hwsim.vectors.directed_outputs import of_channel
from hwsim.vectors.directed_plan import Store
from hwsim.vectors.directed_registers import can_return, held_behind_chain
from hwsim.vectors.directed_stores import Stores

SIGNS = ("positive", "negative")
CLASSES = ("persistent", "transient")
OUTPUTS = tuple(f"{kind}.{sign}" for kind in CLASSES for sign in SIGNS)


def bins(stores: Stores, runs: list[Ran]) -> list[Bin]:
    """All bins of group ``overflow``."""
    found: list[Bin] = []
    for name in ("chain", "accumulator"):
        if name == "accumulator" or stores.chains:
            hits = register_hits(stores, runs, name)
            found += [
                Bin("overflow", f"overflow.{name}.{kind}", hits[kind],
                    None if hits[kind] else register_proof(stores, name, kind))
                for kind in (*SIGNS, *OUTPUTS)
            ]  # fmt: skip
    return found + bias_bins(runs) + requantizer_bins(stores, runs)


def register_hits(stores: Stores, runs: list[Ran], name: str) -> dict[str, int]:
    """Events by sign; outputs by class, and by the sign of their first event.

    An output of the chain is one fold of it.
    """
    hits = dict.fromkeys((*SIGNS, *OUTPUTS), 0)
    last = stores.final if name == "accumulator" else stores.chains[0][-1]
    for one in runs:
        assert one.execution.events is not None
        columns = one.execution.events.columns
        own = columns["stage"] == STAGES.index(name)
        up = columns["presented"][own] > 0
        hits["positive"] += int(up.sum())
        hits["negative"] += int((~up).sum())
        fold = columns["k"][own] // one.run.schedule.k_tile
        if name == "accumulator":
            fold = np.zeros_like(fold)
        place = np.stack([*(columns[axis][own] for axis in ("group", "m", "n")), fold])
        outputs, first = np.unique(place, axis=1, return_index=True)
        finals = exact_finals(one, name, outputs)
        fits = (finals >= last.lo) & (finals <= last.hi)
        for kind, of_kind in (("persistent", ~fits), ("transient", fits)):
            hits[f"{kind}.positive"] += int((of_kind & up[first]).sum())
            hits[f"{kind}.negative"] += int((of_kind & ~up[first]).sum())
    return hits


def exact_finals(one: Ran, name: str, outputs: Ints) -> Ints:
    """The exact final values of some outputs: columns g, m, n, fold."""
    g, m, n = outputs[:3]
    if name == "accumulator":
        return np.asarray(one.execution.exact[0, g, m, n])
    datapath, tile = one.run.datapath, one.run.schedule.k_tile
    a, w, places = (np.ascontiguousarray(x) for x in (datapath.a[0], datapath.w, outputs))
    sums = np.empty(outputs.shape[1], np.int64)
    fold_sums(a, w, places, tile, datapath.drop_bits, datapath.product_rounding, sums)
    return sums


def register_proof(stores: Stores, name: str, kind: str) -> str | None:
    """Why no input gives a register such a loss, in any channel; None where that is not sure.

    Until its first loss a register presents exact sums, so their range decides on the first.
    """
    registers = [stores.accumulator_stores] if name == "accumulator" else list(stores.chains)
    lossy = name == "accumulator" and not bool(stores.lossless_chain.all())
    *classes, sign = kind.split(".")
    up = sign == "positive"
    if classes == ["persistent"] and not (lossy and held_behind_chain(stores).all()):
        return _finals_fit(stores, registers)
    if lossy:
        held = bool(held_behind_chain(stores).all())
        return "nothing that leaves the chain makes it overflow" if held else None
    if not any(
        _may_lose(stores, s, way) for own in registers for s in own for way in (True, False)
    ):
        return f"the weights keep its sums in {_reach(stores, registers)}"
    if not classes:
        return None
    groups, _, channels = stores.weights.shape
    for g in range(groups):
        for n in range(channels):
            if any(can_return(stores, own, s, g, n, up) for own in registers for s in own):
                return None
    return f"no sum that leaves it {'upward' if up else 'downward'} can come back"


def _finals_fit(stores: Stores, registers: list[tuple[Store, ...]]) -> str | None:
    """Proof that no final sum lies out of range, on either side: a first loss of one sign may
    end on the other."""
    for own in registers:
        if _may_lose(stores, own[-1], True) or _may_lose(stores, own[-1], False):
            return None
    return f"the weights keep its final sums in {_reach(stores, [own[-1:] for own in registers])}"


def _may_lose(stores: Stores, store: Store, up: bool) -> bool:
    """Whether the exact sum of a store can leave its register in some channel."""
    lo, hi = stores.ends(store)
    return bool((hi > store.hi).any() if up else (lo < store.lo).any())


def _reach(stores: Stores, registers: list[tuple[Store, ...]]) -> str:
    """Range of all exact sums."""
    ends = [stores.ends(s) for own in registers for s in own]
    return f"[{min(int(e.lo.min()) for e in ends)}, {max(int(e.hi.max()) for e in ends)}]"


def bias_bins(runs: list[Ran]) -> list[Bin]:
    """A bias that its own format changes: once a channel and run; its sign is the bias's."""
    hits = dict.fromkeys(SIGNS, 0)
    for one in runs:
        bias = one.run.prepared.bias
        if bias.lost is not None and bias.presented is not None:
            hits["positive"] += int(((bias.lost != 0) & (bias.presented > 0)).sum())
            hits["negative"] += int(((bias.lost != 0) & (bias.presented < 0)).sum())
    proof = "the layer's biases fit their format on this side"
    return [
        Bin("overflow", f"overflow.bias.{sign}", hits[sign], None if hits[sign] else proof)
        for sign in SIGNS
    ]


def requantizer_bins(stores: Stores, runs: list[Ran]) -> list[Bin]:
    """Losses inside the requantizer, by the sign of the sum, persistent and transient."""
    hits = dict.fromkeys((*SIGNS, *CLASSES), 0)
    for one in runs:
        lost, above = one.values.events, one.execution.accumulator > 0
        hits["positive"] += int((lost & above).sum())
        hits["negative"] += int((lost & ~above).sum())
        hits["persistent"] += int((lost & one.exact_events).sum())
        hits["transient"] += int((lost & ~one.exact_events).sum())
    proofs = dict.fromkeys(hits, None) | dict(_requantizer_proofs(stores))
    return [
        Bin("overflow", f"overflow.requantizer.{kind}", count, None if count else proofs[kind])
        for kind, count in hits.items()
    ]


def _requantizer_proofs(stores: Stores) -> Iterator[tuple[str, str | None]]:
    """What no sum of any channel can do to the requantizer."""
    groups, _, channels = stores.weights.shape
    below = above = False
    least = largest = 0
    for g in range(groups):
        for n in range(channels):
            lo, hi = stores.final_range(g, n)
            events = of_channel(stores, g, n).values([lo, hi])[1]
            below, above = below or bool(events[0]), above or bool(events[1])
            least, largest = min(least, lo), max(largest, hi)
    proof = f"no sum in [{least}, {largest}] loses anything"
    if not above:
        yield "positive", proof
    if not below:
        yield "negative", proof
    if not (above or below):
        yield from ((kind, proof) for kind in CLASSES)
    lost = stores.case.runs[0].prepared.bias.lost
    if bool(stores.lossless.all()) and (lost is None or not lost.any()):
        yield "transient", "no register before it loses anything, so every loss is persistent"
