"""Where two sources part: one output, printed so that a person can redo it, and what fits it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from hwsim.analysis.compare_explain import Explanation, Side
from hwsim.analysis.diagnosis_evidence import Finding
from hwsim.report.words import printable


def explained(found: Explanation | None) -> dict[str, Any] | None:
    """As JSON."""
    if found is None:
        return None
    place = found.place
    return {
        "node": found.node,
        "op": found.op,
        "sample": place.sample,
        "index": list(place.index),
        "sides": [
            {
                "machine": side.machine,
                "policy": side.policy,
                "code": side.code,
                "steps": [vars(step) for step in side.steps],
            }
            for side in found.sides
        ],
        "verdict": found.verdict,
    }


def print_findings(findings: Sequence[Finding], node: str) -> None:
    """Known mistakes that make such a difference, each with its evidence."""
    print(printable(f"Mistakes that look like this at {node}:"))
    for finding in findings:
        print(printable(f"  {finding.words}"))
        evidence = printable(finding.evidence)
        print(textwrap.fill(evidence, 100, initial_indent=" " * 4, subsequent_indent=" " * 4))


def print_explanation(found: Explanation) -> None:
    """Both ways to the code, one under the other."""
    where = ", ".join(map(str, found.place.index))
    print()
    print(printable(f"First: {found.node}, sample {found.place.sample}, output [{where}]"))
    for side in found.sides:
        _print_side(side)
    print(printable(f"  {found.verdict}"))
    print()


def _print_side(side: Side) -> None:
    print(printable(f"  {side.machine}: {side.policy}"))
    width = max((len(step.label) for step in side.steps), default=0)
    for step in side.steps:
        note = f"    {step.note}" if step.note else ""
        print(f"    {step.label:{width}}  {_number(step.value)}{note}")


def _number(value: float) -> str:
    return f"{value:>16.9g}" if isinstance(value, float) else f"{value:>16d}"
