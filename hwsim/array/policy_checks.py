"""Which words of a requantization policy its scheme needs, allows or refuses."""

from __future__ import annotations

from typing import Any

from hwsim.array.specification import REAL_BIAS_SCHEMES, OperatorSpec, RequantizeSpec

Failure = tuple[str, Any, str]
"""Field, value, what must hold."""

FIXED_FRACTION = "fixed_fraction"
MULTIPLIER_SCHEMES = frozenset({"multiplier_shift", "multiply_add_shift"})
SHIFT_SCHEMES = MULTIPLIER_SCHEMES | {"shift_only", FIXED_FRACTION}
TAIL_SCHEMES = SHIFT_SCHEMES | {"multiplier_shift_double"}
REAL_TAIL_SCHEMES = frozenset({"float32", "float32_two_products"})  # of operators on real values
OPERATOR_TAIL_SCHEMES = TAIL_SCHEMES | REAL_TAIL_SCHEMES | {"separate_zero_point"}
TABLE_SCHEMES = frozenset({"threshold_table", "lookup_table"})
ROUNDINGS = {
    "float32": {"half_even"},
    "float64": {"half_away"},
    "multiplier_shift_double": {"half_away", "half_up"},
    "reduced_16": {"half_up"},
    "reduced_16_narrow": {"half_up"},
    "float32_bias": {"half_even"},
    "float32_dequantized": {"half_even"},
    "real_bias": {"half_even"},
}


def check_policy(spec: RequantizeSpec) -> list[Failure]:
    """Every word of ``spec`` that does not go with its scheme, as ``(field, value, must)``.

    >>> check_policy(RequantizeSpec(scheme="float32", rounding="half_up"))
    [('rounding', 'half_up', 'must be half_even for scheme float32')]
    """
    return [
        *_check_rounding(spec),
        *_check_widths(spec),
        *_check_scale(spec),
        *_check_tail(spec),
        *_check_narrow(spec),
    ]


def _check_rounding(spec: RequantizeSpec) -> list[Failure]:
    """Rounding rules that the scheme fixes; stochastic rounding and its LFSR go together."""
    allowed = ROUNDINGS.get(spec.scheme)
    stochastic = spec.rounding == "stochastic"
    if allowed and spec.rounding not in allowed:
        words = " or ".join(sorted(allowed))
        return [("rounding", spec.rounding, f"must be {words} for scheme {spec.scheme}")]
    if stochastic and spec.scheme not in SHIFT_SCHEMES:
        words = ", ".join(sorted(SHIFT_SCHEMES))
        return [("rounding", spec.rounding, f"stochastic is for schemes {words}")]
    if stochastic and spec.lfsr is None:
        return [("lfsr", None, "must be given for rounding stochastic")]
    if not stochastic and spec.lfsr is not None:
        return [("lfsr", spec.lfsr, "must be absent unless rounding is stochastic")]
    return []


def _check_widths(spec: RequantizeSpec) -> list[Failure]:
    """Words of some schemes stand where a scheme reads them, and nowhere else."""
    failures: list[Failure] = []
    for field, value, needs in (
        ("multiplier_bits", spec.multiplier_bits, spec.scheme in MULTIPLIER_SCHEMES),
        ("fraction_bits", spec.fraction_bits, spec.scheme == FIXED_FRACTION),
        ("table_bits", spec.table_bits, spec.scheme == "lookup_table"),
        ("quantize", spec.quantize, spec.scheme == "real_bias"),
        ("weight_scale", spec.weight_scale, spec.scheme == "float32_dequantized"),
    ):
        if needs and value is None:
            failures.append((field, value, f"must be given for scheme {spec.scheme}"))
        elif not needs and value is not None:
            failures.append((field, value, f"must be absent for scheme {spec.scheme}"))
    return failures


def _check_scale(spec: RequantizeSpec) -> list[Failure]:
    """Tables are made from the exact factor, schemes with a real bias say how they compose theirs;
    ``scale`` left out means float64 everywhere else."""
    if spec.scheme in REAL_BIAS_SCHEMES and spec.scale is not None:
        return [("scale", spec.scale, f"must be absent: scheme {spec.scheme} says it")]
    if spec.scheme in TABLE_SCHEMES and spec.scale not in (None, "float64"):
        return [("scale", spec.scale, f"must be float64 for scheme {spec.scheme}")]
    return []


def _check_tail(spec: RequantizeSpec) -> list[Failure]:
    """A tail rounds by a rule that its scheme has; the random source goes by array columns."""
    if spec.tail is None:
        return []
    if spec.tail.scheme is not None:
        return [("tail.scheme", spec.tail.scheme, "must be absent: it is for operators")]
    if spec.scheme not in TAIL_SCHEMES:
        words = ", ".join(sorted(TAIL_SCHEMES))
        return [("tail", spec.tail, f"must be absent: schemes with a tail are {words}")]
    rounding, allowed = spec.tail.rounding, ROUNDINGS.get(spec.scheme)
    if "stochastic" in (rounding, spec.rounding):
        return [("tail.rounding", rounding, "must be absent where rounding is stochastic")]
    if allowed and rounding not in allowed:
        words = " or ".join(sorted(allowed))
        return [("tail.rounding", rounding, f"must be {words} for scheme {spec.scheme}")]
    return []


def _check_narrow(spec: RequantizeSpec) -> list[Failure]:
    """The register before the scheme has no random source, and nothing that could stop a run."""
    register = spec.narrow
    if register is None:
        return []
    failures: list[Failure] = []
    if register.rounding == "stochastic":
        failures.append(("narrow.rounding", "stochastic", "must be a rule without an LFSR"))
    if register.overflow == "trap":
        failures.append(("narrow.overflow", "trap", "must be another rule: only the array traps"))
    wraps = register.overflow in ("wrap", "wrap_sign_magnitude")
    if register.wrap_bits >= (register.bits if wraps else 1):
        must = f"must be below {register.bits}" if wraps else f"must be 0 for {register.overflow}"
        failures.append(("narrow.wrap_bits", register.wrap_bits, must))
    return failures


def check_operator(spec: OperatorSpec) -> list[Failure]:
    """Words of an operator that its scheme does not read, or that it needs.

    >>> tail = {"lanes": 8, "rounding": "half_even"}
    >>> check_operator(OperatorSpec(scheme="mean_of_codes", rounding="half_away", tail=tail))[0][0]
    'tail'
    """
    failures: list[Failure] = []
    needs = spec.scheme == FIXED_FRACTION
    if needs != (spec.fraction_bits is not None):
        must = f"must be {'given' if needs else 'absent'} for scheme {spec.scheme}"
        failures.append(("fraction_bits", spec.fraction_bits, must))
    if spec.tail is not None:
        if spec.scheme not in OPERATOR_TAIL_SCHEMES:
            words = ", ".join(sorted(OPERATOR_TAIL_SCHEMES))
            must = f"must be absent: schemes with a tail are {words}"
            failures.append(("tail", spec.tail.model_dump(), must))
        elif spec.tail.scheme is not None and spec.scheme not in REAL_TAIL_SCHEMES:
            must = f"must be absent for scheme {spec.scheme}"
            failures.append(("tail.scheme", spec.tail.scheme, must))
    return failures
