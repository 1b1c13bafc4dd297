"""The fast engine against a definition of its own: Python integers, one output at a time."""

import itertools
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from hwsim.arith.formats import signed_bits
from hwsim.arith.overflow import Overflow, fit
from hwsim.array import fast, fast_layout
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Datapath, Register
from hwsim.array.specification import ArraySpec

SATURATE, WRAP, SYMMETRIC = (
    Overflow.SATURATE,
    Overflow.WRAP,
    Overflow.SATURATE_SYMMETRIC,
)
RULES = list(Overflow)


def reg(bits, rule=SATURATE, wrap_bits=0):
    return Register(bits, -(1 << bits - 1), (1 << bits - 1) - 1, int(rule), wrap_bits)


def schedule_of(flow, rows, shape):
    array = {"dataflow": flow, "k_order": ["ky", "kx", "ic"]}
    if flow != "none":
        array |= {"rows": rows, "cols": 3}
    _, groups, m, k, n = shape
    return Schedule(ArraySpec(**array), groups, m, k, n)


# --- the definition -------------------------------------------------------------------------------


@dataclass
class Watch:
    """What one register of one channel saw."""

    register: Register
    events: list = field(
        default_factory=list
    )  # (sample, g, m, n, k, level, number, presented, stored)
    partial: list = field(default_factory=list)  # (level, exact)
    final: list = field(default_factory=list)
    persistent: int = 0
    transient: int = 0

    def close(self, exact, before):
        self.final.append(exact)
        if len(self.events) > before:
            r = self.register
            lo = -r.hi if r.overflow == SYMMETRIC else r.lo
            self.persistent += not lo <= exact <= r.hi
            self.transient += lo <= exact <= r.hi


def keep(watch, register, where, value, exact, k, level=0):
    r = register
    stored = fit(value, r.lo, r.hi, r.overflow, r.wrap_bits)
    watch.partial.append((level, exact))
    if stored != value:
        watch.events.append((*where, k, level, len(watch.events), value, stored))
    return stored


def fold_sum(datapath, watch, where, products, k0, lanes):
    """The chain of one fold: what it holds, exact."""
    before, last = len(watch.events), k0 + len(products) - 1
    watch.partial.append((0, 0))
    if not lanes:
        held = exact = 0
        for k, p in enumerate(products, k0):
            exact += p
            held = keep(watch, datapath.chain[0], where, held + p, exact, k)
    else:
        nodes = [(p, p, k0 + i) for i, p in enumerate(products)]
        nodes += [(0, 0, last)] * (lanes - len(products))
        for level, register in enumerate(datapath.chain, 1):
            if len(nodes) % 2:
                nodes.append((0, 0, nodes[-1][2]))
            nodes = [
                (keep(watch, register, where, a + b, x + y, k, level), x + y, k)
                for (a, x, _), (b, y, k) in zip(nodes[::2], nodes[1::2], strict=True)
            ]
        ((held, exact, _),) = nodes
    watch.close(exact, before)
    return held, exact


def run_output(datapath, schedule, chain, acc, s, g, m, n):
    """One output by DATAPATH.md section 4: accumulator, exact."""
    steps, where = datapath.shape[3], (s, g, m, n)
    final = datapath.accumulator
    adding = reg(64) if datapath.check_final else final
    before = len(acc.events)
    products = []
    for k in range(steps):
        p = int(datapath.a[s, g, m, k]) * int(datapath.w[g, k, n])
        products.append(p >> datapath.drop_bits << datapath.drop_bits)  # floor
    held = exact = 0
    if datapath.preload is None:
        acc.partial.append((0, 0))
    else:
        exact = int(datapath.preload[g, n])
        held = keep(acc, adding, where, exact, exact, -1)
    tile = schedule.k_tile if datapath.chain else 1
    for k0 in range(0, steps, tile):
        part = products[k0 : k0 + tile]
        lanes = schedule.rows if schedule.array.dataflow == "dot_product" else 0
        if datapath.chain:
            got, true = fold_sum(datapath, chain, where, part, k0, lanes)
        else:
            got, true = part[0], part[0]
        exact += true
        held = keep(acc, adding, where, held + got, exact, k0 + len(part) - 1)
    after = []
    if datapath.row_sum is not None:
        after.append(-int(datapath.w_zero_point[g, n]) * int(datapath.row_sum[s, g, m]))
    if datapath.last is not None:
        after.append(int(datapath.last[g, n]))
    for addend in after:
        exact += addend
        held = keep(acc, adding, where, held + addend, exact, steps)
    if datapath.check_final:
        held = keep(acc, final, where, held, exact, steps)
    acc.close(exact, before)
    return held, exact


def define(datapath, schedule, first_sample=0):
    """The whole execution by the definition: outputs, watches by (stage, g, n)."""
    samples, groups, pixels, _, channels = datapath.shape
    out, exact = (np.zeros((samples, groups, pixels, channels), np.int64) for _ in range(2))
    root = datapath.chain[-1] if datapath.chain else datapath.accumulator
    watches = {
        (stage, g, n): Watch(root if stage == "chain" else datapath.accumulator)
        for stage in ("chain", "accumulator")
        for g in range(groups)
        for n in range(channels)
    }
    for s, g, m, n in np.ndindex(out.shape):
        chain, acc = watches["chain", g, n], watches["accumulator", g, n]
        held, true = run_output(datapath, schedule, chain, acc, s, g, m, n)
        out[s, g, m, n], exact[s, g, m, n] = held, true
    return out, exact, watches


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
    assert len(layout.blocks()) == {(2, 4): 1, (1, 600): 2, (2, 300): 2, (140, 4): 2}[samples, m]
    assert sum(check(datapath, schedule)) > 100
