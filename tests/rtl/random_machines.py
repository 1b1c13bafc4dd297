"""Random machines with small layers, widths drawn so that most registers overflow."""

import numpy as np
from rtl.lockstep import Case

from hwsim.arith.formats import IntFormat
from hwsim.array.checks import check
from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import build as build_datapath
from hwsim.array.gemm import Gemm
from hwsim.array.requantizer import build
from hwsim.array.specification import Machine, RequantizeSpec
from hwsim.errors import ConfigError
from hwsim.rtl.machine import layer_parameters

DATAFLOWS = ["output_stationary", "weight_stationary", "input_stationary", "dot_product"]
WHEN = ["preload", "last"]
OVERFLOWS = [
    "wrap", "saturate", "saturate_symmetric", "saturate_zero", "wrap_sign_magnitude", "trap",
]  # fmt: skip
ROUNDINGS = [
    "floor", "toward_zero", "half_up", "half_down", "half_toward_zero", "half_away", "half_even",
    "ceil", "away", "odd",
]  # fmt: skip
SCHEMES = [
    "multiplier_shift", "multiplier_shift_double", "fixed_fraction", "reduced_16",
    "reduced_16_narrow", "shift_only", "multiply_add_shift",
]  # fmt: skip


def pick(rng, words):
    return words[int(rng.integers(len(words)))]


def register(rng, low, high, words=OVERFLOWS):
    overflow, bits = pick(rng, words), int(rng.integers(low, high))
    wraps = overflow in ("wrap", "wrap_sign_magnitude")
    return {
        "bits": bits,
        "overflow": overflow,
        "wrap_bits": int(rng.integers(0, 4)) if wraps else 0,
    }


def draw_policy(rng, dataflow):
    scheme, rounding = pick(rng, SCHEMES), pick(rng, ROUNDINGS)
    policy = {"scheme": scheme, "rounding": rounding}
    if scheme in ("multiplier_shift", "multiply_add_shift"):
        policy["multiplier_bits"] = int(rng.integers(1, 32))
    if scheme == "fixed_fraction":
        policy["fraction_bits"] = int(rng.integers(4, 20))
    if scheme == "multiplier_shift_double":
        policy["rounding"] = pick(rng, ["half_away", "half_up"])
    if scheme.startswith("reduced_16"):
        policy["rounding"] = "half_up"
    drawn = scheme in ("multiplier_shift", "fixed_fraction", "shift_only", "multiply_add_shift")
    if drawn and dataflow in ("weight_stationary", "dot_product") and rng.random() < 0.2:
        policy["rounding"] = "stochastic"
        seeds = rng.integers(1, 1 << 32, 2)
        policy["lfsr"] = {"polynomial": int(seeds[0]), "seed": int(seeds[1])}
    if rng.random() < 0.3:
        narrow = register(rng, 6, 12, OVERFLOWS[:-1])
        policy["narrow"] = {"shift": int(rng.integers(0, 4)), "rounding": pick(rng, ROUNDINGS)}
        policy["narrow"] |= narrow
    return policy


def draw_latency(rng, tree):
    """Registers of every path; of each, one in two machines has more than one."""
    words = ["multiplier", "tree_stage" if tree else "pe", "requantize"]
    return {word: int(rng.choice([1, 1, 1, 2, 3, 4])) for word in words}


