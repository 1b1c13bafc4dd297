"""The oracle: DATAPATH.md evaluated with Python integers, one output after the other.

It imports no arithmetic of hwsim: rounding and overflow are in ``rules.py``, clocks and PEs in
``clocks.py``, operands in ``problem.py``, counters in ``tally.py``. It is never optimized.
"""

from dataclasses import dataclass
from itertools import product as every

from oracles import clocks, rules
from oracles.problem import Problem, prepare
from oracles.tally import Event, Rule, Store, Tally

STAGES = ("bias", "chain", "accumulator", "requant")


@dataclass
class Truth:
    """What every engine must give back."""

    problem: Problem
    accumulator: list
    exact: list
    chain: Tally | None
    accumulator_ledger: Tally
    cycles: int

    @property
    def events(self) -> list[Event]:
        """Chain and accumulator events; at equal (.., k, stage), tree levels by their clock."""
        both = self.accumulator_ledger.events + (self.chain.events if self.chain else [])
        return sorted(both, key=lambda e: (*e[:5], e.stage, e.cycle))

    def plain(self) -> dict:
        """Everything in lists and integers, to compare with ``==``."""
        shape = self.problem.shape
        return {
            "accumulator": self.accumulator,
            "exact": self.exact,
            "chain": self.chain and self.chain.plain(shape),
            "accumulator_ledger": self.accumulator_ledger.plain(shape),
            "events": [tuple(e) for e in self.events],
            "cycles": self.cycles,
        }


def chain_rules(machine) -> list[Rule]:
    """None, one for the column, or one for each level of the tree."""
    spec = machine.chain
    if spec is None:
        return []
    if machine.array.dataflow != "dot_product":
        return [Rule(spec.bits, spec.overflow, spec.wrap_bits)]
    levels = clocks.tree_levels(machine.array.rows)
    bits = spec.bits if isinstance(spec.bits, list) else [spec.bits] * levels
    return [Rule(b, spec.overflow, spec.wrap_bits) for b in bits]


def fold_length(machine) -> int:
    """Products that a chain adds: the array's rows; a runtime states it."""
    return machine.chain.length if machine.array.dataflow == "none" else machine.array.rows


def column(first_k: int, products: list[int], rule: Rule) -> list[Store]:
    """One fold down a column: starts at 0, adds one product in each PE."""
    stores, value = [], 0
    for i, p in enumerate(products):
        presented = value + p
        value = rule.kept(presented)
        stores.append(Store(first_k + i, presented, value, sum(products[: i + 1]), 1))
    return stores


def tree(first_k: int, products: list[int], levels: list[Rule]) -> list[Store]:
    """One fold in an adder tree of adjacent pairs; the root is the last store.

    Lanes without a product feed zeros, also those between the lanes and a power of two.
    """
    stores = []

    def node(level: int, lane: int) -> tuple[int, int]:
        """(stored, exact) of the node whose first lane is ``lane``."""
        if level == 0:
            leaf = products[lane] if lane < len(products) else 0
            return leaf, leaf
        left, right = node(level - 1, lane), node(level - 1, lane + 2 ** (level - 1))
        presented, exact = left[0] + right[0], left[1] + right[1]
        stored = levels[level - 1].kept(presented)
        last = min(lane + 2**level, len(products)) - 1
        stores.append(Store(first_k + last, presented, stored, exact, level))
        return stored, exact

    node(len(levels), 0)
    return stores


def run(gemm, machine, first_sample: int = 0) -> Truth:
    """Every output of one layer on one machine."""
    problem = prepare(gemm, machine)
    shape = problem.shape
    rule = Rule(
        machine.accumulator.bits, machine.accumulator.overflow, machine.accumulator.wrap_bits
    )
    levels = chain_rules(machine)
    truth = Truth(
        problem,
        accumulator=zeros(problem),
        exact=zeros(problem),
        chain=Tally(levels[-1]) if levels else None,
        accumulator_ledger=Tally(rule),
        cycles=clocks.cycles(machine.array, shape),
    )
    for s, g, m, n in every(*map(range, (problem.samples, shape.groups, shape.m, shape.n))):
        at = Output(problem, machine, truth, levels, rule, (s, g, m, n), first_sample)
        truth.accumulator[s][g][m][n], truth.exact[s][g][m][n] = at.run()
    return truth


