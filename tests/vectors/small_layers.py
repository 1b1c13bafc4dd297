"""Layers so small that every input can be tried, and their requantizer in fractions."""

from fractions import Fraction
from itertools import product

import numpy as np
from oracles import exact
from oracles.rules import fits, kept, rounded

from hwsim.arith.formats import IntFormat
from hwsim.array.checks import check
from hwsim.array.gemm import Gemm
from hwsim.array.specification import Machine
from hwsim.mapping.prepare import OutputSide, prepare
from hwsim.vectors.case import LayerCase, Run

DATAFLOWS = ["output_stationary", "weight_stationary", "input_stationary", "dot_product"]
OVERFLOWS = ["wrap", "saturate", "saturate_symmetric", "saturate_zero", "wrap_sign_magnitude"]
ROUNDINGS = [
    "floor", "toward_zero", "half_up", "half_down", "half_toward_zero", "half_away", "half_even",
    "ceil", "away", "odd",
]  # fmt: skip
SCHEMES = [
    {"scheme": "multiplier_shift", "multiplier_bits": 1},
    {"scheme": "multiplier_shift", "multiplier_bits": 3},
    {"scheme": "shift_only"},
    {"scheme": "fixed_fraction", "fraction_bits": 4},
    {"scheme": "multiply_add_shift", "multiplier_bits": 2},
    {"scheme": "multiplier_shift_double"},
    {"scheme": "reduced_16"},
    {"scheme": "reduced_16_narrow"},
]


def pick(rng, words):
    return words[int(rng.integers(len(words)))]


def register(rng, low, high):
    overflow = pick(rng, OVERFLOWS)
    wraps = overflow in ("wrap", "wrap_sign_magnitude")
    bits = int(rng.integers(low, high))
    return {"bits": bits, "overflow": overflow, "wrap_bits": int(wraps and rng.integers(0, 2))}


def draw_policy(rng):
    policy = dict(pick(rng, SCHEMES))
    policy["rounding"] = pick(rng, ROUNDINGS)
    if policy["scheme"] == "multiplier_shift_double":
        policy["rounding"] = pick(rng, ["half_away", "half_up"])
    if policy["scheme"].startswith("reduced"):
        policy["rounding"] = "half_up"
    if rng.random() < 0.3:
        narrow = {"shift": int(rng.integers(0, 3)), "rounding": pick(rng, ROUNDINGS)}
        policy["narrow"] = narrow | register(rng, 3, 7)
    return policy


def draw_machine(rng, dataflow, policy=None):
    fold = bool(rng.random() < 0.4)
    document = {
        "name": f"small_{dataflow}",
        "array": {
            "dataflow": dataflow, "rows": int(rng.integers(2, 5)), "cols": int(rng.integers(1, 4)),
            "k_order": ["ky", "kx", "ic"],
        },
        "operands": {
            "activation": {"bits": 2, "signed": bool(rng.random() < 0.6)},
            "weight": {"bits": 3, "signed": True},
            "zero_point": "fold" if fold else "subtract",
        },
        "product": {
            "kind": "exact", "drop_bits": 0 if fold else int(rng.integers(0, 2)),
            "rounding": pick(rng, ROUNDINGS),
        },
        "accumulator": register(rng, 3, 8)
        | {"kind": "integer", "check": pick(rng, ["each_add"] * 4 + ["final"])},
        "bias": {"bits": 6, "overflow": "saturate", "when": pick(rng, ["preload", "last"])},
        "requantize": {"default": policy or draw_policy(rng)},
        "output": {"overflow": "saturate"},
    }  # fmt: skip
    if dataflow != "output_stationary":
        document["chain"] = register(rng, 3, 7)
    machine = Machine.model_validate(document)
    assert check(machine) == []
    return machine