def draw_machine(rng, dataflow):
    """A machine that passes every check."""
    fold = rng.random() < 0.4
    bits = [int(x) for x in rng.integers(2, 9, 2)]
    tree = dataflow == "dot_product"
    rows, cols = int(rng.integers(2, 6)), int(rng.integers(2, 8))
    widest = sum(bits)
    document = {
        "name": f"{dataflow}_{rows}x{cols}",
        "array": {
            "dataflow": dataflow, "rows": rows, "cols": cols, "k_order": ["ky", "kx", "ic"],
        },
        "operands": {
            "activation": {"bits": bits[0], "signed": bool(rng.random() < 0.7)},
            "weight": {"bits": bits[1], "signed": bool(rng.random() < 0.7)},
            "zero_point": "fold" if fold else "subtract",
        },
        "product": {
            "kind": "exact", "drop_bits": 0 if fold else int(rng.integers(0, 4)),
            "rounding": pick(rng, ROUNDINGS),
        },
        "accumulator": register(rng, 4, widest + 3)
        | {"kind": "integer", "check": pick(rng, ["each_add"] * 3 + ["final"])},
        "bias": {"bits": widest + 2, "overflow": "saturate", "when": pick(rng, WHEN)},
        "requantize": {"default": draw_policy(rng, dataflow)},
        "output": {"overflow": "saturate"},
        "latency": draw_latency(rng, tree),
    }  # fmt: skip
    if dataflow != "output_stationary":
        document["chain"] = register(rng, 4, widest + 2)
        if tree and rng.random() < 0.7:
            widths = rng.integers(4, widest + 2, (rows - 1).bit_length())
            document["chain"]["bits"] = [int(x) for x in widths]
    machine = Machine.model_validate(document)
    assert check(machine) == []
    return machine


def draw_gemm(rng, machine):
    """A small layer in the machine's own formats."""
    activation, weight = machine.operands.activation.format, machine.operands.weight.format
    groups, samples = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    m, k, n = (int(x) for x in (rng.integers(1, 9), rng.integers(1, 14), rng.integers(1, 12)))
    subtracts_w = rng.random() < 0.5
    zero = rng.integers(weight.lo, weight.hi + 1, (groups, n)) * int(subtracts_w)
    reach = 1 << (activation.bits + weight.bits)
    return Gemm(
        a=rng.integers(activation.lo, activation.hi + 1, (samples, groups, m, k)).astype(np.int32),
        w=rng.integers(weight.lo, weight.hi + 1, (groups, k, n)).astype(np.int32),
        a_zero_point=int(rng.integers(activation.lo, activation.hi + 1)),
        w_zero_point=zero.astype(np.int64),
        bias=rng.integers(-reach, reach, (groups, n)) if rng.random() < 0.8 else None,
        a_range=(activation.lo, activation.hi),
        w_range=(weight.lo, weight.hi),
    )


def draw_requantizer(rng, machine, gemm):
    """Scales that put some codes at the ends of an 8-bit output, and some between."""
    _, groups, _, _, n = gemm.shape
    bits = machine.accumulator.bits
    policy: RequantizeSpec = machine.requantize["default"]
    output = IntFormat(8, bool(rng.random() < 0.7))
    clamp = (None, None) if rng.random() < 0.5 else (int(rng.integers(-20, 10)), None)
    reach = machine.accumulator.format
    scale = 2.0 ** (rng.uniform(4, 9.5, groups * n) - min(bits, 24))
    zero_point = int(rng.integers(-10, 11))
    while True:
        try:
            return build(
                policy,
                input_scale=1.0,
                weight_scale=scale,
                output_scale=1.0,
                zero_point=zero_point,
                output=output,
                clamp=clamp,
                accumulator=(reach.lo, reach.hi),
                columns=machine.array.cols,
                where="layer",
            )
        except ConfigError:  # a scheme without a shift to the left
            scale = scale / 2


def draw_machine_of(seed):
    """The machine of a seed, and what its layer is drawn from."""
    rng = np.random.default_rng([7, seed])
    return draw_machine(rng, DATAFLOWS[seed % 4]), rng


def draw_case(seed, stalls=None):
    """The case of a seed; two of three have stalls on their streams."""
    machine, rng = draw_machine_of(seed)
    gemm = draw_gemm(rng, machine)
    requantizer = draw_requantizer(rng, machine, gemm)
    sample = int(rng.integers(gemm.shape[0]))
    datapath, _ = build_datapath(gemm, machine, "layer")
    return Case(
        machine.name,
        layer_parameters(machine, requantizer),
        datapath,
        Schedule.of(machine, gemm.shape),
        requantizer,
        sample,
        seed % 3 if stalls is None else stalls,
    )
