"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from hwsim.cli_console import Format
from hwsim.errors import ConfigError

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
PickleOption = Annotated[
    str | None,
    typer.Option(
        "--allow-pickle",
        metavar="SHAPE",
        help="Read a pickled PyTorch module (.pt, .pth), which runs the file's code; SHAPE of its "
        "input, like 1x8x8, channels first.",
    ),
]


def pickled_shape(text: str | None) -> tuple[int, ...] | None:
    """The shape that ``--allow-pickle`` states, or None where it is not given.

    >>> pickled_shape("1x8x8")
    (1, 8, 8)
    """
    if text is None:
        return None
    extents = text.lower().split("x")
    if not all(extent.isdigit() and 0 < int(extent) <= 1 << 20 for extent in extents):
        raise ConfigError.at("--allow-pickle", "shape", text, "must be extents, like 1x8x8")
    return tuple(int(extent) for extent in extents)
