"""A run directory: written whole, and rendered again from summary.json and details.npz alone."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError
from hwsim.report import files, tables
from hwsim.report.schema import SCHEMA_VERSION, validate_summary

Arrays = dict[str, NDArray[Any]]
Summary = dict[str, Any]


def read_summary(run_dir: Path) -> Summary:
    """The summary of a run directory, checked against the schema.

    Raises
    ------
    DataError
        There is none, or it is not one.
    """
    path = run_dir / "summary.json"
    try:
        summary = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror}: run `hwsim run` first"
        ) from error
    except ValueError as error:
        raise DataError(f"{path}: is not JSON: {error}") from error
    validate_summary(summary)
    return dict(summary)


def read_details(run_dir: Path) -> Arrays:
    """The arrays of a run directory: ``layer<i>_<name>``.

    Raises
    ------
    DataError
        There are none, or the file is broken.
    """
    path = run_dir / "details.npz"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path}: cannot be read: {reason}") from error


def render(run_dir: Path) -> None:
    """Write report.html, layers.csv and plots/ from summary.json and details.npz.

    Each plot stands beside its numbers: ``plots/<name>.png`` and ``plots/<name>.csv``.

    Raises
    ------
    DataError
        The run directory cannot be read or written.
    """
    run_dir = Path(run_dir)
    _draw(run_dir, read_summary(run_dir), read_details(run_dir))


def _draw(run_dir: Path, summary: Summary, details: Arrays) -> None:
    """What `render` writes, of contents that were read."""
    from hwsim.report import page, plots  # Pillow and jinja2 load only where they are needed

    pictures = plots.draw_all(summary, details)
    plots.write_plots(run_dir, plots.PLOTS, pictures)
    files.write_file(run_dir / "layers.csv", tables.run_csv(summary).encode())
    causes = tables.causes_csv(summary)
    if causes is not None:
        files.write_file(run_dir / "causes.csv", causes.encode())
    files.write_file(run_dir / "report.html", page.html(summary, pictures).encode())


def write_run(
    run_dir: Path,
    summary: Summary,
    details: Arrays,
    machine_yaml: str,
    outputs: Arrays,
    *,
    extra: Callable[[Path], None] | None = None,
) -> None:
    """Write a whole run directory under a temporary name, then rename it.

    Parameters
    ----------
    run_dir : Path
        New, empty, or an earlier run, which is replaced.
    summary : dict
        As in summary_schema.json; ``schema`` may be left out.
    details : dict of ndarray
        Counters for the plots: ``layer<i>_events_by_channel``, ... (see plots/).
    machine_yaml : str
        The resolved machine.
    outputs : dict of ndarray
        Each layer's output codes and the final outputs.
    extra : callable, optional
        Writes more files (traces) into the temporary folder before it is renamed.

    Raises
    ------
    DataError
        The directory holds something else, the summary breaks the schema, or the disk is full.
    """
    try:
        text = files.json_bytes({"schema": SCHEMA_VERSION, **summary})
    except ValueError as error:
        raise DataError(f"summary.json: {error}: null stands for no number") from error
    written = json.loads(text)
    validate_summary(written)
    arrays = {name: np.asarray(array) for name, array in details.items()}

    def fill(folder: Path) -> None:
        files.write_file(folder / "summary.json", text)
        files.write_file(folder / "details.npz", files.npz_bytes(arrays))
        files.write_file(folder / "machine.yaml", machine_yaml.encode())
        files.write_file(folder / "outputs.npz", files.npz_bytes(outputs))
        if extra is not None:
            extra(folder)
        _draw(folder, written, arrays)

    files.write_folder(Path(run_dir), fill)
