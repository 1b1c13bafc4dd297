"""The cycle engine: register-transfer level, every clock and every register of the array.

Reading order: `cycle_clocks` (the systolic array), `cycle_tree` (the dot-product unit),
`cycle_fold` and `cycle_tree_fold` (what enters when, what leaves when), `cycle_memory`
(accumulators behind the array, counters), `cycle_events` (single events), and this driver. Inside
a clock there are registers and edge operands alone; which output a register holds is worked out
after the fold. `cycle_fast` does the same stores in vector code, in another order.
"""

from __future__ import annotations

import numpy as np

from hwsim.array.cycle_clocks import COUNT, EXACT, FIRST, HIGH, LOW, SUM
from hwsim.array.cycle_events import EventRows
from hwsim.array.cycle_fast import compare_clocks, execute_waves, in_waves
from hwsim.array.cycle_fold import FoldResult, fold_result, lane_type, operands, run_fold, stage
from hwsim.array.cycle_memory import (
    UNLIMITED,
    Counters,
    accumulate,
    adding_register,
    earlier,
    first_output,
    new_memory,
    step_and_level,
)
from hwsim.array.cycle_tree_fold import run_tree_fold, tree_result
from hwsim.array.dataflow import Fold, Schedule
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.array.ledger import Execution
from hwsim.errors import UnsupportedError


def execute(
    datapath: Datapath,
    schedule: Schedule,
    *,
    first_sample: int = 0,
    list_events: bool = False,
) -> Execution:
    """Execute every sample and group of one layer (`hwsim.array.engines`), in vector code where
    that does it (`hwsim.array.cycle_fast`), else clock by clock.

    Raises
    ------
    UnsupportedError
        ``array.dataflow: none``: there is no array to clock.
    """
    if not schedule.array.is_array:
        raise UnsupportedError.at(
            "machine", "array.dataflow", "none", "a runtime has no array; use --engine fast"
        )
    if not list_events and in_waves(datapath, schedule):
        return execute_waves(datapath, schedule, first_sample)
    return execute_clocks(datapath, schedule, first_sample=first_sample, list_events=list_events)


def execute_clocks(
    datapath: Datapath,
    schedule: Schedule,
    *,
    first_sample: int = 0,
    list_events: bool = False,
) -> Execution:
    """Execute every sample and group of one layer, every clock of every fold: the definition."""
    samples, groups, m, _, n = datapath.shape
    accumulator, exact = np.zeros((2, samples, groups, m, n), np.int64)
    layer = Layer(datapath, schedule, list_events=list_events)
    for s in range(samples):
        clocks = 0
        for g in range(groups):
            image = Image(layer, s, first_sample + s, g)
            clocks += image.run()
            accumulator[s, g], exact[s, g] = image.memory[SUM], image.memory[EXACT]
        compare_clocks(clocks, schedule)
    return Execution(
        accumulator=accumulator,
        exact=exact,
        chain=layer.chain.ledger() if datapath.chain else None,
        accumulator_ledger=layer.accumulator.ledger(final=datapath.check_final),
        events=layer.events.table() if layer.events is not None else None,
    )


class Layer:
    """What all images of a layer share: the machine's registers, lanes and counters."""

    def __init__(self, datapath: Datapath, schedule: Schedule, *, list_events: bool) -> None:
        _, groups, _, k, n = datapath.shape
        self.datapath, self.schedule = datapath, schedule
        self.lanes = lane_type(datapath, schedule.k_tile)
        self.adding = adding_register(datapath)
        self.accumulator = Counters((datapath.accumulator,), groups, n, k)
        self.chain = Counters(datapath.chain or (UNLIMITED,), groups, n, k)
        self.events = EventRows(datapath, schedule) if list_events else None
        self.folds: list[list[Fold]] = [[] for _ in range(groups)]
        for fold in schedule.fold_list():
            self.folds[fold.group].append(fold)


