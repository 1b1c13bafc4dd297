"""Single events of the cycle engine (``--trace overflow``): the definition beside the counters.

The array's events are those that `define_clocks` and `define_tree` see, with the clock at which
they see them.
"""

from __future__ import annotations

import numpy as np

from hwsim.array.cycle_clocks import EVENT_COLUMNS, SUM, define_clocks
from hwsim.array.cycle_fold import Streams, stage
from hwsim.array.cycle_memory import accumulate
from hwsim.array.cycle_tree import define_tree, node_table
from hwsim.array.dataflow import Fold, Schedule
from hwsim.array.gemm import Codes, Datapath, Ints, Register
from hwsim.array.ledger import STAGES, EventList
from hwsim.array.specification import LatencySpec

CHAIN, ACCUMULATOR = STAGES.index("chain"), STAGES.index("accumulator")
UNTRACED = np.zeros((0, 3, 1, 1), np.int64)


def rule(register: Register) -> Ints:
    """``lo hi overflow wrap_bits`` of a register."""
    return np.array(
        [register.lo, register.hi, int(register.overflow), register.wrap_bits], np.int64
    )


def define_fold(
    streams: Streams,
    held: Ints,
    sums: Ints,
    datapath: Datapath,
    register: Register,
    latency: LatencySpec,
    *,
    moving: bool,
    trace: Ints = UNTRACED,
    first_clock: int = 0,
    capacity: int = 0,
) -> tuple[int, Ints]:
    """One fold by the definition: clocks done and its events (run again where room ran out).

    ``held``, ``sums``: content of the weight registers and the sums before, (rows, cols).
    """
    events = np.zeros((capacity, EVENT_COLUMNS), np.int64)
    clocks, found = define_clocks(
        streams.a_edge.astype(np.int64), streams.w_edge.astype(np.int64), np.zeros_like(held),
        held.astype(np.int64), sums.copy(), int(moving), rule(register), datapath.drop_bits,
        datapath.product_rounding, latency.multiplier, latency.pe, first_clock, trace, events,
    )  # fmt: skip
    if found > capacity:
        return define_fold(
            streams, held, sums, datapath, register, latency,
            moving=moving, trace=trace, first_clock=first_clock, capacity=found,
        )  # fmt: skip
    return clocks, events[:found]


def define_tree_fold(
    stream: Codes,
    weights: Codes,
    datapath: Datapath,
    latency: LatencySpec,
    *,
    trace: Ints | None = None,
    first_clock: int = 0,
    capacity: int = 0,
) -> tuple[int, Ints]:
    """One fold of a dot-product unit by the definition: clocks done and its events."""
    table, levels = node_table(stream.shape[1]), len(datapath.chain)
    drain = latency.multiplier - 1 + latency.tree_stage * levels
    a_edge = np.zeros((len(stream) + drain, stream.shape[1]), np.int64)
    a_edge[: len(stream)] = stream
    nodes = np.zeros((len(table), weights.shape[1]), np.int64)
    rules = np.array([rule(register) for register in datapath.chain], np.int64)
    untraced = np.zeros((0, *nodes.shape), np.int64)
    events = np.zeros((capacity, EVENT_COLUMNS), np.int64)
    clocks, found = define_tree(
        a_edge, np.ascontiguousarray(weights, np.int64), nodes, table, rules.reshape(levels, 4),
        datapath.drop_bits, datapath.product_rounding, latency.multiplier, latency.tree_stage,
        first_clock, untraced if trace is None else trace, events,
    )  # fmt: skip
    if found > capacity:
        return define_tree_fold(
            stream, weights, datapath, latency,
            trace=trace, first_clock=first_clock, capacity=found,
        )  # fmt: skip
    return clocks, events[:found]


