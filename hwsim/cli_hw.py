"""``hwsim hw``: the machines."""

from __future__ import annotations

from typing import Annotated

import typer

from hwsim.cli_console import Format, print_rows
from hwsim.cli_options import FormatOption, SetOption

hw = typer.Typer(help="Machines: list, show, check.", no_args_is_help=True, rich_markup_mode=None)


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
