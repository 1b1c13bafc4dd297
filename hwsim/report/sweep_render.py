"""The page and plots of a sweep's folder, from sweep.json and sweep.csv alone."""

from __future__ import annotations

from pathlib import Path

from hwsim.report import files
from hwsim.report.sweep_points import read_sweep


def render_sweep(folder: Path) -> None:
    """Write report.html and plots/ of a sweep.

    Raises
    ------
    DataError
        The folder cannot be read or written.
    """
    from hwsim.report import sweep_page  # Pillow and jinja2 load only where they are needed
    from hwsim.report.plots import draw, write_plots

    sweep = read_sweep(Path(folder))
    pictures = draw(sweep_page.PLOTS, sweep)
    write_plots(Path(folder), sweep_page.PLOTS, pictures)
    files.write_file(Path(folder) / "report.html", sweep_page.html(sweep, pictures).encode())
