"""The page's table: one row a layer, every column sortable."""

from __future__ import annotations

from typing import Any

from hwsim.report import words
from hwsim.report.page_table import MOST, Cell, Column, count_cell, name_cell, sort_key
from hwsim.report.words import Layer, Summary


def columns(summary: Summary) -> list[Column]:
    """Heading and explanation of each column."""
    timed = summary["totals"]["cycles"] is not None
    bound = any(layer.get("memory") for layer in summary["layers"])
    return [
        Column("#", "position in the network"),
        Column("Layer", "as the model file spells it", names=True, text=True),
        Column("Operator", "of the network", text=True),
        Column("M × K × N", "output positions × reduction steps × output channels, per image"),
        *([Column("Cycles", "compute clocks per image")] if timed else []),
        *(
            [Column("Stall", "clocks waiting for memory")]
            if summary["totals"]["stall_cycles"]
            else []
        ),
        *([Column("Use", "useful multiply-adds / (PEs × cycles)")] if timed else []),
        *([Column("Bound", "by the array, or by the memory's bandwidth", True)] if bound else []),
        Column("Has", "bits of the accumulator"),
        Column("Seen", "bits of its widest exact partial sum on this data"),
        Column("Safe", "bits that hold every input, with these weights"),
        Column("Overflow", "stores that changed their value, all samples"),
        Column("Persist.", "sums whose exact final value does not fit"),
        Column("Trans.", "sums that leave the range and come back"),
        Column("Changed", "output codes changed by this layer's own overflow"),
        Column("SQNR", "accumulated, against the float reference, dB"),
        Column("Alone", "SQNR of this layer alone, true inputs, dB"),
        Column("Max", "largest accumulated error, LSB"),
        Column("Equal", "share of output codes equal to the rounded float result"),
    ]


def row(index: int, layer: Layer, summary: Summary) -> list[Cell]:
    """The cells of one layer, in the order of `columns`."""
    width, overflow = layer["width"], layer["overflow"]
    has, seen = width["accumulator_bits"], width["observed_partial_bits"]
    times = [
        count_cell(layer["cycles"]),
        *([count_cell(layer["stall_cycles"])] if summary["totals"]["stall_cycles"] else []),
        Cell(words.percent(layer["utilization"]), sort_key(layer["utilization"])),
    ]
    return [
        Cell(str(index), index),
        name_cell(layer["name"], f"layer-{index}"),
        name_cell(layer["op"]),
        Cell(
            words.product(layer).replace(" × ", "×"),
            layer["groups"] * layer["m"] * layer["k"] * layer["n"],
        ),
        *(times if summary["totals"]["cycles"] is not None else []),
        *([_bound(layer)] if any(x.get("memory") for x in summary["layers"]) else []),
        count_cell(has),
        Cell(words.count(seen), sort_key(seen), "alarm" if seen is not None and seen > has else ""),
        count_cell(width["weight_bits"]),
        count_cell(overflow["events"], alarm=True),
        count_cell(overflow["persistent"], alarm=True),
        count_cell(overflow["transient"], alarm=True),
        count_cell(overflow["codes_changed"], alarm=True),
        error_cell(layer["error"]),
        error_cell(layer["error_isolated"]),
        *_match_cells(layer["error"]),
    ]


def _bound(layer: Layer) -> Cell:
    memory = layer.get("memory")
    if not memory:
        return name_cell(words.NONE)
    text = {"compute": "array", "bandwidth": "memory"}[memory["bound"]]
    return Cell(text, text, "alarm" if text == "memory" else "")


def error_cell(error: dict[str, Any] | None) -> Cell:
    """SQNR in dB; ``exact`` sorts above all."""
    text = words.decibel(error).removesuffix(" dB")
    if error is None or text == "no signal":
        return Cell(text, sort_key(None))
    return Cell(text, MOST if error["sqnr_db"] is None else error["sqnr_db"])


def _match_cells(error: dict[str, Any] | None) -> list[Cell]:
    largest = None if error is None else error["max_lsb"]
    match = None if error is None else error["exact_match"]
    return [
        Cell(words.number(largest, 1), sort_key(largest)),
        Cell(words.percent(match), sort_key(match)),
    ]
