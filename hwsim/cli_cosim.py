"""``hwsim cosim`` and ``hwsim diff``: a bundle through a simulator, a dump beside a bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hwsim.vectors.cosim import Result
    from hwsim.vectors.golden import Bundle

BundleArgument = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="A folder that `hwsim vectors` wrote.")
]


class CosimFormat(StrEnum):
    """How ``cosim`` prints its result."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"


class DiffFormat(StrEnum):
    """How ``diff`` prints its result."""

    TABLE = "table"
    JSON = "json"


class Simulators(StrEnum):
    """What can simulate."""

    VERILATOR = "verilator"
    ICARUS = "icarus"


def cosim(
    bundle: BundleArgument,
    simulator: Annotated[
        Simulators, typer.Option(help="Verilator is the faster one, Icarus builds at once.")
    ] = Simulators.VERILATOR,
    rtl: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Your design in place of the bundle's; repeatable, in order of compilation.",
        ),
    ] = None,
    top: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Its module, if not named as the bundle's: mac_array_top."
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=0, metavar="N", help="Also N runs under random stalls.")
    ] = 0,
    stall: Annotated[
        int, typer.Option(min=0, max=99, metavar="PERCENT", help="Clocks that stall, of these.")
    ] = 50,
    form: Annotated[
        CosimFormat, typer.Option("--format", help="How to print the result.")
    ] = CosimFormat.TABLE,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Of each program.")
    ] = 300.0,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the build, logs and codes that were seen."),
    ] = None,
) -> None:
    """Simulate a bundle: exit code 1 where the design differs, 2 where it gives no result.

    The bundle's own RTL is compared register by register at every clock, and its streams by order;
    yours (--rtl, --top) by order.
    """
    from hwsim import cli_cosim_output as output
    from hwsim.vectors.cosim import Choice
    from hwsim.vectors.cosim import cosim as simulated
    from hwsim.vectors.golden import Bundle

    opened = Bundle.open(bundle)
    choice = Choice(simulator.value, tuple(rtl or ()), top, seeds, stall, timeout)
    with work_folder(keep) as work:
        result = simulated(opened, choice, work, output.watcher())
        finish(opened, result, form)


def finish(bundle: Bundle, result: Result, form: CosimFormat) -> None:
    """Print, and raise where a check did not pass."""
    from hwsim import cli_cosim_output as output
    from hwsim.errors import DataError, MismatchError
    from hwsim.vectors.cosim_verdict import FAILED

    worst = result.worst
    explanation = output.explanation(bundle, worst) if worst is not None else None
    output.show(bundle, result, explanation, form.value)
    if worst is not None:
        kind = MismatchError if worst.status == FAILED else DataError
        raise kind(f"{bundle.folder}: {worst.name} = {worst.status}: {worst.reason}")


@contextmanager
def work_folder(keep: Path | None) -> Iterator[Path]:
    """A folder that goes afterwards, or the one to keep."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="hwsim_cosim_") as folder:
        yield Path(folder)


def diff(
    bundle: BundleArgument,
    dump: Annotated[
        Path,
        typer.Argument(
            metavar="DUMP",
            help="Hex (packed as the bundle's file, or one value a line), .vcd or .fst.",
        ),
    ],
    signal: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Of a waveform: the data of the stream; its _valid says when."
        ),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE",
            help="chain, partial, products, accumulator, requantized or output (the default); "
            "of a waveform the first that differs.",
        ),
    ] = None,
    form: Annotated[
        DiffFormat, typer.Option("--format", help="How to print the result.")
    ] = DiffFormat.TABLE,
) -> None:
    """Where a dump of a design first parts from a bundle, and why; exit code 1 where it does."""
    from hwsim import cli_cosim_output as output
    from hwsim.errors import MismatchError
    from hwsim.vectors.diff import diff as compared
    from hwsim.vectors.divergence_report import explain
    from hwsim.vectors.golden import Bundle

    found = compared(Bundle.open(bundle), dump, stage, signal)
    divergence = None if found.equal else explain(found)
    output.show_diff(dump, found, divergence, form.value)
    if divergence is not None:
        count = f"{divergence.different} of {divergence.values} values"
        raise MismatchError(f"{dump}: different = {count} of {found.stage}: must be equal")
