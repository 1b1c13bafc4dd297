"""``hwsim report --compare``: two runs on one page."""

from __future__ import annotations

from pathlib import Path

from hwsim.report import comparison, files, words
from hwsim.report.comparison import Pair
from hwsim.report.layer_table import error_cell
from hwsim.report.page_table import Cell, Column, count_cell, name_cell, sort_key
from hwsim.report.plots import draw
from hwsim.report.plots.comparison import PLOT
from hwsim.report.render import read_summary
from hwsim.report.templates import rendered, shown
from hwsim.report.words import Layer, Summary


def compare(a: Path, b: Path, out: Path) -> None:
    """Write one page on two run folders; its plot (PNG) and numbers (CSV) stand beside it.

    Raises
    ------
    DataError
        A folder cannot be read, the runs have no layer in common, or the system refused.
    """
    runs = read_summary(Path(a)), read_summary(Path(b))
    comparison.check_comparable(*runs)
    pictures = draw((PLOT,), *runs)
    for picture in pictures.values():
        files.write_file(out.with_suffix(".png"), picture.png)
        files.write_file(out.with_suffix(".csv"), picture.csv.encode())
    files.write_file(out, html(runs[0], runs[1], (str(a), str(b))).encode())


def html(a: Summary, b: Summary, folders: tuple[str, str]) -> str:
    """The page of two summaries."""
    picture = draw((PLOT,), a, b).get(PLOT.name)
    return rendered(
        "compare.html.j2",
        title="Two runs side by side",
        version=b["hwsim_version"],
        runs=[_run(x, name) for x, name in zip((a, b), folders, strict=True)],
        verdict=comparison.verdict(a, b),
        totals={
            "columns": _total_columns(),
            "rows": [_pair_row(x) for x in comparison.totals(a, b)],
        },
        plot=None if picture is None else shown(picture),
        layers={"columns": _layer_columns(), "rows": _layer_rows(a, b)},
        only=[comparison.only_in(a, b), comparison.only_in(b, a)],
        settings=comparison.machine_differences(a, b),
        commands=[words.printable(x.get("command") or "") for x in (a, b)],
    )


def _run(summary: Summary, folder: str) -> dict[str, str]:
    data = summary["data"]
    return {
        "what": words.printable(f"{summary['model']} on {summary['hardware']}"),
        "data": words.printable(f"{data['name']}, {words.several(data['samples'], 'sample')}"),
        "folder": words.printable(folder),
    }


def _total_columns() -> list[Column]:
    return [
        Column("Figure", "of the whole network", names=True, text=True),
        Column("A", "the first run"),
        Column("B", "the second run"),
        Column("B − A", "green: B is better; red: B is worse"),
    ]


def _pair_row(pair: Pair) -> list[Cell]:
    return [
        name_cell(pair.name),
        *(Cell(text, text) for text in pair.texts),
        Cell(f"{pair.difference}{_word(pair.mark)}", pair.difference, pair.mark),
    ]


def _word(mark: str) -> str:
    """The mark in letters, for print and for eyes that see no colour."""
    return f" {mark}" if mark else ""


def _layer_columns() -> list[Column]:
    both = [
        ("Has", "bits of the accumulator"),
        ("Seen", "bits of its widest exact partial sum"),
        ("Overflow", "stores that changed their value, all samples"),
        ("SQNR", "accumulated, dB"),
        ("Clocks", "of one image, stalls included"),
    ]
    columns = [
        Column("#", "position in run A"),
        Column("Layer", "as the model file spells it", names=True, text=True),
    ]
    for heading, meaning in both:
        columns += [Column(f"{heading} A", meaning), Column(f"{heading} B", meaning)]
        if heading not in ("Has", "Seen"):
            columns.append(Column("B − A", f"{meaning}: green: B is better; red: B is worse"))
    return columns


def _layer_rows(a: Summary, b: Summary) -> list[list[Cell]]:
    fewer = comparison.same_data(a, b)
    return [_layer_row(i, x, y, fewer) for i, x, y in comparison.shared_layers(a, b)]


def _layer_row(index: int, a: Layer, b: Layer, same_data: bool) -> list[Cell]:
    bits = [count_cell(x["width"]["accumulator_bits"]) for x in (a, b)]
    seen = [count_cell(x["width"]["observed_partial_bits"]) for x in (a, b)]
    events = (a["overflow"]["events"], b["overflow"]["events"])
    spent = (comparison.clocks(a), comparison.clocks(b))
    return [
        Cell(str(index), index),
        name_cell(a["name"]),
        *bits,
        *seen,
        *map(count_cell, events),
        _gap(events, False if same_data else None, 0),
        error_cell(a["error"]),
        error_cell(b["error"]),
        _gap((comparison.decibels(a), comparison.decibels(b)), True, 1),
        *map(count_cell, spent),
        _gap(spent, False, 0),
    ]


def _gap(figures: tuple[float | None, float | None], more: bool | None, places: int) -> Cell:
    """The difference with its mark."""
    a, b = figures
    if a is None or b is None:
        return Cell(words.NONE, sort_key(None))
    mark = "" if more is None else comparison.marked(a, b, more)
    text = comparison.signed(b - a, lambda value: words.number(value, places))
    return Cell(f"{text}{_word(mark)}", b - a, mark)
