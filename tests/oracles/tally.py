"""What the oracle counts: events, classes, ranges (DATAPATH.md sections 6 and 7)."""

from dataclasses import dataclass, field
from typing import NamedTuple

from oracles import clocks, rules


class Rule(NamedTuple):
    """One register: width, overflow rule, and the n of SC_WRAP."""

    bits: int
    overflow: str
    wrap_bits: int

    def kept(self, x: int) -> int:
        return rules.kept(x, self.bits, self.overflow, self.wrap_bits)

    def fits(self, x: int) -> bool:
        return rules.fits(x, self.bits, self.overflow)


class Event(NamedTuple):
    """One store that changed its value; fields in the order of hwsim's event list."""

    sample: int
    group: int
    m: int
    n: int
    k: int
    row: int
    col: int
    cycle: int
    stage: int
    presented: int
    stored: int


class Store(NamedTuple):
    """One store of one register; ``exact`` is the sum that an unlimited register would hold."""

    k: int
    presented: int
    stored: int
    exact: int
    level: int = 0


@dataclass
class Tally:
    """Counters of one register over all outputs; keys are (group, n) where not said otherwise."""

    rule: Rule
    events: list = field(default_factory=list)
    persistent: dict = field(default_factory=dict)
    transient: dict = field(default_factory=dict)
    partial: dict = field(default_factory=dict)  # every exact sum seen
    final: dict = field(default_factory=dict)
    excess_bits: int = 0
    events_of_class: dict = field(default_factory=lambda: {"persistent": 0, "transient": 0})

    def life(self, channel, rule: Rule, seen: list, final: int, events: list) -> None:
        """Count one life of the register: an output, or a fold of one."""
        self.events += events
        self.partial.setdefault(channel, []).extend(seen)
        self.final.setdefault(channel, []).append(final)
        if events:
            kind = "transient" if rule.fits(final) else "persistent"
            counter = getattr(self, kind)
            counter[channel] = counter.get(channel, 0) + 1
            self.events_of_class[kind] += len(events)

    def exceeds(self, rule: Rule, values: list) -> None:
        """Raise ``excess_bits`` to what these exact sums need beyond the register's width."""
        needed = rules.width(values, symmetric=rule.overflow == "saturate_symmetric")
        self.excess_bits = max(self.excess_bits, needed - rule.bits)

    def plain(self, shape: clocks.Shape) -> dict:
        """The counters as hwsim's ledger lays them out, in lists."""

        def table(of):
            return [[of((g, n)) for n in range(shape.n)] for g in range(shape.groups)]

        by_channel = table(lambda c: sum(1 for e in self.events if (e.group, e.n) == c))
        by_step = [sum(1 for e in self.events if e.k == k) for k in range(-1, shape.k + 1)]
        return {
            "bits": self.rule.bits,
            "symmetric": self.rule.overflow == "saturate_symmetric",
            "events_by_channel": by_channel,
            "events_by_step": by_step,
            "persistent": table(lambda c: self.persistent.get(c, 0)),
            "transient": table(lambda c: self.transient.get(c, 0)),
            "partial_lo": table(lambda c: min(self.partial.get(c, [0]))),
            "partial_hi": table(lambda c: max(self.partial.get(c, [0]))),
            "final_lo": table(lambda c: min(self.final.get(c, [0]))),
            "final_hi": table(lambda c: max(self.final.get(c, [0]))),
            "excess_bits": self.excess_bits,
            "first": min((e[:5] + e[8:9] + e[5:8] for e in self.events), default=None),
        }
