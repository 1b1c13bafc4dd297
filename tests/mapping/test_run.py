"""One layer on one machine against the oracle: codes of both runs, every stage's counts, traps."""

from dataclasses import fields, replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from oracles import exact, reals
from oracles.comparison import plain_ledger, plain_place

from hwsim.arith.formats import IntFormat
from hwsim.array.ledger import STAGES
from hwsim.errors import TrapError
from hwsim.mapping.prepare import OutputSide, final_range, prepare
from hwsim.mapping.run import run_layer

laws = settings(max_examples=60)
FACTOR = float(np.float32(0.0137))  # a binary32 number: scheme float32 takes it as it is
DOUBLE = {"scheme": "multiplier_shift_double", "rounding": "half_away"}


def side_of(gemm, factor=FACTOR, zero_point=3, clamp=(None, None), bits=8):
    _, groups, _, _, n = gemm.shape
    scale = np.full(groups * n, factor)
    output = IntFormat(bits)
    return OutputSide("conv_2d", 1.0, scale, 1.0, zero_point, output, clamp, 8)


def with_policy(machine, **policy):
    return type(machine)(**machine.model_dump() | {"requantize": {"default": policy}})


def lost(problem):
    """What the bias's format takes from every channel, (G, N)."""
    if problem.bias is None:
        return np.zeros((problem.shape.groups, problem.shape.n), object)
    return np.array(problem.bias, object) - np.array(problem.stored_bias, object)


def requantized(sums, side, code_of):
    """(codes, outputs saturated by the format, outputs with an event) of nested sums."""
    codes, clipped, events = (np.zeros(np.shape(sums), int) for _ in range(3))
    least, largest = side.clamp
    for at, acc in np.ndenumerate(np.array(sums, object)):
        code, events[at] = code_of(acc)
        code += side.zero_point
        code = code if least is None else max(code, least)
        code = code if largest is None else min(code, largest)
        codes[at] = min(max(code, side.output.lo), side.output.hi)
        clipped[at] = codes[at] != code
    return codes, clipped, events


def expected(gemm, machine, side, code_of, first_sample=0):
    """Everything that run_layer says, from the oracle's integers."""
    truth = exact.run(gemm, machine, first_sample)
    gone = lost(truth.problem)
    unlimited = np.array(truth.exact, object) + gone[None, :, None, :]
    codes, clipped, events = requantized(truth.accumulator, side, code_of)
    ideal, _, ideal_events = requantized(unlimited, side, code_of)
    change = np.abs(codes - ideal)
    firsts = [(*event[:5], event.stage) for event in truth.events]
    k = gemm.shape[3]
    for g, n in np.argwhere(gone != 0).tolist()[:1]:
        when = -1 if machine.bias.when == "preload" else k
        firsts.append((first_sample, g, 0, n, when, 0))
    for s, g, m, n in np.argwhere(events).tolist()[:1]:
        firsts.append((first_sample + s, g, m, n, k, 3))
    return {
        "codes": codes.tolist(),
        "exact_codes": ideal.tolist(),
        "accumulator": truth.accumulator,
        "bias": ((gone != 0) * gemm.shape[0]).tolist(),
        "requant": events.sum(axis=(0, 2)).tolist(),
        "requant_persistent": (events & ideal_events).sum(axis=(0, 2)).tolist(),
        "clipped": clipped.sum(axis=(0, 2)).tolist(),
        "codes_changed": int((change > 0).sum()),
        "max_code_change": int(change.max(initial=0)),
        "first": min(firsts, default=None),
        "chain events": len([e for e in truth.events if e.stage == 1]),
        "accumulator events": len([e for e in truth.events if e.stage == 2]),
    }


