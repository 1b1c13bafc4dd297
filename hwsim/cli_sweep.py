"""``hwsim sweep``: one network on many machines."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwsim.cli_console import ARGUMENTS, Format, print_json, print_rich, progress_bar
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
from hwsim.errors import ConfigError

if TYPE_CHECKING:
    from hwsim.sweeps.recommend import Terms
    from hwsim.sweeps.sweep import Sweep

_WIDTHS = "FIRST:LAST[,..]"


def _field(option: str, what: str, metavar: str = "A,B") -> typer.models.OptionInfo:
    """An option with the values of one field."""
    info: typer.models.OptionInfo = typer.Option(option, metavar=metavar, help=what)
    return info


def sweep(
    context: typer.Context,
    model: ModelArgument = "digits",
    hw: HwOption = "edge_ws_16x16",
    accumulator_bits: Annotated[
        str | None, _field("--accumulator-bits", "Widths, both ends included: 12:32.", _WIDTHS)
    ] = None,
    overflow: Annotated[
        str | None, _field("--overflow", "Rules of the accumulator: wrap,saturate.")
    ] = None,
    chain_bits: Annotated[
        str | None, _field("--chain-bits", "Widths of the register between PEs.", _WIDTHS)
    ] = None,
    chain_overflow: Annotated[
        str | None, _field("--chain-overflow", "Rules of the register between PEs.")
    ] = None,
    rounding: Annotated[
        str | None, _field("--rounding", "Rounding rules of the requantizer: half_up,half_even.")
    ] = None,
    multiplier_bits: Annotated[
        str | None, _field("--multiplier-bits", "Widths of its multiplier.", _WIDTHS)
    ] = None,
    dataflow: Annotated[
        str | None, _field("--dataflow", "weight_stationary,output_stationary,...")
    ] = None,
    rows: Annotated[str | None, _field("--rows", "PEs down.", _WIDTHS)] = None,
    cols: Annotated[str | None, _field("--cols", "PEs across.", _WIDTHS)] = None,
    k_order: Annotated[
        str | None,
        _field("--k-order", "Orders of the reduction, the last is fastest.", "ky,kx,ic:ic,ky,kx"),
    ] = None,
    costs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML of your own numbers: adder_bit, register_bit, mac, sram_byte, dram_byte.",
        ),
    ] = None,
    per_layer: Annotated[
        bool, typer.Option(help="Each layer alone too, the others' registers ample.")
    ] = False,
    data: DataOption = None,
    limit: LimitOption = None,
    set_: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder; default reports/<model>--<hw>--sweep."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the sweep that the folder holds.")
    ] = False,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="WHERE", help="here, local (all cores), or a Dask scheduler: tcp://HOST:PORT."
        ),
    ] = "here",
    input_scale: ScaleOption = None,
    allow_pickle: PickleOption = None,
    seed: SeedOption = 0,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT",
            help="Accuracy that a recommended width may lose, like 0.5%; default 0.5% where "
            "--accumulator-bits is swept.",
        ),
    ] = None,
    confidence: Annotated[
        str, typer.Option(metavar="PERCENT", help="With which as many other images keep it.")
    ] = "95%",
    overflow_rate: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Most outputs that may overflow, as a rate; default any."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")
    ] = False,
    form: Annotated[
        Format | None, typer.Option("--format", help="How to print the result: table.")
    ] = None,
) -> None:
    """Run a network on every machine that some fields make: widths, rules, arrays."""
    from hwsim import simulation
    from hwsim.cli_inputs import check_overrides, inputs_of
    from hwsim.importers import model as model_files
    from hwsim.importers.samples import graph_and_data
    from hwsim.report.files import folder_name
    from hwsim.report.sweep_render import render_sweep
    from hwsim.sweeps.axes import axes_of
    from hwsim.sweeps.costs import Costs
    from hwsim.sweeps.recommend import WIDTH
    from hwsim.sweeps.sweep import run
    from hwsim.sweeps.work import Work

    given = {
        "accumulator.bits": accumulator_bits,
        "accumulator.overflow": overflow,
        "chain.bits": chain_bits,
        "chain.overflow": chain_overflow,
        "requantize.rounding": rounding,
        "requantize.multiplier_bits": multiplier_bits,
        "array.dataflow": dataflow,
        "array.rows": rows,
        "array.cols": cols,
        "array.k_order": k_order,
    }
    prices = None if costs is None else Costs.of(costs)
    axes = axes_of(given)
    terms = terms_of(budget, confidence, overflow_rate, swept=WIDTH in axes)
    machine = simulation.load_hardware(hw, set_ or ())
    network = model_files.load(model, pickled_shape(allow_pickle))
    check_overrides(machine, network.graph)
    inputs = inputs_of(network, data, limit, input_scale, seed)
    graph, chosen = graph_and_data(network, inputs)
    work = Work(graph, machine, chosen, axes, per_layer)
    folder = out or Path("reports") / f"{folder_name(graph.name, machine.name)}--sweep"
    command = [word for word in context.meta[ARGUMENTS] if word != "--resume"]
    about = {"command": shlex.join(["hwsim", *command])}
    with progress_bar(quiet, time_left=True) as progress:
        found = run(
            work,
            folder,
            resume=resume,
            scheduler=scheduler,
            progress=progress,
            about=about,
            costs=prices,
            terms=terms,
        )
    render_sweep(folder)
    _print(found, folder, form, quiet)


def terms_of(
    budget: str | None, confidence: str, overflow_rate: float | None, *, swept: bool
) -> Terms | None:
    """What a recommendation must keep; None where no width is swept and none is asked for."""
    from hwsim.sweeps.recommend import Terms

    if budget is None and overflow_rate is None and not swept:
        return None
    share = percentage("--budget", "0.5%" if budget is None else budget)
    sure = percentage("--confidence", confidence)
    if not 0.5 <= sure < 1:
        raise ConfigError.at("--confidence", "percent", confidence, "must be 50% to below 100%")
    return Terms(share, sure, overflow_rate)


def percentage(option: str, text: str) -> float:
    """A share of one.

    >>> percentage("--budget", "0.5%")
    0.005
    """
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?)\s*%", text, re.ASCII)
    if match is None or float(match[1]) > 100:
        raise ConfigError.at(option, "percent", text, "must be 0% to 100%, like 0.5%")
    return float(match[1]) / 100


def _print(found: Sweep, folder: Path, form: Format | None, quiet: bool) -> None:
    """The result on stdout."""
    from hwsim.report.choice_table import choice_table
    from hwsim.report.recommendation_table import recommendation_table
    from hwsim.report.sweep_table import sweep_table

    if form is Format.JSON:
        print_json(found.manifest)
    elif form is Format.CSV:
        print(found.to_csv(), end="")
    elif not quiet:
        print_rich(sweep_table(found.manifest))
        print_rich(choice_table(found.manifest))
        print_rich(recommendation_table(found.manifest))
        if form is None:
            print(f"Sweep: {folder / 'sweep.csv'}")
            print(f"Report: {folder / 'report.html'}")
