"""report.html of a sweep: how narrow can it be, with the proof below."""

from __future__ import annotations

from typing import Any

from hwsim.report import words
from hwsim.report.description import machine_sentences
from hwsim.report.page_table import Cell, Column, count_cell, name_cell, sort_key
from hwsim.report.plots import Picture, sweep_accuracy, sweep_front, sweep_layers
from hwsim.report.plots.numbers import Plot
from hwsim.report.sweep_order import order_table
from hwsim.report.sweep_points import FIELD_WORDS, Entry, SweepFolder, clocks, good_share
from hwsim.report.sweep_verdict import cards, saved_rows, verdict
from hwsim.report.templates import rendered, shown, yaml_text

PLOTS: tuple[Plot, ...] = (
    sweep_accuracy.PLOT,
    sweep_layers.OVERFLOW,
    sweep_layers.ALONE,
    sweep_layers.LADDER,
    sweep_front.PLOT,
)
_WIDTH_PLOTS = ("accuracy_by_width", "overflow_by_width", "layer_alone")


def html(sweep: SweepFolder, pictures: dict[str, Picture]) -> str:
    """The page."""
    manifest = sweep.manifest
    drawn = {name: shown(picture) for name, picture in pictures.items()}
    return rendered(
        "sweep.html.j2",
        title=words.printable(f"{manifest['model']} on {manifest['hardware']}: sweep"),
        model=words.printable(manifest["model"]),
        hardware=words.printable(manifest["hardware"]),
        version=manifest["hwsim_version"],
        facts=_facts(manifest),
        verdict=verdict(sweep),
        cards=cards(sweep),
        plots=[drawn[name] for name in _WIDTH_PLOTS if name in drawn],
        ladder=drawn.get(sweep_layers.LADDER.name),
        layers=layer_table(sweep),
        saved=saved_rows(sweep),
        files=[words.printable(name) for name in (sweep.recommendation or {}).get("files", ())],
        front=drawn.get(sweep_front.PLOT.name),
        arrays=front_table(sweep),
        order=order_table(sweep),
        points=point_table(sweep),
        description=machine_sentences(manifest.get("machine") or {}),
        machine=yaml_text(manifest.get("machine")),
        command=words.printable(manifest.get("command") or ""),
    )


def _facts(manifest: Entry) -> list[tuple[str, str]]:
    data = manifest["data"]
    labels = "" if data.get("labels") else ", no labels"
    facts = [("Data", f"{data['name']}, {words.several(data['samples'], 'sample')}{labels}")]
    facts += [(FIELD_WORDS.get(k, k), _values(v)) for k, v in manifest["fields"].items()]
    facts += [("hwsim", manifest["hwsim_version"])]
    facts += [("Data SHA-256", (data.get("sha256") or "")[:16])]
    return [(name, words.printable(text)) for name, text in facts if text]


def _values(values: list[Any]) -> str:
    """Values of a field, neighbours as a range.

    >>> _values([12, 13, 14]), _values([12, 16]), _values(["wrap", "saturate"])
    ('12 to 14', '12, 16', 'wrap, saturate')
    """
    whole = len(values) > 2 and all(isinstance(value, int) for value in values)
    if whole and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(str(value).replace("_", " ") for value in values)


def _columns(sweep: SweepFolder) -> list[Column]:
    """Of the points' table."""
    manifest = sweep.manifest
    labelled = manifest["data"].get("labels")
    timed = any(clocks(point) is not None for point in manifest["points"])
    alone = Column("Layer alone", "the others hold every sum", text=True)
    return [
        Column("#", "number of the point in sweep.json", names=True, text=True),
        *([alone] if manifest["per_layer"] else []),
        *(
            Column(FIELD_WORDS.get(name, name).capitalize(), name, text=_is_text(values))
            for name, values in manifest["fields"].items()
        ),
        *([Column("Top-1", "accuracy on this machine")] if labelled else []),
        Column("Events", "stores that changed their value"),
        Column("Outputs", "sums that overflowed on the way or in the end"),
        Column("Persistent", "sums whose exact final value does not fit"),
        Column("Changed", "output codes of layers that overflow changed"),
        Column("Samples", "with any changed output of the network"),
        *([Column("Clocks", "of one image, stalls included")] if timed else []),
    ]  # fmt: skip


def _is_text(values: list[Any]) -> bool:
    return any(isinstance(value, str) for value in values)


def point_table(sweep: SweepFolder) -> dict[str, Any]:
    """Every point; recommended ones are marked."""
    best = (sweep.recommendation or {}).get("best")
    chosen = None if best is None else {**best["values"], "accumulator.bits": best["found"]["bits"]}
    rows = [_point_row(sweep, point, chosen) for point in sweep.manifest["points"]]
    return {"columns": _columns(sweep), "rows": rows}


