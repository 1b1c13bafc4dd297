"""The overflow entry adds up: stages, classes, what stands outside."""

import numpy as np
import strategies
from hypothesis import given, settings
from oracles import exact

from hwsim.analysis.overflow import ledger_arrays, overflow_entry
from hwsim.arith.formats import IntFormat
from hwsim.mapping.prepare import OutputSide
from hwsim.mapping.run import run_layer

STAGES = ("bias", "chain", "accumulator", "requant")


@settings(max_examples=60)
@given(strategies.cases())
def test_entry_equals_the_oracles_counts(case):
    gemm, machine = case
    groups, n = gemm.w_zero_point.shape
    scale = np.full(groups * n, 2.0**-4)
    side = OutputSide("conv_2d", 1.0, scale, 1.0, 0, IntFormat(8), (None, None), 8)
    ledger = run_layer(gemm, side, machine, "a layer", trap=False).ledger
    entry, truth = overflow_entry(ledger), exact.run(gemm, machine)
    tallies = [truth.accumulator_ledger] + ([truth.chain] if truth.chain else [])
    stages = [STAGES[event.stage] for event in truth.events]
    problem = truth.problem
    stored, presented = np.array(problem.stored_bias or 0), np.array(problem.bias or 0)
    bias = int((stored != presented).sum()) * problem.samples
    persistent = sum(sum(t.persistent.values()) for t in tallies) + bias
    transient = sum(sum(t.transient.values()) for t in tallies)
    assert entry["by_stage"] | {"output": 0} == {
        "chain": stages.count("chain"),
        "accumulator": stages.count("accumulator"),
        "bias": bias,
        "requant": 0,
        "output": 0,
    }
    assert entry["events"] == len(stages) + bias
    assert (entry["persistent"], entry["transient"]) == (persistent, transient)
    assert entry["outputs_affected"] == persistent + transient
    assert entry["by_stage"]["output"] == ledger.clipped.sum()
    assert entry["excess_bits"] == max(t.excess_bits for t in tallies)
    assert (entry["first"] is None) == (entry["events"] == 0)


@settings(max_examples=30)
@given(strategies.cases())
def test_arrays_hold_the_same_counts_channel_by_channel(case):
    gemm, machine = case
    groups, n = gemm.w_zero_point.shape
    scale = np.full(groups * n, 2.0**-4)
    side = OutputSide("conv_2d", 1.0, scale, 1.0, 0, IntFormat(8), (None, None), 8)
    ledger = run_layer(gemm, side, machine, "a layer", trap=False).ledger
    arrays, stages = ledger_arrays(ledger), overflow_entry(ledger)["by_stage"]
    assert arrays["events_by_channel"].sum(axis=1).tolist() == [
        stages[name] for name in ("chain", "accumulator", "bias")
    ]
    assert arrays["events_by_step"].sum(axis=1).tolist() == [
        stages[name] for name in ("chain", "accumulator")
    ]
    channels = groups * n
    assert arrays["events_by_channel"].shape == (3, channels)
    assert arrays["events_by_step"].shape == (2, gemm.shape[3] + 2)
    events = [e for e in exact.run(gemm, machine).events if e.stage == 2]
    by_channel = np.bincount([e.group * n + e.n for e in events], minlength=channels)
    assert arrays["events_by_channel"][1].tolist() == by_channel.tolist()
    assert (arrays["partial_lo"] <= arrays["final_lo"]).all()
    assert (arrays["final_hi"] <= arrays["partial_hi"]).all()
