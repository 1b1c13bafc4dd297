"""The exact sums of every output and their extremes: what answers all widths at once.

::

    lo(s, g, m, n) <= every exact sum that this output presents to the register <= hi(s, g, m, n)

A register that holds both ends of an output keeps every one of its sums; an output needs to be run
store by store only where it does not. The additions are those of the machine's plan, in its order,
without any register's limit (`hwsim.array.fast_tiles`, `hwsim.array.stepwise`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwsim._jit import kernel, lean_kernel
from hwsim.array import stepwise
from hwsim.array.dataflow import Schedule
from hwsim.array.fast_lanes import ACC, ENDS, LINK, OUTPUT
from hwsim.array.fast_layout import Layout, lane_layout
from hwsim.array.fast_steps import HI, LO
from hwsim.array.fast_sums import write
from hwsim.array.fast_tally import FAR
from hwsim.array.fast_tiles import blocks_at_once, load_block, range_tile
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.stepwise import LANES, REGISTER, UNLIMITED, run_outputs
from hwsim.array.stepwise import LAST as LAST_ROW

PARTIAL_LO, PARTIAL_HI, CHAIN_LO, CHAIN_HI, END_LO, END_HI = range(6)  # rows of `Sums.ends`


@dataclass(frozen=True, eq=False)
class Sums:
    """Of every output; an empty range has ``lo > hi``.

    Attributes
    ----------
    exact : int64 ndarray of shape (S, G, M, N)
        Final values, without limits.
    ends : int64 ndarray of shape (6, S, G, M, N), or (2, S, G, M, N) where there is no chain
        Least and largest sum presented to the accumulator, start included; to the chain; and of the
        chain's final values, one a fold.
    levels : int64 ndarray of shape (S, levels, 2)
        The same of every level of an adder tree, over all outputs of a sample; of a column, one
        level.
    """

    exact: Ints
    ends: Ints
    levels: Ints


def exact_sums(datapath: Datapath, schedule: Schedule) -> Sums:
    """The exact sums of one layer; its registers' widths and rules are not looked at."""
    samples, groups, m, _, n = datapath.shape
    unlimited = replace(
        datapath, accumulator=UNLIMITED, chain=tuple(UNLIMITED for _ in datapath.chain)
    )
    exact = np.empty((samples, groups, m, n), np.int64)
    ends = np.empty((6 if datapath.chain else 2, *exact.shape), np.int64)
    ends[LO::2], ends[HI::2] = FAR, -FAR
    levels = np.empty((samples, max(len(datapath.chain), 1), 2), np.int64)
    levels[..., LO], levels[..., HI] = FAR, -FAR
    layout = lane_layout(unlimited, schedule)
    if layout is not None:
        _collect_in_lanes(layout, unlimited, exact, ends)
        if datapath.chain:
            lo, hi = ends[CHAIN_LO : CHAIN_HI + 1].reshape(2, samples, -1)
            levels[:, 0, LO] = lo.min(axis=1, initial=FAR)
            levels[:, 0, HI] = hi.max(axis=1, initial=-FAR)
        return Sums(exact, ends, levels)
    plan = stepwise.plan(unlimited, schedule)
    for s, problem in enumerate(stepwise.sample_problems(unlimited)):
        own = ends[:, s].copy()
        collect_outputs(problem, plan, exact[s], own, levels[s])
        ends[:, s] = own
    return Sums(exact, ends, levels)


def _collect_in_lanes(layout: Layout, datapath: Datapath, exact: Ints, ends: Ints) -> None:
    """Outputs side by side."""
    scratch, lanes = layout.scratch(), layout.lanes(datapath)
    outputs = ends.reshape(len(ends), -1)
    collect_tiles(lanes, scratch, layout.blocks, exact.reshape(-1), outputs)


@lean_kernel
def collect_tiles(lanes, scratch, blocks, exact, ends):  # type: ignore[no-untyped-def]
    """Every tile without limits; ``exact``, ``ends`` : of `Sums`, outputs in one axis."""
    groups, parts = lanes.start.shape[0], lanes.start.shape[1]
    rows, block = scratch.total.shape[1], 0
    while block < blocks:
        slots = blocks_at_once(len(scratch.panels), blocks - block)
        for g in range(groups):
            for slot in range(slots):
                load_block(lanes, scratch, slot, block + slot, g)
            for tile in range(parts * slots):
                c, slot = tile // slots, tile % slots
                range_tile(lanes, scratch, slot, slots, block + slot, g, c)
                places = scratch.places[slot, OUTPUT, : scratch.lengths[slot]]
                panel, first, own = scratch.panels[slot], c * rows, slot * lanes.by_runs
                spans = scratch.spans[own]
                most = min(rows, lanes.channels - first)
                write(panel, scratch.total[own], places, first, most, exact)
                for register in range(1 + 2 * min(lanes.chained, scratch.ends.shape[1])):
                    for end in range(2):
                        row = ends[2 * register + end]
                        write(panel, spans[register, end], places, first, most, row)
        block += slots


@kernel
def collect_outputs(problem, plan, exact, ends, levels):  # type: ignore[no-untyped-def]
    """Every output of one sample by its plan.

    ``exact`` : int64 ndarray of shape (G, M, N); ``ends`` : (6, G, M, N); ``levels`` : (levels, 2).
    """
    groups, pixels, channels = exact.shape
    slots, root = plan.first + plan.rows.shape[0], plan.registers.shape[0] - 2
    kept, sums = np.zeros((slots, LANES), np.int64), np.zeros((slots, LANES), np.int64)
    for g in range(groups):
        for m in range(pixels):
            for n0 in range(0, channels, LANES):
                n1 = min(n0 + LANES, channels)
                run_outputs(problem, plan, g, m, n0, n1, kept, sums)
                for n in range(n0, n1):
                    own = ends[:, g, m, n]
                    exact[g, m, n] = sums[plan.result, n - n0]
                    if problem.before.shape[0] == 0:
                        take(own, ACC, 0)  # the accumulator starts at 0
                    for i in range(plan.rows.shape[0]):
                        value, level = sums[plan.first + i, n - n0], plan.rows[i, REGISTER]
                        if level == 0 or level > root:
                            take(own, ACC, value)
                            continue
                        take(own, LINK, value)
                        take(levels[level - 1], 0, value)
                        if plan.rows[i, LAST_ROW]:
                            take(own, LINK, 0)  # every fold starts at 0
                            take(levels[level - 1], 0, 0)
                            take(own, ENDS, value)


@kernel
def take(ends, register, value):  # type: ignore[no-untyped-def]
    """Widen one range, ``ends[2 * register]`` to ``ends[2 * register + 1]``, by a value."""
    ends[2 * register] = min(ends[2 * register], value)
    ends[2 * register + 1] = max(ends[2 * register + 1], value)
