"""Counting: from the stores of outputs to the counters of the ledger."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.formats import signed_bits
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.array.ledger import Place, RegisterLedger, is_symmetric
from hwsim.array.stepwise import HI, LANES, LAST, LEFT, LO, REGISTER, RIGHT, K, run_outputs

FAR = 1 << 62  # outside every exact sum: the ends of an empty range


class Tally(NamedTuple):
    """Counters of one register over one layer, for kernels; as in `RegisterLedger`.

    ``level_range``: int64 ndarray of shape (levels, 2), the exact range of each tree level (one
    row where there is no tree).
    """

    events_by_channel: Ints
    events_by_step: Ints
    persistent: Ints
    transient: Ints
    partial_lo: Ints
    partial_hi: Ints
    final_lo: Ints
    final_hi: Ints
    level_range: Ints


def empty_tally(groups: int, channels: int, steps: int, levels: int) -> Tally:
    """A tally that has seen nothing."""
    counts = np.zeros((3, groups, channels), np.int64)
    ends = np.empty((2, 2, groups, channels), np.int64)
    ends[:, 0], ends[:, 1] = FAR, -FAR
    level_range = np.empty((max(levels, 1), 2), np.int64)
    level_range[:, 0], level_range[:, 1] = FAR, -FAR
    return Tally(
        events_by_channel=counts[0],
        events_by_step=np.zeros(steps + 2, np.int64),
        persistent=counts[1],
        transient=counts[2],
        partial_lo=ends[0, 0],
        partial_hi=ends[0, 1],
        final_lo=ends[1, 0],
        final_hi=ends[1, 1],
        level_range=level_range,
    )


def added(tallies: list[Tally]) -> Tally:
    """Counters of several threads together; their ranges are kept elsewhere, and read empty."""
    if len(tallies) == 1:
        return tallies[0]
    first, counts = tallies[0], dict[str, Ints]()
    for name in ("events_by_channel", "events_by_step", "persistent", "transient"):
        counts[name] = np.asarray(sum(getattr(tally, name) for tally in tallies))
    return first._replace(**counts)


def with_level_range(tally: Tally) -> Tally:
    """The same counters with the one range that all channels have together."""
    if tally.partial_lo.size == 0:
        return tally
    span = np.array([[tally.partial_lo.min(), tally.partial_hi.max()]], np.int64)
    return tally._replace(level_range=span)


@kernel
def widen(tally, g, n, level, exact):  # type: ignore[no-untyped-def]
    """Take one exact partial sum into the ranges."""
    tally.partial_lo[g, n] = min(tally.partial_lo[g, n], exact)
    tally.partial_hi[g, n] = max(tally.partial_hi[g, n], exact)
    tally.level_range[level, 0] = min(tally.level_range[level, 0], exact)
    tally.level_range[level, 1] = max(tally.level_range[level, 1], exact)


@kernel
def finish(tally, g, n, exact, lo, hi, affected):  # type: ignore[no-untyped-def]
    """Take one exact final value; class an output that had an event."""
    tally.final_lo[g, n] = min(tally.final_lo[g, n], exact)
    tally.final_hi[g, n] = max(tally.final_hi[g, n], exact)
    if affected:
        if lo <= exact <= hi:
            tally.transient[g, n] += 1
        else:
            tally.persistent[g, n] += 1


@kernel
def count_row(row, slot, lanes, kept, exact, g, n0, level, tally, hit):  # type: ignore[no-untyped-def]
    """Count one store of ``lanes`` outputs; ``hit`` is set where it changed its value."""
    for lane in range(lanes):
        event = (kept[slot, lane] != kept[row[LEFT], lane] + kept[row[RIGHT], lane]) * 1
        tally.events_by_channel[g, n0 + lane] += event
        tally.events_by_step[row[K] + 1] += event
        hit[lane] |= event
        widen(tally, g, n0 + lane, level, exact[slot, lane])


@kernel
def count(plan, lanes, kept, exact, g, n0, chain, acc, hits):  # type: ignore[no-untyped-def]
    """Count every store of outputs ``n0 <= n < n0 + lanes`` of one pixel, run before.

    ``hits`` : int64 scratch of shape (3, LANES): whether an output had an event in the chain, in
    the accumulator, in the chain in this fold.
    """
    root = plan.registers.shape[0] - 2
    lo, hi = plan.registers[root, LO], plan.registers[root, HI]
    for lane in range(lanes):
        hits[0, lane], hits[1, lane], hits[2, lane] = 0, 0, 0
    for i in range(plan.rows.shape[0]):
        row, slot, level = plan.rows[i], plan.first + i, plan.rows[i, REGISTER]
        if level == 0 or level > root:
            count_row(row, slot, lanes, kept, exact, g, n0, 0, acc, hits[1])
            continue
        count_row(row, slot, lanes, kept, exact, g, n0, level - 1, chain, hits[2])
        for lane in range(lanes * row[LAST]):
            widen(chain, g, n0 + lane, level - 1, 0)  # every fold starts at 0
            finish(chain, g, n0 + lane, exact[slot, lane], lo, hi, hits[2, lane])
            hits[0, lane] |= hits[2, lane]
            hits[2, lane] = 0


@kernel
def tally_outputs(problem, plan, chain, acc, hits, out, out_exact):  # type: ignore[no-untyped-def]
    """Every output of one sample by its plan.

    ``hits`` : uint8 ndarray of shape (2, G, M, N), set where an output's chain [0] or accumulator
    [1] had an event; ``out, out_exact`` : int64 ndarrays of shape (G, M, N).
    """
    groups, pixels, channels = out.shape
    slots = plan.first + plan.rows.shape[0]
    kept, exact = np.zeros((slots, LANES), np.int64), np.zeros((slots, LANES), np.int64)
    block_hits = np.zeros((3, LANES), np.int64)
    lo, hi = plan.registers[-1, LO], plan.registers[-1, HI]
    for g in range(groups):
        for m in range(pixels):
            for n0 in range(0, channels, LANES):
                n1 = min(n0 + LANES, channels)
                run_outputs(problem, plan, g, m, n0, n1, kept, exact)
                count(plan, n1 - n0, kept, exact, g, n0, chain, acc, block_hits)
                for n in range(n0, n1):
                    out[g, m, n] = kept[plan.result, n - n0]
                    out_exact[g, m, n] = exact[plan.result, n - n0]
                    if problem.before.shape[0] == 0:
                        widen(acc, g, n, 0, 0)  # the accumulator starts at 0
                    finish(acc, g, n, out_exact[g, m, n], lo, hi, block_hits[1, n - n0])
                    hits[0, g, m, n] = block_hits[0, n - n0]
                    hits[1, g, m, n] = block_hits[1, n - n0]


def excess_bits(tally: Tally, registers: tuple[Register, ...], *, final: bool) -> int:
    """Bits of the widest exact sum beyond its register's width; ``final``: of the last value."""
    ranges = [(int(lo), int(hi)) for lo, hi in tally.level_range]
    if final:
        ranges = [(int(tally.final_lo.min(initial=FAR)), int(tally.final_hi.max(initial=-FAR)))]
    excess = [
        signed_bits(lo, hi, symmetric=is_symmetric(register)) - register.bits
        for (lo, hi), register in zip(ranges, registers, strict=True)
        if lo <= hi
    ]
    return max(0, *excess) if excess else 0


