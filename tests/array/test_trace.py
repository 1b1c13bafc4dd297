"""A full trace follows from its own registers by the rules of `hwsim.arith`, clock by clock."""

from dataclasses import replace

import numpy as np
import pytest
from oracles.small_layers import DATAFLOWS, draw, plain, schedule_of

from hwsim.arith.overflow import fit
from hwsim.arith.rounding import shift_right
from hwsim.array.cycle import execute
from hwsim.array.specification import LatencySpec
from hwsim.array.trace import MAX_BYTES, TraceWindow, record
from hwsim.errors import ConfigError


def kept(value, register):
    return fit(int(value), register.lo, register.hi, register.overflow, register.wrap_bits)


def product(d, a, w):
    return shift_right(int(a) * int(w), d.drop_bits, d.product_rounding) << d.drop_bits


def replay_systolic(trace, d, schedule):
    """Every PE of every clock from the clock before; number of stores checked."""
    moving = schedule.dataflow.reduction == "column"
    registers = trace.registers
    sums, checked = registers["psum" if moving else "acc"], 0
    register = d.chain[0] if moving else d.accumulator
    a, w = registers["a"], registers["w"]
    hop, late = schedule.latency.pe, schedule.latency.multiplier - 1
    for i in range(hop + late, len(trace.clock)):
        clock = int(trace.clock[i]) % schedule.fold_cycles
        shifting = clock < schedule.rows if schedule.dataflow.loads else True
        for r, c in np.ndindex(schedule.rows, schedule.cols):
            if c > 0:
                assert a[i, r, c] == a[i - hop, r, c - 1]
            if not shifting or r > 0:
                above = w[i - (1 if moving else hop), r - 1, c]
                assert w[i, r, c] == (above if shifting else w[i - 1, r, c])
            if not moving and clock == 0:
                continue  # finished sums have moved to the shadow registers
            above = sums[i - hop, r - 1, c] if r > 0 else 0
            sum_in = above if moving else sums[i - 1, r, c]
            v = int(sum_in) + product(d, a[i - late, r, c], w[i - late, r, c])
            assert sums[i, r, c] == (v if d.check_final and not moving else kept(v, register))
            checked += 1
    return checked


def replay_tree(trace, d, schedule):
    """Every node of every clock from the clock before; number of stores checked."""
    registers, checked = trace.registers, 0
    stage, late = schedule.latency.tree_stage, schedule.latency.multiplier - 1
    for i in range(stage + late, len(trace.clock)):
        for r, c in np.ndindex(schedule.rows, schedule.cols):
            p = product(d, registers["a"][i - late, r, 0], registers["w"][i - late, r, c])
            assert registers["tree_0"][i, r, c] == p
        for level, register in enumerate(d.chain, 1):
            below = registers[f"tree_{level - 1}"][i - stage]
            for node, c in np.ndindex(registers[f"tree_{level}"].shape[1:]):
                right = below[2 * node + 1, c] if 2 * node + 1 < len(below) else 0
                v = int(below[2 * node, c]) + int(right)
                assert registers[f"tree_{level}"][i, node, c] == kept(v, register)
                checked += 1
    return checked


@pytest.mark.parametrize("latency", [{}, {"multiplier": 3, "pe": 2}, {"tree_stage": 2, "pe": 4}])
@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_a_full_trace_replays(dataflow, latency):
    """Nothing of one fold is left over for the next one, whatever lies between the registers."""
    checked, rows = 0, 0
    for seed in range(12):
        d, schedule = draw(dataflow, seed)
        schedule = replace(schedule, latency=LatencySpec(**latency))
        if schedule.cycles < 2:
            continue
        trace = record(d, schedule, TraceWindow(0, 0, schedule.cycles))
        assert trace.clock.tolist() == list(range(schedule.cycles))
        replay = replay_tree if dataflow == "dot_product" else replay_systolic
        checked += replay(trace, d, schedule)
        rows += len(trace.clock)
    assert checked > rows > 200


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_a_window_is_a_part_of_the_full_trace(dataflow):
    d, schedule = draw(dataflow, 5)
    sample = d.shape[0] - 1
    assert schedule.folds > 1
    full = record(d, schedule, TraceWindow(sample, 0, schedule.cycles))
    middle = schedule.fold_cycles // 2
    for start, stop in ((middle, middle + 1), (middle, middle + schedule.fold_cycles)):
        part = record(d, schedule, TraceWindow(sample, start, stop))
        assert part.clock.tolist() == list(range(start, stop))
        assert part.registers.keys() == full.registers.keys()
        for name, content in part.registers.items():
            assert np.array_equal(content, full.registers[name][start:stop])
    fold = record(d, schedule, TraceWindow.of_folds(schedule, sample, 1, 1))
    assert fold.clock[0] == schedule.fold_cycles
    assert len(fold.clock) == schedule.fold_cycles


def test_what_leaves_the_array_is_what_the_engine_stores():
    rng = np.random.default_rng(2)
    a, w = rng.integers(-99, 99, (1, 1, 5, 4)), rng.integers(-99, 99, (1, 4, 3))
    for dataflow in DATAFLOWS:
        d = plain(dataflow, a, w, 4, bits=15)
        schedule = schedule_of(dataflow, 4, 5, 1, 5, 4, 3)
        accumulator = execute(d, schedule).accumulator[0, 0]
        assert np.array_equal(
            outputs(record(d, schedule, TraceWindow(0, 0, schedule.cycles)), schedule), accumulator
        )


def outputs(trace, schedule):
    """Sums of a layer of one K fold, read from the registers where `Schedule.place` says."""
    found = np.zeros((schedule.m, schedule.n), np.int64)
    for m, n in np.ndindex(found.shape):
        at = schedule.place("accumulator", 0, 0, m, n, schedule.k - 1)
        if "acc" in trace.registers:
            found[m, n] = trace.registers["acc"][at.cycle, at.row, at.col]
        elif "psum" in trace.registers:
            found[m, n] = trace.registers["psum"][at.cycle, at.row, at.col]
        else:
            found[m, n] = trace.registers[f"tree_{schedule.tree_levels}"][at.cycle, 0, at.col]
    return found


@pytest.mark.parametrize(
    ("window", "must"),
    [
        (TraceWindow(0, 3, 3), "must not be empty"),
        (TraceWindow(0, -1, 3), "lie in 0..14"),
        (TraceWindow(0, 0, 15), "lie in 0..14"),
        (TraceWindow(1, 0, 14), "must be 0..0"),
    ],
)
def test_a_window_outside_the_layer_is_refused(window, must):
    ones = np.ones((1, 1, 4, 4), np.int32)
    schedule = schedule_of("weight_stationary", 4, 4, 1, 4, 4, 4)
    with pytest.raises(ConfigError, match=must):
        record(plain("weight_stationary", ones, ones[0], 4), schedule, window)


def test_a_window_larger_than_the_bound_is_refused():
    ones = np.ones((1, 1, 6000, 64), np.int32)
    schedule = schedule_of("weight_stationary", 64, 64, 1, 6000, 64, 64)
    assert schedule.cycles * 64 * 64 * 24 > MAX_BYTES
    with pytest.raises(ConfigError, match="bytes of trace"):
        record(
            plain("weight_stationary", ones, ones[0, :, :64], 64),
            schedule,
            TraceWindow(0, 0, schedule.cycles),
        )
