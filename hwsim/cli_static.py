"""``hwsim bounds`` and ``hwsim inspect``: what is known without running the network."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

import typer

from hwsim.cli_console import Format, print_rich, print_rows
from hwsim.cli_options import (
    DataOption,
    FormatOption,
    HwOption,
    LimitOption,
    ModelArgument,
    PickleOption,
    ScaleOption,
    SeedOption,
    SetOption,
    pickled_shape,
)
from hwsim.errors import ConfigError


def bounds(
    model: ModelArgument = "digits",
    hw: HwOption = "edge_ws_16x16",
    data: DataOption = None,
    limit: LimitOption = None,
    set_: SetOption = None,
    input_scale: ScaleOption = None,
    allow_pickle: PickleOption = None,
    seed: SeedOption = 0,
    form: FormatOption = Format.TABLE,
) -> None:
    """The width ladder: bits that each register has and needs; observed rungs with --data."""
    from hwsim import simulation
    from hwsim.cli_inputs import inputs_of, without_data
    from hwsim.importers import model as model_files
    from hwsim.report import tables

    if data is None:
        without_data(limit, input_scale)
    machine = simulation.load_hardware(hw, set_ or ())
    network = model_files.load(model, pickled_shape(allow_pickle))
    inputs = None if data is None else inputs_of(network, data, limit, input_scale, seed)
    layers = simulation.bounds(network, machine, inputs)
    if form is Format.TABLE:
        print_rich(tables.ladder_table({"layers": layers}))
    else:
        print_rows(layers, form)


def inspect(
    model: ModelArgument = "digits",
    hw: HwOption = "edge_ws_16x16",
    set_: SetOption = None,
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="One layer alone, with every number.")
    ] = None,
    allow_pickle: PickleOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Layers, formats, scales, biases, what runs where, and what bites."""
    from hwsim.analysis import inspection, inspection_model
    from hwsim.importers import hardware
    from hwsim.importers import model as model_files

    machine = hardware.load(hw, set_ or ())
    graph = model_files.load(model, pickled_shape(allow_pickle)).graph
    head = inspection_model.model_entry(model, graph)
    notes = inspection_model.float_layers(head["kind"], graph)
    entries = inspection.inspect(graph, machine, notes)
    if layer is not None:
        entries = [chosen(entries, layer)]
    if form is not Format.TABLE:
        print_rows(inspection_model.with_model(entries, head), form)
        return
    from hwsim.report import inspection_layer, inspection_table

    if layer is None:
        print_rich(inspection_table.network(entries, head, machine.name))
    else:
        print_rich(inspection_layer.layer(entries[0], machine.name))


def chosen(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The entry of one node; a near name is proposed where there is none."""
    found = {entry["name"]: entry for entry in entries}
    if name not in found:
        close = difflib.get_close_matches(name, found, 1)
        hint = f"; perhaps {close[0]}" if close else ""
        raise ConfigError.at("--layer", "name", name, f"must be one of {', '.join(found)}{hint}")
    return found[name]