def found(run):
    ledger = run.ledger
    place = plain_place(ledger.first)
    return {
        "codes": run.codes.tolist(),
        "exact_codes": run.exact_codes.tolist(),
        "accumulator": run.accumulator.tolist(),
        "bias": ledger.bias_events.tolist(),
        "requant": ledger.requant_events.tolist(),
        "requant_persistent": ledger.requant_persistent.tolist(),
        "clipped": ledger.clipped.tolist(),
        "codes_changed": ledger.codes_changed,
        "max_code_change": ledger.max_code_change,
        "first": place and place[:6],
        "chain events": 0 if ledger.chain is None else ledger.chain.events,
        "accumulator events": ledger.accumulator.events,
    }


@cache
def by_float32(acc):
    return reals.float32(acc, Fraction(FACTOR)), False


@laws
@given(strategies.cases())
def test_layer_equals_the_oracle(case):
    gemm, machine = case
    side = side_of(gemm, clamp=(-100, None))
    run = run_layer(gemm, side, machine, "a layer", first_sample=5, trap=False)
    assert found(run) == expected(gemm, machine, side, by_float32, 5)
    assert run.events is None


def narrow(bits=12, when="preload", bias_bits=32):
    """One dot product of 1..3 in ones; its sums and bias decide everything."""
    machine = strategies.machine(
        accumulator=(bits, "saturate"), bias=(bias_bits, "saturate", 0, when)
    )
    return with_policy(machine, **DOUBLE)


def test_requantizer_events_are_persistent_where_the_exact_sum_has_one_too():
    """Factor 2**19: sums beyond 2047 overflow 32 bits on their way.

    Exact sums 140, 2400, 2680, -1500; 13 bits make 1695 of the third and -2485 of the fourth.
    """
    rows = [[3, 4], [100, 20], [127, 127, -120], [127, 127, -127, -127, -75]]
    a = np.array([[[row + [0] * (5 - len(row)) for row in rows]]])
    gemm = strategies.gemm(a, np.full((1, 5, 1), 20))
    side = side_of(gemm, factor=2.0**19, zero_point=0, bits=32)

    def code_of(acc):
        return reals.multiplier_shift_double(acc, 2**30, 20, "half_away")

    for bits, events, persistent in ((32, 2, 2), (13, 2, 1), (11, 0, 0)):
        run = run_layer(gemm, side, narrow(bits), "a layer", trap=False)
        assert found(run) == expected(gemm, narrow(bits), side, code_of)
        assert run.ledger.requant_events.item() == events
        assert run.ledger.requant_persistent.item() == persistent


@pytest.mark.parametrize("when", ["preload", "last"])
def test_bias_that_does_not_fit_is_one_event_a_channel_and_sample(when):
    gemm = strategies.gemm(np.ones((3, 2, 4, 5)), np.ones((2, 5, 3)), bias=[7, 900, -900])
    machine = narrow(32, when, bias_bits=8)
    ledger = run_layer(gemm, side_of(gemm), machine, "a layer", first_sample=4).ledger
    assert ledger.bias_events.tolist() == [[0, 3, 3], [0, 3, 3]]
    assert ledger.accumulator.events == 0
    assert plain_place(ledger.first)[:6] == (4, 0, 0, 1, -1 if when == "preload" else 5, 0)


def test_clamped_outputs_are_not_clipped():
    gemm = strategies.gemm(np.array([[[[100], [-100]]]]), np.full((1, 1, 1), 100))
    clipped = {
        clamp: run_layer(gemm, side_of(gemm, 1.0, 0, clamp), narrow(32), "a layer").ledger.clipped
        for clamp in ((None, None), (0, None), (None, 5), (-9, 9))
    }
    assert [int(c.item()) for c in clipped.values()] == [2, 1, 1, 0]


def trapping(**words):
    return strategies.machine("weight_stationary", 2, 2, **words)


TRAPS = {
    "chain": {"chain": (8, "trap"), "accumulator": (9, "wrap")},
    "accumulator": {"chain": (8, "wrap"), "accumulator": (8, "trap")},
    "bias": {"chain": (8, "wrap"), "bias": (4, "trap", 0, "last")},
}


