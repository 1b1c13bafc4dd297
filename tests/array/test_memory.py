"""Stalls in closed form against a memory that is simulated clock by clock, byte by byte."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.array.dataflow import DATAFLOWS, Schedule
from hwsim.array.memory import memory_timing
from hwsim.array.memory_tiles import Traffic
from hwsim.array.specification import ArraySpec, MemorySpec
from hwsim.errors import ConfigError


def schedule_of(dataflow, rows, cols, groups, m, k, n):
    spec = ArraySpec(dataflow=dataflow, rows=rows, cols=cols, k_order=["ky", "kx", "ic"])
    return Schedule(spec, groups=groups, m=m, k=k, n=n)


def to_bytes(elements, bits):
    return -(-elements * bits // 8)


class Buffer:
    """One SRAM buffer: which tile it holds, and what it must fetch for the next one."""

    def __init__(self, kib, whole, bits, double):
        self.room = kib * 1024 // (2 if double else 1)
        self.whole = to_bytes(whole, bits)
        self.keeps_all = self.whole <= kib * 1024
        self.seen, self.fetched, self.last = set(), 0, None

    def need(self, tile, size):
        if self.keeps_all:
            if tile in self.seen:
                return 0
            self.seen.add(tile)
            size = min(size, self.whole - self.fetched)
            self.fetched += size
            return size
        same = tile == self.last and size <= self.room
        self.last = tile
        return 0 if same else size


def slots_of(schedule, traffic, memory):
    """(clocks, bytes in, bytes out) of every slot, fold by fold from the schedule's own list."""
    flow = schedule.dataflow
    found, group = [], None
    for fold in schedule.fold_list():
        if fold.group != group:
            group, double = fold.group, memory.double_buffered
            whole_a = min(traffic.activations, schedule.m * schedule.k)
            a = Buffer(memory.activation_kib, whole_a, traffic.activation_bits, double)
            w = Buffer(memory.weight_kib, schedule.k * schedule.n, traffic.weight_bits, double)
            out_room = memory.output_kib * 1024 // (2 if double else 1)
        start = {flow.row: fold.row_start, flow.col: fold.col_start, flow.stream: 0}
        lanes = {flow.row: schedule.rows, flow.col: schedule.cols, flow.stream: 1 << 30}
        used = {axis: min(lanes[axis], schedule.extent(axis) - start[axis]) for axis in "mkn"}
        a_size = to_bytes(min(used["m"] * used["k"], whole_a), traffic.activation_bits)
        w_size = to_bytes(used["k"] * used["n"], traffic.weight_bits)
        last = flow.row != "k" or fold.row_start + schedule.rows >= schedule.k
        made = to_bytes(used["m"] * used["n"], traffic.output_bits) if last else 0
        pieces = 1
        for axes, buffer, size in (("mk", a, a_size), ("kn", w, w_size)):
            if flow.stream in axes and not buffer.keeps_all:
                pieces = max(pieces, -(-size // buffer.room))
        out_all = to_bytes(schedule.m * schedule.n, traffic.output_bits)
        if flow.stream in "mn" and out_all > memory.output_kib * 1024:
            pieces = max(pieces, -(-made // out_room))
        length = schedule.extent(flow.stream)
        pieces = min(pieces, length)
        into = a.need((start["m"], start["k"]), a_size) + w.need((start["k"], start["n"]), w_size)
        ends = [[total * i // pieces for i in range(pieces + 1)] for total in (length, into, made)]
        clocks, fetched, written = ([hi - lo for lo, hi in pairwise(e)] for e in ends)
        clocks[0] += schedule.fold_cycles - length
        if flow.stream == "k":
            written = [0] * (pieces - 1) + [made]
        found += list(zip(clocks, fetched, written, strict=True))
    return found


def clock_by_clock(slots, bus, slowdown, *, double):
    """Clocks until everything is computed and written: one bus, one array, halves that swap."""
    clock = 0

    def move(count):
        nonlocal clock
        while count > 0:
            count -= bus
            clock += 1

    if not double:
        for compute, into, out in slots:
            move(into)
            clock += compute * slowdown
            move(out)
        return clock
    move(slots[0][1])
    for i, (compute, _, _) in enumerate(slots):
        left = compute * slowdown
        queue = slots[i + 1][1] if i + 1 < len(slots) else 0
        queue += slots[i - 1][2] if i else 0
        while left > 0 or queue > 0:
            left -= 1
            queue -= bus
            clock += 1
    move(slots[-1][2])
    return clock


sizes = st.integers(1, 40)


@settings(max_examples=150, deadline=None)
@given(
    dataflow=st.sampled_from(list(DATAFLOWS)),
    array=st.tuples(st.integers(2, 8), st.integers(1, 8)),
    shape=st.tuples(
        st.integers(1, 3), st.one_of(st.integers(1, 300), st.integers(1000, 3000)), sizes, sizes
    ),
    bits=st.tuples(st.sampled_from([4, 8, 16]), st.sampled_from([4, 8, 16]), st.just(8)),
    overlap=st.integers(1, 9),
    kib=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    bus=st.integers(1, 40),
    port=st.one_of(st.none(), st.integers(1, 20)),
    double=st.booleans(),
)
def test_the_closed_form_is_the_simulated_memory(
    dataflow, array, shape, bits, overlap, kib, bus, port, double
):
    schedule = schedule_of(dataflow, *array, *shape)
    traffic = Traffic(*bits, activations=max(1, shape[1] * shape[2] // overlap))
    memory = MemorySpec(
        activation_kib=kib[0], weight_kib=kib[1], output_kib=kib[2], bytes_per_cycle=bus,
        double_buffered=double, sram_bytes_per_cycle=port,
    )  # fmt: skip
    timing = memory_timing(schedule, traffic, memory, "layer")
    edges = {"m": array[0] * bits[0], "n": array[0] * bits[1]}
    edges["k"] = edges["m"] + array[1] * bits[1]
    needed = Fraction(edges[schedule.dataflow.stream], 8 * port) if port else Fraction(1)
    slots = slots_of(schedule, traffic, memory)
    total = clock_by_clock(slots, bus, max(1, -(-needed // 1)), double=double)
    assert timing.stall_cycles == total - schedule.cycles
    assert timing.stalls.sum() == timing.stall_cycles
    assert (timing.stalls >= 0).all()
    assert timing.stalls.size == schedule.folds
    assert timing.fetched_bytes == sum(slot[1] for slot in slots)
    assert timing.written_bytes == sum(slot[2] for slot in slots)


def test_every_output_is_written_once_and_resident_operands_are_read_once():
    schedule = schedule_of("weight_stationary", 4, 4, 2, 30, 20, 12)
    memory = MemorySpec(
        activation_kib=64, weight_kib=64, output_kib=64, bytes_per_cycle=8, double_buffered=True
    )
    timing = memory_timing(schedule, Traffic(8, 8, 8, activations=600), memory, "layer")
    assert timing.written_bytes == 2 * 30 * 12
    assert timing.fetched_bytes == 2 * (600 + 20 * 12)


def test_a_wide_bus_waits_for_the_first_fetch_and_the_last_write_alone():
    schedule = schedule_of("output_stationary", 4, 4, 1, 16, 16, 16)
    memory = MemorySpec(
        activation_kib=64, weight_kib=64, output_kib=64, bytes_per_cycle=1 << 16,
        double_buffered=True,
    )  # fmt: skip
    timing = memory_timing(schedule, Traffic(8, 8, 8, activations=256), memory, "layer")
    assert (timing.stall_cycles, timing.bound) == (2, "compute")
    assert np.flatnonzero(timing.stalls).tolist() == [0, schedule.folds - 1]


def test_a_narrow_bus_is_bandwidth_bound():
    schedule = schedule_of("output_stationary", 4, 4, 1, 16, 16, 16)
    memory = MemorySpec(
        activation_kib=1, weight_kib=1, output_kib=1, bytes_per_cycle=1, double_buffered=True
    )
    timing = memory_timing(schedule, Traffic(8, 8, 8, activations=256), memory, "layer")
    assert timing.bound == "bandwidth"
    assert timing.stall_cycles + schedule.cycles >= 3 * 256


def test_a_tile_that_stays_must_fit_its_buffer():
    schedule = schedule_of("weight_stationary", 64, 64, 1, 4, 64, 64)
    memory = MemorySpec(
        activation_kib=64, weight_kib=4, output_kib=64, bytes_per_cycle=8, double_buffered=True
    )
    with pytest.raises(ConfigError, match=r"conv: memory.weight_kib = 4: must hold a tile of 4096"):
        memory_timing(schedule, Traffic(8, 8, 8, activations=256), memory, "conv")


def test_nothing_to_compute_never_stalls():
    schedule = schedule_of("weight_stationary", 4, 4, 1, 4, 0, 4)
    memory = MemorySpec(
        activation_kib=1, weight_kib=1, output_kib=1, bytes_per_cycle=1, double_buffered=False
    )
    assert memory_timing(schedule, Traffic(8, 8, 8, 0), memory, "layer").stall_cycles == 0


def test_a_run_reports_its_stalls_and_what_bounds_each_layer():
    words = "memory={activation_kib: 1, weight_kib: 1, output_kib: 1, bytes_per_cycle: 1, "
    machine = hwsim.load_hardware("edge_ws_16x16", [words + "double_buffered: true}"])
    model = hwsim.load_model("digits")
    slow = hwsim.simulate(model, machine, model.data.X[:2])
    quick = hwsim.simulate(model, "edge_ws_16x16", model.data.X[:2])
    assert quick.summary["totals"]["stall_cycles"] == 0
    assert slow.summary["totals"]["stall_cycles"] == sum(x["stall_cycles"] for x in slow.layers) > 0
    assert {x["memory"]["bound"] for x in slow.layers} >= {"bandwidth"}
    assert [x["memory"] for x in quick.layers] == [None] * 5
    assert (slow.outputs == quick.outputs).all()
    assert slow.summary["totals"]["cycles"] == quick.summary["totals"]["cycles"]


def test_a_runtime_has_no_memory_to_wait_for():
    words = "memory={activation_kib: 1, weight_kib: 1, output_kib: 1, bytes_per_cycle: 1, "
    with pytest.raises(ConfigError, match="must be left out where array"):
        hwsim.load_hardware("tflite_reference", [words + "double_buffered: true}"])
