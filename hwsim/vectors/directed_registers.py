"""Inputs that bring chain and accumulator to their ends, to their limits, and beyond on the way.

The goals are about exact sums: that of the store named, whatever a register lost before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np
from numpy.typing import NDArray

from hwsim.vectors.directed_goals import Hit, Miss
from hwsim.vectors.directed_plan import Store
from hwsim.vectors.directed_stores import Seen, Stores

CANDIDATES = 6  # stores that are tried for one goal
NOT_FOUND = "no input was found in the tries made"


def ends(stores: Stores, g: int, n: int, random: Random) -> list[Hit | Miss]:
    """The largest and the least accumulator: every product at its end."""
    final = stores.final
    sums, constant = stores.sums(final, g, n), stores.constant_of_channel(final, g, n)
    least, largest = sums.ends
    return [
        Hit("accumulator.largest", g, n, list(largest), constant + sums.reach[1]),
        Hit("accumulator.least", g, n, list(least), constant + sums.reach[0]),
    ]


def limits(stores: Stores, g: int, n: int, random: Random) -> list[Hit | Miss]:
    """Exact sums one step inside, at and beyond both limits of every register."""
    found: list[Hit | Miss] = []
    for name, own in registers(stores):
        lo, hi = own[-1].lo, own[-1].hi
        for side, limit, out in (("hi", hi, 1), ("lo", lo, -1)):
            ranked = sorted(own, key=lambda s: _distance(stores, s, g, n, out))
            for place, step in (("inside", -out), ("at", 0), ("beyond", out)):
                goal = f"{name}.{side}.{place}"
                found.append(_exactly(stores, ranked, goal, g, n, limit + step, random))
    return found


def registers(stores: Stores) -> Iterator[tuple[str, list[Store]]]:
    """Each register's name and stores: those that end it last. Of a tree whose levels differ, each
    level is a register; else the root stands for all."""
    yield "accumulator", list(stores.accumulator_stores)
    chain = [s for fold in stores.chains for s in fold]
    ranges = {s.level: (s.lo, s.hi) for s in chain}
    if len(set(ranges.values())) > 1:
        for level in sorted(ranges):
            yield f"chain_{level}", [s for s in chain if s.level == level]
    elif chain:
        yield "chain", [s for s in chain if s.final] + [s for s in chain if not s.final]


def _distance(stores: Stores, store: Store, g: int, n: int, out: int) -> tuple[bool, int]:
    """Order of stores for a limit: final ones first, then by how far they reach."""
    lo, hi = stores.ends_of_channel(store, g, n)
    return not store.final, -hi if out > 0 else lo


def _exactly(
    stores: Stores, ranked: list[Store], goal: str, g: int, n: int, wanted: int, random: Random
) -> Hit | Miss:
    """An input whose exact sum is ``wanted`` at one of the stores; other taps neutral."""
    reasons, reach = set(), (0, 0)
    for store in ranked:
        lo, hi = stores.ends_of_channel(store, g, n)
        if not lo <= wanted <= hi:
            reach = min(reach[0], lo), max(reach[1], hi)
            continue
        sums = stores.sums(store, g, n)
        rest = wanted - stores.constant_of_channel(store, g, n)
        reason = sums.impossible(rest, rest)
        if reason is not None:
            reasons.add(reason)
            continue
        found = sums.solve(rest, rest, random)
        if found is None:
            return Miss(goal, g, n, NOT_FOUND, proven=False)
        return Hit(goal, g, n, spread(stores, store, found), wanted)
    reason = "; ".join(sorted(reasons)[:2]) or f"sums stay in [{reach[0]}, {reach[1]}]"
    return Miss(goal, g, n, f"{wanted}: {reason}", proven=True)


def spread(stores: Stores, store: Store, taps: list[int]) -> list[int]:
    """Operands of all taps: those of a store, the rest neutral."""
    steps = stores.weights.shape[1]
    neutral = stores.sums(store, 0, 0).neutral
    return [neutral] * store.start + taps + [neutral] * (steps - store.stop)


def transients(stores: Stores, g: int, n: int, random: Random) -> list[Hit | Miss]:
    """Sums that are lost on the way, upward or downward first, and fit in the end."""
    found: list[Hit | Miss] = [
        _transient(stores, "accumulator", [stores.accumulator_stores], g, n, up, random)
        for up in (True, False)
    ]
    if stores.chains:
        found += [
            _transient(stores, "chain", list(stores.chains), g, n, up, random)
            for up in (True, False)
        ]
    return found


def _transient(
    stores: Stores,
    name: str,
    registers: list[tuple[Store, ...]],
    g: int,
    n: int,
    up: bool,
    random: Random,
) -> Hit | Miss:
    """One input, of any register (a fold's chain) of these."""
    goal = f"{name}.transient.{'positive' if up else 'negative'}"
    possible = [
        (own, store)
        for own in registers
        for store in own
        if can_return(stores, own, store, g, n, up)
    ]
    if not possible:
        if name == "accumulator" and not stores.lossless_chain[g, n]:
            held = bool(held_behind_chain(stores)[g, n])
            reason = "nothing that leaves the chain makes it overflow" if held else NOT_FOUND
            return Miss(goal, g, n, reason, proven=held)
        reason = "no sum that leaves the register can come back into it"
        return Miss(goal, g, n, reason, proven=True)
    picked = possible if len(possible) <= CANDIDATES else random.sample(possible, CANDIDATES)
    for own, store in picked:
        operands = _there_and_back(stores, own, store, g, n, up, random)
        if operands is not None and first_loss(stores, own, stores.see(g, n, operands)) == (
            up,
            True,
        ):
            seen = stores.see(g, n, operands)
            return Hit(goal, g, n, operands, int(seen.exact[own[-1].row]))
    return Miss(goal, g, n, NOT_FOUND, proven=False)


def held_behind_chain(stores: Stores) -> NDArray[np.bool_]:
    """Channels (G, N) whose accumulator holds every sum, whatever the chain keeps of each fold."""
    tile = stores.case.runs[0].schedule.k_tile
    chain_lo, chain_hi = (stores.chains[0][-1].lo, stores.chains[0][-1].hi)
    held = np.ones(stores.weights[:, 0].shape, np.bool_)
    for store in stores.accumulator_stores:
        folds = -(-store.stop // tile)
        lo, hi = (stores.constant(store) + folds * end for end in (chain_lo, chain_hi))
        if store.row_sum:
            zero = stores.weights_less_zero[:, 0] - stores.weights[:, 0]
            ends = [zero * store.stop * end for end in stores.operands]
            lo, hi = lo + np.minimum(*ends), hi + np.maximum(*ends)
        held &= (lo >= store.lo) & (hi <= store.hi)
    return held


def can_return(
    stores: Stores, own: tuple[Store, ...], store: Store, g: int, n: int, up: bool
) -> bool:
    """Whether the exact sum can leave the register at ``store`` and fit its last store, by range.

    With [p, q] the sums that leave and [r, s] what is still added: whether [p + r, q + s] meets
    the last store's range.
    """
    lo, hi = stores.ends_of_channel(store, g, n)
    lo, hi = (max(lo, store.hi + 1), hi) if up else (lo, min(hi, store.lo - 1))
    if lo > hi:
        return False
    least, largest = still_added(stores, own, store, g, n)
    return lo + least <= own[-1].hi and hi + largest >= own[-1].lo


def still_added(
    stores: Stores, own: tuple[Store, ...], store: Store, g: int, n: int
) -> tuple[int, int]:
    """Range of what a register's last store holds beyond an earlier one."""
    last = own[-1]
    before = stores.products_of_channel(store.start, store.stop, g, n)
    after = stores.products_of_channel(last.start, last.stop, g, n)
    more = stores.constant_of_channel(last, g, n) - stores.constant_of_channel(store, g, n)
    least, largest = (after[i] - before[i] + more for i in (0, 1))
    if last.row_sum and not store.row_sum:  # the row sum may go any way
        taps = stores.weights.shape[1]
        zero = int(stores.weights_less_zero[g, 0, n] - stores.weights[g, 0, n])
        ends = sorted(zero * taps * end for end in stores.operands)
        least, largest = least + ends[0], largest + ends[1]
    return least, largest


def _there_and_back(
    stores: Stores,
    own: tuple[Store, ...],
    store: Store,
    g: int,
    n: int,
    up: bool,
    random: Random,
) -> list[int] | None:
    """Operands whose sum leaves the register at ``store`` as little as it can, and comes back."""
    last, sums = own[-1], stores.sums(store, g, n)
    constant = stores.constant_of_channel(store, g, n)
    there = (
        (store.hi + 1 - constant, sums.reach[1])
        if up
        else (
            sums.reach[0],
            store.lo - 1 - constant,
        )
    )
    first = sums.solve(*there, random)
    if first is None:
        return None
    operands = spread(stores, store, first)
    whole = stores.sums(last, g, n)
    taps = [k for k in range(last.start, last.stop) if not store.start <= k < store.stop]
    kept = sum(whole.product(k - last.start, operands[k]) for k in range(store.start, store.stop))
    rest = whole.only([k - last.start for k in taps])
    gap = kept + stores.constant_of_channel(last, g, n)
    back = rest.solve(last.lo - gap, last.hi - gap, random)
    if back is None:
        return None
    for k, x in zip(taps, back, strict=True):
        operands[k] = x
    return operands


def first_loss(stores: Stores, own: tuple[Store, ...], seen: Seen) -> tuple[bool, bool] | None:
    """Whether a register's first event is upward, and whether its exact final sum fits; None
    where it lost nothing."""
    for store in own:
        presented = int(seen.presented[store.row])
        if not store.lo <= presented <= store.hi:
            final = int(seen.exact[own[-1].row])
            return presented > store.hi, own[-1].lo <= final <= own[-1].hi
    return None
