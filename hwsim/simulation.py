"""The Python interface: load a model and a machine, simulate, look, save."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from hwsim.analysis.ladder import layer_ladder
from hwsim.analysis.measured import measure
from hwsim.analysis.static import static_ladders
from hwsim.analysis.summary import SCHEMA, Evidence, real_values, summarize
from hwsim.array.gemm import Ints
from hwsim.array.overrides import check_names
from hwsim.array.specification import Machine
from hwsim.errors import UnsupportedError
from hwsim.importers import hardware as hardware_files
from hwsim.importers import model as model_files
from hwsim.importers.data import Data
from hwsim.importers.hardware import resolved_yaml
from hwsim.importers.model import Model
from hwsim.importers.samples import check_labels, graph_and_data
from hwsim.mapping.run import LayerLedger
from hwsim.network import run as network_run
from hwsim.network.graph import Graph
from hwsim.network.kept import own_dtype
from hwsim.network.run import NetworkRun, Progress
from hwsim.report.traces import TraceChoice, check_choice, check_windows
from hwsim.version import VERSION

if TYPE_CHECKING:
    import pandas

Trace = Literal["off", "overflow", "errors", "full"]
load_hardware = hardware_files.load
load_model = model_files.load


@dataclass(eq=False)
class Result:
    """What one simulation found.

    Attributes
    ----------
    summary : dict
        summary.json.
    details : dict of ndarray
        details.npz: the ledger's counters and the error histograms, layer by layer.
    run : NetworkRun
        Codes of every tensor and results of every layer.
    evidence : Evidence
        The same, with the float twin and the isolated layers.
    data : Data
    trace : str
    """

    summary: dict[str, Any]
    details: dict[str, NDArray[Any]]
    evidence: Evidence
    data: Data
    trace: Trace = "off"
    trace_choice: TraceChoice = field(default_factory=TraceChoice)
    run: NetworkRun = field(init=False)

    def __post_init__(self) -> None:
        self.run = self.evidence.run

    @property
    def outputs(self) -> Ints | dict[str, Ints]:
        """Integer codes of the sole output, shape (S, *shape), or of each by name."""
        names = self.evidence.graph.outputs
        if len(names) == 1:
            return self.run.codes[names[0]]
        return {name: self.run.codes[name] for name in names}

    @property
    def layers(self) -> list[dict[str, Any]]:
        """One entry a layer, as in summary.json."""
        layers: list[dict[str, Any]] = self.summary["layers"]
        return layers

    @property
    def ledger(self) -> dict[str, LayerLedger]:
        """Every counter, by layer name."""
        return {name: layer.ledger for name, layer in self.run.layers.items()}

    @property
    def taps(self) -> Mapping[str, Ints]:
        """Codes of every tensor, by name."""
        return self.run.codes

    def to_dataframe(self) -> pandas.DataFrame:
        """One row a layer, columns named as in layers.csv (needs pandas)."""
        try:
            import pandas
        except ImportError as error:
            raise UnsupportedError.at(
                "to_dataframe", "pandas", "absent", "pip install 'hwsim[dataframe]'"
            ) from error
        from hwsim.report.tables import columns

        return pandas.json_normalize(self.layers).reindex(columns=columns())

    def save(self, directory: str | Path, trace_directory: str | Path | None = None) -> None:
        """Write report.html, layers.csv, summary.json, plots, outputs.npz, and the traces.

        Everything is written under a temporary name and renamed. Traces go to
        ``trace_directory``, by default ``directory/trace``.

        Raises
        ------
        DataError
            The folder holds something else, or the system refused; nothing is left half done.
        """
        from hwsim.report.files import write_folder
        from hwsim.report.render import write_run

        inside = self.trace != "off" and trace_directory is None
        if self.trace != "off" and trace_directory is not None:
            write_folder(Path(trace_directory), self._write_trace_folder)
        write_run(
            Path(directory),
            self.summary,
            self.details,
            resolved_yaml(self.evidence.machine),
            self.output_arrays(),
            extra=(lambda folder: self._write_traces(folder / "trace")) if inside else None,
        )

    def output_arrays(self) -> dict[str, NDArray[Any]]:
        """outputs.npz: codes of each layer and of the outputs, in their format's integer type."""
        graph = self.evidence.graph
        names = [node.output for node in graph.mac_nodes]
        names += [name for name in graph.outputs if name not in names]
        forms = {name: graph.tensors[name].format for name in names}
        return {
            name: self.run.codes[name] if form is None else self.run.own(name, own_dtype(form))
            for name, form in forms.items()
        }

    def _write_trace_folder(self, folder: Path) -> None:
        """A trace folder on its own: the traces, and the summary that says of which run."""
        from hwsim.report.files import json_bytes, write_file

        write_file(folder / "summary.json", json_bytes(self.summary))
        self._write_traces(folder)

    def _write_traces(self, folder: Path) -> None:
        from hwsim.report import traces

        if self.trace == "overflow":
            traces.write_overflow(folder, self.evidence)
        elif self.trace == "errors":
            traces.write_errors(folder, self.evidence)
        else:
            traces.write_full(folder, self.evidence, self.trace_choice)


