"""Pipeline registers: clocks by the formula, values and ledger never."""

from dataclasses import fields, replace

import numpy as np
import pytest
from oracles.small_layers import DATAFLOWS, draw, plain, schedule_of

import hwsim
from hwsim.array.cycle import execute
from hwsim.array.engines import ENGINES
from hwsim.array.specification import LatencySpec
from hwsim.array.trace import TraceWindow, record

LATENCIES = [
    {"multiplier": 4},
    {"pe": 3},
    {"tree_stage": 2},
    {"multiplier": 2, "pe": 4, "tree_stage": 3, "requantize": 4},
]


@pytest.mark.parametrize(
    ("dataflow", "cycles"),
    [
        ("output_stationary", 4 + 3 * 6 + 1),
        ("weight_stationary", 4 + 4 + 3 * 6 + 1),
        ("input_stationary", 4 + 4 + 3 * 6 + 1),
        ("dot_product", 4 + 3 * 2 + 1),
    ],
)
def test_hand_count_of_a_4_by_4_array(dataflow, cycles):
    """Load, stream of 4, three clocks a hop or level, one more register behind the multiplier."""
    latency = LatencySpec(multiplier=2, pe=3, tree_stage=3)
    schedule = replace(schedule_of(dataflow, 4, 4, 1, 4, 4, 4), latency=latency)
    assert schedule.cycles == cycles
    ones = np.ones((1, 1, 4, 4), np.int32)
    assert (execute(plain(dataflow, ones, ones[0], 4), schedule).accumulator == 4).all()


def test_a_column_of_two_pes_clock_by_clock():
    """Weights 10 and 1, inputs (1, 2) then (3, 4); two clocks a hop, products one clock late.

    ::

        clock             0   1   2   3   4   5   6
        upper a                  1   3                     the stream, after two clocks of load
        upper psum                  10  30                 its product one clock later
        lower a                          2   4             two clocks behind the upper one
        lower psum                          12  34         the upper psum of two clocks before + 2
    """
    a, w = np.array([[[[1, 2], [3, 4]]]]), np.array([[[10], [1]]])
    schedule = schedule_of("weight_stationary", 2, 1, 1, 2, 2, 1)
    schedule = replace(schedule, latency=LatencySpec(multiplier=2, pe=2))
    assert schedule.cycles == 7
    trace = record(plain("weight_stationary", a, w, 2), schedule, TraceWindow(0, 0, 7))
    assert trace.registers["a"][:, :, 0].T.tolist() == [
        [0, 0, 1, 3, 0, 0, 0],
        [0, 0, 0, 0, 2, 4, 0],
    ]
    upper, lower = trace.registers["psum"][:, :, 0].T.tolist()
    assert upper == [0, 0, 0, 10, 30, 0, 0]
    assert lower == [0, 0, 0, 0, 0, 12, 34]


def same(x, y, *, but=()):
    """Equality of two records, field by field, some left out."""
    names = [field.name for field in fields(x) if field.name not in but]
    return all(np.array_equal(getattr(x, name), getattr(y, name)) for name in names)


@pytest.mark.parametrize("words", LATENCIES)
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_values_and_ledger_are_those_of_one_register_each(dataflow, words):
    events = 0
    for seed in range(20):
        d, schedule = draw(dataflow, seed)
        one = execute(d, schedule, list_events=True)
        deep = execute(d, replace(schedule, latency=LatencySpec(**words)), list_events=True)
        assert np.array_equal(one.accumulator, deep.accumulator)
        assert np.array_equal(one.exact, deep.exact)
        for ledger in ("chain", "accumulator_ledger"):
            before, after = getattr(one, ledger), getattr(deep, ledger)
            assert (before is None) == (after is None)
            if before is not None:
                assert same(before, after, but=("first",))
                assert before.first == after.first  # a place compares without its cycle
        columns = one.events.columns, deep.events.columns
        for name in set(columns[0]) - {"cycle"}:
            assert np.array_equal(columns[0][name], columns[1][name])
        events += len(columns[0]["cycle"])
    assert events > 1000


@pytest.mark.parametrize("words", LATENCIES)
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_both_engines_list_the_same_events_in_the_same_clocks(dataflow, words):
    events = 0
    for seed in range(20, 30):
        d, schedule = draw(dataflow, seed)
        schedule = replace(schedule, latency=LatencySpec(**words))
        cycle, fast = (
            ENGINES[engine](d, schedule, list_events=True) for engine in ("cycle", "fast")
        )
        assert np.array_equal(cycle.accumulator, fast.accumulator)
        assert same(cycle.accumulator_ledger, fast.accumulator_ledger)
        if cycle.chain is not None:
            assert same(cycle.chain, fast.chain)
        for name, column in cycle.events.columns.items():
            assert np.array_equal(column, fast.events.columns[name]), name
        events += len(cycle.events.columns["cycle"])
    assert events > 300


def test_the_words_of_the_machine_reach_every_layer():
    one = hwsim.load_hardware("edge_ws_16x16")
    deep = hwsim.load_hardware("edge_ws_16x16", ["latency={multiplier: 2, pe: 3, requantize: 4}"])
    model = hwsim.load_model("digits")
    codes = model.data.X[:2]
    runs = [hwsim.simulate(model, machine, codes) for machine in (one, deep)]
    for name, layer in runs[0].run.layers.items():
        before, after = layer.schedule, runs[1].run.layers[name].schedule
        assert after.cycles - before.cycles == before.folds * (1 + 2 * 30)
        assert after.latency_cycles - before.latency_cycles == 3
    assert runs[0].run.codes.keys() == runs[1].run.codes.keys()
    for name, codes in runs[0].run.codes.items():
        assert np.array_equal(codes, runs[1].run.codes[name])
