"""Which words of a requantization policy its scheme needs, allows or refuses."""

from __future__ import annotations

from typing import Any

from hwsim.array.specification import RequantizeSpec

Failure = tuple[str, Any, str]
"""Field, value, what must hold."""

MULTIPLIER_SCHEMES = frozenset({"multiplier_shift", "multiply_add_shift"})
SHIFT_SCHEMES = MULTIPLIER_SCHEMES | {"shift_only"}
TABLE_SCHEMES = frozenset({"threshold_table", "lookup_table"})
ROUNDINGS = {
    "float32": {"half_even"},
    "float64": {"half_away"},
    "multiplier_shift_double": {"half_away", "half_up"},
    "reduced_16": {"half_up"},
}


def check_policy(spec: RequantizeSpec) -> list[Failure]:
    """Every word of ``spec`` that does not go with its scheme, as ``(field, value, must)``.

    >>> check_policy(RequantizeSpec(scheme="float32", rounding="half_up"))
    [('rounding', 'half_up', 'must be half_even for scheme float32')]
    """
    return [*_check_rounding(spec), *_check_widths(spec), *_check_scale(spec)]


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
    """``multiplier_bits`` and ``table_bits`` stand where a scheme reads them, and nowhere else."""
    failures: list[Failure] = []
    for field, value, needs in (
        ("multiplier_bits", spec.multiplier_bits, spec.scheme in MULTIPLIER_SCHEMES),
        ("table_bits", spec.table_bits, spec.scheme == "lookup_table"),
    ):
        if needs and value is None:
            failures.append((field, value, f"must be given for scheme {spec.scheme}"))
        elif not needs and value is not None:
            failures.append((field, value, f"must be absent for scheme {spec.scheme}"))
    return failures


def _check_scale(spec: RequantizeSpec) -> list[Failure]:
    """Tables are made from the exact factor; ``scale`` left out means float64 everywhere."""
    if spec.scheme in TABLE_SCHEMES and spec.scale not in (None, "float64"):
        return [("scale", spec.scale, f"must be float64 for scheme {spec.scheme}")]
    return []
