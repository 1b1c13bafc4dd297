"""Laws of the cycle engine that a person can check by hand."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from oracles.small_layers import DATAFLOWS, draw, plain, schedule_of

from hwsim.arith.overflow import Overflow
from hwsim.array.cycle import execute
from hwsim.array.dataflow import Schedule
from hwsim.array.specification import ArraySpec
from hwsim.errors import UnsupportedError


@pytest.mark.parametrize(
    ("dataflow", "cycles"), list(zip(DATAFLOWS, (10, 14, 14, 6), strict=True)), ids=DATAFLOWS
)
def test_hand_count_of_a_4_by_4_array(dataflow, cycles):
    schedule = schedule_of(dataflow, 4, 4, 1, 4, 4, 4)
    assert schedule.cycles == cycles
    ones = np.ones((1, 1, 4, 4), np.int32)
    run = execute(plain(dataflow, ones, ones[0], 4), schedule)  # raises where clocks differ
    assert (run.accumulator == 4).all()


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_a_wrong_closed_form_stops_the_engine(dataflow, monkeypatch):
    schedule = schedule_of(dataflow, 2, 2, 1, 3, 3, 3)
    a = np.ones((1, 1, 3, 3), np.int32)
    execute(plain(dataflow, a, a[0], 2), schedule)
    right = schedule.cycles
    monkeypatch.setattr(Schedule, "cycles", property(lambda self: right + 1))
    with pytest.raises(AssertionError, match="closed form"):
        execute(plain(dataflow, a, a[0], 2), schedule)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_trap_stores_as_saturate(dataflow):
    rng = np.random.default_rng(3)
    a, w = rng.integers(-99, 99, (1, 1, 6, 9)), rng.integers(-99, 99, (1, 9, 5))
    schedule = schedule_of(dataflow, 4, 4, 1, 6, 9, 5)
    runs = [
        execute(plain(dataflow, a, w, 4, 14, rule), schedule)
        for rule in (Overflow.TRAP, Overflow.SATURATE)
    ]
    assert np.array_equal(runs[0].accumulator, runs[1].accumulator)
    firsts = [run.accumulator_ledger.first for run in runs]
    assert firsts[0] == firsts[1] is not None


def test_final_check_sees_no_event_before_the_last_store():
    a, w = np.array([[[[100, -100]]]]), np.array([[[100], [100]]])
    each = plain("output_stationary", a, w, 1, 8)
    schedule = schedule_of("output_stationary", 1, 1, 1, 1, 2, 1)
    assert execute(each, schedule).accumulator.item() == -128
    final = execute(replace(each, check_final=True), schedule)
    assert final.accumulator.item() == 0
    assert final.accumulator_ledger.events == 0
    assert final.accumulator_ledger.observed_partial_bits == 15
    assert final.accumulator_ledger.excess_bits == 0


def test_row_sum_is_a_store_before_the_last_bias():
    d = replace(
        plain("weight_stationary", np.array([[[[7, 5]]]]), np.array([[[3], [2]]]), 2, 6),
        row_sum=np.array([[[12]]]),
        w_zero_point=np.array([[-1]]),
        last=np.array([[-20]]),
    )
    run = execute(d, schedule_of("weight_stationary", 2, 1, 1, 1, 2, 1), list_events=True)
    assert run.exact.item() == 31 + 12 - 20
    assert run.accumulator.item() == 31 - 20  # 31 + 12 saturates at 31
    assert run.events.columns["presented"].tolist() == [43]
    assert run.events.columns["k"].tolist() == [2]


def test_a_runtime_has_no_array():
    d = plain("output_stationary", np.ones((1, 1, 1, 1), np.int32), np.ones((1, 1, 1)), 1)
    array = ArraySpec(dataflow="none", k_order=["ky", "kx", "ic"])
    with pytest.raises(UnsupportedError, match="--engine fast"):
        execute(d, Schedule(array, 1, 1, 1, 1))


def test_events_arrive_in_reading_order():
    d, schedule = draw("weight_stationary", 2)
    columns = execute(d, schedule, list_events=True).events.columns
    keys = list(
        zip(*(columns[name].tolist() for name in ("sample", "group", "m", "n", "k", "stage")),
            strict=True)
    )  # fmt: skip
    assert len(keys) > 10
    assert all(x <= y for x, y in pairwise(keys))
