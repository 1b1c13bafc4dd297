"""Directed sets of real layers: claims in Python integers, and machines told apart at a tie."""

import numpy as np
import pytest
from vectors.claims import one_output, reaches
from vectors.small_layers import clamped, requantized

import hwsim
from hwsim.array.fast import execute
from hwsim.importers import hardware
from hwsim.vectors.case import LayerCase, layer_case
from hwsim.vectors.coverage import coverage
from hwsim.vectors.directed import directed_runs

NARROW = ["accumulator.bits=17", "chain.bits=17"]
SHORT = ["requantize.default.multiplier_bits=6", "requantize.default.rounding=half_even"]


def digits(layer, words, name="edge_ws_16x16") -> LayerCase:
    model = hwsim.load_model("digits")
    (node,) = [n for n in model.graph.nodes if n.name == layer]
    return layer_case(model.graph, hardware.load(name, words), model.data.X[:2], node)


@pytest.mark.parametrize("layer", ["conv1", "dw2", "conv4", "fc6"])
def test_claims_on_digits_hold_in_python_integers(layer):
    case = digits(layer, [*NARROW, *SHORT])
    directed = directed_runs(case, 1)
    rows = {run.name: run.gemm.a[0] for run in directed.runs}
    single = [p for p in directed.purposes if p.n >= 0]
    picked = np.random.default_rng(0).permutation(len(single))[:60]
    kinds = set()
    for p in (single[i] for i in picked.tolist()):
        row = rows[p.run][:, p.m]
        if p.goal in ("accumulator.largest", "accumulator.least"):
            assert one_output(case, p.group, p.n, row).exact == p.value
        else:
            assert reaches(case, p.goal, p.group, p.n, row), p
        kinds.add(p.goal.split(".")[0])
    assert {"accumulator", "chain", "tie", "output"} <= kinds


@pytest.mark.parametrize("layer", ["conv1", "conv4"])
def test_extremes_on_digits_are_the_weights_bounds(layer):
    case = digits(layer, [])
    bounds = case.runs[0].prepared.bounds.accumulator_weight
    seen = {(p.goal, p.n): p.value for p in directed_runs(case, 1).purposes}
    gemm = case.runs[0].gemm
    lo, hi = (end - gemm.a_zero_point for end in gemm.a_range)
    for n in range(gemm.shape[4]):
        column = [int(w) for w in gemm.w[0, :, n]]
        bias = int(gemm.bias[0, n])
        assert seen["accumulator.largest", n] == bias + sum(max(lo * w, hi * w) for w in column)
        assert seen["accumulator.least", n] == bias + sum(min(lo * w, hi * w) for w in column)
        assert seen["accumulator.largest", n] <= int(bounds.hi[0, n])


def codes_of(case, rows):
    run = case.rows_run("rows", rows)
    return case.requantizer.apply(execute(run.datapath, run.schedule).accumulator).codes[0]


def code(case, value):
    """A value after activation and format."""
    form = case.requantizer.output
    return min(max(clamped(case, value), form.lo), form.hi)


@pytest.mark.parametrize("other", ["half_up", "half_away", "half_down", "floor"])
def test_ties_tell_rounding_rules_apart(other):
    wide = ["accumulator.bits=32", "chain.bits=32", "requantize.default.multiplier_bits=6"]
    even = digits("conv4", [*wide, "requantize.default.rounding=half_even"])
    mutant = digits("conv4", [*wide, f"requantize.default.rounding={other}"])
    directed = directed_runs(even, 1)
    rows = {run.name: run.gemm.a[0] for run in directed.runs}["directed_ties"]
    mine, theirs = codes_of(even, rows), codes_of(mutant, rows)
    apart = 0
    for p in directed.purposes:
        if p.goal.startswith("tie."):
            channel = p.group * even.runs[0].gemm.shape[4] + p.n
            own, rival = (
                code(case, requantized(case, channel, p.value)[0]) for case in (even, mutant)
            )
            assert (mine[p.group, p.m, p.n], theirs[p.group, p.m, p.n]) == (own, rival)
            apart += own != rival
    assert apart > 0


def test_narrow_machine_is_covered_but_for_what_is_proven():
    case = digits("fc6", [*NARROW, *SHORT])
    directed = directed_runs(case, 1)
    found = coverage(case.with_runs(*directed.runs))
    assert found.open_bins == []
    hit = {one.name for one in found.bins if one.hits}
    for register in ("chain", "accumulator"):
        for kind in ("persistent", "transient"):
            for sign in ("positive", "negative"):
                assert f"overflow.{register}.{kind}.{sign}" in hit
    ties = {f"tie.scheme.{s}.{w}" for s in ("positive", "negative") for w in ("up", "down")}
    assert ties <= hit


def test_wide_machine_is_covered_but_for_what_is_proven():
    case = digits("conv1", [])
    assert coverage(case.with_runs(*directed_runs(case, 1).runs)).open_bins == []


def test_directed_runs_hit_more_than_images():
    case = digits("conv1", [*NARROW, *SHORT])
    alone = {one.name for one in coverage(case).bins if one.hits}
    more = {
        one.name for one in coverage(case.with_runs(*directed_runs(case, 1).runs)).bins if one.hits
    }
    assert alone < more
    assert len(more) - len(alone) >= 5
