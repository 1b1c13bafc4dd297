"""The width ladder: type >= weight >= observed partial >= observed final, and what it promises."""

from functools import cache

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from oracles import exact, rules

from hwsim import models
from hwsim.analysis.ladder import width_ladder
from hwsim.analysis.static import static_ladders
from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import build
from hwsim.array.engines import ENGINES
from hwsim.importers import hardware, machine_files
from hwsim.mapping.prepare import OutputSide
from hwsim.mapping.run import run_layer
from hwsim.simulation import bounds

RUNGS = ("type_bits", "weight_bits", "observed_partial_bits", "observed_final_bits")
laws = settings(max_examples=60)


def registers(ladder):
    """The accumulator's ladder and, where there is one, the chain's."""
    return [ladder] + ([ladder["chain"]] if ladder["chain"] else [])


def assert_falls(ladder):
    for register in registers(ladder):
        rungs = [register[name] for name in RUNGS]
        assert rungs == sorted(rungs, reverse=True), ladder


@cache
def first_images(name):
    graph, data = models.load(name)
    return graph, type(data)(data.X[:2], None, data.name, data.sha256)


@pytest.mark.parametrize("machine", machine_files.names())
@pytest.mark.parametrize("model", models.embedded())
@pytest.mark.parametrize("words", [(), ("operands.zero_point=fold",), ("bias.when=last",)])
def test_ladder_falls_on_every_layer_of_every_embedded_model(model, machine, words):
    graph, data = first_images(model)
    spec = hardware.load(machine, words)
    static = static_ladders(graph, spec)
    found = bounds(graph, spec, data)
    assert [layer["name"] for layer in found] == [node.name for node in graph.mac_nodes]
    for layer, guaranteed in zip(found, static, strict=True):
        assert_falls(layer["width"])
        for run, before in zip(
            registers(layer["width"]), registers(guaranteed["width"]), strict=True
        ):
            for name in {*run} - {*RUNGS[2:], "chain"}:
                assert before[name] == run[name]
            assert [before[name] for name in RUNGS[2:]] == [None, None]


def ladder_of(gemm, machine):
    groups, n = gemm.w_zero_point.shape
    scale = np.full(groups * n, 2.0**-12)
    form = machine.operands.activation.format
    side = OutputSide("conv_2d", 1.0, scale, 1.0, 0, form, (None, None), 8)
    run = run_layer(gemm, side, machine, "a layer", trap=False)
    observed = (run.ledger.accumulator, run.ledger.chain)
    return width_ladder(run.bounds, run.datapath.accumulator, run.datapath.chain, observed), run


@laws
@given(strategies.cases())
def test_ladder_falls_on_drawn_layers(case):
    assert_falls(ladder_of(*case)[0])


@laws
@given(strategies.cases())
def test_observed_rungs_are_the_widths_of_the_exact_sums(case):
    """Accumulator and chain, by the oracle."""
    gemm, machine = case
    ladder, _ = ladder_of(gemm, machine)
    truth = exact.run(gemm, machine)
    tallies = [truth.accumulator_ledger] + ([truth.chain] if truth.chain else [])
    for register, tally in zip(registers(ladder), tallies, strict=True):
        symmetric = tally.rule.overflow == "saturate_symmetric"
        for rung, values in zip(RUNGS[2:], (tally.partial, tally.final), strict=True):
            flat = [v for channel in values.values() for v in channel]
            assert register[rung] == rules.width(flat, symmetric=symmetric)


def widened(machine, ladder, less=0):
    """The same machine with registers as wide as the weight bound, or ``less`` bits below it."""
    words = machine.model_dump()
    for name, register in zip(("accumulator", "chain"), registers(ladder), strict=False):
        words[name] |= {"bits": max(2, register["weight_bits"] - less), "wrap_bits": 0}
    return type(machine)(**words)


@laws
@given(strategies.cases())
def test_a_register_as_wide_as_the_weight_bound_has_no_event(case):
    gemm, machine = case
    ladder, _ = ladder_of(gemm, machine)
    _, run = ladder_of(gemm, widened(machine, ladder))
    assert run.ledger.accumulator.events == 0
    assert run.ledger.chain is None or run.ledger.chain.events == 0


def worst_inputs(gemm):
    """For every channel one image with the largest products and one with the least."""
    _, groups, m, k, n = gemm.shape
    za = gemm.a_zero_point
    choices = np.array([*gemm.a_range, za])
    images = []
    for g, channel in np.ndindex(groups, n):
        w = gemm.w[g, :, channel].astype(np.int64) - gemm.w_zero_point[g, channel]
        products = (choices[:, None] - za) * w
        for at in (products.argmax(axis=0), products.argmin(axis=0)):
            image = np.full((groups, m, k), za)
            image[g] = choices[at]
            images.append(image)
    return strategies.gemm(
        np.array(images), gemm.w, za, gemm.w_zero_point, gemm.bias, gemm.a_range, gemm.w_range
    )


def subtracting(machine):
    """Exact products, zero points subtracted, the bias kept whole and loaded first."""
    words = machine.model_dump()
    words["operands"]["zero_point"] = "subtract"
    words["product"]["drop_bits"] = 0
    words["accumulator"]["check"] = "each_add"
    words["bias"] = {"bits": 64, "overflow": "saturate", "wrap_bits": 0, "when": "preload"}
    return type(machine)(**words)


def executed(gemm, machine):
    datapath, _ = build(gemm, machine, "a layer")
    return ENGINES["fast"](datapath, Schedule.of(machine, datapath.shape))


@laws
@given(strategies.cases())
def test_the_weight_bound_is_reached(case):
    """Tight, where the bias is loaded first: some input needs every bit, one bit less overflows."""
    gemm, machine = worst_inputs(case[0]), subtracting(case[1])
    ladder, _ = ladder_of(gemm, machine)
    for register in registers(ladder):
        assert register["observed_partial_bits"] == register["weight_bits"]
    for name, register in zip(("accumulator", "chain"), registers(ladder), strict=False):
        if register["weight_bits"] > 2:
            words = widened(machine, ladder).model_dump()
            words[name]["bits"] = register["weight_bits"] - 1
            run = executed(gemm, type(machine)(**words))
            ledger = run.chain if name == "chain" else run.accumulator_ledger
            assert ledger.events > 0
