"""The ranges of exact sums are those that the ledger of a run finds."""

import numpy as np
import pytest
from strategies import seeded

from hwsim.array import datapath as datapaths
from hwsim.array import fast
from hwsim.array.dataflow import DATAFLOWS, Schedule
from hwsim.array.fast_range import CHAIN_LO, END_LO, PARTIAL_LO, exact_sums


@pytest.mark.parametrize("dataflow", [*DATAFLOWS, "none"])
@pytest.mark.parametrize("seed", range(12))
def test_ranges_are_those_of_the_ledger(dataflow, seed):
    gemm, machine = seeded(dataflow, seed)
    datapath, _ = datapaths.build(gemm, machine, "case")
    schedule = Schedule.of(machine, gemm.shape)
    sums, run = exact_sums(datapath, schedule), fast.execute(datapath, schedule)
    assert (sums.exact == run.exact).all()
    final = (sums.exact.min(axis=(0, 2)), sums.exact.max(axis=(0, 2)))
    found = {PARTIAL_LO: (run.accumulator_ledger.partial_lo, run.accumulator_ledger.partial_hi)}
    assert [(ours == theirs).all() for ours, theirs in zip(
        final, (run.accumulator_ledger.final_lo, run.accumulator_ledger.final_hi), strict=True
    )] == [True, True]  # fmt: skip
    if run.chain is not None and gemm.shape[3]:
        found[CHAIN_LO] = run.chain.partial_lo, run.chain.partial_hi
        found[END_LO] = run.chain.final_lo, run.chain.final_hi
        assert sums.levels[..., 0].min() == sums.ends[CHAIN_LO].min() == run.chain.partial_lo.min()
        assert sums.levels[..., 1].max() == run.chain.partial_hi.max()
    for row, (lo, hi) in found.items():
        assert (sums.ends[row].min(axis=(0, 2)) == lo).all()
        assert (sums.ends[row + 1].max(axis=(0, 2)) == hi).all()


def test_an_output_has_an_event_where_its_range_leaves_the_register():
    """One register: the first sum that does not fit is exact, whatever the rule."""
    events = 0
    for seed in range(30):
        gemm, machine = seeded("output_stationary", seed)
        if machine.accumulator.check == "final":
            continue
        datapath, _ = datapaths.build(gemm, machine, "case")
        schedule = Schedule.of(machine, gemm.shape)
        sums, run = exact_sums(datapath, schedule), fast.execute(datapath, schedule)
        register = datapath.accumulator
        least = -register.hi if run.accumulator_ledger.symmetric else register.lo
        lo, hi = sums.ends[PARTIAL_LO], sums.ends[PARTIAL_LO + 1]
        leaves = (lo < least) | (hi > register.hi)
        ledger = run.accumulator_ledger
        assert (leaves.sum(axis=(0, 2)) == ledger.persistent + ledger.transient).all()
        events += int(np.count_nonzero(leaves))
    assert events > 100
