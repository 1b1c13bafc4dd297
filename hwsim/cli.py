"""The command line: thin, and quick to start (numpy, numba, Pillow load inside commands)."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

from hwsim import (
    cli_cosim,
    cli_extract,
    cli_hw,
    cli_identify,
    cli_quantize,
    cli_report,
    cli_run,
    cli_static,
    cli_sweep,
    cli_vectors,
    cli_verify,
)
from hwsim.cli_console import OneLineErrors
from hwsim.cli_interrupt import INTERRUPTED, leave_at_once, take_interrupt, watch_interrupts

GARBAGE = (100_000, 50, 100)  # objects, then rounds, between two searches for unreachable cycles

app = typer.Typer(
    name="hwsim",
    cls=OneLineErrors,
    epilog="Exit codes: 0 done, 1 the thing checked does not hold, 2 bad input.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        from hwsim.version import VERSION

        print(f"hwsim {VERSION}")
        raise typer.Exit


@app.callback()
def version(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """What exactly happens when this quantized network runs on that MAC array."""


for command in (
    cli_run.run,
    cli_sweep.sweep,
    cli_report.report,
    cli_static.bounds,
    cli_static.inspect,
    cli_verify.verify,
    cli_identify.identify,
    cli_extract.extract,
    cli_quantize.quantize,
    cli_vectors.vectors,
    cli_cosim.cosim,
    cli_cosim.diff,
):
    app.command()(command)
app.add_typer(cli_hw.hw, name="hw")


def main() -> None:
    """Entry point of ``hwsim`` and ``python -m hwsim``.

    One thread multiplies real matrices, unless the user says otherwise: they are small, so that
    threads cost more than they give, and no result depends on the number of cores.

    What modules and kernels leave in memory stays there until the process ends: Python's search
    for garbage in it, again and again while they load and once more at the end, is spared.
    """
    gc.set_threshold(*GARBAGE)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
    watch_interrupts()
    try:
        app(prog_name="hwsim")
    except KeyboardInterrupt:  # before the command line was read
        take_interrupt()
        print("interrupted", file=sys.stderr)
        leave_at_once(INTERRUPTED)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            leave_at_once(INTERRUPTED)
        raise
    finally:
        gc.freeze()
