"""The fast engine: the sums of the datapath in their order, without a clock.

Three ways to one result, and tests that say so. Every layer can be run by its *plan*
(`hwsim.array.stepwise`), the definition. Where every register wraps, saturates, or is wide enough
for any sum of this layer, and there is no adder tree, outputs run side by side
(`hwsim.array.fast_lanes`). Single events are looked up by running their output once more
(`hwsim.array.replay`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.array import replay, stepwise
from hwsim.array.dataflow import Schedule
from hwsim.array.fast_lanes import ACC, LINK, run_lanes
from hwsim.array.fast_layout import Layout, lane_layout
from hwsim.array.fast_tally import Tally, empty_tally, register_ledger, tally_outputs
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.ledger import Execution, Place

Hits = NDArray[np.uint8]


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
    """Execute side by side, or, where ``layout`` is None, by the plan; sample after sample."""
    samples, groups, m, k, n = datapath.shape
    levels = len(datapath.chain)
    accumulator, exact = (np.empty((samples, groups, m, n), np.int64) for _ in range(2))
    chain, acc = (
        layout.empty_tally() if layout else empty_tally(groups, n, k, count)
        for count in (levels, 1)
    )
    first: list[Place | None] = [None, None]
    events: list[tuple[int, ...]] = []
    plan = stepwise.plan(datapath, schedule)
    for s in range(samples):
        problem = stepwise.sample_problem(datapath, s)
        hits = _run_sample(layout, problem, plan, chain, acc, accumulator[s], exact[s])
        for i, stage in enumerate((replay.CHAIN, replay.ACCUMULATOR)):
            if first[i] is None and hits[i].any():
                at = np.unravel_index(int(hits[i].argmax()), hits[i].shape)
                first[i] = replay.first_place(problem, plan, schedule, first_sample + s, at, stage)
        if list_events:
            affected = (hits[0] | hits[1]).astype(bool)
            events += replay.list_events(problem, plan, schedule, first_sample + s, affected)
    if layout:
        chain, acc = layout.by_channel(chain, LINK), layout.by_channel(acc, ACC)
    return Execution(
        accumulator=accumulator,
        exact=exact,
        chain=register_ledger(chain, datapath.chain, first[0], final=False) if levels else None,
        accumulator_ledger=register_ledger(
            acc, (datapath.accumulator,), first[1], final=datapath.check_final
        ),
        events=replay.event_list(events) if list_events else None,
    )


def _run_sample(
    layout: Layout | None,
    problem: stepwise.Problem,
    plan: stepwise.Plan,
    chain: Tally,
    acc: Tally,
    accumulator: Ints,
    exact: Ints,
) -> Hits:
    """Run one sample; uint8 ndarray of shape (2, G, M, N), set where an output's chain [0] or
    accumulator [1] had an event."""
    if layout is None:
        hits = np.zeros((2, *accumulator.shape), np.uint8)
        tally_outputs(problem, plan, chain, acc, hits, accumulator, exact)
        return hits
    lanes = layout.lanes(problem)
    shape = (*lanes.x.shape[:2], lanes.v.shape[2])
    hits = np.zeros((2, *shape), np.uint8)
    if not layout.pixels:
        run_lanes(lanes, chain, acc, hits, accumulator, exact)
        return hits
    laid = np.empty((2, *shape), np.int64)
    run_lanes(lanes, chain, acc, hits, laid[0], laid[1])
    accumulator[:], exact[:] = layout.by_output(laid)
    return np.ascontiguousarray(layout.by_output(hits))
