"""The ledger: what counts as an event, its classes, widths, the order of places, merging."""

import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from oracles import rules
from oracles.comparison import plain_ledger

from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import build
from hwsim.array.engines import ENGINES
from hwsim.array.ledger import STAGES, Place, RegisterLedger


def execute(products, b=None, samples=1, list_events=True, engine="fast", **words):
    """One output whose products are given, on one PE."""
    k = len(products)
    gemm = strategies.gemm([[[products]]] * samples, np.ones((1, k, 1)), bias=b)
    machine = strategies.machine("output_stationary", 1, 1, **words)
    datapath, _ = build(gemm, machine, "a layer")
    schedule = Schedule(machine.array, 1, 1, k, 1)
    return ENGINES[engine](datapath, schedule, list_events=list_events)


def ledger(products, **words) -> RegisterLedger:
    return execute(products, **words).accumulator_ledger


def test_an_event_is_a_store_that_changed_its_value():
    assert ledger([100, 27], accumulator=(8, "saturate")).events == 0  # 127 fits
    assert ledger([100, 28], accumulator=(8, "saturate")).events == 1  # 128 does not
    assert ledger([-100, -28], accumulator=(8, "saturate")).events == 0  # -128 fits
    assert ledger([-100, -28], accumulator=(8, "saturate_symmetric")).events == 1


def test_step_counters_start_at_the_preload_and_end_after_k():
    words = {"bias": (9, "saturate", 0, "preload"), "accumulator": (8, "saturate")}
    found = ledger([1, -1, 127], b=200, **words)
    assert found.events_by_step.tolist() == [1, 1, 0, 1, 0]
    words["bias"] = (9, "saturate", 0, "last")
    assert ledger([1, -1, 127], b=200, **words).events_by_step.tolist() == [0, 0, 0, 0, 1]


def test_row_sum_comes_before_a_bias_added_last():
    """100, 127 (was 200, the row sum), 27; the bias first would give 100, 0, 100, no event."""
    gemm = strategies.gemm([[[[10]]]], [[[10]]], zw=-10, bias=-100)
    machine = strategies.machine(
        "output_stationary", 1, 1,
        zero_point="fold", bias=(9, "saturate", 0, "last"), accumulator=(8, "saturate"),
    )  # fmt: skip
    datapath, _ = build(gemm, machine, "a layer")
    for engine in ENGINES.values():
        found = engine(datapath, Schedule(machine.array, 1, 1, 1, 1))
        assert (found.accumulator.item(), found.exact.item()) == (27, 100)
        assert found.accumulator_ledger.partial_hi.item() == 200
        assert found.accumulator_ledger.events_by_step.tolist() == [0, 0, 1]


def test_final_check_is_one_store_after_all():
    found = execute([100, 100, -100], accumulator=(8, "saturate"), check="final")
    assert (found.accumulator.item(), found.accumulator_ledger.events) == (100, 0)
    found = execute([100, 100, 100], accumulator=(8, "saturate"), check="final")
    assert (found.accumulator.item(), found.accumulator_ledger.events) == (127, 1)
    assert found.accumulator_ledger.events_by_step.tolist() == [0, 0, 0, 0, 1]
    assert found.accumulator_ledger.excess_bits == 2


def test_classes_are_told_by_the_exact_final_value():
    transient = ledger([100, 100, -100], accumulator=(8, "saturate"))
    assert (transient.persistent.item(), transient.transient.item()) == (0, 1)
    persistent = ledger([100, 100, 100], accumulator=(8, "saturate"))
    assert (persistent.persistent.item(), persistent.transient.item()) == (1, 0)
    assert persistent.events == 2


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("last", "overflow", "persistent"),
    [
        (-73, "saturate", False),  # 127, the largest value that fits
        (-72, "saturate", True),
        (-73, "saturate_zero", False),
        (-72, "saturate_zero", True),
        (-127, "saturate_symmetric", False),
    ],
)
def test_class_turns_at_the_end_of_the_range(engine, last, overflow, persistent):
    for sign in (1, -1):
        end = sign * last - (sign < 0 and overflow != "saturate_symmetric")  # -128 fits too
        products = [sign * 100, sign * 100, end]
        words = {"accumulator": (8, overflow), "engine": engine}
        found = ledger(products, **words)
        assert (found.persistent.item(), found.transient.item()) == (persistent, not persistent)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_symmetric_register_cannot_hold_its_least_code(engine):
    words = {"accumulator": (8, "saturate_symmetric"), "engine": engine}
    assert ledger([-100, -27], **words).events == 0
    found = ledger([-100, -28], **words)
    assert (found.persistent.item(), found.excess_bits, found.symmetric) == (1, 1, True)


