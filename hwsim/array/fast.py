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
from hwsim.array.fast_lanes import ACC, LINK
from hwsim.array.fast_layout import Layout, lane_layout
from hwsim.array.fast_run import Happened, LaneRun, first_places
from hwsim.array.fast_tally import Tally, empty_tally, register_ledgers, tally_outputs
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.ledger import EventList, Execution


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
    samples, groups, m, k, n = datapath.shape
    if layout is None:
        levels = max(len(datapath.chain), 1)
        chain, acc = empty_tally(groups, n, k, levels), empty_tally(groups, n, k, 1)
        plan = stepwise.plan(datapath, schedule)
        accumulator, exact, found = _run_by_plan(datapath, plan, chain, acc)
    else:
        run = LaneRun(layout, datapath)
        accumulator, exact = (np.empty((samples, groups, m, n), np.int64) for _ in range(2))
        found = run(samples, exact.reshape(-1), accumulator.reshape(-1), list_events=list_events)
        if not found.stepped:
            accumulator = exact
        chain, acc = run.tallies()
    shape = (samples, groups, m, n)
    first = first_places(
        shape, lambda s, _g, _m: (datapath, s), schedule, found.first, first_sample
    )
    chain_ledger, acc_ledger = register_ledgers(datapath, chain, acc, first)
    return Execution(
        accumulator=accumulator,
        exact=exact,
        chain=chain_ledger,
        accumulator_ledger=acc_ledger,
        events=_list_events(datapath, schedule, first_sample, found) if list_events else None,
    )


def _list_events(
    datapath: Datapath, schedule: Schedule, first_sample: int, found: Happened
) -> EventList:
    """Every event of the affected outputs, sample after sample."""
    tables, plan = [], stepwise.plan(datapath, schedule)
    samples, groups, m, _, n = datapath.shape
    hits = (found.hits[ACC] | found.hits[LINK]).astype(bool).reshape(samples, groups, m, n)
    problems = stepwise.sample_problems(datapath)
    for s, (problem, affected) in enumerate(zip(problems, hits, strict=True)):
        tables += replay.list_events(problem, plan, schedule, first_sample + s, affected)
    return replay.event_list(tables)


def _run_by_plan(
    datapath: Datapath, plan: stepwise.Plan, chain: Tally, acc: Tally
) -> tuple[Ints, Ints, Happened]:
    """All samples, one after the other, by the definition; accumulator, exact, and where."""
    samples, groups, m, _, n = datapath.shape
    accumulator, exact = (np.empty((samples, groups, m, n), np.int64) for _ in range(2))
    hits = np.zeros((samples, 2, groups, m, n), np.uint8)
    for s, problem in enumerate(stepwise.sample_problems(datapath)):
        tally_outputs(problem, plan, chain, acc, hits[s], accumulator[s], exact[s])
    flat = hits[:, ::-1].swapaxes(0, 1).reshape(2, -1)  # accumulator first
    outputs = flat.shape[1]
    first = np.array([row.argmax() if row.any() else outputs for row in flat], np.int64)
    return accumulator, exact, Happened(first, flat, True)