def zeros(problem: Problem) -> list:
    """(S, G, M, N) of zeros in lists."""
    _, m, _, n = problem.shape
    return [
        [[[0] * n for _ in range(m)] for _ in range(problem.shape.groups)]
        for _ in range(problem.samples)
    ]


@dataclass
class Output:
    """One output element on its way through chain and accumulator."""

    problem: Problem
    machine: object
    truth: Truth
    levels: list
    rule: Rule
    index: tuple[int, int, int, int]
    first_sample: int

    def run(self) -> tuple[int, int]:
        """(accumulator after its last store, exact sum)."""
        s, g, m, n = self.index
        a, w = self.problem.a[s][g][m], self.problem.w[g]
        spec = self.machine.product
        products = [
            rules.product(a[k], w[k][n], spec.drop_bits, spec.rounding) for k in range(len(a))
        ]
        addends = self.chained(products) if self.levels else list(enumerate(products))
        exact_addends = self.fold_sums(products) if self.levels else products
        after = []
        if self.problem.row_sum:
            after.append(-self.problem.w_zero_point[g][n] * sum(a))
        bias = self.problem.stored_bias and self.problem.stored_bias[g][n]
        preload = bias if self.machine.bias.when == "preload" else None
        if bias is not None and preload is None:
            after.append(bias)
        addends += [(len(a), x) for x in after]
        return self.accumulated(preload, addends, exact_addends + after)

    def fold_sums(self, products: list[int]) -> list[int]:
        """Exact sums of the folds."""
        rows = fold_length(self.machine)
        return [sum(products[i : i + rows]) for i in range(0, len(products), rows)]

    def chained(self, products: list[int]) -> list[tuple[int, int]]:
        """Run every fold through the chain: (last k of the fold, what the chain held)."""
        tally, rows = self.truth.chain, fold_length(self.machine)
        addends = []
        for first_k in range(0, len(products), rows):
            part = products[first_k : first_k + rows]
            if self.machine.array.dataflow == "dot_product":
                stores = tree(first_k, part, self.levels)
                for number, level in enumerate(self.levels, 1):
                    tally.exceeds(level, [s.exact for s in stores if s.level == number])
            else:
                stores = column(first_k, part, self.levels[0])
                tally.exceeds(self.levels[0], [s.exact for s in stores])
            seen = [0] + [s.exact for s in stores]
            self.life(tally, "chain", self.levels[-1], seen, stores)
            addends.append((first_k + len(part) - 1, stores[-1].stored))
        return addends

    def accumulated(self, preload, addends, exact_addends) -> tuple[int, int]:
        """The accumulator's stores in their order.

        Under ``check: final`` it adds without a limit, is fit in one last store (k = K), and only
        its final value can exceed its width.
        """
        start, checked_last = preload or 0, self.machine.accumulator.check == "final"
        seen = [start + sum(exact_addends[:i]) for i in range(len(exact_addends) + 1)]
        if checked_last:
            presented = start + sum(addend for _, addend in addends)
            steps = self.problem.shape.k
            stores = [Store(steps, presented, self.rule.kept(presented), seen[-1])]
        else:
            value = start if preload is None else self.rule.kept(preload)
            stores = [] if preload is None else [Store(-1, preload, value, preload)]
            for (k, addend), exact in zip(addends, seen[1:], strict=True):
                presented = value + addend
                value = self.rule.kept(presented)
                stores.append(Store(k, presented, value, exact))
        tally = self.truth.accumulator_ledger
        tally.exceeds(self.rule, seen[-1:] if checked_last else seen)
        self.life(tally, "accumulator", self.rule, seen, stores, seen[-1])
        return (stores[-1].stored if stores else start), seen[-1]

    def life(self, tally, stage, rule, seen, stores, final=None) -> None:
        """Hand one life of a register to its tally, with the place of every event."""
        s, g, m, n = self.index
        events = []
        for store in stores:
            if store.presented != store.stored:
                row, col, cycle = clocks.place(
                    self.machine.array, self.problem.shape, stage, g, m, n, store.k, store.level
                )
                place = (s + self.first_sample, g, m, n, store.k, row, col, cycle)
                events.append(Event(*place, STAGES.index(stage), store.presented, store.stored))
        final = stores[-1].exact if final is None else final
        tally.life((g, n), rule, seen, final, events)