class EventRows:
    """Events of a layer, collected fold by fold."""

    def __init__(self, datapath: Datapath, schedule: Schedule) -> None:
        self.datapath, self.schedule = datapath, schedule
        self.rows: list[Ints] = []  # (events, EventList.NAMES and tree level)

    def table(self) -> EventList:
        """All events, in order of (sample, group, m, n, k, stage), then tree level."""
        width = len(EventList.NAMES) + 1
        rows = np.concatenate([np.zeros((0, width), np.int64), *self.rows])
        sample, group, m, n, k = (rows[:, i] for i in range(5))
        level, stage_order = rows[:, -1], rows[:, EventList.NAMES.index("stage")]
        rows = rows[np.lexsort((level, stage_order, k, n, m, group, sample))]
        names = enumerate(EventList.NAMES)
        return EventList({name: np.ascontiguousarray(rows[:, i]) for i, name in names})

    def stores(
        self,
        memory: Ints,
        addends: Ints,
        sample: int,
        group: int,
        m: int,
        n: int,
        k: int,
        register: Register,
    ) -> None:
        """Events of one store into the accumulators behind the array, before it happens."""
        after = memory.copy()
        lo, hi, overflow, wrap_bits = (int(x) for x in rule(register))
        accumulate(after, m, n, addends, lo, hi, overflow, wrap_bits, 1)
        tile = slice(m, m + addends.shape[1]), slice(n, n + addends.shape[2])
        presented, stored = memory[SUM][tile] + addends[0], after[SUM][tile]
        for i, j in np.argwhere(presented != stored).tolist():
            at = self.schedule.place("accumulator", sample, group, m + i, n + j, k)
            self.rows.append(
                np.array(
                    [[sample, group, m + i, n + j, k, at.row, at.col, at.cycle, ACCUMULATOR,
                      presented[i, j], stored[i, j], 0]], np.int64
                )
            )  # fmt: skip

    def chain(self, sample: int, fold: Fold, moving: Codes, other: Codes) -> None:
        """Events of one fold of a column or a tree."""
        schedule = self.schedule
        if schedule.dataflow.reduction == "tree":
            _, events = define_tree_fold(moving, other, self.datapath, schedule.latency)
            self.add_tree(sample, fold, events)
            return
        streams = stage(schedule, moving, other, np.int64)
        register, blank = self.datapath.chain[0], np.zeros(other.shape, np.int64)
        _, events = define_fold(
            streams, blank, blank, self.datapath, register, schedule.latency, moving=True
        )
        self.add(sample, fold, events, CHAIN)

    def in_place(
        self, sample: int, fold: Fold, streams: Streams, sums: Ints, register: Register
    ) -> None:
        """Events of one fold of an output-stationary array; ``sums``: what the PEs hold before."""
        blank = np.zeros_like(sums)
        latency = self.schedule.latency
        _, events = define_fold(
            streams, blank, sums, self.datapath, register, latency, moving=False
        )
        self.add(sample, fold, events, ACCUMULATOR)

    def add(self, sample: int, fold: Fold, events: Ints, stage_order: int) -> None:
        """From clock and PE to (m, n, k), by the dataflow table."""
        flow = self.schedule.dataflow
        clock, row, col, presented, stored = events.T
        at = {
            flow.row: fold.row_start + row,
            flow.col: fold.col_start + col,
            flow.stream: clock - self.schedule.store_clock(np.zeros_like(row), row, col, row),
        }
        columns = [
            sample, fold.group, at["m"], at["n"], at["k"], row, col,
            fold.number * self.schedule.fold_cycles + clock, stage_order, presented, stored, 0,
        ]  # fmt: skip
        self.rows.append(np.stack(np.broadcast_arrays(*columns), axis=1))

    def add_tree(self, sample: int, fold: Fold, events: Ints) -> None:
        """From clock, node and unit to (m, n, k): a node stands at the last k it covers."""
        clock, node, col, presented, stored = events.T
        schedule = self.schedule
        level, _, _, last = node_table(schedule.rows)[node].T
        k = np.minimum(fold.row_start + last, schedule.k - 1)
        m = clock - schedule.store_clock(np.zeros_like(level), node, col, level)
        columns = [
            sample, fold.group, m, fold.col_start + col, k, k % schedule.rows, col,
            fold.number * schedule.fold_cycles + clock, CHAIN, presented, stored, level,
        ]  # fmt: skip
        self.rows.append(np.stack(np.broadcast_arrays(*columns), axis=1))