def register_ledger(
    tally: Tally, registers: tuple[Register, ...], first: Place | None, *, final: bool
) -> RegisterLedger:
    """The ledger of a register (of a tree: its root's width); an empty range reads 0..0."""
    partial_lo, partial_hi = range_or_0(tally.partial_lo, tally.partial_hi)
    final_lo, final_hi = range_or_0(tally.final_lo, tally.final_hi)
    return RegisterLedger(
        bits=registers[-1].bits,
        symmetric=is_symmetric(registers[-1]),
        events_by_channel=tally.events_by_channel,
        events_by_step=tally.events_by_step,
        persistent=tally.persistent,
        transient=tally.transient,
        partial_lo=partial_lo,
        partial_hi=partial_hi,
        final_lo=final_lo,
        final_hi=final_hi,
        excess_bits=excess_bits(tally, registers, final=final),
        first=first,
    )


def register_ledgers(
    datapath: Datapath, chain: Tally, acc: Tally, first: tuple[Place | None, Place | None]
) -> tuple[RegisterLedger | None, RegisterLedger]:
    """The ledgers of both registers of a layer; None of a chain that is not there."""
    of_chain = None
    if datapath.chain:
        of_chain = register_ledger(chain, datapath.chain, first[0], final=False)
    register = (datapath.accumulator,)
    return of_chain, register_ledger(acc, register, first[1], final=datapath.check_final)


def range_or_0(lo: Ints, hi: Ints) -> tuple[Ints, Ints]:
    """Ranges of channels; an empty one is 0..0."""
    empty = lo > hi
    if not empty.any():
        return lo, hi
    return np.where(empty, 0, lo), np.where(empty, 0, hi)