class Image:
    """One image and group: its accumulators, fold after fold."""

    def __init__(self, layer: Layer, index: int, sample: int, group: int) -> None:
        _, _, m, k, n = layer.datapath.shape
        self.layer, self.index, self.sample, self.group = layer, index, sample, group
        self.k = k
        self.memory = new_memory(m, n)
        self.chain_first = np.zeros((m, n), np.int64)

    def run(self) -> int:
        """Every store of every output; returns the clocks done."""
        layer, datapath, group = self.layer, self.layer.datapath, self.group
        if datapath.preload is not None:
            self.preload(datapath.preload[group])
        clocks = 0
        for fold in layer.folds[group]:
            if layer.schedule.dataflow.reduction == "pe":
                clocks += self.accumulate_in_place(fold)
            else:
                clocks += self.accumulate_behind(fold)
        if datapath.row_sum is not None:
            correction = (
                -datapath.w_zero_point[group] * datapath.row_sum[self.index, group][:, None]
            )
            self.store(correction, self.k, layer.adding)
        if datapath.last is not None:
            self.store(datapath.last[group][None, :], self.k, layer.adding)
        if datapath.check_final:
            self.store(np.zeros((1, 1), np.int64), self.k, datapath.accumulator)
        self.close()
        return clocks

    def preload(self, bias: Ints) -> None:
        """The first store; the exact range starts at the bias, not at 0."""
        self.memory[LOW], self.memory[HIGH] = bias, bias
        self.store(bias[None, :], -1, self.layer.adding)

    def store(self, addend: Ints, k: int, register: Register) -> None:
        """One store into every accumulator, at step k."""
        addends = np.broadcast_to(addend, (2, *self.memory.shape[1:]))
        self.accumulate(addends, 0, 0, k, register)

    def accumulate(self, addends: Ints, m: int, n: int, k: int, register: Register) -> None:
        """One store into the accumulators of a tile, at step k."""
        layer, addends = self.layer, np.ascontiguousarray(addends)
        if layer.events is not None:
            layer.events.stores(self.memory, addends, self.sample, self.group, m, n, k, register)
        found = accumulate(
            self.memory, m, n, addends, register.lo, register.hi, int(register.overflow),
            register.wrap_bits, self.k + 1 - k,
        )  # fmt: skip
        layer.accumulator.steps[k + 1] += found

    def accumulate_behind(self, fold: Fold) -> int:
        """A fold of a column or a tree: what leaves it is added behind the array."""
        layer = self.layer
        datapath, schedule = layer.datapath, layer.schedule
        moving, other = operands(datapath, schedule, self.index, fold)
        drop = datapath.drop_bits, datapath.product_rounding
        if schedule.dataflow.reduction == "tree":
            chain, latency = datapath.chain, schedule.latency
            tree = run_tree_fold(moving, other, chain, *drop, layer.lanes, latency)
            result = tree_result(schedule, fold, *tree)
        else:
            streams = stage(schedule, moving, other, layer.lanes)
            column = run_fold(streams, datapath.chain[0], schedule, *drop)
            result = fold_result(schedule, fold, *column)
        if datapath.chain:
            self.count_chain(fold, result)
        m, n = (0, fold.col_start) if schedule.dataflow.col == "n" else (fold.col_start, 0)
        last = min(fold.row_start + schedule.rows, self.k) - 1
        self.accumulate(result.sums[[SUM, EXACT]], m, n, last, layer.adding)
        if layer.events is not None and datapath.chain:
            layer.events.chain(self.sample, fold, moving, other)
        return result.clocks

    def count_chain(self, fold: Fold, result: FoldResult) -> None:
        """Counters of one fold's chains."""
        chain = self.layer.chain
        tile_m, tile_n = result.sums.shape[1:]
        columns_are_n = self.layer.schedule.dataflow.col == "n"
        m, n = (0, fold.col_start) if columns_are_n else (fold.col_start, 0)
        channels = slice(n, n + tile_n)
        chain.count(self.group, channels, result.sums)
        for level, (low, high) in enumerate(result.ranges):
            chain.widen(level, low, high)
        steps = chain.steps[fold.row_start + 1 : self.k + 1]
        used = min(len(steps), len(result.steps))
        steps[:used] += result.steps[:used]
        if result.first is not None:
            earlier(self.chain_first[m : m + tile_m, channels], result.first, self.k)

    def accumulate_in_place(self, fold: Fold) -> int:
        """A fold of an output-stationary array: accumulators stay in the PEs."""
        layer = self.layer
        datapath, schedule = layer.datapath, layer.schedule
        moving, other = operands(datapath, schedule, self.index, fold)
        streams = stage(schedule, moving, other, layer.lanes)
        tile = self.memory[:, fold.row_start :, fold.col_start :][
            :, : schedule.rows, : schedule.cols
        ]
        held = np.zeros((len(tile), schedule.rows, schedule.cols), np.int64)
        held[:COUNT, : tile.shape[1], : tile.shape[2]] = tile[:COUNT]
        if layer.events is not None:
            layer.events.in_place(self.sample, fold, streams, held[SUM], layer.adding)
        drop = datapath.drop_bits, datapath.product_rounding
        run = run_fold(streams, layer.adding, schedule, *drop, sums=held)
        result = fold_result(schedule, fold, *run)
        tile[:COUNT] = result.sums[:COUNT]
        tile[COUNT] += result.sums[COUNT]
        if result.first is not None:
            left = np.where(result.first[0] >= 0, self.k + 1 - result.first[0], 0)
            np.maximum(tile[FIRST], left, out=tile[FIRST])
        layer.accumulator.steps[1 : self.k + 1] += result.steps
        return result.clocks

    def close(self) -> None:
        """After the last store: classes, exact finals and the first event of this image."""
        layer, group = self.layer, self.group
        if self.memory[0].size:
            layer.accumulator.count(group, slice(None), self.memory)
        place = layer.schedule.place
        at = first_output(self.memory[FIRST])
        if at is not None and layer.accumulator.first is None:
            k = self.k + 1 - int(self.memory[FIRST][at])
            layer.accumulator.first = place("accumulator", self.sample, group, *at, k)
        at = first_output(self.chain_first)
        if at is not None and layer.chain.first is None:
            k, level = step_and_level(int(self.chain_first[at]), self.k)
            layer.chain.first = place("chain", self.sample, group, *at, k, level)
