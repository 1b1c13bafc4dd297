"""The run as tables: for the console, as CSV, JSON and JUnit."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from hwsim.report import words
from hwsim.report.schema import Schema, resolve, summary_schema
from hwsim.report.verdict import verdict
from hwsim.report.words import Layer, Summary

_WIDTH, _GAP, _LEAST_NAME = 100, 2, 10  # letters
_OWN_TABLE = frozenset({"causes"})  # of a layer: causes.csv
_LEVEL_STYLES = {"good": "green", "warn": "yellow", "bad": "red"}


def columns(schema: Schema | None = None) -> list[str]:
    """Columns of layers.csv: a layer's keys in the schema's order, nested ones joined by dots.

    >>> columns()[:4], columns()[-1]
    (['name', 'tensor', 'op', 'shape'], 'error_isolated.clipped')
    """
    if schema is None:
        schema = summary_schema()["$defs"]["layer"]
    found = []
    for name, entry in schema["properties"].items():
        if name in _OWN_TABLE:
            continue
        entry = resolve(entry)
        if "properties" in entry:
            found += [f"{name}.{inner}" for inner in columns(entry)]
        else:
            found.append(name)
    return found


def cell(layer: Layer, column: str) -> Any:
    """One entry of layers.csv; empty where there is none, lists joined by ``x``.

    >>> cell({"width": {"chain": None}}, "width.chain.bits"), cell({"shape": [8, 8, 16]}, "shape")
    ('', '8x8x16')
    """
    value: Any = layer
    for name in column.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return ""
    return "x".join(map(str, value)) if isinstance(value, list) else value


def csv_text(header: list[str], rows: list[list[Any]]) -> str:
    """CSV (RFC 4180, but with bare line feeds)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def run_csv(summary: Summary) -> str:
    """layers.csv: one row a layer."""
    header = columns()
    return csv_text(header, [[cell(layer, name) for name in header] for layer in summary["layers"]])


def causes_csv(summary: Summary) -> str | None:
    """causes.csv: one row a layer, kind of inputs and cause; None where none was asked for."""
    if "causes_samples" not in summary:
        return None
    from hwsim.analysis.causes import COLUMNS, cause_rows

    rows = [row for layer in summary["layers"] for row in cause_rows(layer["causes"])]
    return csv_text(list(COLUMNS), [[row[name] for name in COLUMNS] for row in rows])


def run_json(summary: Summary) -> str:
    """The summary as text."""
    return json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)


def run_junit(summary: Summary, failures: dict[str, str]) -> str:
    """JUnit XML: one test case a layer, and one for each other name that failed.

    Parameters
    ----------
    summary : dict
    failures : dict of str
        Name to message: layers, or the whole network, that do not hold what was asked.
    """
    from xml.etree import ElementTree

    operators = {layer["name"]: layer["op"] for layer in summary["layers"]}
    cases = operators | {name: "network" for name in failures if name not in operators}
    suite = ElementTree.Element(
        "testsuite",
        name=words.printable(f"{summary['model']} on {summary['hardware']}"),
        tests=str(len(cases)),
        failures=str(len(failures)),
    )
    for name, operator in cases.items():
        case = ElementTree.SubElement(
            suite, "testcase", classname=operator, name=words.printable(name)
        )
        if name in failures:
            ElementTree.SubElement(case, "failure", message=words.printable(failures[name]))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode") + "\n"


def text_table(headings: list[str], rows: list[list[str | Text]], text_columns: int = 1) -> Table:
    """A table of at most 100 letters: names, the first column, give way; the rest stays whole."""
    others = [
        max(len(heading), *(len(row[at]) for row in rows)) if rows else len(heading)
        for at, heading in enumerate(headings)
    ][1:]
    room = max(_WIDTH - sum(others) - _GAP * len(others), _LEAST_NAME)
    table = Table(box=None, header_style="bold", padding=(0, _GAP, 0, 0), pad_edge=False)
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at < text_columns else "right", no_wrap=True)
    for name, *cells in rows:
        table.add_row(Text(words.shortened(words.printable(str(name)), room)), *cells)
    return table


def _events(layer: Layer) -> Text:
    events = layer["overflow"]["events"]
    return Text(words.metric(events), style="red" if events else "")


