"""The fast engine against a definition of its own: Python integers, one output at a time."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracles.one_output import RULES, SATURATE, SYMMETRIC, WRAP, define, reg, schedule_of

from hwsim._jit import cpu_features
from hwsim.arith.formats import signed_bits
from hwsim.array import fast, fast_layout, fast_run, threads
from hwsim.array.gemm import Datapath
from hwsim.array.vector.instructions import CHOSEN, KNOWN


def check_ledger(ledger, watches, stage, registers, schedule, first_sample, *, final):
    """Every counter of one register."""
    steps = np.zeros(len(ledger.events_by_step), np.int64)
    symmetric = registers[0].overflow == SYMMETRIC
    assert (ledger.bits, ledger.symmetric) == (registers[-1].bits, symmetric)
    everything = []
    for (_, g, n), watch in ((key, w) for key, w in watches.items() if key[0] == stage):
        everything += watch.events
        assert ledger.events_by_channel[g, n] == len(watch.events)
        assert ledger.persistent[g, n] == watch.persistent
        assert ledger.transient[g, n] == watch.transient
        values = [exact for _, exact in watch.partial] or [0]
        assert (ledger.partial_lo[g, n], ledger.partial_hi[g, n]) == (min(values), max(values))
        ends = watch.final or [0]
        assert (ledger.final_lo[g, n], ledger.final_hi[g, n]) == (min(ends), max(ends))
        for event in watch.events:
            steps[event[4] + 1] += 1
    assert (ledger.events_by_step == steps).all()
    excess = [0]
    for level, register in enumerate(registers, 0 if len(registers) == 1 else 1):
        own = [w for key, w in watches.items() if key[0] == stage]
        values = [e for w in own for at, e in w.partial if at == level or len(registers) == 1]
        if final:
            values = [e for w in own for e in w.final]
        if values:
            bits = signed_bits(min(values), max(values), symmetric=symmetric)
            excess.append(bits - register.bits)
    assert ledger.excess_bits == max(excess)
    if not everything:
        assert ledger.first is None
        return
    s, g, m, n, k, level, *_ = min(everything)
    assert ledger.first == schedule.place(stage, first_sample + s, g, m, n, k, level)
    place = schedule.place(stage, first_sample + s, g, m, n, k, level)
    assert (ledger.first.row, ledger.first.col, ledger.first.cycle) == (
        place.row,
        place.col,
        place.cycle,
    )


def check_events(events, watches, schedule, first_sample):
    """The list of events: every one, in order, with its place."""
    rows = []
    for (stage, _, _), watch in watches.items():
        order = 1 if stage == "chain" else 2
        for s, g, m, n, k, level, number, presented, stored in watch.events:
            rows.append((s, g, m, n, k, order, level, number, presented, stored))
    expected = []
    for s, g, m, n, k, order, level, _, presented, stored in sorted(rows):
        at = schedule.place(("chain", "accumulator")[order - 1], 0, g, m, n, k, level)
        expected.append(
            (first_sample + s, g, m, n, k, at.row, at.col, at.cycle, order, presented, stored)
        )
    got = np.stack([events.columns[name] for name in events.NAMES], axis=1)
    assert got.tolist() == [list(row) for row in expected]


def check(datapath, schedule, first_sample=0):
    """Fast engine == definition; the number of (persistent, transient, events)."""
    out, exact, watches = define(datapath, schedule)
    layout = fast_layout.lane_layout(datapath, schedule)
    for way in {layout, None}:  # side by side, where that applies, and by the plan
        execution = fast.execute_by(way, datapath, schedule, first_sample, list_events=True)
        assert (execution.accumulator == out).all()
        assert (execution.exact == exact).all()
        assert (execution.chain is None) == (not datapath.chain)
        if execution.chain is not None:
            check_ledger(
                execution.chain,
                watches,
                "chain",
                datapath.chain,
                schedule,
                first_sample,
                final=False,
            )
        check_ledger(
            execution.accumulator_ledger,
            watches,
            "accumulator",
            (datapath.accumulator,),
            schedule,
            first_sample,
            final=datapath.check_final,
        )
        check_events(execution.events, watches, schedule, first_sample)
    seen = np.zeros(3, int)
    for watch in watches.values():
        seen += (watch.persistent, watch.transient, len(watch.events))
    return seen


# --- draws ----------------------------------------------------------------------------------------

CHAINED = ("weight_stationary", "input_stationary", "dot_product")
FLOWS = (*CHAINED, "output_stationary", "none")


def draw(rng, flow, rows, shape, rule, **given):
    """A random layer on registers from narrow to ample."""
    samples, groups, m, k, n = shape
    reach = 1 << int(rng.integers(2, 8))
    a = rng.integers(-reach, reach, (samples, groups, m, k), dtype=np.int32)
    w = rng.integers(-reach, reach, (groups, k, n), dtype=np.int32)
    sums = np.abs(np.einsum("sgmk,gkn->sgmn", a.astype(np.int64), w.astype(np.int64)))
    widest = int(sums.max(initial=1)).bit_length() + 1
    bits = max(2, widest + int(rng.integers(-4, 3)))
    levels = {"dot_product": (rows - 1).bit_length()}.get(flow, int(flow in CHAINED))
    other = rule if rng.random() < 0.5 else RULES[rng.integers(len(RULES))]
    wrap_bits = int(rng.integers(0, 2))
    chain_bits = sorted(max(2, widest + int(rng.integers(-5, 2))) for _ in range(levels))
    extra = {
        name: rng.integers(-(2 * reach**2), 2 * reach**2, (groups, n))
        if rng.random() < 0.4
        else None
        for name in ("preload", "last")
    }
    row_sum = a.sum(axis=3, dtype=np.int64) if rng.random() < 0.3 else None
    return Datapath(
        **{
            "a": a,
            "w": w,
            **extra,
            "row_sum": row_sum,
            "w_zero_point": rng.integers(-3, 4, (groups, n)),
            "drop_bits": int(rng.integers(0, 4)) if rng.random() < 0.2 else 0,
            "product_rounding": 0,
            "chain": tuple(reg(b, other, wrap_bits * (other in (0, 4))) for b in chain_bits),
            "accumulator": reg(bits, rule, wrap_bits * (rule in (0, 4))),
            "check_final": bool(rng.random() < 0.2),
            **given,
        }
    )


SHAPES = [(2, 1, 3, 19, 5), (1, 2, 4, 16, 17), (1, 3, 9, 9, 1), (2, 1, 1, 33, 9), (1, 1, 10, 40, 2)]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name.lower())
@pytest.mark.parametrize("flow", FLOWS)
def test_fast_engine_equals_the_definition(flow, rule):
    rng = np.random.default_rng(FLOWS.index(flow) * 10 + rule)
    seen = np.zeros(3, int)
    layers = itertools.cycle(itertools.product(SHAPES, (1, 3, 4, 8)))
    for number, (shape, rows) in enumerate(layers):
        if number >= 20 and seen[2] >= 1000:
            break
        datapath = draw(rng, flow, rows, shape, rule)
        seen += check(datapath, schedule_of(flow, rows, shape), first_sample=7)
    assert (seen[:2] > 20).all()  # persistent and transient


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(
    "shape", [(1, 1, 2, 0, 3), (2, 2, 1, 1, 1), (1, 1, 0, 5, 2), (0, 1, 2, 3, 2)]
)
@pytest.mark.parametrize("given", [{}, {"check_final": True}])
def test_fast_engine_equals_the_definition_at_edges(flow, shape, given):
    rng = np.random.default_rng(1)
    _, groups, _, _, n = shape
    for bits in (2, 9):
        biases = {"preload": np.full((groups, n), 100), "last": np.full((groups, n), -77)}
        for extra in ({"preload": None, "last": None}, biases):
            datapath = draw(
                rng, flow, 4, shape, SATURATE, accumulator=reg(bits), row_sum=None, **extra, **given
            )
            check(datapath, schedule_of(flow, 4, shape))


def test_saturating_sum_depends_on_the_order_of_k():
    shape = (1, 1, 4, 24, 5)
    rng = np.random.default_rng(5)
    datapath = draw(rng, "output_stationary", 4, shape, SATURATE, accumulator=reg(10))
    datapath = replace(datapath, preload=None, last=None, row_sum=None, check_final=False)
    turned = replace(
        datapath, a=datapath.a[..., ::-1].copy(), w=np.ascontiguousarray(datapath.w[:, ::-1])
    )
    schedule = schedule_of("output_stationary", 4, shape)
    one, other = fast.execute(datapath, schedule), fast.execute(turned, schedule)
    assert (one.exact == other.exact).all()
    assert (one.accumulator != other.accumulator).any()


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize(("samples", "m"), [(2, 4), (1, 600), (2, 300), (140, 4)])
def test_every_layout_of_lanes_equals_the_definition(dtype, samples, m):
    shape = (samples, 2, m, 18, 3)
    rng = np.random.default_rng(m)
    datapath = draw(rng, "weight_stationary", 4, shape, WRAP, drop_bits=0, check_final=False)
    datapath = replace(
        datapath,
        a=rng.integers(-16, 16, datapath.a.shape).astype(dtype),
        w=rng.integers(-16, 16, datapath.w.shape).astype(np.int32),
        chain=(reg(8, WRAP),),
        accumulator=reg(9),
    )
    schedule = schedule_of("weight_stationary", 4, shape)
    layout = fast_layout.lane_layout(datapath, schedule)
    assert layout.dtype == dtype
    assert layout.pairs == (dtype == np.int32 and CHOSEN is not None)
    assert layout.blocks == -(-samples * m // layout.width)
    assert sum(check(datapath, schedule)) > 100


@pytest.mark.parametrize("overflow", [SATURATE, SYMMETRIC, WRAP])
@pytest.mark.parametrize("bits", [15, 16, 17])
@pytest.mark.parametrize("flow", ["output_stationary", "weight_stationary"])
def test_registers_about_16_bits_equal_the_definition(flow, bits, overflow):
    """Lanes of 16 bits hold what a register of 16 bits keeps, and not what it is presented."""
    shape = (1, 1, 35, 30, 6)
    rng = np.random.default_rng(bits)
    given = {"chain": (reg(bits, overflow),)} if flow in CHAINED else {}
    accumulator = reg(bits, overflow)
    none = {"preload": None, "last": None, "row_sum": None}
    rest = {"drop_bits": 0, "check_final": False, "accumulator": accumulator, **none, **given}
    datapath = draw(rng, flow, 10, shape, overflow, **rest)
    a, w = (rng.integers(lo, 128, x.shape, dtype=np.int32) for lo, x in
            ((0, datapath.a), (-127, datapath.w)))  # fmt: skip
    seen = check(replace(datapath, a=2 * a, w=w), schedule_of(flow, 10, shape))
    assert seen[2] > 20


WITHOUT = """
import test_fast as t
for flow in ("output_stationary", "weight_stationary"):
    for bits in (15, 16, 17):
        t.test_registers_about_16_bits_equal_the_definition(flow, bits, t.WRAP)
        t.test_registers_about_16_bits_equal_the_definition(flow, bits, t.SATURATE)
    t.test_fast_engine_equals_the_definition_at_edges(flow, (2, 2, 1, 1, 1), {"check_final": True})
