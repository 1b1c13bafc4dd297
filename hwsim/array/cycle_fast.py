"""The cycle engine in vector code: layers whose registers fit the lanes, wave by wave.

Every store of every PE is done, in an order that follows each element of the stream through a fold
(`hwsim.array.vector.systolic`) in place of all PEs clock by clock (`hwsim.array.cycle`, the
definition). PEs that meet the zeros before and after the stream, or beyond the edge of a tile, keep
what they hold: they are not visited, their clocks count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.overflow import fit
from hwsim.array import replay
from hwsim.array.cycle_layout import (
    LANE,
    LANES,
    ROWS_IN_PLACE,
    STRETCH,
    Near,
    Words,
    copy_others,
    in_blocks,
    is_plain,
    rule_row,
)
from hwsim.array.cycle_memory import Counters, adding_register
from hwsim.array.cycle_waves import run_waves
from hwsim.array.dataflow import ONE_EACH, Schedule
from hwsim.array.fast_reach import operand_reach
from hwsim.array.gemm import Datapath, Ints, Register
from hwsim.array.ledger import Execution, Place, RegisterLedger
from hwsim.array.stepwise import output_problem, plan
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.systolic_registers import (
    ACC,
    CHAIN,
    CHANGED,
    EXACT,
    FINAL_HIGH,
    FINAL_LOW,
    FIRST,
    HIGH,
    LOW,
    PERSISTENT,
    STORED,
    TRANSIENT,
)

REACH = 1 << 30  # no sum reaches it: half the range of a lane
HALF_REACH = (1 << 15) - 1  # of an operand, or of a product in 16-bit lanes: half of a pair
PANEL = 1 << 21  # pairs of weights, and counters of events, at once, where one block has fewer
STAGES = {CHAIN: replay.CHAIN, ACC: replay.ACCUMULATOR}


def in_waves(datapath: Datapath, schedule: Schedule) -> bool:
    """Whether vector code does this layer: the processor has it, and operands and sums fit it."""
    samples, _, m, k, _ = datapath.shape
    return (
        CHOSEN is not None
        and schedule.folds > 0
        and schedule.dataflow.reduction != "tree"
        and schedule.latency == ONE_EACH
        and datapath.drop_bits == 0
        and datapath.a.dtype == np.int32
        and samples * m * -(-k // schedule.k_tile) <= LANE.max
        and all(is_plain(register) for register in (*datapath.chain, datapath.accumulator))
        and fits_lanes(datapath, k)
    )


def fits_lanes(datapath: Datapath, k: int) -> bool:
    """Whether operands fit 16 bits and no sum, exact or stored, reaches 2**30.

    A store never grows a value, so that no stored sum leaves the bound of the exact ones.
    """
    a, w = operand_reach(datapath)
    late = sum(largest(factor) * largest(term) for factor, term in late_stores(datapath))
    return max(a, w) <= HALF_REACH and k * a * w + largest(datapath.preload) + late < REACH


def largest(values: Ints | NDArray[np.signedinteger] | None) -> int:
    """The largest magnitude, 0 of nothing."""
    if values is None:
        return 0
    return max(int(values.max(initial=0)), -int(values.min(initial=0)))


def late_stores(datapath: Datapath) -> list[tuple[Ints, Ints]]:
    """What is stored after all products: ``factor * term``, of shapes (G, N) and (S, G, M)."""
    samples, groups, m, _, _ = datapath.shape
    ones = np.broadcast_to(np.int64(1), (samples, groups, m))
    found = []
    if datapath.row_sum is not None:
        found.append((-datapath.w_zero_point, datapath.row_sum))
    if datapath.last is not None:
        found.append((datapath.last, ones))
    if datapath.check_final:
        found.append((np.zeros_like(datapath.w_zero_point), ones))
    return found


class WaveLayer:
    """One layer: what `run_waves` gets, and what it finds."""

    def __init__(self, datapath: Datapath, schedule: Schedule) -> None:
        _, groups, _, k, n = datapath.shape
        self.datapath, self.schedule = datapath, schedule
        self.adding, self.late = adding_register(datapath), late_stores(datapath)
        folds = schedule.row_tiles if datapath.chain else 0
        self.by_channel = np.zeros((2, groups, n), np.int64)
        self.by_row = np.zeros(k + folds + len(self.late), np.int64)
        self.start = self.first_store()
        ranges = np.zeros((groups, 2, 7, n), np.int64)
        ranges[:, :, [LOW, FINAL_LOW, FIRST]] = LANE.max
        ranges[:, :, [HIGH, FINAL_HIGH]] = LANE.min
        ranges[:, ACC, [LOW, HIGH]] = self.start[:, [EXACT]]
        self.found = in_blocks(ranges.reshape(groups, 14, n)).reshape(groups, -1, 2, 7, LANES)

    def first_store(self) -> Ints:
        """What accumulators hold before the products: stored, exact and changed bits (G, 3, N)."""
        _, groups, _, _, n = self.datapath.shape
        start = np.zeros((groups, 3, n), np.int64)
        if self.datapath.preload is not None:
            r = self.adding
            biases = self.datapath.preload.ravel().tolist()
            stored = [fit(b, r.lo, r.hi, r.overflow, r.wrap_bits) for b in biases]
            start[:, STORED] = np.reshape(stored, (groups, n))
            start[:, EXACT] = self.datapath.preload
            start[:, CHANGED] = start[:, STORED] ^ start[:, EXACT]
        return start

    def run(self) -> tuple[Ints, Ints]:
        """Every wave; stored and exact sums (S, G, M, N), one array where they are the same."""
        datapath, late = self.datapath, len(self.late)
        samples, groups, m, k, n = datapath.shape
        stored, exact = np.empty((2, samples, groups, m, n), np.int64)
        factor = np.zeros((groups, late, n), np.int64)
        term = np.zeros((samples, groups, late, m), np.int32)
        for j, (of_channel, of_output) in enumerate(self.late):
            factor[:, j], term[:, :, j] = of_channel, of_output
        start = in_blocks(self.start)
        rows = self.schedule.k_tile if datapath.chain else min(ROWS_IN_PLACE, k)
        together = min(max(PANEL // ((k + 2 * rows) * LANES), 1), start.shape[1])
        differs = np.zeros((*start.shape[:2], -(-samples * m // STRETCH)), np.bool_)
        run_waves(
            np.ascontiguousarray(datapath.a), np.ascontiguousarray(datapath.w, np.int32), rows,
            int(bool(datapath.chain)), start, self.rules(), in_blocks(factor), term, self.found,
            Near.of(together, -(-k // rows), rows, late, self.forms()), self.by_channel,
            self.by_row, differs, stored, exact,
        )  # fmt: skip
        return stored, copy_others(differs, stored, exact)

    def rules(self) -> Words:
        """The chain, the accumulator while it adds, and at each late store."""
        datapath = self.datapath
        chain = datapath.chain[0] if datapath.chain else self.adding
        found = [chain, self.adding, *[self.adding] * len(self.late)]
        if datapath.check_final:
            found[-1] = datapath.accumulator
        return np.array([rule_row(r) for r in found], np.int32)

    def forms(self) -> tuple[bool, bool]:
        """Whether products fit 16-bit lanes, and with them the register of most stores."""
        a, w = operand_reach(self.datapath)
        register, fits = (*self.datapath.chain, self.adding)[0], a * w <= HALF_REACH
        return fits, fits and register.bits <= LANE.bits // 2

    def clocks(self) -> int:
        """Clocks of an image: a fold lasts until its last wave has left the last column."""
        schedule, element = self.schedule, self.schedule.extent(self.schedule.dataflow.stream) - 1
        last = schedule.store_clock(element, schedule.rows - 1, schedule.cols - 1, 0)
        return schedule.groups * schedule.row_tiles * schedule.col_tiles * (last + 1)

    def chain_events(self) -> tuple[Ints, Ints]:
        """Events of the chain, by channel and by step."""
        steps = self.by_row[: self.datapath.shape[3]]
        return self.by_channel[0], np.concatenate([[0], steps, [0]])

    def accumulator_events(self) -> tuple[Ints, Ints]:
        """Events of the accumulator, by channel and by step: the preload's, those of products or
        folds, and those after all products."""
        samples, _, m, k, _ = self.datapath.shape
        preload = (self.start[:, CHANGED] != 0) * (samples * m)
        steps, late = np.zeros(k + 2, np.int64), len(self.late)
        steps[0], steps[-1] = preload.sum(), self.by_row[len(self.by_row) - late :].sum()
        by_channel = preload + self.by_channel[1]
        if self.datapath.chain:
            ends = np.minimum(np.arange(1, self.schedule.row_tiles + 1) * self.schedule.k_tile, k)
            steps[ends] = self.by_row[k : len(self.by_row) - late]
            return by_channel, steps
        steps[1:-1] = self.by_row[:k]
        return by_channel + self.by_channel[0], steps

    def ledger(self, row: int, register: Register, first_sample: int) -> RegisterLedger:
        """The finished ledger of a register: `CHAIN` or `ACC`."""
        _, groups, _, k, n = self.datapath.shape
        events = self.chain_events() if row == CHAIN else self.accumulator_events()
        by_lane = np.moveaxis(self.found[:, :, row], 1, 2).reshape(groups, 7, -1)
        fields = by_lane[:, :, :n].astype(np.int64)
        counters = Counters((register,), groups, n, k)
        counters.events, counters.steps = events
        counters.low, counters.high = fields[:, LOW], fields[:, HIGH]
        counters.final_low, counters.final_high = fields[:, FINAL_LOW], fields[:, FINAL_HIGH]
        counters.persistent, counters.transient = fields[:, PERSISTENT], fields[:, TRANSIENT]
        counters.first = self.first_place(fields[:, FIRST], row, first_sample)
        return counters.ledger(final=row == ACC and self.datapath.check_final)

    def first_place(self, wave: Ints, row: int, first_sample: int) -> Place | None:
        """The place of the first event of a register; ``wave``: of each channel (G, N)."""
        if wave.min() == LANE.max:
            return None
        sample, m = np.divmod(wave, self.datapath.shape[2])
        groups, channels = np.indices(wave.shape)
        order = np.lexsort([x.ravel() for x in (channels, m, groups, sample)])
        at = np.unravel_index(order[0], wave.shape)
        s, output = int(sample[at]), (int(at[0]), int(m[at]), int(at[1]))
        return replay.first_place(
            output_problem(self.datapath, s, *output), plan(self.datapath, self.schedule),
            self.schedule, first_sample + s, output, STAGES[row],
        )  # fmt: skip


def compare_clocks(clocks: int, schedule: Schedule) -> None:
    """Stop where the clocks of an image are not those of the closed form."""
    if clocks != schedule.cycles:
        raise AssertionError(f"{clocks} clocks done, {schedule.cycles} in closed form")


def execute_waves(datapath: Datapath, schedule: Schedule, first_sample: int) -> Execution:
    """Execute every sample and group of one layer, as `hwsim.array.cycle.execute` does."""
    layer = WaveLayer(datapath, schedule)
    stored, exact = layer.run()
    compare_clocks(layer.clocks(), schedule)
    return Execution(
        accumulator=stored,
        exact=exact,
        chain=layer.ledger(CHAIN, datapath.chain[0], first_sample) if datapath.chain else None,
        accumulator_ledger=layer.ledger(ACC, datapath.accumulator, first_sample),
    )
