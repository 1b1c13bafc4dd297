"""What ``hwsim cosim`` and ``hwsim diff`` print: table, JSON, JUnit XML, the first divergence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwsim.cli_console import print_json, print_rich
from hwsim.errors import HwsimError
from hwsim.report.words import count, printable, several
from hwsim.vectors.cosim import Result, top_of
from hwsim.vectors.cosim_verdict import FAILED, PASSED, Check, bench_of
from hwsim.vectors.diff import diff
from hwsim.vectors.divergence import Differences
from hwsim.vectors.divergence_report import Divergence, explain, lines
from hwsim.vectors.golden import Bundle

SHOWN = 5


@dataclass(frozen=True)
class Explanation:
    """Of one check: the testbench's first lines, and the divergence of the codes it saw."""

    check: Check
    divergence: Divergence | None


def watcher() -> Callable[[str], None] | None:
    """Says what runs, to who watches."""
    if not sys.stderr.isatty():
        return None
    return lambda name: print(f"{name} ...", file=sys.stderr)


def explanation(bundle: Bundle, check: Check) -> Explanation:
    """Why a check did not pass, as far as its codes show."""
    if check.seen is None or check.seen.stat().st_size == 0:
        return Explanation(check, None)
    try:
        found = diff(bundle, check.seen)
    except HwsimError:
        return Explanation(check, None)
    return Explanation(check, None if found.equal else explain(found))


def show(bundle: Bundle, result: Result, why: Explanation | None, form: str) -> None:
    """The result on stdout."""
    if form == "json":
        print_json(document(bundle, result, why))
    elif form == "junit":
        print(junit(bundle, result, why), end="")
    else:
        show_table(bundle, result, why)


def document(bundle: Bundle, result: Result, why: Explanation | None) -> dict[str, Any]:
    """As JSON."""
    manifest, choice = bundle.manifest, result.choice
    divergence = None if why is None or why.divergence is None else why.divergence.document()
    return {
        "bundle": str(bundle.folder),
        "model": manifest.model,
        "layer": manifest.layer,
        "machine": manifest.machine.get("name"),
        "simulator": choice.simulator,
        "rtl": [str(path) for path in choice.rtl],
        "top": top_of(bundle, choice),
        "passed": result.worst is None,
        "checks": [
            {
                "name": check.name,
                "status": check.status,
                "reason": check.reason,
                "mismatches": list(check.mismatches),
                "clocks": check.clocks,
                "seconds": round(check.seconds, 3),
            }
            for check in result.checks
        ],
        "divergence": divergence,
    }


def show_table(bundle: Bundle, result: Result, why: Explanation | None) -> None:
    """Checks, then the first failure explained."""
    from hwsim.report.tables import text_table

    manifest = bundle.manifest
    title = f"{manifest.model} {manifest.layer} on {manifest.machine.get('name')}"
    print(printable(f"{title}: {result.choice.simulator}, {top_of(bundle, result.choice)}"))
    rows: list[list[Any]] = [
        [check.name, check.status, count(check.clocks) if check.clocks else "", _rate(check)]
        for check in _grouped(bundle, result)
    ]
    print_rich(text_table(["check", "result", "clocks", "clocks/s"], rows, text_columns=2))
    if why is None:
        beats = manifest.words("output").count
        runs = several(len(manifest.runs), "run")
        print(f"Equal: {count(beats)} beats of {runs}, {several(len(result.checks), 'check')}")
        return
    print(printable(f"{why.check.name}: {why.check.reason}"))
    for line in why.check.mismatches[:SHOWN]:
        print(printable(f"  {line}"))
    for line in lines(why.divergence) if why.divergence is not None else ():
        print(printable(line))


def _rate(check: Check) -> str:
    """Simulated clocks a second, of a simulation that counted them."""
    return count(check.clocks / check.seconds) if check.clocks and check.seconds else ""


def _grouped(bundle: Bundle, result: Result) -> list[Check]:
    """Checks, the many seeds that pass as one row."""
    bench = bench_of(bundle)
    seeded = [check for check in result.checks if check.name.startswith(f"{bench} seed ")]
    passed = [check for check in seeded[1:] if check.status == PASSED]
    if len(passed) < 3:
        return list(result.checks)
    whole = Check(
        f"{bench}, {len(passed)} seeds of stalls",
        PASSED,
        clocks=sum(check.clocks for check in passed),
        seconds=sum(check.seconds for check in passed),
    )
    rest = [check for check in result.checks if check not in passed]
    at = rest.index(seeded[0]) + 1
    return [*rest[:at], whole, *rest[at:]]


def junit(bundle: Bundle, result: Result, why: Explanation | None) -> str:
    """JUnit XML: one test case a check."""
    from xml.etree import ElementTree

    manifest = bundle.manifest
    wrong = [check for check in result.checks if check.status != PASSED]
    failures = sum(check.status == FAILED for check in wrong)
    suite = ElementTree.Element(
        "testsuite",
        name=printable(f"{manifest.model} {manifest.layer} {result.choice.simulator}"),
        tests=str(len(result.checks)),
        failures=str(failures),
        errors=str(len(wrong) - failures),
    )
    for check in result.checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname=printable(manifest.layer), name=check.name,
            time=f"{check.seconds:.3f}",
        )  # fmt: skip
        if check.status == PASSED:
            continue
        kind = "failure" if check.status == FAILED else "error"
        said = list(check.mismatches)
        if why is not None and why.check is check and why.divergence is not None:
            said += lines(why.divergence)
        element = ElementTree.SubElement(case, kind, message=printable(check.reason))
        element.text = "\n".join(map(printable, said)) or None
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode") + "\n"


def show_diff(dump: Path, found: Differences, divergence: Divergence | None, form: str) -> None:
    """A comparison on stdout."""
    if form == "json":
        value = None if divergence is None else divergence.document()
        print_json({"dump": str(dump), "stage": found.stage, "equal": found.equal,
                    "divergence": value})  # fmt: skip
        return
    if divergence is None:
        values = int(found.beats.keep.sum())
        print(f"Equal: {count(values)} values of stage {found.stage}")
        return
    for line in lines(divergence):
        print(printable(line))
