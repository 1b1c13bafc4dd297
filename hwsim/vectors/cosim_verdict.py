"""What the words of a simulation come to.

Nothing passes but a simulation that ends without an error, says no word of a failure, says once
that it passes, with the counts of the manifest, and has written the very codes of the bundle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hwsim.vectors.golden import Bundle
from hwsim.vectors.manifest import hex_path
from hwsim.vectors.reading import read_file
from hwsim.vectors.simulators import Said

PASS = re.compile(r"PASS runs=(\d+) beats=(\d+) clocks=(\d+)")
TROUBLE = ("FAIL", "MISMATCH", "PASS")
STREAMS, STAGE, CLOCKS = "tb_streams", "tb_requantize", "tb_clocks"
PASSED, FAILED, ERROR = "passed", "failed", "error"
MOST_SHOWN = 20


@dataclass(frozen=True)
class Check:
    """One build or simulation.

    Attributes
    ----------
    name : str
        ``build tb_streams``, ``tb_streams seed 3``.
    status : str
        ``passed``; ``failed``: the design differs; ``error``: it gave no result to compare.
    reason : str
        Why it did not pass.
    mismatches : tuple of str
        The testbench's first lines on them.
    clocks : int
        That the testbench counted.
    seconds : float
    seen : Path or None
        The codes that came.
    """

    name: str
    status: str
    reason: str = ""
    mismatches: tuple[str, ...] = ()
    clocks: int = 0
    seconds: float = 0.0
    seen: Path | None = None


def bench_of(bundle: Bundle) -> str:
    """The testbench that compares streams."""
    return STREAMS if bundle.manifest.kind == "layer" else STAGE


def judged(bundle: Bundle, top: str, said: Said, seconds: float) -> Check:
    """What the words of a simulation come to."""
    if said.code is None:
        return Check(top, ERROR, f"hangs: no end after {seconds:g} s; --timeout gives it more")
    lines = [line.strip() for line in said.lines() if line.strip().startswith(TROUBLE)]
    wrong = tuple(line for line in lines if line.startswith("MISMATCH"))
    failed = [line.removeprefix("FAIL").strip() for line in lines if line.startswith("FAIL")]
    if wrong or any(reason.startswith("mismatches") for reason in failed):
        reason = failed[0] if failed else "mismatches"
        return Check(top, FAILED, reason, wrong[:MOST_SHOWN])
    if failed:
        hangs = "hangs: " if failed[0].startswith("timeout") else ""
        return Check(top, ERROR, hangs + failed[0])
    passes = [match for line in lines if (match := PASS.fullmatch(line))]
    if said.code != 0 or len(passes) != 1 or len(lines) != 1:
        last = next(reversed([line for line in said.lines() if line.strip()]), "nothing")
        reason = f"no verdict: exit code {said.code}, the last words are: {last.strip()[:200]}"
        return Check(top, ERROR, reason)
    return _counted(bundle, top, [int(number) for number in passes[0].groups()])


def _counted(bundle: Bundle, top: str, counts: Sequence[int]) -> Check:
    """A pass with the counts of the manifest; with others it is none."""
    manifest = bundle.manifest
    runs, beats, clocks = counts
    want = len(manifest.runs) if top != STAGE else 1, manifest.words("output").count
    if (runs, beats) != want and top != CLOCKS:
        must = f"must be {want[0]} and {want[1]}"
        return Check(top, ERROR, f"PASS says {runs} runs and {beats} beats: {must}")
    if runs != want[0]:
        return Check(top, ERROR, f"PASS says {runs} runs: must be {want[0]}")
    return Check(top, PASSED, clocks=clocks)


def codes_seen(bundle: Bundle, check: Check) -> Check:
    """A pass whose codes are the bundle's, word by word."""
    want = read_file(bundle.folder, bundle.manifest, hex_path("output")).split()
    have = check.seen.read_bytes().lower().split() if check.seen is not None else []
    if len(have) != len(want):
        few = "few" if len(have) < len(want) else "many"
        reason = f"too {few} outputs: {len(have)} of {len(want)}, though the testbench says PASS"
        return replace(check, status=ERROR, reason=reason)
    if have != want:
        reason = "the codes are not the bundle's, though the testbench says PASS"
        return replace(check, status=FAILED, reason=reason)
    return check
