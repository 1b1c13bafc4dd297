"""``hwsim bounds`` and ``hwsim inspect``: what is known without running the network."""

from __future__ import annotations

import difflib
from enum import StrEnum
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


class ZeroPoints(StrEnum):
    """Operands of a layer to be trained that may have a zero point."""

    NONE = "none"
    ACTIVATIONS = "activations"
    BOTH = "both"


def bounds(
    model: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Embedded models (digits, seed_conv), or files: also what all of them need. "
            "[default: digits]",
        ),
    ] = None,
    hw: HwOption = "edge_ws_16x16",
    k: Annotated[
        str | None,
        typer.Option(
            "--k",
            metavar="K[,..]",
            help="Layers to be trained yet, by the products of one output (9 * 128 = 1152).",
        ),
    ] = None,
    zero_points: Annotated[
        ZeroPoints | None,
        typer.Option(help="Of --k: which operands may have one; default activations."),
    ] = None,
    bias_bits: Annotated[
        int | None,
        typer.Option(min=1, max=32, metavar="N", help="Of --k: bits of every bias; default none."),
    ] = None,
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
    from hwsim.analysis import untrained
    from hwsim.cli_inputs import check_overrides, inputs_of, without_data
    from hwsim.importers import model as model_files

    names = list(dict.fromkeys(model or ([] if k else ["digits"])))
    check_bounds(names, k, zero_points, bias_bits, data)
    if data is None:
        without_data(limit, input_scale)
    machine = simulation.load_hardware(hw, set_ or ())
    found: dict[str, list[dict[str, Any]]] = {}
    networks = {name: model_files.load(name, pickled_shape(allow_pickle)) for name in names}
    if networks:
        check_overrides(machine, *(network.graph for network in networks.values()))
    for name, network in networks.items():
        inputs = None if data is None else inputs_of(network, data, limit, input_scale, seed)
        found[name] = simulation.bounds(network, machine, inputs)
    if k is not None:
        found[untrained.GROUP] = untrained.untrained_ladders(
            machine, k, (zero_points or ZeroPoints.ACTIVATIONS).value, bias_bits
        )
    print_bounds(found, untrained.widest(machine, found), form)


def check_bounds(
    names: list[str],
    k: str | None,
    zero_points: ZeroPoints | None,
    bias_bits: int | None,
    data: str | None,
) -> None:
    """Refuse options that would do nothing, before anything is loaded."""
    for option, value in (("--zero-points", zero_points), ("--bias-bits", bias_bits)):
        if value is not None and k is None:
            raise ConfigError.at(option, "value", value, "must go with --k")
    if data is not None and len(names) != 1:
        what = ", ".join(names) or "none"
        raise ConfigError.at("--data", "models", what, "must be one: data are of one model")


def print_bounds(
    found: dict[str, list[dict[str, Any]]], widest: dict[str, Any] | None, form: Format
) -> None:
    """One model's layers; of several each model's, and what all of them need."""
    if len(found) == 1:
        (layers,) = found.values()
        rows = layers
    else:
        rows = [{"model": name, **layer} for name, own in found.items() for layer in own]
        rows += [] if widest is None else [{"model": "all", **widest}]
    if form is not Format.TABLE:
        print_rows(rows, form)
        return
    from hwsim.report.bounds_table import bounds_table

    print_rich(bounds_table(found, widest))


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
    from hwsim.cli_inputs import check_overrides
    from hwsim.importers import hardware
    from hwsim.importers import model as model_files

    machine = hardware.load(hw, set_ or ())
    graph = model_files.load(model, pickled_shape(allow_pickle)).graph
    check_overrides(machine, graph)
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
