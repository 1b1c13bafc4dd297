"""Whether an output is what a goal's name says, by Python integers alone."""

from dataclasses import replace
from itertools import product

from oracles.exact import Output, Truth, chain_rules
from oracles.problem import prepare
from oracles.rules import fits
from oracles.tally import Rule, Tally
from vectors.small_layers import clamped, requantized


def limit(machine_register, bits, side, place):
    """The value that ``hi.beyond`` and the like name."""
    hi = 2 ** (bits - 1) - 1
    lo = -hi - 1 + (machine_register.overflow == "saturate_symmetric")
    end, out = (hi, 1) if side == "hi" else (lo, -1)
    return end + {"inside": -out, "at": 0, "beyond": out}[place]


class Stores:
    """One output by the oracle: every life of a register, as (rule, stores, exact final)."""

    def __init__(self, case, problem, at):
        accumulator = case.machine.accumulator
        rule = Rule(accumulator.bits, accumulator.overflow, accumulator.wrap_bits)
        levels = chain_rules(case.machine)
        chain = Tally(levels[-1]) if levels else None
        truth = Truth(problem, [], [], chain, Tally(rule), 0)
        self.lives = {"chain": [], "accumulator": []}
        output = Output(problem, case.machine, truth, levels, rule, at, 0)
        output.life = self.live
        self.accumulator, self.exact = output.run()

    def live(self, tally, stage, rule, seen, stores, final=None):
        self.lives[stage].append((rule, stores, stores[-1].exact if final is None else final))


def outputs(case, gemm):
    """(g, m, n) and Stores of every output of one sample."""
    problem = prepare(gemm, case.machine)
    shape = problem.shape
    for at in product(range(shape.groups), range(shape.m), range(shape.n)):
        yield at, Stores(case, problem, (0, *at))


def one_output(case, g, n, row):
    """Stores of channel (g, n) for a row of codes (G, K)."""
    gemm = replace(case.runs[0].gemm, a=row[None, :, None, :])
    return Stores(case, prepare(gemm, case.machine), (0, g, 0, n))


def reaches(case, goal, g, n, row):
    """Whether the row of codes (G, K) reaches a goal in channel (g, n)."""
    stores = one_output(case, g, n, row)
    channel = g * case.runs[0].gemm.shape[4] + n
    words = goal.split(".")
    if words[0] in ("accumulator", "chain") or words[0].startswith("chain_"):
        return _register(case, words, stores)
    value, lost, ties = requantized(case, channel, stores.accumulator)
    if words[0] == "tie":
        _, stage, side, way = words
        return not lost and ties.get(stage) == (side == "negative", way == "up")
    return not lost and on_edge(case, words, value)


def _register(case, words, stores):
    register, kind, *rest = words
    name = register.split("_")[0]
    if kind in ("hi", "lo"):
        spec = getattr(case.machine, name)
        bits = spec.bits if isinstance(spec.bits, int) else spec.bits[int(register[6:]) - 1]
        wanted = limit(spec, bits, kind, rest[0])
        level = int(register[6:]) if "_" in register else None
        return any(
            s.exact == wanted
            for _, life, _ in stores.lives[name]
            for s in life
            if level in (None, s.level)
        )
    for rule, life, final in stores.lives[name]:
        events = [s for s in life if s.presented != s.stored]
        if not events or not fits(final, rule.bits, rule.overflow):
            continue
        if (events[0].presented > 0) == (rest[0] == "positive"):
            return True
    return False


def on_edge(case, words, value):
    """Whether a value before clamp and format lies where an edge's goal says."""
    kind, side, place = words
    r = case.requantizer
    low = side == "lo"
    if kind == "activation":
        end = r.clamp[0] if low else r.clamp[1]
    else:
        end, value = (r.output.lo if low else r.output.hi), clamped(case, value)
    if end is None:
        return False
    if place == "beyond":
        return value < end if low else value > end
    return value == end + {"at": 0, "inside": 1 if low else -1}[place]
