"""Vector code for systolic arrays: wave by wave what the definition does clock by clock."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from oracles.comparison import plain
from oracles.small_layers import DATAFLOWS, draw, register, schedule_of
from oracles.small_layers import plain as plain_layer

from hwsim.arith.overflow import Overflow
from hwsim.array import cycle, cycle_fast
from hwsim.array.cycle_fast import execute_waves, in_waves
from hwsim.array.cycle_layout import LANES, STRETCH
from hwsim.array.gemm import Datapath
from hwsim.array.specification import LatencySpec
from hwsim.array.vector.instructions import CHOSEN
from hwsim.array.vector.systolic_registers import WAVES

SYSTOLIC = DATAFLOWS[:3]
RULES = [Overflow.WRAP, Overflow.SATURATE, Overflow.SATURATE_SYMMETRIC, Overflow.TRAP]
needs_vectors = pytest.mark.skipif(CHOSEN is None, reason="no vector instructions here")


def layer(dataflow, shape, array, rng, widths=None, rules=None, reach=(255, 128)):
    """Random operands on a random machine; ``shape``: S, G, M, K, N; ``reach``: of a and w, by
    themselves of 9 and 8 bits, whose products fit 16 bits."""
    samples, groups, m, k, n = shape
    chain, accumulator = widths if widths is not None else (int(x) for x in rng.integers(2, 33, 2))
    rule = rules if rules is not None else [RULES[int(i)] for i in rng.integers(0, 4, 2)]
    a = rng.integers(-reach[0], reach[0] + 1, (samples, groups, m, k)).astype(np.int32)
    bias = rng.integers(-60_000, 60_001, (groups, n)) if rng.random() < 0.6 else None
    preload = rng.random() < 0.5
    columns = dataflow != "output_stationary"
    datapath = Datapath(
        a=a,
        w=rng.integers(-reach[1], reach[1], (groups, k, n)).astype(np.int32),
        preload=bias if preload else None,
        row_sum=a.sum(axis=3, dtype=np.int64) if rng.random() < 0.3 else None,
        w_zero_point=rng.integers(-3, 4, (groups, n)),
        last=None if preload else bias,
        drop_bits=0,
        product_rounding=0,
        chain=(register(chain, rule[0]),) if columns else (),
        accumulator=register(accumulator, rule[1]),
        check_final=bool(rng.random() < 0.25),
    )
    return datapath, schedule_of(dataflow, *array, groups, m, k, n)


def compare(datapath, schedule, first_sample=0):
    """Both ways of one layer; the events of each register."""
    assert in_waves(datapath, schedule)
    want = cycle.execute_clocks(datapath, schedule, first_sample=first_sample)
    found = execute_waves(datapath, schedule, first_sample)
    assert found.accumulator.dtype == found.exact.dtype == np.int64
    wanted = plain(want, schedule.cycles)
    for part, value in plain(found, schedule.cycles).items():
        assert value == wanted[part], part
    chain = want.chain.events if want.chain else 0
    return np.array([chain, want.accumulator_ledger.events])


@needs_vectors
@pytest.mark.parametrize("reach", [(255, 128), (256, 128)], ids=["16 bits", "32 bits"])
@pytest.mark.parametrize("dataflow", SYSTOLIC)
def test_waves_store_what_every_clock_stores(dataflow, reach):
    """Machines of every width, layers and arrays of every small size: 1x1 to 40x40; products that
    fit 16-bit lanes, and one that does not."""
    events = np.zeros(2, np.int64)
    for seed in range(60):
        rng = np.random.default_rng([seed, reach[0]])
        samples, groups = (int(x) for x in rng.integers(1, 3, 2))
        m, k, n = (int(x) for x in rng.integers(1, 45, 3))
        array = [int(x) for x in rng.integers(1, 41, 2)]
        drawn = layer(dataflow, (samples, groups, m, k, n), array, rng, reach=reach)
        drawn[0].a[0, 0, 0, 0], drawn[0].w[0, 0, 0] = -reach[0], -reach[1]
        events += compare(*drawn, first_sample=seed)
    assert events[1] > 10_000
    assert events[0] > 10_000 or dataflow == "output_stationary"


@needs_vectors
@pytest.mark.parametrize("reach", [(255, 128), (300, 300)], ids=["16 bits", "32 bits"])
@pytest.mark.parametrize("rule", RULES[:3])
@pytest.mark.parametrize("dataflow", SYSTOLIC)
def test_waves_store_alike_at_every_width(dataflow, rule, reach):
    rng, with_events = np.random.default_rng(int(rule)), 0
    for bits in range(2, 33):
        machine = (8, 8), rng, (bits, bits), (rule, rule), reach
        with_events += compare(*layer(dataflow, (1, 1, 19, 37, 21), *machine)).any()
    assert 15 <= with_events < 31


ENDS = [  # elements, weights: sums that reach an end of 16 bits, go one beyond it, and come back
    ((255, 127, 1, 1), (128, 1, 1, -1)),
    ((-255, 128, -1, 1), (128, -1, 1, 1)),
    ((255, 127, 255, 1), (128, 1, -128, 1)),
    ((255, 126, 1, 1), (-128, -1, -1, -1)),
    ((255, 255, 255, 255), (128, 128, -128, -128)),  # one of 32-bit lanes that looks like none
    ((255, 255, 255, 2), (-128, -128, -128, 1)),
]


@needs_vectors
@pytest.mark.parametrize("rule", RULES[:3])
@pytest.mark.parametrize("dataflow", SYSTOLIC)
def test_sums_at_the_ends_of_16_bits_are_exact(dataflow, rule):
    """One wave and column with each of `ENDS`, beside others that stay within; both rows of a pair
    and both waves of a vector begin it."""
    for bits in range(13, 19):
        for row, wave, (elements, weights) in itertools.product((0, 1), (4, 5), ENDS):
            a, w = np.ones((1, 1, 2 * WAVES, 6), np.int32), np.ones((1, 6, LANES), np.int32)
            a[0, 0, :, row : row + 4], w[0, row : row + 4] = 0, 0
            a[0, 0, wave, row : row + 4], w[0, row : row + 4, 3] = elements, weights
            datapath = plain_layer(dataflow, a, w, 6, bits, rule)
            compare(datapath, schedule_of(dataflow, 6, 4, 1, *a.shape[2:], LANES))


@needs_vectors
@pytest.mark.parametrize("bits", [9, 13, 15, 16, 17, 19, 24])
@pytest.mark.parametrize("dataflow", SYSTOLIC)
def test_waves_unlike_those_before_store_alike(dataflow, bits):
    """Groups of waves, in any order, whose sums stay small, leave 16 bits, or leave far more: what
    was found of one group decides how the next one's sums are made, and nothing else."""
    found = np.zeros(2, np.int64)
    for seed in range(6):
        rng = np.random.default_rng([seed, bits])
        shape = 2, 1, 5 * WAVES * 3 + 2, 67, LANES + 1
        datapath, schedule = layer(dataflow, shape, (9, 7), rng, (bits, bits))
        for first in range(0, shape[2], WAVES):
            datapath.a[:, :, first : first + WAVES] //= int(rng.choice([1, 4, 60, 300]))
        found += compare(datapath, schedule)
    assert found.any() == (bits < 24)


