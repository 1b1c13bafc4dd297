"""What the page of a sweep reads: sweep.json and the table of its points and layers."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwsim.errors import DataError
from hwsim.report import words

Entry = dict[str, Any]
WIDTHS = ("accumulator.bits", "chain.bits", "requantize.multiplier_bits")
ARRAY = ("array.rows", "array.cols", "array.dataflow", "array.k_order")
FIELD_WORDS = {  # headings of the swept fields
    "accumulator.bits": "accumulator bits",
    "accumulator.overflow": "overflow",
    "chain.bits": "chain bits",
    "chain.overflow": "overflow in the chain",
    "requantize.rounding": "rounding",
    "requantize.multiplier_bits": "multiplier bits",
    "array.dataflow": "dataflow",
    "array.rows": "rows",
    "array.cols": "columns",
    "array.k_order": "order of the sum",
}
_KEYS = ("model", "hardware", "hwsim_version", "data", "fields", "per_layer", "points")
_NUMBERS = ("groups", "m", "n", "overflow.outputs_affected", "overflow.codes_changed")
NUMBER, NAME = "number", "layer"


@dataclass(frozen=True)
class SweepFolder:
    """A finished sweep.

    Attributes
    ----------
    manifest : dict
        sweep.json.
    layers : list of dict
        Rows of sweep.csv, each with the ``number`` of its point; counts are integers.
    """

    manifest: Entry
    layers: list[Entry]

    @property
    def uniform(self) -> list[Entry]:
        """Points at which every layer has the swept fields."""
        return [point for point in self.manifest["points"] if point["only_layer"] is None]

    @property
    def width(self) -> str | None:
        """The width that is swept: a plot's axis; None where none is."""
        fields = self.manifest["fields"]
        several = [name for name in WIDTHS if len(fields.get(name, ())) > 1]
        return next(iter(several), None)

    @property
    def varying(self) -> list[str]:
        """Other fields with several values."""
        fields = self.manifest["fields"]
        return [name for name in fields if name != self.width and len(fields[name]) > 1]

    @property
    def recommendation(self) -> Entry | None:
        """What `sweep.json` recommends; None of a sweep without."""
        found: Entry | None = self.manifest.get("recommendation")
        return found

    def series(self, values: Entry) -> str:
        """The fields other than the width, in words: one line of a plot."""
        names = [name for name in self.varying if name in values]
        said = []
        if "array.rows" in names and "array.cols" in names:
            said = [f"{values['array.rows']} × {values['array.cols']}"]
            names = [name for name in names if name not in ("array.rows", "array.cols")]
        said += [field_value(name, values[name]) for name in names]
        return ", ".join(said) or self._rule()

    def _rule(self) -> str:
        """The machine's own overflow rule."""
        register = (self.width or "accumulator.bits").partition(".")[0]
        rule = ((self.manifest.get("machine") or {}).get(register) or {}).get("overflow")
        return str(rule or "every point").replace("_", " ")

    def names(self) -> list[str]:
        """Layers, in the network's order."""
        return list(dict.fromkeys(row[NAME] for row in self.layers))


def field_value(name: str, value: Any) -> str:
    """One value of a swept field, so that it says itself what it is.

    >>> field_value("accumulator.overflow", "wrap"), field_value("array.rows", 16)
    ('wrap', 'rows 16')
    """
    text = words.printable(str(value)).replace("_", " ")
    known = FIELD_WORDS.get(name, name)
    return text if isinstance(value, str) and name != "chain.overflow" else f"{known} {text}"


def good_share(point: Entry) -> float | None:
    """Accuracy of a point; without labels None."""
    accuracy = point["accuracy"]
    found: float | None = None if accuracy is None else accuracy["hardware"]
    return found


def clocks(point: Entry) -> int | None:
    """Clocks of one image, stalls included; None of a runtime."""
    totals = point["totals"]
    return None if totals["cycles"] is None else totals["cycles"] + (totals["stall_cycles"] or 0)


def read_sweep(folder: Path) -> SweepFolder:
    """A folder that `hwsim sweep` wrote.

    Raises
    ------
    DataError
        It is none, or it is broken.
    """
    path = folder / "sweep.json"
    try:
        manifest = json.loads(path.read_bytes())
        text = (folder / "sweep.csv").read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{error.filename or path}: cannot be read: {error.strerror}: run `hwsim sweep` first"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {error}") from error
    schema = str(manifest.get("schema", "")) if isinstance(manifest, dict) else ""
    if not schema.startswith("hwsim.sweep/"):
        raise DataError.at(str(path), "schema", schema or "none", "must be hwsim.sweep/1")
    absent = [key for key in _KEYS if key not in manifest]
    if absent:
        raise DataError.at(str(path), absent[0], "absent", "must be there")
    return SweepFolder(manifest, _layers(folder / "sweep.csv", text, manifest))


def _layers(path: Path, text: str, manifest: Entry) -> list[Entry]:
    """Rows of sweep.csv: point by point, in the order of sweep.json."""
    rows = list(csv.DictReader(io.StringIO(text)))
    points = manifest["points"]
    if not points or len(rows) % len(points):
        if points or rows:
            must = f"must be as many for each of the {len(points)} points of sweep.json"
            raise DataError.at(str(path), "rows", len(rows), must)
        return []
    each = len(rows) // len(points)
    found: list[Entry] = []
    try:
        for at, row in enumerate(rows):
            counts = {name: int(row[name]) for name in _NUMBERS}
            found.append({NUMBER: points[at // each]["number"], NAME: row[NAME], **counts})
    except (KeyError, TypeError, ValueError) as error:
        raise DataError.at(str(path), "columns", error, "must be a sweep's") from error
    return found