@pytest.mark.parametrize("stage", TRAPS)
def test_trap_names_the_first_place_of_the_register_that_traps(stage):
    """Other registers overflow before it, and only wrap."""
    gemm = strategies.gemm(np.full((2, 1, 3, 6), 11), np.array([[[9, 1]] * 6]), bias=[100, 100])
    machine = trapping(**TRAPS[stage])
    truth = exact.run(gemm, machine, 7)
    places = [str_place(e) for e in truth.events if STAGES[e.stage] == stage]
    first = places[0] if places else "sample 7, group 0, m 0, n 0, k 6, bias"
    assert any(STAGES[e.stage] == "chain" for e in truth.events)
    with pytest.raises(TrapError) as stop:
        run_layer(gemm, side_of(gemm), machine, "conv7", first_sample=7)
    assert str(stop.value).startswith(
        f"conv7: {stage}.overflow = trap: must not overflow; first at {first}"
    )
    run_layer(gemm, side_of(gemm), machine, "conv7", first_sample=7, trap=False)


def str_place(event):
    return (
        f"sample {event.sample}, group {event.group}, m {event.m}, n {event.n}, k {event.k}, "
        f"{STAGES[event.stage]}, PE ({event.row}, {event.col}), cycle {event.cycle}"
    )


def test_trap_stays_silent_where_nothing_overflows():
    gemm = strategies.gemm(np.ones((1, 1, 1, 6)), np.ones((1, 6, 2)))
    for words in TRAPS.values():
        assert run_layer(gemm, side_of(gemm), trapping(**words), "a layer").ledger.first is None


def plain_layer_ledger(ledger):
    plain = {f.name: getattr(ledger, f.name) for f in fields(ledger)}
    for name in ("bias_events", "requant_events", "requant_persistent", "clipped"):
        plain[name] = plain[name].tolist()
    plain["chain"], plain["accumulator"] = map(plain_ledger, (ledger.chain, ledger.accumulator))
    return plain | {"first": plain_place(ledger.first)}


@laws
@given(strategies.cases())
def test_ledger_of_a_batch_is_the_merge_of_its_samples(case):
    gemm, machine = case
    side = side_of(gemm)
    together = run_layer(gemm, side, machine, "a layer", trap=False)
    merged = None
    for s in range(gemm.shape[0]):
        alone = replace(gemm, a=gemm.a[s : s + 1])
        ledger = run_layer(alone, side, machine, "a layer", first_sample=s, trap=False).ledger
        merged = ledger if merged is None else merged.merge(ledger)
    assert plain_layer_ledger(merged) == plain_layer_ledger(together.ledger)


def test_requantizer_range_holds_both_runs_where_the_bias_lost_something():
    """Sums of -128..127 with a bias of 1000 stored as 127: hardware -1..254, exact 872..1127."""
    gemm = strategies.gemm(np.array([[[[-128], [127]]]]), np.ones((1, 1, 1)), bias=1000)
    layer = prepare(gemm, side_of(gemm), narrow(32, bias_bits=8), "a layer")
    assert final_range(layer.bounds, layer.datapath, layer.bias) == (-1, 1127)
    table = {"scheme": "lookup_table", "rounding": "half_up", "table_bits": 12}
    machine = with_policy(narrow(32, bias_bits=8), **table)
    run = run_layer(gemm, side_of(gemm, 1.0, 0, bits=12), machine, "a layer")
    assert run.codes.ravel().tolist() == [-1, 254]
    assert run.exact_codes.ravel().tolist() == [872, 1127]


@laws
@given(strategies.cases())
def test_every_sum_lies_in_the_requantizers_range(case):
    gemm, machine = case
    layer = prepare(gemm, side_of(gemm), machine, "a layer")
    lo, hi = final_range(layer.bounds, layer.datapath, layer.bias)
    truth = exact.run(gemm, machine)
    unlimited = np.array(truth.exact, object) + lost(truth.problem)[None, :, None, :]
    for value in (*np.array(truth.accumulator, object).ravel(), *unlimited.ravel()):
        assert lo <= value <= hi
