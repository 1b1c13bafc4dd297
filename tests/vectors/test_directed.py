"""Directed sets of layers small enough to try every input: claims hold, refusals are true."""

import numpy as np
import pytest
from oracles.rules import fits
from vectors.claims import one_output, outputs, reaches
from vectors.small_layers import draw_case, every_input

from hwsim.vectors.directed import directed_runs

SINGLE = ("accumulator", "chain", "tie", "activation", "output")


def rows_of(directed):
    return {run.name: run.gemm.a[0] for run in directed.runs}


def single(purposes):
    return [p for p in purposes if p.goal.split(".")[0].split("_")[0] in SINGLE]


@pytest.mark.parametrize("seed", range(16))
def test_every_purpose_is_reached(seed):
    case = draw_case(seed)
    directed = directed_runs(case, seed)
    rows = rows_of(directed)
    for p in single(directed.purposes):
        row = rows[p.run][:, p.m]
        if p.goal in ("accumulator.largest", "accumulator.least"):
            continue
        assert reaches(case, p.goal, p.group, p.n, row), p


@pytest.mark.parametrize("seed", range(12))
def test_extremes_are_those_of_all_inputs(seed):
    case = draw_case(seed)
    directed = directed_runs(case, seed)
    rows, sums = rows_of(directed), {}
    everything = case.rows_run("all", every_input(case)[:, : 4**4]).gemm
    for (g, _, n), stores in outputs(case, everything):
        sums.setdefault((g, n), set()).add(stores.exact)
    for p in directed.purposes:
        if p.goal not in ("accumulator.largest", "accumulator.least"):
            continue
        mine = one_output(case, p.group, p.n, rows[p.run][:, p.m]).exact
        end = max if p.goal.endswith("largest") else min
        known = sums[p.group, p.n]
        assert mine == p.value == (end(known) if case.runs[0].gemm.shape[3] < 5 else mine)
        assert end(known | {mine}) == mine


@pytest.mark.parametrize("seed", range(16))
def test_what_is_called_unreachable_no_input_reaches(seed):
    case = draw_case(seed)
    directed = directed_runs(case, seed)
    everything = every_input(case)
    proven = [m for m in directed.misses if m.proven and m.goal.split(".")[0] != "corner"]
    picked = np.random.default_rng(seed).permutation(everything.shape[1])[:128]
    for m in picked.tolist():
        row = everything[:, m]
        for miss in proven:
            assert not reaches(case, miss.goal, miss.group, miss.n, row), (miss, row)


@pytest.mark.parametrize("seed", range(12))
def test_goals_of_exact_sums_are_missed_only_where_proven(seed):
    case = draw_case(seed)
    limits = ("hi", "lo")
    missed = [m for m in directed_runs(case, seed).misses if m.goal.split(".")[1] in limits]
    registers = ("accumulator", "chain")
    own = [m for m in missed if m.goal.split(".")[0].split("_")[0] in registers]
    assert all(m.proven for m in own)


def test_sets_are_the_same_for_a_seed_and_differ_between_seeds():
    case = draw_case(3)
    first, again = directed_runs(case, 5), directed_runs(case, 5)
    assert first.purposes == again.purposes
    assert all(
        np.array_equal(a.gemm.a, b.gemm.a) for a, b in zip(first.runs, again.runs, strict=True)
    )


def test_codes_are_legal():
    for seed in range(12):
        case = draw_case(seed)
        lo, hi = case.runs[0].gemm.a_range
        for run in directed_runs(case, seed).runs:
            assert lo <= run.gemm.a.min()
            assert run.gemm.a.max() <= hi
            assert run.gemm.a.shape[0] == 1


def test_small_layers_reach_most_kinds_of_goals():
    reached = {p.goal for seed in range(40) for p in directed_runs(draw_case(seed), 1).purposes}
    for side in ("hi", "lo"):
        for place in ("inside", "at", "beyond"):
            assert f"accumulator.{side}.{place}" in reached
            assert f"chain.{side}.{place}" in reached
            assert f"output.{side}.{place}" in reached
            assert f"activation.{side}.{place}" in reached
    for register in ("accumulator", "chain"):
        for sign in ("positive", "negative"):
            assert f"{register}.transient.{sign}" in reached
    for stage in ("scheme", "high", "narrow"):
        assert f"tie.{stage}.positive.up" in reached
        assert f"tie.{stage}.negative.up" in reached


@pytest.mark.parametrize("rule", ["half_even", "odd"])
def test_ties_by_parity_go_the_way_that_is_claimed(rule):
    ways = set()
    for seed in range(8):
        case = draw_case(seed, {"scheme": "shift_only", "rounding": rule})
        directed = directed_runs(case, seed)
        rows = rows_of(directed)
        for p in directed.purposes:
            if p.goal.startswith("tie."):
                assert reaches(case, p.goal, p.group, p.n, rows[p.run][:, p.m]), p
                ways.add(p.goal)
    assert len(ways) == 4


def transients_of(case, inputs):
    """(goal, g, n) of every transient loss that the inputs show."""
    seen = set()
    for (g, _, n), stores in outputs(case, inputs):
        for name, lives in stores.lives.items():
            for rule, life, final in lives:
                lost = [s.presented for s in life if s.presented != s.stored]
                if lost and fits(final, rule.bits, rule.overflow):
                    sign = "positive" if lost[0] > 0 else "negative"
                    seen.add((f"{name}.transient.{sign}", g, n))
    return seen


def test_transients_called_impossible_never_happen():
    shown = refused = 0
    for seed in range(64):
        case = draw_case(seed)
        everything = every_input(case)
        if everything.shape[1] > 64:
            continue
        seen = transients_of(case, case.rows_run("all", everything).gemm)
        misses = [m for m in directed_runs(case, seed).misses if ".transient." in m.goal]
        proven = {(m.goal, m.group, m.n) for m in misses if m.proven}
        assert proven & seen == set(), seed
        shown, refused = shown + len(seen), refused + len(proven)
    assert shown > 15
    assert refused > 15
