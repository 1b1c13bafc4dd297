"""Single events: outputs that overflowed are run once more, alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Ints
from hwsim.array.ledger import STAGES, EventList, Place
from hwsim.array.stepwise import LEFT, REGISTER, RIGHT, K, Plan, Problem, run_outputs

CHAIN, ACCUMULATOR = STAGES.index("chain"), STAGES.index("accumulator")
LEVEL, PRESENTED, STORED = range(1, 4)  # columns of an event, after K


def events_of(problem: Problem, plan: Plan, g: int, m: int, n: int) -> Ints:
    """Every event of one output by (k, stage, level): columns ``k level presented stored``.

    ``level`` is 0 for the accumulator and counts from 1 in the chain.
    """
    slots = plan.first + len(plan.rows)
    kept, exact = np.zeros((slots, 1), np.int64), np.zeros((slots, 1), np.int64)
    run_outputs(problem, plan, g, m, n, n + 1, kept, exact)
    presented = kept[plan.rows[:, LEFT], 0] + kept[plan.rows[:, RIGHT], 0]
    stored = kept[plan.first :, 0]
    level = plan.rows[:, REGISTER] % (len(plan.registers) - 1)  # the last row: the accumulator too
    events = np.stack([plan.rows[:, K], level, presented, stored], axis=1)[presented != stored]
    order = np.lexsort((events[:, LEVEL], events[:, LEVEL] == 0, events[:, K]))
    sorted_events: Ints = events[order]
    return sorted_events


def place_of(schedule: Schedule, sample: int, g: int, m: int, n: int, event: Ints) -> Place:
    """Where one event happened."""
    k, level = int(event[K]), int(event[LEVEL])
    stage = STAGES[CHAIN if level else ACCUMULATOR]
    return schedule.place(stage, sample, g, m, n, k, level)


def first_place(
    problem: Problem,
    plan: Plan,
    schedule: Schedule,
    sample: int,
    output: tuple[np.intp, ...],
    stage: int,
) -> Place:
    """The first event of one register of an output (g, m, n) that has one."""
    g, m, n = (int(i) for i in output)
    events = events_of(problem, plan, g, m, n)
    own = events[(events[:, LEVEL] > 0) == (stage == CHAIN)]
    return place_of(schedule, sample, g, m, n, own[0])


def list_events(
    problem: Problem, plan: Plan, schedule: Schedule, sample: int, affected: NDArray[np.bool_]
) -> list[tuple[int, ...]]:
    """Every event of one sample as rows in the order of `EventList.NAMES`.

    ``affected`` : bool ndarray of shape (G, M, N); the outputs to run again.
    """
    rows: list[tuple[int, ...]] = []
    for g, m, n in np.argwhere(affected).tolist():
        for event in events_of(problem, plan, g, m, n):
            at = place_of(schedule, sample, g, m, n, event)
            where = (sample, g, m, n, at.k, at.row, at.col, at.cycle, at.stage_order)
            rows.append((*where, int(event[PRESENTED]), int(event[STORED])))
    return rows


def event_list(rows: list[tuple[int, ...]]) -> EventList:
    """Rows to columns."""
    table = np.array(rows, np.int64).reshape(len(rows), len(EventList.NAMES))
    return EventList(
        {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(EventList.NAMES)}
    )
