"""A bundle through a simulator: build, run, and have the testbench's words judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from hwsim.errors import ConfigError, DataError
from hwsim.rtl import TOP
from hwsim.vectors.cosim_verdict import (
    CLOCKS,
    ERROR,
    FAILED,
    PASSED,
    Check,
    bench_of,
    codes_seen,
    judged,
)
from hwsim.vectors.golden import Bundle
from hwsim.vectors.reading import check_files
from hwsim.vectors.simulators import Simulator, build, find, run

FILE_LIST = "filelist.f"


@dataclass(frozen=True)
class Choice:
    """What is simulated: ``rtl`` in place of the bundle's own where given, ``top`` its module
    (None: named as the bundle's); ``seeds`` runs under random stalls of ``stall`` percent;
    ``seconds``: time-out of each program."""

    simulator: str
    rtl: tuple[Path, ...] = ()
    top: str | None = None
    seeds: int = 0
    stall: int = 50
    seconds: float = 300.0


@dataclass(frozen=True)
class Result:
    """All checks of one bundle."""

    choice: Choice
    checks: tuple[Check, ...] = field(default_factory=tuple)

    @property
    def worst(self) -> Check | None:
        """The first that failed, else the first in error, else None."""
        for status in (FAILED, ERROR):
            for check in self.checks:
                if check.status == status:
                    return check
        return None


def cosim(
    bundle: Bundle, choice: Choice, work: Path, watch: Callable[[str], None] | None = None
) -> Result:
    """Verify the bundle's digests, then build and run its testbenches in ``work``.

    ``tb_clocks`` compares every register at every clock, of the bundle's own RTL alone;
    ``tb_streams`` compares streams by order. ``watch`` is told what starts.

    Raises
    ------
    DataError
        A file of the bundle is not what the manifest says, or one of ``rtl`` is absent.
    UnsupportedError
        There is no such simulator.
    """
    simulator = find(choice.simulator)
    check_files(bundle.folder, bundle.manifest)
    for path in choice.rtl:
        if not path.is_file():
            raise DataError.at("--rtl", "file", path, "must be there")
    own = not choice.rtl
    tops = [bench_of(bundle)]
    if own and bundle.manifest.clocks_width:
        tops.insert(0, CLOCKS)
    checks: list[Check] = []
    for top in tops:
        checks += _bench(bundle, choice, simulator, top, work, watch or (lambda _: None))
    return Result(choice, tuple(checks))


def top_of(bundle: Bundle, choice: Choice) -> str:
    """The design's module."""
    kind = bundle.manifest.kind
    return choice.top or (TOP if kind == "layer" else f"{kind}_stage")


def _bench(
    bundle: Bundle,
    choice: Choice,
    simulator: Simulator,
    top: str,
    work: Path,
    watch: Callable[[str], None],
) -> list[Check]:
    """Build one testbench and run it; runs after a hang are left out."""
    started = monotonic()
    name = f"build {top}"
    watch(name)
    try:
        command = build(
            simulator, sources(bundle, choice, top), top, folder=work,
            include=bundle.folder.resolve(),
            defines=macros(bundle, choice), seconds=choice.seconds,
        )  # fmt: skip
    except ConfigError as error:
        return [Check(name, ERROR, str(error), seconds=monotonic() - started)]
    found = [Check(name, PASSED, seconds=monotonic() - started)]
    for seed in range(choice.seeds + 1 if top != CLOCKS else 1):
        watch(f"{top} seed {seed}")
        found.append(_simulate(bundle, choice, simulator, top, [*command], work, seed))
        if found[-1].reason.startswith("hangs"):
            break
    return found


def sources(bundle: Bundle, choice: Choice, top: str) -> list[Path]:
    """Files in order: the design, the parts of testbenches, the testbench."""
    listed = [
        line.strip()
        for line in (bundle.folder / FILE_LIST).read_text("utf-8").splitlines()
        if line.strip() and not line.strip().startswith(("//", "+", "-"))
    ]
    known = [line for line in listed if line in bundle.manifest.files]
    parts = [line for line in known if not re.match(r"tb_\w+\.sv$", line)]
    own = [line for line in parts if not line.startswith("tb/")]
    design = [path.resolve() for path in choice.rtl] or [bundle.folder / line for line in own]
    rest = [bundle.folder / line for line in parts if line.startswith("tb/")]
    return [*(path.resolve() for path in [*design, *rest]), (bundle.folder / f"{top}.sv").resolve()]


def macros(bundle: Bundle, choice: Choice) -> dict[str, str]:
    """What the testbench must know of the design."""
    top = top_of(bundle, choice)
    found = {"DUT": top}
    if not choice.rtl:
        return found | {"STAGES": "1"}
    return found if takes_parameters(choice.rtl, top) else found | {"DUT_HAS_NO_PARAMETERS": "1"}


def takes_parameters(rtl: Sequence[Path], top: str) -> bool:
    """Whether the top module of the given RTL has a parameter list."""
    head = re.compile(rf"\bmodule\s+{re.escape(top)}\b(\s*import\b[^;]*;)*\s*#\s*\(")
    return any(head.search(path.read_text("utf-8", "replace")) for path in rtl)


def _simulate(
    bundle: Bundle,
    choice: Choice,
    simulator: Simulator,
    top: str,
    command: list[str],
    work: Path,
    seed: int,
) -> Check:
    """One simulation, judged."""
    started = monotonic()
    name = f"{top} seed {seed}" if top != CLOCKS else top
    stem = name.replace(" ", "_")
    seen = work / f"{stem}.hex"
    seen.unlink(missing_ok=True)
    words = [f"+data={(bundle.folder / 'data').resolve()}", f"+seen={seen}", f"+seed={seed}"]
    words += [f"+stall={choice.stall}", *(["+ignore_cycles"] if choice.rtl else [])]
    said = run(simulator, [*command, *words], work, choice.seconds, work / f"{stem}.log")
    check = replace(judged(bundle, top, said, choice.seconds), name=name)
    if top != CLOCKS:
        check = replace(check, seen=seen if seen.is_file() else None)
        if check.status == PASSED:
            check = codes_seen(bundle, check)
    return replace(check, seconds=monotonic() - started)
