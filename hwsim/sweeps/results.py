"""What one point found, as JSON, and all points as a table.

A row's columns are named as in summary.json, the swept fields first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.error import ErrorFigures, ErrorTally, top1
from hwsim.analysis.measured import samples_at_once
from hwsim.analysis.summary import layer_entry, totals
from hwsim.array.gemm import Ints
from hwsim.network.graph import Graph
from hwsim.network.kept import widened
from hwsim.network.run import LayerResult
from hwsim.report.files import json_bytes
from hwsim.report.tables import cell, columns, csv_text
from hwsim.sweeps.network import ExactRun, PointRun, Tensors
from hwsim.sweeps.points import Point

Record = dict[str, Any]
ACCURACY = ("accuracy.hardware", "accuracy.exact", "accuracy.float")
_FIRST = ("overflow.", "width.", "error.")  # of a layer's columns
_LEFT_OUT = "error_isolated"


@dataclass(eq=False)
class Measures:
    """What points are compared with; ``reference`` : the float twin's tensors, those of layers and
    outputs."""

    graph: Graph
    reference: Tensors
    labels: Ints | None

    def record(self, point: Point, exact: ExactRun, run: PointRun) -> Record:
        """One point as JSON: accuracy, totals, every layer's entry, and samples."""
        layers = [self._entry(result, exact, run) for result in run.run.layers.values()]
        output = self.graph.outputs[0]
        changed = [run.changed[name] for name in self.graph.outputs if name in run.changed]
        record = {
            "values": point.values,
            "only_layer": point.only_layer,
            "accuracy": self._accuracy(exact, run),
            "totals": totals(layers, point.machine),
            "predicted": predicted(run.run.codes[output]).tolist(),
            "changed": [int(any(flags)) for flags in zip(*changed, strict=True)],
            "layers": layers,
        }
        plain: Record = json.loads(json_bytes(record))
        return plain

    def _accuracy(self, exact: ExactRun, run: PointRun) -> dict[str, float] | None:
        if self.labels is None:
            return None
        output = self.graph.outputs[0]
        return {
            "float": top1(self.reference[output], self.labels),
            "exact": top1(exact.codes[output], self.labels),
            "hardware": top1(run.run.codes[output], self.labels),
        }

    def _entry(self, result: LayerResult, exact: ExactRun, run: PointRun) -> Record:
        figures = self._figures(result, exact, run)
        entry = layer_entry(self.graph, result, figures, figures)
        del entry[_LEFT_OUT]
        return entry

    def _figures(self, result: LayerResult, exact: ExactRun, run: PointRun) -> ErrorFigures:
        """One layer against the float twin; kept where the codes are those of the exact run."""
        name, clipped = result.node.output, int(result.ledger.clipped.sum())
        codes = run.run.codes[name]
        if codes is not exact.codes[name]:
            return self._compared(codes, name, clipped)
        if (name, clipped) not in exact.figures:
            exact.figures[name, clipped] = self._compared(codes, name, clipped)
        return exact.figures[name, clipped]

    def _compared(self, codes: NDArray[Any], name: str, clipped: int) -> ErrorFigures:
        """One tensor against the float twin, some samples at a time."""
        tally, step = (
            ErrorTally(self.graph.tensors[name], codes.shape[-1]),
            samples_at_once(self.graph),
        )
        for start in range(0, len(codes), step):
            some = slice(start, start + step)
            tally.add(widened(codes[some]), self.reference[name][some])
        return tally.figures(clipped)


def predicted(output: NDArray[Any]) -> Ints:
    """The class of every sample: the largest output, the first where several are."""
    flat = output.reshape(len(output), -1)
    if not flat.shape[1]:
        return np.zeros(len(flat), np.int64)
    classes: Ints = flat.argmax(axis=1)
    return classes


def layer_columns() -> list[str]:
    """Columns of a layer, those that a sweep is about first."""
    names = [name for name in columns() if not name.startswith((_LEFT_OUT, "name"))]
    first = [name for start in _FIRST for name in names if name.startswith(start)]
    return first + [name for name in names if name not in first]


def header(fields: Sequence[str], per_layer: bool) -> list[str]:
    """Columns of sweep.csv: the swept fields, the layer, accuracy, and everything of the layer."""
    alone = ["only_layer"] if per_layer else []
    return [*fields, *alone, "layer", *ACCURACY, *layer_columns()]


def rows(records: Sequence[Record], fields: Sequence[str], per_layer: bool) -> list[list[Any]]:
    """One row a point and layer."""
    names = layer_columns()
    table = []
    for record in records:
        own = [record["values"][name] for name in fields]
        own += [record["only_layer"] or ""] if per_layer else []
        accuracy = [cell(record, name) for name in ACCURACY]
        table += [
            [*own, layer["name"], *accuracy, *(cell(layer, name) for name in names)]
            for layer in record["layers"]
        ]
    return table


def sweep_csv(records: Sequence[Record], fields: Sequence[str], per_layer: bool) -> str:
    """sweep.csv."""
    return csv_text(header(fields, per_layer), rows(records, fields, per_layer))


def sample_arrays(
    records: Sequence[Record], exact: Ints, reference: Ints, labels: Ints | None
) -> dict[str, NDArray[Any]]:
    """samples.npz: of every point and sample the class, and whether any output code changed.

    ``exact``, ``reference`` : classes of the exact run of the first point, and of the float twin.
    """
    shape = (len(records), len(exact))
    arrays: dict[str, NDArray[Any]] = {
        "predicted": np.array([r["predicted"] for r in records], np.int32).reshape(shape),
        "changed": np.array([r["changed"] for r in records], np.bool_).reshape(shape),
        "exact": exact.astype(np.int32),
        "float": reference.astype(np.int32),
    }
    if labels is not None:
        arrays["labels"] = labels.astype(np.int32)
    return arrays
