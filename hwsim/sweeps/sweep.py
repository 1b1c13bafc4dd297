"""`hwsim.sweep`: one network on many machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.specification import Machine
from hwsim.errors import ConfigError, DataError
from hwsim.importers import hardware
from hwsim.importers.data import Data
from hwsim.importers.model import Model
from hwsim.importers.samples import check_labels, graph_and_data
from hwsim.network.graph import Graph
from hwsim.network.run import Progress
from hwsim.report.files import json_bytes, npz_bytes
from hwsim.sweeps import schedulers
from hwsim.sweeps.axes import Value, axes_of
from hwsim.sweeps.choice import choosing
from hwsim.sweeps.costs import Costs
from hwsim.sweeps.folder import RESULTS, Folder
from hwsim.sweeps.manifest import manifest_of, shown
from hwsim.sweeps.recommend import WIDTH, Terms
from hwsim.sweeps.recommendation import recommend
from hwsim.sweeps.results import Record, header, rows, sample_arrays, sweep_csv
from hwsim.sweeps.work import Sweeper, Work

if TYPE_CHECKING:
    import pandas

Values = str | int | Sequence[Value]


@dataclass(eq=False)
class Sweep:
    """What a sweep found.

    Attributes
    ----------
    manifest : dict
        sweep.json: what was swept, and of every point accuracy, totals and overflow.
    records : list of dict
        Every point with all its layers' entries.
    samples : dict of ndarray
        samples.npz: predicted classes and changed outputs, of every point and sample.
    files : dict of bytes
        Machines that are recommended: YAML, and parameters of their RTL.
    """

    manifest: dict[str, Any]
    records: list[Record]
    samples: dict[str, NDArray[Any]]
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def points(self) -> list[dict[str, Any]]:
        """The points of sweep.json."""
        points: list[dict[str, Any]] = self.manifest["points"]
        return points

    @property
    def columns(self) -> list[str]:
        """Columns of sweep.csv."""
        return header(list(self.manifest["fields"]), self.manifest["per_layer"])

    @property
    def rows(self) -> list[list[Any]]:
        """Rows of sweep.csv: one a point and layer."""
        return rows(self.records, list(self.manifest["fields"]), self.manifest["per_layer"])

    def to_csv(self) -> str:
        """sweep.csv."""
        return sweep_csv(self.records, list(self.manifest["fields"]), self.manifest["per_layer"])

    def to_dataframe(self) -> pandas.DataFrame:
        """One row a point and layer (needs pandas)."""
        import pandas

        return pandas.DataFrame(self.rows, columns=self.columns)

    def contents(self) -> dict[str, bytes]:
        """The files of a sweep's folder, sweep.json last: where it is, the others are."""
        contents = (
            self.to_csv().encode(),
            json_bytes(self.manifest),
            npz_bytes(self.samples),
        )
        files = dict(zip(RESULTS, contents, strict=True))
        ordered = {name: files[name] for name in ("sweep.csv", "samples.npz", "sweep.json")}
        return {**self.files, **ordered}