def draw_case(seed, policy=None):
    """A layer of K <= 5 taps of 2 bits, and its machine: at most 1,024 inputs."""
    rng = np.random.default_rng([11, seed])
    machine = draw_machine(rng, DATAFLOWS[seed % 4], policy)
    activation, weight = machine.operands.activation.format, machine.operands.weight.format
    k, n, groups = int(rng.integers(1, 6)), int(rng.integers(1, 3)), int(rng.integers(1, 3))
    zero = rng.integers(weight.lo, weight.hi + 1, (groups, n)) * int(rng.random() < 0.4)
    gemm = Gemm(
        a=rng.integers(activation.lo, activation.hi + 1, (1, groups, 2, k)).astype(np.int32),
        w=rng.integers(weight.lo, weight.hi + 1, (groups, k, n)).astype(np.int32),
        a_zero_point=int(rng.integers(activation.lo, activation.hi + 1)),
        w_zero_point=zero.astype(np.int64),
        bias=rng.integers(-20, 21, (groups, n)) if rng.random() < 0.8 else None,
        a_range=(activation.lo, activation.hi),
        w_range=(weight.lo, weight.hi),
    )
    clamp = pick(rng, [(None, None), (-3, None), (0, 5), (None, 4)])
    side = OutputSide(
        op="conv_2d",
        input_scale=1.0,
        weight_scale=2.0 ** -rng.integers(0, 4, groups * n)
        * (1 if rng.random() < 0.6 else rng.uniform(0.5, 1, groups * n)),
        output_scale=1.0,
        zero_point=int(rng.integers(-2, 3)),
        output=IntFormat(int(rng.integers(3, 6))),
        clamp=clamp,
        activation_bits=8,
    )
    return case_of(gemm, side, machine)


def case_of(gemm, side, machine):
    run = Run("image_0", gemm, prepare(gemm, side, machine, "layer"))
    return LayerCase("small", "layer", machine, side, (run,))


def every_input(case):
    """All rows of codes, (G, M, K)."""
    gemm = case.runs[0].gemm
    lo, hi = gemm.a_range
    rows = np.array(list(product(range(lo, hi + 1), repeat=gemm.shape[3])))
    return np.broadcast_to(rows, (gemm.shape[1], *rows.shape))


def truth_of(run, case):
    """The oracle's run."""
    return exact.run(run.gemm, case.machine)


class Ties(dict):
    """Stage -> (negative, up) of a tie that happened in it."""

    def round(self, stage, x, rule):
        value = rounded(x, rule)
        if x.denominator == 2 and abs(x - value) == Fraction(1, 2):
            self[stage] = (x < 0, value > x)
        return value


def half(ties, stage, x, shift, rule):
    """``x / 2**shift`` rounded, a tie noted."""
    x = Fraction(x, 1 << shift) if shift > 0 else Fraction(x << -shift)
    return ties.round(stage, x, rule)


def requantized(case, channel, total):
    """One sum through the requantizer, before clamp and format: value, whether something was
    lost, ties."""
    r, ties, lost = case.requantizer, Ties(), False
    rule, scheme = r.rounding.name.lower(), r.scheme.name.lower()
    m, shift = int(r.multiplier[channel]), int(r.shift[channel])
    if r.narrow is not None:
        whole = half(ties, "narrow", total, r.narrow.shift, r.narrow.rounding)
        total = kept(whole, r.narrow.bits, r.narrow.overflow, r.narrow.wrap_bits)
        lost = total != whole
    if scheme == "multiplier_shift_double":
        shifted = total << max(31 - shift, 0)
        held = kept(shifted, 32, "wrap")
        lost = lost or held != shifted
        high = half(ties, "high", held * m, 31, "half_up")
        value = half(ties, "scheme", high, max(shift - 31, 0), rule)
    elif scheme == "multiply_add_shift":
        return half(ties, "scheme", total * m + int(r.add[channel]), shift, rule), lost, ties
    elif scheme == "shift_only":
        value = half(ties, "scheme", total, shift, rule)
    else:
        value = half(ties, "scheme", total * m, shift, rule)
        lost = lost or (scheme == "reduced_16" and not fits(value, 32, "wrap"))
    return value + r.zero_point, lost, ties


def clamped(case, value):
    """After the activation."""
    lo, hi = case.requantizer.clamp
    value = value if lo is None else max(value, lo)
    return value if hi is None else min(value, hi)
