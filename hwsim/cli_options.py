"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from hwsim.cli_console import Format

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="An embedded model (digits, seed_conv), or a file.")
]
HwOption = Annotated[
    str, typer.Option("--hw", metavar="NAME|FILE", help="A machine's name, or its YAML file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one word of the machine; repeatable."),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FILE|NAME",
        help="An .npz or .npy file, an embedded model's name, or `random`.",
    ),
]
LimitOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Take only so many samples.")
]
ScaleOption = Annotated[
    str | None,
    typer.Option(
        "--input-scale",
        metavar="SCALE",
        help="Real step of one stored number of the data, like 1/255.",
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, metavar="N", help="Of `--data random`.")]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]
