"""Single events: outputs that overflowed are run once more, alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Ints
from hwsim.array.ledger import STAGES, EventList, Place
from hwsim.array.stepwise import LEFT, REGISTER, RIGHT, K, Plan, Problem, run_outputs

CHAIN, ACCUMULATOR = STAGES.index("chain"), STAGES.index("accumulator")
OUTPUT, ROW, PRESENTED, STORED = range(4)  # rows of a table of events
EVENTS_GUESS = 4  # of one affected output, before they are counted


def levels(plan: Plan) -> Ints:
    """Level of every store of a plan: 0 in the accumulator, from 1 in the chain."""
    found: Ints = plan.rows[:, REGISTER] % (len(plan.registers) - 1)  # the last row adds too
    return found


def store_order(plan: Plan) -> Ints:
    """A plan's stores by (k, stage, level), the order of events."""
    level = levels(plan)
    return np.lexsort((level, level == 0, plan.rows[:, K])).astype(np.int64)


@kernel
def replayed(problem, plan, order, outputs, table):  # type: ignore[no-untyped-def]
    """Run outputs (g, m, n) again; their number of events, of which ``table`` keeps what fits.

    ``outputs`` : int64 ndarray of shape (outputs, 3). ``table`` : int64 ndarray of shape
    (4, capacity): index of the output, row of the plan, value presented, value stored.
    """
    slots = plan.first + plan.rows.shape[0]
    kept, exact = np.zeros((slots, 1), np.int64), np.zeros((slots, 1), np.int64)
    found = 0
    for i in range(outputs.shape[0]):
        g, m, n = outputs[i]
        run_outputs(problem, plan, g, m, n, n + 1, kept, exact)
        for row in order:
            presented = kept[plan.rows[row, LEFT], 0] + kept[plan.rows[row, RIGHT], 0]
            stored = kept[plan.first + row, 0]
            if presented == stored:
                continue
            if found < table.shape[1]:
                table[OUTPUT, found], table[ROW, found] = i, row
                table[PRESENTED, found], table[STORED, found] = presented, stored
            found += 1
    return found


def events_of(problem: Problem, plan: Plan, outputs: Ints) -> Ints:
    """Every event of some outputs (g, m, n): rows ``OUTPUT ROW PRESENTED STORED``."""
    order, capacity = store_order(plan), EVENTS_GUESS * len(outputs)
    while True:
        table = np.empty((4, capacity), np.int64)
        found = replayed(problem, plan, order, outputs, table)
        if found <= capacity:
            return table[:, :found]
        capacity = found


def place_columns(
    schedule: Schedule, g: Ints, m: Ints, n: Ints, k: Ints, level: Ints
) -> tuple[Ints, Ints, Ints]:
    """PE row, PE column and cycle of many stores: `Schedule.place` on whole columns.

    ``level`` is 0 for stores into the accumulator. A test compares the two row by row.

    >>> from hwsim.array.specification import ArraySpec
    >>> ws = ArraySpec(dataflow="weight_stationary", rows=4, cols=4, k_order=["ky", "kx", "ic"])
    >>> m, k, zero = np.array([0, 3]), np.array([3, 7]), np.array([0, 0])
    >>> place_columns(Schedule(ws, 1, 4, 8, 4), zero, m, zero, k, zero)
    (array([3, 3]), array([0, 0]), array([ 7, 24]))
    """
    if not schedule.folds:
        nowhere = np.full(len(k), -1, np.int64)
        return nowhere, nowhere, np.zeros_like(k) if schedule.array.is_array else nowhere
    flow, rows, cols = schedule.dataflow, schedule.rows, schedule.cols
    at = {"m": m, "n": n, "k": np.clip(k, 0, schedule.k - 1)}
    below = (level == 0) & (flow.row == "k")  # the accumulator: below the column, behind the root
    row = np.where(below, rows - 1, at[flow.row] % rows)
    col = at[flow.col] % cols
    level = np.where(below, schedule.tree_levels, level)
    clock = schedule.store_clock(at[flow.stream], row, col, level)
    row_tile, col_tile = at[flow.row] // rows, at[flow.col] // cols
    if flow.outer == flow.row:
        fold = (g * schedule.row_tiles + row_tile) * schedule.col_tiles + col_tile
    else:
        fold = (g * schedule.col_tiles + col_tile) * schedule.row_tiles + row_tile
    return row, col, np.where(k < 0, 0, clock) + fold * schedule.fold_cycles


def first_place(
    problem: Problem,
    plan: Plan,
    schedule: Schedule,
    sample: int,
    output: tuple[int, int, int],
    stage: int,
) -> Place:
    """The first event of one register of an output (g, m, n) that has one.

    ``problem`` : that output alone (`stepwise.output_problem`).
    """
    g, m, n = output
    rows = events_of(problem, plan, np.zeros((1, 3), np.int64))[ROW]
    level = levels(plan)[rows]
    own = int(np.flatnonzero((level > 0) == (stage == CHAIN))[0])
    k = int(plan.rows[rows[own], K])
    return schedule.place(STAGES[stage], sample, g, m, n, k, int(level[own]))


def list_events(
    problem: Problem, plan: Plan, schedule: Schedule, sample: int, affected: NDArray[np.bool_]
) -> list[Ints]:
    """Every event of one sample: one table, its rows in the order of `EventList.NAMES`.

    ``affected`` : bool ndarray of shape (G, M, N); the outputs to run again.
    """
    outputs = np.ascontiguousarray(np.argwhere(affected), np.int64)
    events = events_of(problem, plan, outputs)
    g, m, n = outputs[events[OUTPUT]].T
    k, level = plan.rows[events[ROW], K], levels(plan)[events[ROW]]
    place = place_columns(schedule, g, m, n, k, level)
    stage = np.where(level > 0, CHAIN, ACCUMULATOR)
    samples = np.full_like(k, sample)
    return [np.stack([samples, g, m, n, k, *place, stage, events[PRESENTED], events[STORED]])]


def event_list(tables: list[Ints]) -> EventList:
    """Tables of samples, in order, to the columns of a layer."""
    empty = np.zeros((len(EventList.NAMES), 0), np.int64)
    columns = np.concatenate([empty, *tables], axis=1)
    return EventList(dict(zip(EventList.NAMES, columns, strict=True)))
