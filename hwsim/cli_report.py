"""``hwsim report``: pages again from what a folder holds, and two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hwsim.errors import ConfigError


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR", help="A folder that `hwsim run` or `hwsim sweep` wrote."),
    ],
    compare: Annotated[
        bool, typer.Option("--compare", help="Two runs side by side: --compare A B.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Of --compare: the page; default reports/<A>--and--<B>.html."
        ),
    ] = None,
) -> None:
    """Render a run's or a sweep's report.html and plots again, or compare two runs."""
    if compare:
        _compare(folders, out)
        return
    if out is not None:
        raise ConfigError.at("--out", "file", str(out), "goes with --compare")
    for folder in folders:
        _render(folder)
        print(f"Rendered {folder / 'report.html'}")


def _render(folder: Path) -> None:
    """A sweep where sweep.json is, else a run."""
    if (folder / "sweep.json").is_file():
        from hwsim.report.sweep_render import render_sweep

        render_sweep(folder)
    else:
        from hwsim.report.render import render

        render(folder)


def _compare(folders: list[Path], out: Path | None) -> None:
    if len(folders) != 2:
        raise ConfigError.at("--compare", "folders", len(folders), "must be two")
    from hwsim.report.compare_page import compare
    from hwsim.report.files import folder_name

    a, b = folders
    names = (a.resolve().name, "and", b.resolve().name)
    page = out if out is not None else Path("reports") / f"{folder_name(*names)}.html"
    compare(a, b, page)
    print(f"Report: {page}")
