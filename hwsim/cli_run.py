"""``hwsim run``: simulate, write the folder, print, and check."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.cli_console import ARGUMENTS, RunFormat, print_rich, progress_bar
from hwsim.cli_criterion import Criterion, Finding
from hwsim.cli_options import (
    DataOption,
    HwOption,
    LimitOption,
    ModelArgument,
    PickleOption,
    ScaleOption,
    SeedOption,
    SetOption,
    pickled_shape,
)

if TYPE_CHECKING:
    from hwsim.simulation import Result

_FULL = "Of --trace full: "


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


def run(
    context: typer.Context,
    model: ModelArgument = "digits",
    hw: HwOption = "edge_ws_16x16",
    data: DataOption = None,
    limit: LimitOption = None,
    engine: Annotated[Engine, typer.Option(help="fast, or clock by clock.")] = Engine.FAST,
    trace: Annotated[
        Trace,
        typer.Option(
            help="What to record beside the counters: every event, every error in LSB, "
            "or every register at every clock."
        ),
    ] = Trace.OFF,
    trace_layer: Annotated[
        str | None, typer.Option(metavar="GLOB", help=_FULL + "which layers; default all.")
    ] = None,
    trace_cycles: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST:LAST",
            help=_FULL + "compute clocks of each layer, both included; default its first fold.",
        ),
    ] = None,
    trace_sample: Annotated[
        int | None, typer.Option(min=0, metavar="N", help=_FULL + "which image; default 0.")
    ] = None,
    causes: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="[N]",
            help="Take every layer's error apart by cause, on the first N images; default 32.",
        ),
    ] = None,
    set_: SetOption = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder; default reports/<model>--<hw>.")
    ] = None,
    input_scale: ScaleOption = None,
    allow_pickle: PickleOption = None,
    seed: SeedOption = 0,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR", help="Exit with 1 where it holds: overflow.persistent>0."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")
    ] = False,
    form: Annotated[
        RunFormat | None, typer.Option("--format", help="How to print the result: table.")
    ] = None,
) -> None:
    """Run a network on a machine: overflow, error, cycles, layer by layer."""
    from hwsim.cli_trace import trace_choice

    criteria = [Criterion.parse(text) for text in fail_on or ()]
    choice = trace_choice(trace.value, trace_layer, trace_cycles, trace_sample)
    from hwsim import simulation
    from hwsim.cli_inputs import RANDOM, check_overrides, inputs_of
    from hwsim.importers import model as model_files

    machine = simulation.load_hardware(hw, set_ or ())
    network = model_files.load(model, pickled_shape(allow_pickle))
    check_overrides(machine, network.graph)
    inputs = inputs_of(network, data, limit, input_scale, seed)
    with progress_bar(quiet) as progress:
        result = simulation.simulate(
            network,
            machine,
            inputs,
            engine=engine.value,
            trace=trace.value,
            trace_choice=choice,
            causes=causes,
            progress=progress,
        )
    result.summary["command"] = shlex.join(["hwsim", *context.meta[ARGUMENTS]])
    result.summary["seed"] = seed if data == RANDOM else None
    folders = save(result, out)
    findings = [finding for criterion in criteria for finding in criterion.findings(result.summary)]
    print_run(result.summary, findings, form, quiet)
    if not quiet and form is None:
        print(*folders, sep="\n")
    fail(findings)


def save(result: Result, out: Path | None) -> list[str]:
    """Write the run's folder; traces go inside where the user named it, else to traces/.

    Gives back where to look, the page last.
    """
    from hwsim.report.files import folder_name

    name = folder_name(result.summary["model"], result.summary["hardware"])
    folder = Path("reports") / name if out is None else out
    traces = Path("traces") / name if out is None else out / "trace"
    result.save(folder, traces if out is None else None)
    traced = [] if result.trace == "off" else [f"Traces: {traces}"]
    return [*traced, f"Report: {folder / 'report.html'}"]


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
        failures: dict[str, str] = {}
        for finding in findings:
            name = finding.layer or summary["model"]
            failures[name] = "; ".join(filter(None, (failures.get(name), str(finding))))
        print(tables.run_junit(summary, failures), end="")
    elif not quiet:
        print_rich(tables.run_table(summary))


def fail(findings: list[Finding]) -> None:
    """End with exit code 1 where any ``--fail-on`` holds, and say which."""
    from hwsim.errors import CheckError

    if findings:
        raise CheckError.all([str(finding) for finding in findings])
