"""cycle == fast == oracle: accumulators, exact sums, ledgers, event lists and cycles."""

from collections import Counter
from collections.abc import Iterable

import pytest
import strategies
from hypothesis import given, settings
from oracles import exact
from oracles.comparison import plain

from hwsim.array import checks
from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import build
from hwsim.array.engines import ENGINES

CAMPAIGN = 150  # seeds of each dataflow
EVENTS = 1000  # that each campaign compares at least, in outputs of each class


def engines_for(dataflow: str) -> list[str]:
    """Every engine; a runtime (``none``) has no clock."""
    return ["fast"] if dataflow == "none" else list(ENGINES)


def compare(gemm, machine, first_sample=0) -> exact.Truth:
    """Run every engine on one case; the oracle's result, which all of them equal."""
    assert checks.check(machine) == []
    truth = exact.run(gemm, machine, first_sample)
    datapath, _ = build(gemm, machine, "a layer")
    schedule = Schedule.of(machine, datapath.shape)
    expected = truth.plain()
    for name in engines_for(machine.array.dataflow):
        execution = ENGINES[name](datapath, schedule, first_sample=first_sample, list_events=True)
        found = plain(execution, schedule.cycles)
        for part, value in expected.items():
            assert found[part] == value, f"{name}: {part}\n{machine}"
        counted = ENGINES[name](datapath, schedule, first_sample=first_sample)
        assert plain(counted, schedule.cycles) == expected | {"events": None}
    return truth


def campaign(dataflow: str, seeds: Iterable[int]) -> Counter:
    """Events compared, by the class of their output, and cases with an event."""
    seen = Counter()
    for seed in seeds:
        truth = compare(*strategies.seeded(dataflow, seed), first_sample=seed % 3)
        ledgers = [truth.accumulator_ledger] + ([truth.chain] if truth.chain else [])
        for ledger in ledgers:
            seen.update(ledger.events_of_class)
        seen["cases with an event"] += bool(truth.events)
    return seen


@pytest.mark.parametrize("dataflow", [*strategies.ARRAYS, "none"])
def test_engines_equal_the_oracle_over_a_thousand_events_of_each_class(dataflow):
    seen = campaign(dataflow, range(CAMPAIGN))
    assert seen["persistent"] >= EVENTS
    assert seen["transient"] >= EVENTS
    assert seen["cases with an event"] >= CAMPAIGN // 4


@settings(max_examples=150)
@given(strategies.cases())
def test_engines_equal_the_oracle(case):
    compare(*case)
