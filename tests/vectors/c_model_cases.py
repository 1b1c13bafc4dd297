"""Layers as the C model takes them: of networks, and random ones with every rule and scheme."""

from dataclasses import replace

import numpy as np
from rtl import random_machines
from strategies import seeded

from hwsim.arith.formats import IntFormat
from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import build as build_datapath
from hwsim.array.datapath import register
from hwsim.array.policy_checks import check_policy
from hwsim.array.requantizer import build
from hwsim.array.specification import RequantizeSpec
from hwsim.errors import ConfigError
from hwsim.mapping.prepare import PreparedLayer
from hwsim.vectors.case import LayerCase, Run, layer_case

REAL_SCHEMES = ["float32", "float64", "float32_bias", "float32_dequantized", "real_bias"]
SCHEMES = [*random_machines.SCHEMES, *REAL_SCHEMES, "threshold_table", "lookup_table"]
TAILED = ["multiplier_shift", "multiplier_shift_double", "fixed_fraction"]


def network_cases(graph, machine, inputs):
    """Every layer of MACs, by name."""
    nodes = [node for node in graph.nodes if node.layer is not None]
    return {
        node.name: layer_case(graph, machine, inputs, node)
        for node in nodes
        if node.layer.weight is not None
    }


def made_case(name, gemm, machine, requantizer):
    """A case of a problem and a requantizer that no network has; one run a sample."""
    runs = []
    for sample in range(len(gemm.a)):
        one = replace(gemm, a=gemm.a[sample : sample + 1])
        datapath, bias = build_datapath(one, machine, "layer")
        schedule = Schedule.of(machine, one.shape)
        prepared = PreparedLayer(one, machine, datapath, bias, schedule, None, requantizer)
        runs.append(Run(f"image_{sample}", one, prepared))
    return LayerCase("made", name, machine, None, tuple(runs))


def random_array_cases(first, number):
    """Machines of the RTL's lockstep tests from a seed on, by name; all samples of their layers."""
    found, seed = {}, first
    while len(found) < number:
        machine, rng = random_machines.draw_machine_of(seed)
        gemm = random_machines.draw_gemm(rng, machine)
        name, seed = f"array_{seed}", seed + 1
        try:
            requantizer = random_machines.draw_requantizer(rng, machine, gemm)
        except ConfigError:
            continue  # scales that the scheme does not take
        found[name] = made_case(name, gemm, machine, requantizer)
    return found


def random_case(dataflow, seed):
    """A machine and a layer of the engines' own campaign, with a random policy of any scheme."""
    gemm, machine = seeded(dataflow, seed)
    rng = np.random.default_rng([11, seed])
    return made_case(f"{dataflow}_{seed}", gemm, machine, drawn_requantizer(rng, gemm, machine))


def drawn_requantizer(rng, gemm, machine):
    """Policies are drawn until one goes with this accumulator."""
    while True:
        spec = RequantizeSpec.model_validate(drawn_policy(rng, machine.array.dataflow))
        if check_policy(spec):
            continue
        try:
            return requantizer_of(rng, spec, gemm, machine)
        except ConfigError:
            continue


def drawn_policy(rng, dataflow):
    """Any scheme, sometimes with a tail or a register before it."""
    pick = random_machines.pick
    scheme = pick(rng, SCHEMES)
    policy = {"scheme": scheme, "rounding": pick(rng, random_machines.ROUNDINGS)}
    if scheme in random_machines.SCHEMES:
        policy = random_machines.draw_policy(rng, "weight_stationary")
    elif scheme == "lookup_table":
        policy["table_bits"] = int(rng.integers(2, 9))
    elif scheme == "real_bias":
        policy["quantize"] = pick(rng, ["division", "reciprocal", "reciprocal_float64"])
    elif scheme == "float32_dequantized":
        policy["weight_scale"] = pick(rng, ["float32", "twice_inverted"])
    if scheme in REAL_SCHEMES:
        policy["rounding"] = "half_away" if scheme == "float64" else "half_even"
    if policy["scheme"] in TAILED and policy["rounding"] != "stochastic" and rng.random() < 0.5:
        rules = ["half_away", "half_up"]
        policy["tail"] = {
            "lanes": int(rng.integers(2, 6)),
            "rounding": pick(rng, [rule for rule in rules if rule != policy["rounding"]]),
            "of": pick(rng, ["channels", "elements"]),
        }
    return policy


def requantizer_of(rng, spec, gemm, machine):
    """Scales that put codes between the ends of the output."""
    channels = gemm.shape[1] * gemm.shape[4]
    reach = register(machine.accumulator)
    real = rng.normal(0, 2, channels) if rng.random() < 0.7 else None
    return build(
        spec,
        input_scale=float(rng.uniform(0.5, 2)),
        weight_scale=2.0 ** (rng.uniform(4, 9.5, channels) - min(machine.accumulator.bits, 24)),
        output_scale=float(rng.uniform(0.5, 2)),
        zero_point=int(rng.integers(-10, 11)),
        output=IntFormat(8, bool(rng.random() < 0.7)),
        clamp=(None, None) if rng.random() < 0.5 else (int(rng.integers(-20, 10)), 100),
        accumulator=(reach.lo, reach.hi),
        real_bias=real if spec.scheme in (*REAL_SCHEMES[2:], "multiply_add_shift") else None,
        columns=machine.array.cols,
        where="layer",
    )