def simulate(
    model: Model | Graph,
    machine: Machine | str,
    inputs: Data | NDArray[Any] | None = None,
    *,
    engine: Literal["fast", "cycle"] = "fast",
    trace: Trace = "off",
    trace_choice: TraceChoice | None = None,
    causes: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run a network on a machine and compare it with its float twin.

    Parameters
    ----------
    model : Model or Graph
        From `load_model`.
    machine : Machine or str
        From `load_hardware`, or its name.
    inputs : Data or ndarray of shape (S, *shape), optional
        Integer arrays are codes, float arrays real values. Default: the model's own data.
    engine : {"fast", "cycle"}
    trace : {"off", "overflow", "errors", "full"}
    trace_choice : TraceChoice, optional
        Layers, clocks and image of a full trace; default: the first fold of each layer, image 0.
    causes : int, optional
        Take every layer's error apart by cause on the first so many images (`LayerCauses`), and
        rank the changes that would gain most: ``causes`` of each layer, ``changes``.
    progress : callable, optional
        Called as ``progress(done, total, name)``.

    Examples
    --------
    >>> result = simulate(load_model("seed_conv"), "edge_os_16x16")
    >>> result.summary["totals"]["overflow_events"]
    0
    """
    started = time.perf_counter()
    graph, data = graph_and_data(model, inputs)
    if isinstance(machine, str):
        machine = load_hardware(machine)
    check_names(machine, [node.name for node in graph.mac_nodes])
    name, choice = graph.inputs[0], trace_choice or TraceChoice()
    check_choice(trace, choice, graph, machine, len(data.X))
    check_labels(graph, data)
    run = network_run.run(
        graph,
        machine,
        {name: data.X},
        engine=engine,
        list_events=trace == "overflow",
        progress=progress,
    )
    measured = measure(
        graph, machine, run, lambda part: real_values(graph, data, part), len(data.X), progress
    )
    evidence = Evidence(graph, machine, run, data, measured)
    if trace == "full":
        check_windows(evidence, choice)
    figures, details = summarize(evidence)
    if causes is not None:
        from hwsim.analysis.causes_summary import add_causes

        add_causes(figures, evidence, causes, progress)
    summary = {
        "schema": SCHEMA,
        "hwsim_version": VERSION,
        "model": graph.name,
        "hardware": machine.name,
        "data": {"name": data.name, "samples": len(data.X), "sha256": data.sha256},
        **figures,
        "engine": engine,
        "float_reference": (
            "trained parameters" if graph.has_original_float else "dequantized parameters"
        ),
        "machine": machine.model_dump(mode="json", exclude_none=True),
        "clock_mhz": machine.clock_mhz,
        "time_s": round(time.perf_counter() - started, 3),
    }
    return Result(summary, details, evidence, data, trace, choice)


def bounds(
    model: Model | Graph, machine: Machine | str, data: Data | None = None
) -> list[dict[str, Any]]:
    """The width ladder of every layer: name, op, k and ``width``, as in summary.json.

    Observed rungs are None where no data is given.

    Examples
    --------
    >>> bounds(load_model("seed_conv").graph, "edge_os_16x16")[0]["width"]["weight_bits"]
    20
    """
    graph = model.graph if isinstance(model, Model) else model
    if isinstance(machine, str):
        machine = load_hardware(machine)
    check_names(machine, [node.name for node in graph.mac_nodes])
    if data is None:
        return static_ladders(graph, machine)
    run = network_run.run(graph, machine, {graph.inputs[0]: data.X})
    return [
        {"name": name, "op": layer.node.op, "k": layer.schedule.k, "width": layer_ladder(layer)}
        for name, layer in run.layers.items()
    ]
