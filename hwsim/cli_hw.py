"""``hwsim hw``: the machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwsim.cli_console import Format, print_rows
from hwsim.cli_options import FormatOption, SetOption

hw = typer.Typer(
    help="Machines: list, show, check, sv.", no_args_is_help=True, rich_markup_mode=None
)


@hw.command("list")
def hw_list(form: FormatOption = Format.TABLE) -> None:
    """The machines that come with hwsim."""
    from hwsim.importers import machine_files

    rows = [{"name": n, "what": machine_files.summary(n)} for n in machine_files.names()]
    if form is Format.TABLE:
        width = max((len(row["name"]) for row in rows), default=0)
        print("\n".join(f"{row['name']:{width}}  {row['what']}" for row in rows))
    else:
        print_rows(rows, form)


@hw.command("show")
def hw_show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A machine's name, or its YAML file.")
    ],
    set_: SetOption = None,
) -> None:
    """Every word of a machine, resolved, as YAML that loads again."""
    from hwsim.importers import hardware

    machine = hardware.load(name, set_ or ())
    print(f"# {hardware.machine_hash(machine)}")
    print(hardware.resolved_yaml(machine), end="")


@hw.command("check")
def hw_check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A machine's YAML file, or a name.")],
    set_: SetOption = None,
) -> None:
    """Whether a machine can be built: every failure with file and line."""
    from hwsim.importers import hardware

    machine = hardware.load(file, set_ or ())
    print(f"{file}: good, {machine.name} {hardware.machine_hash(machine)}")


@hw.command("sv")
def hw_sv(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A machine's name, or its YAML file.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write there; left out: to stdout."),
    ] = None,
    op: Annotated[
        str,
        typer.Option("--op", metavar="OP", help="Whose requantization: conv_2d, fully_connected."),
    ] = "default",
    set_: SetOption = None,
) -> None:
    """SystemVerilog parameters of the reference RTL (.svh)."""
    from hwsim.importers import hardware
    from hwsim.rtl.machine import parameter_text, parameters

    machine = hardware.load(name, set_ or ())
    title = f"{machine.name} {hardware.machine_hash(machine)}"
    text = parameter_text(parameters(machine, op), title)
    if out is None:
        print(text, end="")
    else:
        from hwsim.report.files import write_file

        write_file(out, text.encode())
        print(f"Parameters: {out}")
