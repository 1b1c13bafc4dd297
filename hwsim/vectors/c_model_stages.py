"""What the C model's templates are filled with: registers, rules and sizes, stage by stage."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from hwsim.arith.overflow import Overflow
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding
from hwsim.array.datapath import register
from hwsim.array.gemm import Register
from hwsim.array.requantizer import Requantizer
from hwsim.array.requantizer_integers import REAL_SCHEMES, ZERO_POINT_INSIDE
from hwsim.errors import UnsupportedError
from hwsim.rtl.machine import layer_parameters
from hwsim.vectors.c_model_tables import SHIFTED, entry_type, literal
from hwsim.vectors.case import LayerCase, Run
from hwsim.vectors.contents import RUN, RUN_BITS

Words = dict[str, Any]

FLOOR_SCHEMES = frozenset({Scheme.LOOKUP_TABLE, Scheme.REDUCED_16_NARROW})
"""Schemes that drop bits by floor, whatever the policy's rule."""
HALF_UP_SCHEMES = frozenset({Scheme.MULTIPLIER_SHIFT_DOUBLE, Scheme.REDUCED_16})
"""Schemes with a step that rounds half up, whatever the policy's rule."""
WRAP_32_SCHEMES = HALF_UP_SCHEMES | {Scheme.REDUCED_16_NARROW, Scheme.FLOAT64}
"""Schemes with a step that wraps in 32 bits."""
ROUNDED_SCHEMES = frozenset(
    {
        Scheme.MULTIPLIER_SHIFT,
        Scheme.FIXED_FRACTION,
        Scheme.SHIFT_ONLY,
        Scheme.MULTIPLY_ADD_SHIFT,
        Scheme.MULTIPLIER_SHIFT_DOUBLE,
    }
)
"""Schemes whose last shift rounds by the policy's rule."""


def datapath_words(run: Run) -> Words:
    """Sizes, product, chain, accumulator and the stores around them."""
    datapath, schedule = run.datapath, run.schedule
    _, groups, _, k, n = datapath.shape
    registers = [register_words(r) for r in datapath.chain]
    accumulator = register_words(datapath.accumulator)
    is_tree = bool(registers) and schedule.tree_levels > 0
    adding = {"call": "presented", "words": "exact until the last store"}
    stored = [accumulator, *registers]
    drop = Rounding(datapath.product_rounding)
    after = ["the row sum times -Zw"] if datapath.row_sum is not None else []
    after += ["the bias"] if datapath.last is not None else []
    after += ["the check"] if datapath.check_final else []
    words: Words = {
        "groups": groups,
        "k": k,
        "n": n,
        "fold": schedule.k_tile if registers else 0,
        "lanes": schedule.rows if is_tree else 0,
        "drop_bits": datapath.drop_bits,
        "product_rounding": drop.name.lower(),
        "chain": registers[0] if registers and not is_tree else None,
        "tree": registers if is_tree else [],
        "accumulator": adding if datapath.check_final else accumulator,
        "final": accumulator if datapath.check_final else None,
        "preload": datapath.preload is not None,
        "last": datapath.last is not None,
        "row_sum": datapath.row_sum is not None,
        "after": after,
        "shifts_a_sign": any(r["rule"] == "fit_wrap_sign_magnitude" for r in stored),
        "overflow_rules": {rule for r in stored for rule in rules_of(r["rule"])},
        "shift_rules": {drop.name.lower()} if datapath.drop_bits else set(),
    }
    words["unused_after"] = _unused_after(words)
    words["path"] = f"{'tree -> ' if is_tree else 'chain -> ' if registers else ''}accumulator"
    return words


def _unused_after(words: Words) -> list[str]:
    """Arguments that the stores after all products do not read on this machine."""
    unused = [] if words["row_sum"] else ["row_sum"]
    return unused + ([] if words["row_sum"] or words["last"] else ["channel"])