def _point_row(sweep: SweepFolder, point: Entry, chosen: Entry | None) -> list[Cell]:
    manifest, overflow = sweep.manifest, point["overflow"]
    number = str(point["number"])
    if point["only_layer"] is None and point["values"] == chosen:
        number += " recommended"
    timed = any(clocks(other) is not None for other in manifest["points"])
    share = good_share(point)
    return [
        name_cell(number),
        *([name_cell(point["only_layer"] or "all layers")] if manifest["per_layer"] else []),
        *(_value_cell(point["values"].get(name)) for name in manifest["fields"]),
        *([Cell(words.percent(share), sort_key(share))] if manifest["data"].get("labels") else []),
        count_cell(overflow["events"], alarm=True),
        count_cell(overflow["outputs_affected"]),
        count_cell(overflow["persistent"]),
        count_cell(overflow["codes_changed"]),
        count_cell(point["samples_changed"]),
        *([count_cell(clocks(point))] if timed else []),
    ]


def _value_cell(value: Any) -> Cell:
    if isinstance(value, str):
        return name_cell(value.replace("_", " "))
    return Cell(words.NONE if value is None else str(value), sort_key(value))


def layer_table(sweep: SweepFolder) -> dict[str, Any] | None:
    """Widths of the recommendation, layer by layer."""
    layers = (sweep.recommendation or {}).get("layers")
    if not layers:
        return None
    columns = [
        Column("#", "position in the network"),
        Column("Layer", "as the model file spells it", names=True, text=True),
        Column("Any weights", "bits: by the formats alone"),
        Column("L1 bound", "bits: these weights, by their L1 norm (A2Q)"),
        Column("Guaranteed", "bits: these weights, by their signs, any input"),
        Column("Seen", "bits: on this data"),
        Column("Headroom", "guaranteed less seen"),
        Column("Recommended", "bits of a machine with a width for each layer"),
        Column("Groups, seen", "bits for each group of channels, least to most"),
    ]
    names = ("type_bits", "l1_bits", "weight_bits", "observed_bits", "headroom", "recommended_bits")
    rows = []
    for i, layer in enumerate(layers):
        groups = [group["observed_bits"] for group in layer.get("groups") or []]
        text = words.width_range(groups) if groups else words.NONE
        row = [Cell(str(i), i), name_cell(layer["name"])]
        row += [count_cell(layer.get(name)) for name in names]
        rows.append([*row, Cell(text, sort_key(min(groups, default=None)))])
    return {"columns": columns, "rows": rows}


def front_table(sweep: SweepFolder) -> dict[str, Any] | None:
    """The non-dominated arrays."""
    numbers = sweep_front.PLOT.numbers(sweep)
    if not numbers.rows:
        return None
    entries = [dict(zip(numbers.columns, row, strict=True)) for row in numbers.rows]
    takes = [
        ("Clocks", "clocks", "of one image, stalls included"),
        ("Adder bits", "adder_bits", "of the array"),
        ("Register bits", "register_bits", "of the array"),
        ("SRAM bytes", "sram_bytes", "of one image, between buffers and array"),
        ("DRAM bytes", "dram_bytes", "of one image"),
        ("Cost", "cost", "by the user's numbers"),
    ]
    takes = [take for take in takes if any(x[take[1]] is not None for x in entries)]
    labelled = sweep.manifest["data"].get("labels")
    columns = [
        Column("#", "number of the point"),
        Column("Array", "rows × columns", names=True, text=True),
        Column("Dataflow", "what stays in the PEs", text=True),
        Column("Accumulator bits", "width of the accumulator"),
        Column("Top-1" if labelled else "Unchanged", "share of samples"),
        *(Column(heading, meaning) for heading, _, meaning in takes),
    ]
    rows = [
        [
            Cell(str(entry["number"]), entry["number"]),
            name_cell(entry["array"]),
            name_cell(entry["dataflow"].replace("_", " ")),
            count_cell(entry["accumulator_bits"]),
            Cell(words.percent(entry["share"]), entry["share"]),
            *(_amount_cell(entry[name]) for _, name, _ in takes),
        ]
        for entry in entries
        if entry["non_dominated"]
    ]
    return {"columns": columns, "rows": rows, "of": len(entries)}


def _amount_cell(value: float | None) -> Cell:
    """A count, or a cost with its fraction."""
    if isinstance(value, float) and not value.is_integer():
        return Cell(f"{value:,.4g}", value)
    return Cell(words.count(value), sort_key(value))
