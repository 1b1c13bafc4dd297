"""The cycle engine against the datapath's text, one output after the other in Python integers."""

from dataclasses import replace

import numpy as np
import pytest
from oracles.small_layers import DATAFLOWS, draw, register, schedule_of

from hwsim.arith.formats import signed_bits
from hwsim.arith.overflow import Overflow, fit
from hwsim.arith.rounding import shift_right
from hwsim.array.cycle import execute
from hwsim.array.ledger import STAGES
from hwsim.array.specification import LatencySpec


def kept(value, r):
    return int(fit(int(value), r.lo, r.hi, r.overflow, r.wrap_bits))


class Output:
    """All stores of one output: (register, k, level, presented, stored, exact), in order."""

    def __init__(self, d, schedule, s, g, m, n):
        self.d, self.lanes = d, schedule.rows if schedule.tree_levels else 0
        shift, mode = d.drop_bits, d.product_rounding
        pairs = zip(d.a[s, g, m].tolist(), d.w[g, :, n].tolist(), strict=True)
        products = [int(shift_right(a * w, shift, mode)) << shift for a, w in pairs]
        self.k, self.stores, self.chain_finals = len(products), [], []
        self.acc = self.exact = 0
        if d.preload is not None:
            self.add(d.preload[g, n], d.preload[g, n], -1)
        step = schedule.k_tile if schedule.dataflow.row == "k" else 1
        for k in range(0, self.k, step):
            self.add(*self.chain(products[k : k + step], k), min(k + step, self.k) - 1)
        if d.row_sum is not None:
            correction = -int(d.w_zero_point[g, n]) * int(d.row_sum[s, g, m])
            self.add(correction, correction, self.k)
        if d.last is not None:
            self.add(d.last[g, n], d.last[g, n], self.k)
        if d.check_final:
            presented, self.acc = self.acc, kept(self.acc, d.accumulator)
            self.stores.append(("accumulator", self.k, 0, presented, self.acc, self.exact))

    def add(self, addend, exact, k):
        presented = self.acc + int(addend)
        self.acc = presented if self.d.check_final else kept(presented, self.d.accumulator)
        self.exact += int(exact)
        self.stores.append(("accumulator", k, 0, presented, self.acc, self.exact))

    def store(self, value, exact, k, level):
        self.stores.append(("chain", k, level, value, kept(value, self.d.chain[level - 1]), exact))
        return self.stores[-1][4]

    def chain(self, products, first):
        if not self.d.chain:
            return sum(products), sum(products)
        value = exact = 0
        if not self.lanes:
            for i, product in enumerate(products):
                exact += product
                value = self.store(value + product, exact, first + i, 1)
        else:
            nodes = [(p, p) for p in products + [0] * (self.lanes - len(products))]
            level = 0
            while len(nodes) > 1:
                level += 1
                nodes += [(0, 0)] * (len(nodes) % 2)
                sums = []
                for i in range(len(nodes) // 2):
                    (x, ex), (y, ey) = nodes[2 * i], nodes[2 * i + 1]
                    k = min(first + ((i + 1) << level), first + len(products)) - 1
                    sums.append((self.store(x + y, ex + ey, k, level), ex + ey))
                nodes = sums
            value, exact = nodes[0]
        self.chain_finals.append((value, exact, len(self.stores)))
        return value, exact


def expected(d, schedule, first_sample):
    """Everything an `Execution` says, as plain values."""
    samples, groups, m, _, n = d.shape
    sums = np.zeros((2, samples, groups, m, n), np.int64)
    events, stores, finals = [], {}, []
    for s, g, i, j in np.ndindex(samples, groups, m, n):
        out = Output(d, schedule, s, g, i, j)
        sums[:, s, g, i, j] = out.acc, out.exact
        own = [(*x, s + first_sample, g, i, j) for x in out.stores]
        stores[s, g, i, j] = own
        events += [x for x in own if x[3] != x[4]]
        start = 0
        for _, exact, stop in out.chain_finals:
            hit = any(x[3] != x[4] for x in out.stores[start:stop] if x[0] == "chain")
            finals.append(("chain", g, j, exact, hit))
            start = stop
        hit = any(x[3] != x[4] for x in out.stores if x[0] == "accumulator")
        finals.append(("accumulator", g, j, out.exact, hit))
    return sums, events, [x for own in stores.values() for x in own], finals


def check_register(ledger, name, rules, d, schedule, events, stores, finals):
    _, groups, _, k, n = d.shape
    own = [x for x in events if x[0] == name]
    by_channel, by_step = np.zeros((groups, n), np.int64), np.zeros(k + 2, np.int64)
    for x in own:
        by_channel[x[7], x[9]] += 1
        by_step[x[1] + 1] += 1
    assert ledger.events_by_channel.tolist() == by_channel.tolist()
    assert ledger.events_by_step.tolist() == by_step.tolist()
    start_at_zero = name == "chain" or d.preload is None
    for g, j in np.ndindex(groups, n):
        seen = [x[5] for x in stores if (x[0], x[7], x[9]) == (name, g, j)]
        seen += [0] if start_at_zero else []
        assert (ledger.partial_lo[g, j], ledger.partial_hi[g, j]) == (min(seen), max(seen))
        ends = [x[3] for x in finals if x[:3] == (name, g, j)] or [0]
        assert (ledger.final_lo[g, j], ledger.final_hi[g, j]) == (min(ends), max(ends))
        hit = [kept(x[3], rules[-1]) == x[3] for x in finals if x[:3] == (name, g, j) and x[4]]
        assert (ledger.persistent[g, j], ledger.transient[g, j]) == (hit.count(0), hit.count(1))
    excess = 0
    for level, r in enumerate(rules, 1):
        seen = [x[5] for x in stores if x[0] == name and x[2] in (0, level)] + [0] * start_at_zero
        if name == "accumulator" and d.check_final:
            seen = [x[3] for x in finals if x[0] == name]
        symmetric = r.overflow == Overflow.SATURATE_SYMMETRIC
        excess = max(excess, signed_bits(min(seen), max(seen), symmetric=symmetric) - r.bits)
    assert ledger.excess_bits == excess
    assert ledger.bits == rules[-1].bits
    order = sorted(x[6:10] + x[1:3] for x in own)
    if not order:
        assert ledger.first is None
    else:
        assert ledger.first == schedule.place(name, *order[0])
        assert ledger.first.cycle == schedule.place(name, *order[0]).cycle
    return len(own), int(ledger.persistent.sum()), int(ledger.transient.sum())


def check_events(table, schedule, events):
    """Every event, in order; its cycle is the clock at which the array really saw it."""
    order = sorted(events, key=lambda x: (x[6:10], x[1], STAGES.index(x[0]), x[2]))
    rows = list(zip(*(table.columns[name].tolist() for name in table.NAMES), strict=True))
    want = []
    for name, k, level, presented, stored, _, s, g, i, j in order:
        at = schedule.place(name, s, g, i, j, k, level)
        place = (at.row, at.col, at.cycle, STAGES.index(name))
        want.append((s, g, i, j, k, *place, presented, stored))
    assert rows == want


def check(d, schedule):
    run = execute(d, schedule, first_sample=5, list_events=True)
    sums, events, stores, finals = expected(d, schedule, 5)
    assert np.array_equal(run.accumulator, sums[0])
    assert np.array_equal(run.exact, sums[1])
    with_chain = d, schedule, events, stores, finals
    seen = np.zeros((2, 3), np.int64)
    seen[0] = check_register(run.accumulator_ledger, "accumulator", (d.accumulator,), *with_chain)
    assert (run.chain is None) == (not d.chain)
    if run.chain is not None:
        seen[1] = check_register(run.chain, "chain", d.chain, *with_chain)
    check_events(run.events, schedule, events)
    return seen


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_engine_equals_the_definition_of_every_output(dataflow):
    seen = sum(check(*draw(dataflow, seed)) for seed in range(60))
    register_rows = seen if dataflow != "output_stationary" else seen[:1]
    assert (register_rows[:, 0] >= 1000).all(), seen  # events
    assert (register_rows[:, 1:] >= 50).all(), seen  # outputs of both classes


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_engine_equals_the_definition_under_every_latency(dataflow):
    """Same values, same counts; every event in the clock of the closed form."""
    drawn, seen = set(), np.zeros((2, 3), np.int64)
    for seed in range(40):
        words = [int(x) for x in np.random.default_rng(seed).integers(1, 5, 3)]
        latency = LatencySpec(**dict(zip(("multiplier", "pe", "tree_stage"), words, strict=True)))
        d, schedule = draw(dataflow, seed)
        seen += check(d, replace(schedule, latency=latency))
        drawn.add(tuple(words[:2]))
    assert len(drawn) > 10
    assert seen[:, 0].sum() >= 1000, seen


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_engine_equals_the_definition_in_wide_lanes(dataflow):
    seen = sum(check(*draw(dataflow, seed, wide=True)) for seed in range(15))
    assert seen[:, 0].sum() >= 300, seen


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize(
    ("rows", "cols", "m", "k", "n"),
    [(1, 1, 1, 1, 1), (1, 5, 1, 7, 6), (5, 1, 6, 7, 1), (32, 32, 3, 40, 35), (3, 4, 1, 9, 4)],
)
def test_engine_equals_the_definition_on_odd_shapes(dataflow, rows, cols, m, k, n):
    d, _ = draw(dataflow, 0)
    rng = np.random.default_rng(rows)
    levels = (rows - 1).bit_length() if dataflow == "dot_product" else 1
    d = replace(
        d,
        a=rng.integers(-99, 99, (1, 1, m, k)).astype(np.int32),
        w=rng.integers(-99, 99, (1, k, n)).astype(np.int32),
        preload=rng.integers(-99, 99, (1, n)),
        last=None,
        row_sum=None,
        chain=(register(13),) * levels if dataflow != "output_stationary" else (),
        accumulator=register(14),
    )
    check(d, schedule_of(dataflow, rows, cols, 1, m, k, n))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_no_reduction_takes_no_clock_and_leaves_the_bias(dataflow):
    d, _ = draw(dataflow, 0)
    a, w = np.zeros((2, 1, 3, 0), np.int32), np.zeros((1, 0, 2), np.int32)
    schedule = schedule_of(dataflow, 4, 4, 1, 3, 0, 2)
    assert schedule.cycles == 0
    for preload, last in ((np.array([[5, 900]]), None), (None, np.array([[5, 900]])), (None, None)):
        d = replace(d, a=a, w=w, preload=preload, last=last, row_sum=None, check_final=False)
        d = replace(d, accumulator=register(8))
        check(d, schedule)
        stored = [0, 0] if preload is None and last is None else [5, 127]
        assert (execute(d, schedule).accumulator == stored).all()
