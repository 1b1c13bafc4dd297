"""The fast engine: the sums of the datapath in their order, without a clock.

Three ways to one result, and tests that say so. Every layer can be run by its *plan*
(`hwsim.array.stepwise`), the definition. Where every register wraps, saturates, or is wide enough
for any sum of this layer, and there is no adder tree, outputs run side by side
(`hwsim.array.fast_tiles`). Single events are looked up by running their output once more
(`hwsim.array.replay`).
"""

from __future__ import annotations

import numpy as np

from hwsim.array import replay, stepwise
from hwsim.array.dataflow import Schedule
from hwsim.array.fast_lanes import ACC, LINK, Found, Scratch
from hwsim.array.fast_layout import Layout, lane_layout
from hwsim.array.fast_tally import (
    Tally,
    empty_tally,
    register_ledger,
    tally_outputs,
)
from hwsim.array.fast_tiles import range_tiles, run_tiles, settle
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.ledger import EventList, Execution, Place


def execute(
    datapath: Datapath,
    schedule: Schedule,
    *,
    first_sample: int = 0,
    list_events: bool = False,
) -> Execution:
    """Execute every sample and group of one layer (`hwsim.array.engines`)."""
    return execute_by(
        lane_layout(datapath, schedule), datapath, schedule, first_sample, list_events
    )


def execute_by(
    layout: Layout | None,
    datapath: Datapath,
    schedule: Schedule,
    first_sample: int,
    list_events: bool,
) -> Execution:
    """Execute side by side, or, where ``layout`` is None, by the plan."""
    _, groups, _, k, n = datapath.shape
    levels = len(datapath.chain)
    chain, acc = (empty_tally(groups, n, k, 1 if layout else count) for count in (levels, 1))
    if layout is None:
        plan = stepwise.plan(datapath, schedule)
        accumulator, exact, found = _run_by_plan(datapath, plan, chain, acc)
    else:
        scratch = layout.scratch()
        accumulator, exact, found = _run_in_lanes(
            layout, scratch, datapath, chain, acc, list_events
        )
        acc = layout.take_ranges(scratch.limits[:2], acc)
        chain = layout.take_ranges(scratch.limits[2:], chain) if levels else chain
    first = [
        _place(datapath, schedule, first_sample, int(found.first[at]), stage)
        for at, stage in ((LINK, replay.CHAIN), (ACC, replay.ACCUMULATOR))
    ]
    return Execution(
        accumulator=accumulator,
        exact=exact,
        chain=register_ledger(chain, datapath.chain, first[0], final=False) if levels else None,
        accumulator_ledger=register_ledger(
            acc, (datapath.accumulator,), first[1], final=datapath.check_final
        ),
        events=_list_events(datapath, schedule, first_sample, found) if list_events else None,
    )


def _list_events(
    datapath: Datapath, schedule: Schedule, first_sample: int, found: Found
) -> EventList:
    """Every event of the affected outputs, sample after sample."""
    tables, plan = [], stepwise.plan(datapath, schedule)
    samples, groups, m, _, n = datapath.shape
    hits = (found.hits[ACC] | found.hits[LINK]).astype(bool).reshape(samples, groups, m, n)
    for s, affected in enumerate(hits):
        problem = stepwise.sample_problem(datapath, s)
        tables += replay.list_events(problem, plan, schedule, first_sample + s, affected)
    return replay.event_list(tables)


def _place(
    datapath: Datapath, schedule: Schedule, first_sample: int, output: int, stage: int
) -> Place | None:
    """The place of the first event of one register, of the first output that has one."""
    samples, groups, m, _, n = datapath.shape
    if output >= samples * groups * m * n:
        return None
    s, g, m, n = (int(i) for i in np.unravel_index(output, (samples, groups, m, n)))
    plan = stepwise.plan(datapath, schedule)
    problem = stepwise.output_problem(datapath, s, g, m, n)
    return replay.first_place(problem, plan, schedule, first_sample + s, (g, m, n), stage)


def _run_by_plan(
    datapath: Datapath, plan: stepwise.Plan, chain: Tally, acc: Tally
) -> tuple[Ints, Ints, Found]:
    """All samples, one after the other, by the definition; accumulator, exact, and where."""
    samples, groups, m, _, n = datapath.shape
    accumulator, exact = (np.empty((samples, groups, m, n), np.int64) for _ in range(2))
    hits = np.zeros((2, samples, groups, m, n), np.uint8)
    for s in range(samples):
        problem = stepwise.sample_problem(datapath, s)
        tally_outputs(problem, plan, chain, acc, hits[:, s], accumulator[s], exact[s])
    flat = hits[::-1].reshape(2, -1)  # accumulator first
    outputs = flat.shape[1]
    first = np.array([row.argmax() if row.any() else outputs for row in flat], np.int64)
    return accumulator, exact, Found(first, flat)


def _run_in_lanes(
    layout: Layout,
    scratch: Scratch,
    datapath: Datapath,
    chain: Tally,
    acc: Tally,
    list_events: bool,
) -> tuple[Ints, Ints, Found]:
    """All samples side by side; accumulator, exact, and where something happened."""
    samples, groups, m, _, n = datapath.shape
    outputs = samples * groups * m * n
    found = Found(
        first=np.full(2, outputs, np.int64),
        hits=np.zeros((2, outputs if list_events else 0), np.uint8),
    )
    lanes = layout.lanes(datapath)
    exact, out = (np.empty(outputs, np.int64) for _ in range(2))
    stepped = np.zeros((layout.blocks, groups, layout.parts), np.bool_)
    block = range_tiles(lanes, scratch, layout.blocks, exact)
    if block < layout.blocks:
        run_tiles(lanes, scratch, chain, acc, found, exact, out, stepped, block)
    if stepped.any():
        settle(lanes, stepped, layout.width, exact, out)
    else:
        out = exact
    return out.reshape(samples, groups, m, n), exact.reshape(samples, groups, m, n), found