def sweep(
    model: Model | Graph,
    machine: Machine | str,
    inputs: Data | NDArray[Any] | None = None,
    *,
    accumulator_bits: Values | None = None,
    overflow: Values | None = None,
    chain_bits: Values | None = None,
    chain_overflow: Values | None = None,
    rounding: Values | None = None,
    multiplier_bits: Values | None = None,
    dataflow: Values | None = None,
    rows: Values | None = None,
    cols: Values | None = None,
    k_order: Values | None = None,
    costs: Mapping[str, float] | str | Path | None = None,
    terms: Terms | None = None,
    per_layer: bool = False,
    directory: str | Path | None = None,
    resume: bool = False,
    scheduler: str = schedulers.HERE,
    progress: Progress | None = None,
) -> Sweep:
    """Run a network on every machine that some fields of one make: what `simulate` finds on each,
    in a fraction of the time.

    Parameters
    ----------
    model, machine, inputs
        As of `simulate`; ``machine`` is what the fields that are not swept say.
    accumulator_bits, overflow, chain_bits, chain_overflow, rounding, multiplier_bits, dataflow, \
rows, cols, k_order : str, int or sequence, optional
        Values of ``accumulator.bits``, ``accumulator.overflow``, ``chain.bits``,
        ``chain.overflow``, ``requantize.*.rounding``, ``requantize.*.multiplier_bits``,
        ``array.dataflow``, ``array.rows``, ``array.cols``, ``array.k_order``; text is read as the
        command line's: ``"12:32"`` holds both ends, ``"wrap,saturate"``, ``"ky,kx,ic:ic,ky,kx"``.
        Points are all combinations.
    costs : mapping, str or Path, optional
        What a bit, a MAC, a byte costs, or a YAML file that says so (`Costs`): of every point the
        cost, and which points no other one beats (sweep.json's ``pareto``).
    terms : Terms, optional
        Recommend the narrowest accumulators that keep them (sweep.json's ``recommendation``); the
        accumulator's width must be swept.
    per_layer : bool
        Further points: each layer alone with the swept registers, the others' hold every sum.
    directory : str or Path, optional
        Keep finished points there, and the result: sweep.csv, sweep.json, samples.npz.
    resume : bool
        Go on with what ``directory`` holds.
    scheduler : str
        ``here``, ``local`` (a process a core), or the address of a Dask scheduler.
    progress : callable, optional
        Called as ``progress(done, total, name)``.

    Raises
    ------
    HwsimError
        A point that cannot be built, data that does not go with the network, a folder that holds
        something else; before anything runs.

    Examples
    --------
    >>> from hwsim.importers.model import load
    >>> found = sweep(load("seed_conv"), "edge_os_16x16", accumulator_bits="12:13")
    >>> [(p["values"]["accumulator.bits"], p["overflow"]["events"] > 0) for p in found.points]
    [(12, True), (13, True)]
    """
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
    if isinstance(machine, str):
        machine = hardware.load(machine)
    graph, data = graph_and_data(model, inputs)
    work = Work(graph, machine, data, axes_of(given), per_layer)
    return run(work, directory, resume=resume, scheduler=scheduler, progress=progress,
               costs=prices, terms=terms)  # fmt: skip


def run(
    work: Work,
    directory: str | Path | None = None,
    *,
    resume: bool = False,
    scheduler: str = schedulers.HERE,
    progress: Progress | None = None,
    about: Mapping[str, Any] | None = None,
    costs: Costs | None = None,
    terms: Terms | None = None,
) -> Sweep:
    """Compute every point that is not there yet (`sweep`).

    ``about`` : further words of sweep.json.
    """
    if costs is not None:
        costs.check(work.machine)
    if terms is not None and WIDTH not in work.axes:
        must = "must go with --accumulator-bits: there is no width to choose from"
        raise ConfigError.at("--budget", "fields", ", ".join(work.axes) or "none", must)
    if not len(work.data.X):
        raise DataError.at(work.data.name, "samples", 0, "must be at least one")
    check_labels(work.graph, work.data)
    schedulers.check(scheduler)
    if resume and directory is None:
        raise DataError.at("--resume", "directory", "none", "must be given")
    sweeper = Sweeper(work)
    sweeper.in_order(range(len(work.points)))  # every machine meets every layer
    folder = None if directory is None else Folder.begin(Path(directory), work, resume=resume)
    found = {} if folder is None or not resume else folder.finished(work.points)
    left = [number for number in range(len(work.points)) if number not in found]
    for number, record in schedulers.scheduled(work, sweeper, left, scheduler):
        found[number] = record
        if folder is not None:
            folder.keep(work.points[number], record)
        if progress is not None:
            progress(len(found), len(work.points), shown(record))
    records = [found[number] for number in sorted(found)]
    more = {**(about or {}), **choosing(work, sweeper, records, costs)}
    result = _result(work, sweeper, records, more)
    if terms is not None:
        _recommend(work, result, terms)
    if folder is not None:
        folder.write(result.contents())
    return result


def _recommend(work: Work, result: Sweep, terms: Terms) -> None:
    """Add the answer to what was found."""
    machines = [point.machine for point in work.points]
    inputs = {work.graph.inputs[0]: work.data.X}
    answer = recommend(
        work.graph, work.machine, inputs, result.points, machines, result.samples, terms
    )
    result.manifest["recommendation"], result.files = answer.entry, answer.files


def _result(work: Work, sweeper: Sweeper, records: list[Record], about: Mapping[str, Any]) -> Sweep:
    exact, reference = sweeper.classes()
    labels = None if work.data.Y is None else np.asarray(work.data.Y)
    samples = sample_arrays(records, exact, reference, labels)
    return Sweep(manifest_of(work, records, about), records, samples)
