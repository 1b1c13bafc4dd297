"""The command line: thin, and quick to start (numpy, numba, matplotlib load inside commands)."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim import cli_hw
from hwsim.cli_console import (
    INTERRUPTED,
    Format,
    OneLineErrors,
    RunFormat,
    flat,
    print_json,
    print_rich,
    print_rows,
    progress_bar,
)
from hwsim.cli_criterion import Criterion, Finding
from hwsim.cli_hw import FormatOption, SetOption

if TYPE_CHECKING:
    from hwsim.simulation import Result

app = typer.Typer(
    name="hwsim",
    cls=OneLineErrors,
    epilog="Exit codes: 0 done, 1 the thing checked does not hold, 2 bad input.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cli_hw.hw, name="hw")


class Engine(StrEnum):
    """How a layer is executed."""

    FAST = "fast"
    CYCLE = "cycle"


class Trace(StrEnum):
    """What is recorded beside the counters."""

    OFF = "off"
    OVERFLOW = "overflow"
    ERRORS = "errors"
    FULL = "full"


def _print_version(asked: bool) -> None:
    if asked:
        from hwsim.version import VERSION

        print(f"hwsim {VERSION}")
        raise typer.Exit


ModelArgument = Annotated[str, typer.Argument(help="An embedded model, or a model file.")]
HwOption = Annotated[str, typer.Option("--hw", help="A machine's name, or its YAML file.")]
DataOption = Annotated[
    str | None,
    typer.Option("--data", help="An .npz or .npy file, an embedded model's name, or `random`."),
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Take only so many samples.")]
ScaleOption = Annotated[
    str | None,
    typer.Option("--input-scale", help="Real step of one stored number of the data, like 1/255."),
]
SeedOption = Annotated[int, typer.Option(min=0, help="Of `--data random`.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")]


@app.callback()
def version(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """What exactly happens when this quantized network runs on that MAC array."""


@app.command()
def run(
    model: ModelArgument = "digits",
    hw: HwOption = "edge_ws_16x16",
    data: DataOption = None,
    limit: LimitOption = None,
    engine: Annotated[Engine, typer.Option(help="fast, or clock by clock.")] = Engine.FAST,
    trace: Annotated[Trace, typer.Option(help="What to record beside the counters.")] = Trace.OFF,
    set_: SetOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default reports/<model>--<hw>.")] = None,
    input_scale: ScaleOption = None,
    seed: SeedOption = 0,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="Exit with 1 where it holds: overflow.persistent>0."),
    ] = None,
    quiet: QuietOption = False,
    form: Annotated[
        RunFormat | None, typer.Option("--format", help="How to print the result: table.")
    ] = None,
) -> None:
    """Run a network on a machine: overflow, error, cycles, layer by layer."""
    criteria = [Criterion.parse(text) for text in fail_on or ()]
    from hwsim import simulation
    from hwsim.cli_inputs import inputs_of
    from hwsim.importers import model as model_files

    machine = simulation.load_hardware(hw, set_ or ())
    network = model_files.load(model)
    inputs = inputs_of(network, data, limit, input_scale, seed)
    with progress_bar(quiet) as progress:
        result = simulation.simulate(
            network, machine, inputs, engine=engine.value, trace=trace.value, progress=progress
        )
    folder = save(result, out)
    findings = [finding for criterion in criteria for finding in criterion.findings(result.summary)]
    print_run(result.summary, findings, form, quiet)
    if not quiet and form is None:
        print(f"Written to {folder}")
    fail(findings)


def save(result: Result, out: Path | None) -> Path:
    """Write the run's folder; traces go inside where the user named it, else to traces/."""
    if out is not None:
        result.save(out)
        return out
    names = (result.summary["model"], result.summary["hardware"])
    name = "--".join(re.sub(r"[^A-Za-z0-9._-]", "_", part).lstrip(".") for part in names)
    result.save(Path("reports") / name, Path("traces") / name)
    return Path("reports") / name


def print_run(
    summary: dict[str, Any], findings: list[Finding], form: RunFormat | None, quiet: bool
) -> None:
    """The result on stdout."""
    from hwsim.report import tables

    if form is RunFormat.JSON:
        print(tables.run_json(summary))
    elif form is RunFormat.CSV:
        print(tables.run_csv(summary), end="")
    elif form is RunFormat.JUNIT:
        layers = summary["layers"]
        failures = {f.layer or (layers[0]["name"] if layers else ""): str(f) for f in findings}
        print(tables.run_junit(summary, failures), end="")
    elif not quiet:
        print_rich(tables.run_table(summary))


def fail(findings: list[Finding]) -> None:
    """End with exit code 1 where any ``--fail-on`` holds, and say which."""
    from hwsim.errors import CheckError

    if findings:
        raise CheckError.all([str(finding) for finding in findings])


@app.command()
def bounds(
    model: ModelArgument = "digits",
    hw: HwOption = "edge_ws_16x16",
    data: DataOption = None,
    limit: LimitOption = None,
    set_: SetOption = None,
    input_scale: ScaleOption = None,
    seed: SeedOption = 0,
    form: FormatOption = Format.TABLE,
) -> None:
    """The width ladder: bits that each register has and needs; observed rungs with --data."""
    from hwsim import simulation
    from hwsim.cli_inputs import inputs_of
    from hwsim.importers import model as model_files
    from hwsim.report import tables

    machine = simulation.load_hardware(hw, set_ or ())
    network = model_files.load(model)
    inputs = None if data is None else inputs_of(network, data, limit, input_scale, seed)
    layers = simulation.bounds(network, machine, inputs)
    if form is Format.TABLE:
        print_rich(tables.ladder_table({"layers": layers}))
    else:
        print_rows(layers if form is Format.JSON else [flat(layer) for layer in layers], form)


@app.command()
def inspect(
    model: ModelArgument = "digits",
    hw: HwOption = "edge_ws_16x16",
    set_: SetOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Layers, formats, scales, MACs, and what will run where."""
    from hwsim.analysis import inspection
    from hwsim.cli_inspect import overview, print_warnings
    from hwsim.importers import hardware
    from hwsim.importers import model as model_files

    machine = hardware.load(hw, set_ or ())
    entries = inspection.inspect(model_files.load(model).graph, machine)
    if form is Format.JSON:
        print_json(entries)
        return
    print_rows([overview(entry) for entry in entries], form)
    if form is Format.TABLE:
        print_warnings(entries)


@app.command()
def report(
    run_dir: Annotated[Path, typer.Argument(help="A folder that `hwsim run` wrote.")],
) -> None:
    """Render report.html, layers.csv and the plots of a run again."""
    from hwsim.report.render import render

    render(run_dir)
    print(f"Rendered {run_dir / 'report.html'}")


def main() -> None:
    """Entry point of ``hwsim`` and ``python -m hwsim``."""
    try:
        app(prog_name="hwsim")
    except KeyboardInterrupt:  # before the command line was read
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
