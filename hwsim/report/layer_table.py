"""The page's table: one row a layer, every column sortable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwsim.report import words
from hwsim.report.words import Layer, Summary


@dataclass(frozen=True)
class Cell:
    """One table cell: its text, and what the column sorts by."""

    text: str
    key: float | str
    alarm: bool = False


def columns(summary: Summary) -> list[tuple[str, str]]:
    """Heading and explanation (its tooltip) of each column."""
    timed = summary["totals"]["cycles"] is not None
    return [
        ("#", "position in the network"),
        ("Layer", "as the model file spells it"),
        ("Operator", "of the network"),
        ("M × K × N", "output positions × reduction steps × output channels, per image"),
        *([("Cycles", "compute clocks per image")] if timed else []),
        *([("Stall", "clocks waiting for memory")] if summary["totals"]["stall_cycles"] else []),
        *([("Use", "useful multiply-adds / (PEs × cycles)")] if timed else []),
        ("Has", "bits of the accumulator"),
        ("Seen", "bits of its widest exact partial sum on this data"),
        ("Safe", "bits that hold every input, with these weights"),
        ("Overflow", "stores that changed their value, all samples"),
        ("Persist.", "sums whose exact final value does not fit"),
        ("Trans.", "sums that leave the range and come back"),
        ("Changed", "output codes changed by this layer's own overflow"),
        ("SQNR", "accumulated, against the float reference, dB"),
        ("Alone", "SQNR of this layer alone, true inputs, dB"),
        ("Max", "largest accumulated error, LSB"),
        ("Equal", "share of output codes equal to the rounded float result"),
    ]  # fmt: skip


def row(index: int, layer: Layer, summary: Summary) -> list[Cell]:
    """The cells of one layer, in the order of `columns`."""
    width, overflow = layer["width"], layer["overflow"]
    has, seen = width["accumulator_bits"], width["observed_partial_bits"]
    stalled = summary["totals"]["stall_cycles"]
    times = [
        _count(layer["cycles"]),
        *([_count(layer["stall_cycles"])] if stalled else []),
        Cell(words.percent(layer["utilization"]), _key(layer["utilization"])),
    ]
    return [
        Cell(str(index), index),
        Cell(words.printable(layer["name"]), words.printable(layer["name"])),
        Cell(words.printable(layer["op"]), words.printable(layer["op"])),
        Cell(
            words.product(layer).replace(" × ", "×"),
            layer["groups"] * layer["m"] * layer["k"] * layer["n"],
        ),
        *(times if summary["totals"]["cycles"] is not None else []),
        _count(has),
        Cell(words.count(seen), _key(seen), alarm=seen is not None and seen > has),
        _count(width["weight_bits"]),
        _count(overflow["events"], alarm=True),
        _count(overflow["persistent"], alarm=True),
        _count(overflow["transient"], alarm=True),
        _count(overflow["codes_changed"], alarm=True),
        _error_cell(layer["error"]),
        _error_cell(layer["error_isolated"]),
        *_match_cells(layer["error"]),
    ]


def _key(value: float | None) -> float:
    return -1e300 if value is None else float(value)


def _count(value: int | None, *, alarm: bool = False) -> Cell:
    return Cell(words.count(value), _key(value), alarm and bool(value))


def _error_cell(error: dict[str, Any] | None) -> Cell:
    text = words.decibel(error).removesuffix(" dB")
    if error is None or text == "no signal":
        return Cell(text, _key(None))
    return Cell(text, 1e300 if error["sqnr_db"] is None else error["sqnr_db"])


def _match_cells(error: dict[str, Any] | None) -> list[Cell]:
    largest = None if error is None else error["max_lsb"]
    match = None if error is None else error["exact_match"]
    return [Cell(words.number(largest, 1), _key(largest)), Cell(words.percent(match), _key(match))]