def register_words(r: Register) -> Words:
    """A register's rule as a call on ``presented``.

    >>> register_words(Register(8, -128, 127, Overflow.SATURATE, 0))["call"]
    'fit_saturate(presented, -128, 127)'
    """
    overflow = Overflow(r.overflow)
    rule = {
        Overflow.WRAP: "fit_wrap_saturated" if r.wrap_bits else "fit_wrap",
        Overflow.TRAP: "fit_saturate",
    }.get(overflow, f"fit_{overflow.name.lower()}")
    arguments = ["presented", literal(r.lo), literal(r.hi)]
    if rule == "fit_saturate_symmetric":
        arguments.remove(literal(r.lo))
    if rule == "fit_wrap_sign_magnitude":
        arguments.append(str(r.bits))
    if rule in ("fit_wrap_sign_magnitude", "fit_wrap_saturated"):
        arguments.append(str(r.wrap_bits))
    said = f"{r.bits} bits, {overflow.name.lower()}"
    if overflow == Overflow.TRAP:
        said += " (the nearest end is kept; an event is the caller's error)"
    return {"rule": rule, "call": f"{rule}({', '.join(arguments)})", "words": said}


def rules_of(rule: str) -> set[str]:
    """A rule and those that it calls.

    >>> sorted(rules_of("fit_wrap"))
    ['fit_wrap', 'wrap']
    """
    return {rule, "wrap"} if rule in ("fit_wrap", "fit_wrap_sign_magnitude") else {rule}


def requantizer_words(requantizer: Requantizer) -> Words:
    """The scheme, the register before it, and the output stage."""
    scheme, stochastic = requantizer.scheme, requantizer.rounding == Rounding.STOCHASTIC
    rules = scheme_rules(requantizer)
    narrow = narrow_words(requantizer)
    shifts = {rule for rule in rules if scheme in ROUNDED_SCHEMES and rule != "stochastic"}
    shifts |= {"half_up"} if scheme in HALF_UP_SCHEMES else set()
    shifts |= {"floor"} if scheme in FLOOR_SCHEMES else set()
    overflows = {"wrap"} if scheme in WRAP_32_SCHEMES else set()
    if narrow is not None:
        shifts.add(narrow["rounding"])
        overflows |= rules_of(narrow["rule"])
    real = scheme in REAL_SCHEMES
    lo, hi = requantizer.clamp
    return {
        "scheme": scheme.name.lower(),
        "scheme_rules": rules,
        "stochastic": stochastic,
        "columns": requantizer.columns,
        "narrow": narrow,
        "tail": len(rules) > 1,
        "tail_lanes": requantizer.tail_lanes,
        "shifts_left": scheme in SHIFTED and bool((requantizer.shift < 0).any()),
        "shift_rules": shifts,
        "overflow_rules": overflows,
        "uses_reals": real,
        "real_rules": {"half_away" if scheme == Scheme.FLOAT64 else "half_even"} if real else set(),
        "zero_point_outside": scheme not in ZERO_POINT_INSIDE,
        "clamp_lo": lo,
        "clamp_hi": hi,
        "entry_type": entry_type(requantizer),
    }


def scheme_rules(requantizer: Requantizer) -> list[str]:
    """The rule that outputs round by, and the tail's where it is another."""
    names = [requantizer.rounding.name.lower()]
    has_tail = requantizer.tail < requantizer.multiplier.size or requantizer.tail_lanes > 0
    if has_tail and requantizer.scheme in ROUNDED_SCHEMES:
        names.append(requantizer.tail_rounding.name.lower())
    return list(dict.fromkeys(names))


def narrow_words(requantizer: Requantizer) -> Words | None:
    """The register before the scheme."""
    spec = requantizer.narrow
    if spec is None:
        return None
    return {**register_words(register(spec)), "shift": spec.shift, "rounding": spec.rounding}


def main_words(case: LayerCase) -> Words:
    """What the self-test needs to read a bundle's ``data``; without RTL there is none."""
    try:
        parameters = layer_parameters(case.machine, case.requantizer)
    except UnsupportedError:
        return {"main": False}
    return {
        "main": True,
        "cols": parameters["COLS"],
        "input_stays": case.machine.array.dataflow == "input_stationary",
        "operand_bits": parameters["A_BITS"],
        "code_bits": parameters["OUT_BITS"],
        "run_bits": RUN_BITS,
        "run_fields": run_fields(),
    }


def run_fields() -> list[tuple[str, int, int]]:
    """Name, lowest bit and bits of every field in a record of ``runs.hex``.

    >>> run_fields()[:2]
    [('M', 0, 32), ('ACTIVATIONS_FIRST', 32, 32)]
    """
    lowest = accumulate(RUN.values(), initial=0)
    return [
        (name.upper(), low, bits) for (name, bits), low in zip(RUN.items(), lowest, strict=False)
    ]
