"""What a fast engine must give, one output at a time: Python integers, and `arith.fit` alone."""

from dataclasses import dataclass, field

import numpy as np

from hwsim.arith.overflow import Overflow, fit
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Register
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
