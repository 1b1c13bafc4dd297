"""``hwsim identify``: which arithmetic made these tensors?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.cli_console import Format, progress_bar
from hwsim.cli_options import DataOption, FormatOption, LimitOption, ModelArgument, ScaleOption
from hwsim.errors import MismatchError, UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hwsim.analysis.identify import Trial
    from hwsim.analysis.identify_compose import Search
    from hwsim.array.specification import Machine
    from hwsim.network.graph import Graph
    from hwsim.network.run import Progress


def identify(
    model: ModelArgument,
    dump: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Tensors that a device or tool dumped: .npy, .npz, .raw, named as in the model; "
            "the more layers, the better; final outputs alone do.",
        ),
    ],
    map_: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="FILE",
            help="YAML or JSON of a dump: TENSOR: {file, array, dtype, layout: NHWC|NCHW, shape}.",
        ),
    ] = None,
    hw: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FILE", help="Try this machine; repeatable; default all."),
    ] = None,
    data: DataOption = None,
    limit: LimitOption = None,
    input_scale: ScaleOption = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Of the inputs that tell machines apart.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE.npz",
            help="Write the input on which the machines that fit differ, to run on the device.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")
    ] = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Which arithmetic made these tensors: the machines, or requantizer policies, that fit.

    Each layer is run on its true (dumped) inputs. Exit code 1 where nothing fits.
    """
    from hwsim import cli_identify_output as output
    from hwsim.analysis.identify import try_machines
    from hwsim.cli_verify_other import of_dump
    from hwsim.importers import machine_files
    from hwsim.importers import model as model_files
    from hwsim.simulation import load_hardware

    machines = [load_hardware(name) for name in hw or machine_files.names()]
    network = model_files.load(model)
    other = of_dump(network, str(dump), map_, data, limit, input_scale, seed)
    count = len(next(iter(other.inputs.values())))
    dumped = {**other.source(0, count), **other.inputs}
    with progress_bar(quiet) as progress:
        trials = try_machines(network.graph, machines, dumped, progress)
        if not trials[0].elements:
            reasons = {reason for trial in trials for reason in trial.refused.values()}
            raise UnsupportedError.all(sorted(reasons) or ["nothing"])
        found = None if trials[0].fits else policies(network.graph, trials, dumped, progress)
    fits = [trial.machine for trial in trials if trial.fits]
    notes, told = output.apart(network.graph, fits, seed)
    if out is not None and told is not None:
        output.write_input(out, network.graph, told)
        notes.append(f"Input that tells them apart: {out}")
    document = output.document(network.graph, other, trials, found, notes)
    output.show(document, form, quiet)
    if not document["fits"]:
        raise MismatchError(output.nothing_fits(document))


def policies(
    graph: Graph, trials: list[Trial], dumped: dict[str, NDArray[Any]], progress: Progress | None
) -> tuple[Search, Trial | None] | None:
    """Where no machine fits: policies by layer, and the machine made of them on all samples."""
    from hwsim.analysis.identify import try_machines
    from hwsim.analysis.identify_compose import any_dumped, search

    if not any_dumped(graph, dumped):
        return None
    found = search(graph, trials, dumped, progress)
    if found.machine is None:
        return found, None
    machine: Machine = found.machine
    return found, try_machines(graph, [machine], dumped, progress)[0]