def test_ranges_are_of_exact_sums_not_of_what_was_kept():
    found = ledger([100, 100, 100, -50], accumulator=(8, "saturate"))
    assert (found.partial_lo.item(), found.partial_hi.item()) == (0, 300)
    assert (found.final_lo.item(), found.final_hi.item()) == (250, 250)
    assert (found.observed_partial_bits, found.observed_final_bits) == (10, 9)
    assert found.excess_bits == 2


def test_a_preloaded_bias_is_the_start():
    found = ledger([1], b=50)
    assert (found.partial_lo.item(), found.partial_hi.item()) == (50, 51)


def test_every_sample_is_counted():
    found = ledger([100, 100], samples=3, accumulator=(8, "saturate"))
    assert (found.events, found.persistent.item()) == (3, 3)
    assert found.first.sample == 0


def test_event_list_says_what_was_presented_and_kept():
    events = execute([100, 100, 30], accumulator=(8, "wrap")).events.columns
    assert events["presented"].tolist() == [200]
    assert events["stored"].tolist() == [200 - 256]
    assert events["k"].tolist() == [1]
    assert events["stage"].tolist() == [STAGES.index("accumulator")]


def test_no_event_list_unless_asked():
    assert execute([100, 100], accumulator=(8, "wrap"), list_events=False).events is None


places = st.builds(
    lambda at, stage: Place(*at, STAGES.index(stage), stage, 0, 0, 0),
    st.tuples(*[st.integers(-1, 3)] * 5),
    st.sampled_from(STAGES),
)


@given(st.lists(places, min_size=2, max_size=6))
def test_places_compare_by_output_then_step_then_stage(some):
    def key(place):
        return (place.sample, place.group, place.m, place.n, place.k, place.stage_order)

    assert [key(p) for p in sorted(some)] == sorted(key(p) for p in some)


@st.composite
def ledgers(draw):
    """Any ledger of two groups, two channels, three steps."""
    numbers = st.integers(-(2**40), 2**40)

    def table(of, count=4):
        return np.array([draw(of) for _ in range(count)], np.int64).reshape(
            (2, 2) if count == 4 else count
        )

    lows, highs = [table(numbers) for _ in range(2)], [table(numbers) for _ in range(2)]
    counts = [table(st.integers(0, 9)) for _ in range(3)]
    return RegisterLedger(
        12, False, counts[0], table(st.integers(0, 9), 5), counts[1], counts[2],
        lows[0], highs[0], lows[1], highs[1], draw(st.integers(0, 9)),
        draw(st.none() | places),
    )  # fmt: skip


@given(ledgers(), ledgers(), ledgers())
def test_merge_is_associative_and_commutative(a, b, c):
    def same(x, y):
        x, y = plain_ledger(x), plain_ledger(y)
        x["first"], y["first"] = x["first"] and x["first"][:6], y["first"] and y["first"][:6]
        return x == y

    assert same(a.merge(b), b.merge(a))
    assert same(a.merge(b).merge(c), a.merge(b.merge(c)))
    merged = a.merge(b)
    assert merged.events == a.events + b.events
    firsts = [place for place in (a.first, b.first) if place is not None]
    assert all(merged.first <= place for place in firsts)
    assert merged.first in firsts or not firsts
    assert merged.excess_bits == max(a.excess_bits, b.excess_bits)


@given(ledgers())
def test_observed_widths_match_the_oracle(found):
    found.partial_hi = np.maximum(found.partial_lo, found.partial_hi)
    values = [*found.partial_lo.ravel().tolist(), *found.partial_hi.ravel().tolist()]
    assert found.observed_partial_bits == rules.width(values)
    found.symmetric = True
    assert found.observed_partial_bits == rules.width(values, symmetric=True)