@needs_vectors
@pytest.mark.parametrize("m", [1, WAVES - 1, WAVES, WAVES + 1, STRETCH, STRETCH + WAVES + 1])
@pytest.mark.parametrize("n", [1, LANES - 1, LANES, LANES + 1, 3 * LANES + 2])
def test_edges_of_blocks_are_of_no_account(m, n):
    """Waves and columns beside the vectors, with and without events."""
    rng = np.random.default_rng([m, n])
    for dataflow in SYSTOLIC:
        for bits in (14, 28):
            compare(*layer(dataflow, (2, 1, m, 18, n), (4, 3), rng, (bits, bits)))


@needs_vectors
def test_columns_that_no_panel_holds_together_count_alike(monkeypatch):
    """Panels of one block of columns, of two, and of all three."""
    for panel in (1, 2 * 64 * LANES, 1 << 21):
        monkeypatch.setattr(cycle_fast, "PANEL", panel)
        rng = np.random.default_rng(2)
        drawn = layer("weight_stationary", (2, 1, 3, 61, 2 * LANES + 1), (64, 64), rng, (13, 14))
        assert compare(*drawn).all()


@needs_vectors
@pytest.mark.parametrize("dataflow", SYSTOLIC)
def test_exact_sums_are_whole_where_one_stretch_alone_overflows(dataflow):
    m, n = 2 * STRETCH + 3, LANES + 2
    a, w = np.ones((1, 1, m, 9), np.int32), np.ones((1, 9, n), np.int32)
    a[0, 0, STRETCH + 3], w[0, :, n - 1] = 11, 11
    datapath = plain_layer(dataflow, a, w, 4, bits=8)
    assert compare(datapath, schedule_of(dataflow, 4, 2, 1, m, 9, n)).any()