from hwsim.array.vector.instructions import CHOSEN
print(CHOSEN and CHOSEN.name)
"""


@pytest.mark.parametrize("name", ["avx2", "none"])
def test_other_vectors_equal_the_definition(name):
    """What a processor with fewer instructions runs, on this one."""
    features = cpu_features()
    expected = next((k.name for k in KNOWN if k.name == name and k.needs <= features), None)
    here = Path(__file__).parent
    environment = {**os.environ, "HWSIM_VECTORS": name}
    environment["PYTHONPATH"] = os.pathsep.join([str(here), str(here.parent), *sys.path])
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == [str(expected)]


def test_an_overflow_in_any_block_takes_nothing_from_the_blocks_before_it():
    """The range pass alone runs up to that block, the whole pass from it on."""
    shape = (1, 2, 1200, 9, 5)
    rng = np.random.default_rng(3)
    for pixel in (0, 40, 700, 1199):
        datapath = draw(rng, "weight_stationary", 4, shape, SATURATE, drop_bits=0,
                        chain=(reg(20),), accumulator=reg(12), preload=None, last=None,
                        row_sum=None, check_final=False)  # fmt: skip
        datapath.a[:] = rng.integers(-4, 5, datapath.a.shape)
        datapath.w[:] = rng.integers(-4, 5, datapath.w.shape)
        datapath.w[:, :, 0], datapath.a[0, 1, pixel] = 64, 64
        assert check(datapath, schedule_of("weight_stationary", 4, shape))[2] > 0


def test_what_never_overflows_needs_one_kernel_of_tiles_and_no_scipy(tmp_path):
    program = (
        "import sys\n"
        "from oracles.one_output import *\n"
        "import numpy as np\n"
        "from hwsim.array import fast\n"
        "from hwsim.array.fast_tiles import range_tiles, run_tiles\n"
        "from hwsim.array.gemm import Datapath\n"
        "from hwsim._jit import is_kept\n"
        "before = is_kept(range_tiles)\n"
        "a, w = np.ones((1, 1, 2, 3), np.int32), np.ones((1, 3, 2), np.int32)\n"
        "zero = np.zeros((1, 2), np.int64)\n"
        "fast.execute(Datapath(a, w, None, None, zero, None, 0, 0, (), reg(8), False),\n"
        "             schedule_of('output_stationary', 1, (1, 1, 2, 3, 2)))\n"
        "print(len(range_tiles.signatures), len(run_tiles.signatures))\n"
        "print('numba.np.arraymath' in sys.modules, 'scipy.linalg' in sys.modules)\n"
        "print(before, is_kept(range_tiles), is_kept(run_tiles))\n"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "NUMBA_DISABLE_JIT": "0",
                   "NUMBA_CACHE_DIR": str(tmp_path)}  # fmt: skip  # nothing there: it compiles
    run = subprocess.run([sys.executable, "-c", program], env=os.environ | environment, check=True,
                         capture_output=True, text=True)  # fmt: skip
    assert run.stdout.split() == ["1", "0", "True", "False", "False", "True", "False"]


@pytest.mark.parametrize("flow", ["output_stationary", "weight_stationary"])
@pytest.mark.parametrize("shape", [(3, 2, 700, 9, 5), (1, 1, 40, 9, 3)])
def test_the_number_of_threads_changes_nothing(shape, flow, monkeypatch):
    """Blocks are shared out, never one output's sum; each thread meets events, and none twice."""
    rng = np.random.default_rng(5)
    chain = (reg(9, WRAP),) if flow == "weight_stationary" else ()
    datapath = draw(rng, flow, 4, shape, SATURATE, drop_bits=0, chain=chain, accumulator=reg(8),
                    preload=None, last=None, row_sum=None, check_final=False)  # fmt: skip
    datapath.a[:] = rng.integers(-9, 10, datapath.a.shape)
    datapath.w[:] = rng.integers(-9, 10, datapath.w.shape)
    schedule = schedule_of(flow, 4, shape)
    monkeypatch.setattr(fast_run, "WORTH_SHARING", 1)
    seen = []
    for number in ("1", "2", "3", "64"):
        monkeypatch.setenv("HWSIM_THREADS", number)
        assert check(datapath, schedule)[2] > 20
        run = fast_run.LaneRun(fast_layout.lane_layout(datapath, schedule), datapath)
        room = [np.empty(int(np.prod(datapath.shape[:3])) * shape[4], np.int64) for _ in range(2)]
        run(shape[0], *room)
        seen.append(len(run.workers))
    blocks = -(-shape[0] * shape[2] // run.layout.width)
    least = max(run.layout.slots - 1, 1)
    parts = [len(threads.shares(blocks, number, least)) for number in (1, 2, 3, 64)]
    assert seen == [min(number, many) for number, many in zip((1, 2, 3, 64), parts, strict=True)]
