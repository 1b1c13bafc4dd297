"""``hwsim verify``: hwsim beside a runtime, another machine or a dump, tensor by tensor."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.cli_console import ARGUMENTS, RunFormat, progress_bar
from hwsim.cli_options import DataOption, LimitOption, ModelArgument, ScaleOption, SetOption
from hwsim.errors import ConfigError, MismatchError

if TYPE_CHECKING:
    from hwsim.analysis.verification import Verification
    from hwsim.array.specification import Machine
    from hwsim.cli_verify_other import Other

SAMPLES = 8  # without data


class Against(StrEnum):
    """What hwsim is compared with."""

    RUNTIME = "--runtime"
    MACHINE = "--against"
    DUMP = "--dump"


def verify(
    context: typer.Context,
    model: ModelArgument = "digits",
    runtime: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="An installed runtime, run beside hwsim: tflite_reference, tflite_optimized, "
            "tflite_xnnpack (pip install ai-edge-litert), tflite_micro.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="Another machine; explains the first layer where both part."
        ),
    ] = None,
    dump: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Tensors that a device or tool dumped: .npy, .npz, .raw, named as in the model.",
        ),
    ] = None,
    map_: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="FILE",
            help="YAML or JSON of a dump: TENSOR: {file, array, dtype, layout: NHWC|NCHW, shape}.",
        ),
    ] = None,
    hw: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="hwsim's machine; default: the runtime's own, else edge_ws_16x16.",
        ),
    ] = None,
    set_: SetOption = None,
    data: DataOption = None,
    limit: LimitOption = None,
    input_scale: ScaleOption = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Of uniform codes: without data, 8 samples.")
    ] = 0,
    certificate: Annotated[
        Path | None,
        typer.Option(
            "--certificate",
            "-o",
            metavar="FILE",
            help="JSON with versions, hashes, machine and counts; default "
            "reports/<model>--<machine>--<other>.certificate.json.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")
    ] = False,
    form: Annotated[
        RunFormat, typer.Option("--format", help="How to print the result.")
    ] = RunFormat.TABLE,
) -> None:
    """Whether hwsim's tensors equal a runtime's, another machine's or a device's, bit for bit.

    Exit code 1 on any difference; the last line says so.
    """
    kind = chosen(runtime, against, dump, map_)
    from hwsim import cli_verify_other as others
    from hwsim.cli_inputs import check_overrides
    from hwsim.importers import model as model_files
    from hwsim.simulation import load_hardware

    if runtime is not None:
        others.check_runtime(runtime, model)
    machine = load_hardware(hw or others.own_machine(runtime), set_ or ())
    network = model_files.load(model)
    check_overrides(machine, network.graph)
    if kind is Against.DUMP:
        other = others.of_dump(network, str(dump), map_, data, limit, input_scale, seed)
    else:
        inputs = others.inputs_of(network, data, limit, input_scale, seed, SAMPLES)
        if kind is Against.RUNTIME:
            other = others.of_runtime(network, str(runtime), model, inputs)
        else:
            other = others.of_machine(network, load_hardware(str(against)), inputs)
    with progress_bar(quiet) as progress:
        from hwsim.analysis.verification import verify as compared

        result = compared(
            network.graph, machine, other.inputs, other.source, other.machine, progress
        )
    finish(context, result, other, machine, model, certificate, form, quiet)


def chosen(
    runtime: str | None, against: str | None, dump: Path | None, map_: Path | None
) -> Against:
    """The one thing that hwsim is compared with.

    Raises
    ------
    ConfigError
        None is named, or two are; a map without a dump.
    """
    given = {Against.RUNTIME: runtime, Against.MACHINE: against, Against.DUMP: dump}
    named = [kind for kind, value in given.items() if value is not None]
    if len(named) != 1:
        said = " and ".join(named) or "nothing"
        must = f"must be one of {', '.join(Against)}"
        raise ConfigError.at("hwsim verify", "against what", said, must)
    if map_ is not None and named[0] is not Against.DUMP:
        raise ConfigError.at("--map", "file", map_, "must go with --dump")
    return named[0]


def finish(
    context: typer.Context,
    result: Verification,
    other: Other,
    machine: Machine,
    model: str,
    certificate: Path | None,
    form: RunFormat,
    quiet: bool,
) -> None:
    """Write the certificate, print, and end with 1 where anything differs."""
    from hwsim import cli_verify_output as output

    command = shlex.join(["hwsim", *context.meta[ARGUMENTS]])
    document: dict[str, Any] = output.document(result, other, machine, model, command)
    path = certificate or output.default_path(document)
    output.write(path, document)
    output.show(result, document, path, form, quiet)
    if not result.equal:
        raise MismatchError(output.verdict(document))