def _run_row(layer: Layer, timed: bool) -> list[str | Text]:
    width = layer["width"]
    groups = f"{layer['groups']}·" if layer["groups"] > 1 else ""
    return [
        layer["name"],
        f"{groups}{layer['m']}×{layer['k']}×{layer['n']}",
        *([words.metric(layer["cycles"]), words.percent(layer["utilization"])] if timed else []),
        str(width["accumulator_bits"]),
        f"{width['observed_partial_bits'] or words.NONE} / {width['weight_bits']}",
        _events(layer),
        words.metric(layer["overflow"]["codes_changed"]),
        words.decibel(layer["error"]).removesuffix(" dB"),
        words.decibel(layer["error_isolated"]).removesuffix(" dB"),
    ]


def run_table(summary: Summary) -> Group:
    """What `hwsim run` prints: a line a layer, totals, and the verdict.

    ``needs``: accumulator bits seen on this data / enough for any input; ``changed``: output codes
    changed by overflow; ``SQNR dB`` accumulated, ``alone`` of this layer with true inputs.
    """
    timed = any(layer["cycles"] is not None for layer in summary["layers"])
    headings = ["layer", "M×K×N", *(["cycles", "use"] if timed else []), "acc", "needs"]
    headings += ["overflow", "changed", "SQNR dB", "alone"]
    result = verdict(summary)
    title = words.printable(f"{summary['model']} on {summary['hardware']}")
    data = f"{words.printable(summary['data']['name'])}, {_samples(summary)}"
    return Group(
        Text.assemble((title, "bold"), f"  ({data})"),
        text_table(headings, [_run_row(layer, timed) for layer in summary["layers"]]),
        Text(_totals(summary)),
        Text(str(result), style=_LEVEL_STYLES[result.level]),
    )


def _samples(summary: Summary) -> str:
    return words.several(summary["data"]["samples"], "sample")


def _totals(summary: Summary) -> str:
    """MACs, clocks and use of one image."""
    totals = summary["totals"]
    parts = [f"{words.metric(totals['macs'])} MACs an image"]
    if totals["cycles"] is not None:
        parts.append(f"{words.metric(totals['cycles'])} cycles")
        parts.append(f"{words.percent(totals['utilization'])} of the PEs busy")
    if totals["stall_cycles"]:
        parts.append(f"{words.metric(totals['stall_cycles'])} stall cycles")
    accuracy = summary["accuracy"]
    if accuracy is not None:
        names = [name for name in ("float", "exact", "hardware") if accuracy[name] is not None]
        top1 = ", ".join(f"{name} {words.percent(accuracy[name])}" for name in names)
        parts.append(f"top-1: {top1}")
    return "; ".join(parts) + "."


def ladder_table(summary: Summary) -> Table:
    """What `hwsim bounds` prints: bits that each register has and needs.

    ``type``: enough for any weights; ``weight``: for these weights and any input; ``partial``,
    ``final``: seen on this data; ``spare``: has minus weight.
    """
    ladders = [layer["width"] for layer in summary["layers"]]
    observed = any(ladder["observed_partial_bits"] is not None for ladder in ladders)
    headings = ["layer", "register", "rule", "has", "type", "weight"]
    headings += ["partial", "final", "spare"] if observed else ["spare"]
    rows: list[list[str | Text]] = []
    for layer in summary["layers"]:
        width, chain, name = layer["width"], layer["width"]["chain"], layer["name"]
        if chain is not None:
            rows.append([name, "chain", *_rungs(chain, chain["bits"], observed)])
            name = ""
        rows.append([name, "accumulator", *_rungs(width, width["accumulator_bits"], observed)])
    return text_table(headings, rows, text_columns=3)


def _rungs(ladder: dict[str, Any], bits: int | list[int], observed: bool) -> list[str | Text]:
    """One register; ``spare``: its bits beyond what these weights can need, negative if short."""
    spare = words.widest(bits) - ladder["weight_bits"]
    rungs = ["observed_partial_bits", "observed_final_bits"] if observed else []
    return [
        ladder["overflow"].replace("_", " "),
        words.chain_bits(bits),
        str(ladder["type_bits"]),
        str(ladder["weight_bits"]),
        *(words.NONE if ladder[rung] is None else str(ladder[rung]) for rung in rungs),
        Text(f"{spare:+d}", style="red" if spare < 0 else ""),
    ]