@needs_vectors
@pytest.mark.parametrize("dataflow", SYSTOLIC)
def test_the_first_event_is_the_first_of_samples_groups_and_channels(dataflow):
    """One event each: moved through samples, groups, pixels and channels."""
    for at in np.ndindex(2, 2, 3, 2):
        a, w = np.zeros((2, 2, 3, 9), np.int32), np.zeros((2, 9, 2), np.int32)
        s, g, m, n = at
        a[s, g, m, 4:], w[g, 4:, n] = 11, 11
        a[1, 1, 2, 4:], w[1, 4:, 1] = 11, 11
        datapath = plain_layer(dataflow, a, w, 4, bits=8)
        events = compare(datapath, schedule_of(dataflow, 4, 2, 2, 3, 9, 2), first_sample=5)
        assert events.sum() > 0


def changed(**changes):
    """A layer that vector code does, but for some fields."""
    datapath, schedule = layer(
        "weight_stationary", (1, 1, 5, 9, 3), (4, 2), np.random.default_rng(3), (16, 18)
    )
    schedule_changes = {k: changes.pop(k) for k in ("latency",) if k in changes}
    return replace(datapath, **changes), replace(schedule, **schedule_changes)


@needs_vectors
@pytest.mark.parametrize(
    "changes",
    [
        {"drop_bits": 2},
        {"latency": LatencySpec(multiplier=2)},
        {"latency": LatencySpec(pe=2)},
        {"chain": (register(16, Overflow.WRAP, wrap_bits=1),)},
        {"accumulator": register(18, Overflow.SATURATE_ZERO)},
        {"accumulator": register(18, Overflow.WRAP_SIGN_MAGNITUDE)},
        {"a": np.full((1, 1, 5, 9), 1 << 15, np.int32)},
        {"a": np.full((1, 1, 5, 9), 3, np.int64)},
        {"last": np.full((1, 3), 1 << 30), "preload": None},
        {"ranges": ((0, 1 << 15), (-128, 127))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_lanes_do_not_hold_runs_clock_by_clock(changes, monkeypatch):
    datapath, schedule = changed()
    assert in_waves(datapath, schedule)
    datapath, schedule = changed(**changes)
    assert not in_waves(datapath, schedule)
    monkeypatch.setattr(cycle, "execute_waves", None)  # not called
    assert cycle.execute(datapath, schedule).accumulator.shape == (1, 1, 5, 3)


def test_without_vector_instructions_every_layer_runs_clock_by_clock(monkeypatch):
    datapath, schedule = changed()
    monkeypatch.setattr(cycle_fast, "CHOSEN", None)
    assert not in_waves(datapath, schedule)
    monkeypatch.setattr(cycle, "execute_waves", None)
    cycle.execute(datapath, schedule)


@needs_vectors
def test_a_list_of_events_is_made_clock_by_clock_and_nothing_else(monkeypatch):
    datapath, schedule = changed()
    called = []
    monkeypatch.setattr(cycle, "execute_waves", lambda *_: called.append(1))
    assert cycle.execute(datapath, schedule, list_events=True).events is not None
    assert not called
    cycle.execute(datapath, schedule)
    assert called


@needs_vectors
def test_drawn_layers_of_the_other_tests_run_in_waves_too():
    done = 0
    for dataflow in SYSTOLIC:
        for seed in range(40):
            datapath, schedule = draw(dataflow, seed)
            datapath = replace(datapath, drop_bits=0)
            if in_waves(datapath, schedule):
                compare(datapath, schedule)
                done += 1
    assert done > 15


@needs_vectors
def test_what_counters_do_not_hold_runs_clock_by_clock():
    """Three folds of each of 2**30 waves may have more events than 32 bits count."""
    bits = {"ranges": ((0, 1), (-1, 1))}
    datapath, schedule = changed(**bits, last=None, row_sum=None, check_final=False)
    for waves, held in ((1 << 29, True), (1 << 30, False)):
        a = np.broadcast_to(datapath.a[:, :, :1], (1, 1, waves, 9))
        assert in_waves(replace(datapath, a=a), schedule) == held
