"""``hwsim vectors``: bundles of test vectors for RTL, one a layer."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hwsim.cli_console import print_rich
from hwsim.cli_options import (
    DataOption,
    HwOption,
    ModelArgument,
    ScaleOption,
    SetOption,
)
from hwsim.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Group

    from hwsim.vectors.manifest import Manifest


class Stage(StrEnum):
    """A stage that can be a bundle of its own."""

    REQUANTIZE = "requantize"
    NARROW = "narrow"


def vectors(
    model: ModelArgument = "digits",
    hw: HwOption = "edge_ws_16x16",
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="One layer; default: a bundle for every layer of MACs."),
    ] = None,
    data: DataOption = None,
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Images; each is a run of the array.")
    ] = 1,
    directed: Annotated[
        bool, typer.Option("--directed", help="Add runs made to reach the layer's corners.")
    ] = False,
    stage: Annotated[
        Stage | None,
        typer.Option(help="This stage alone: accumulators in, codes or narrowed sums out."),
    ] = None,
    waves: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST:LAST",
            help="Also DIR.vcd: the cycle engine's registers under the RTL's names, of these folds "
            "of the first run, both included.",
        ),
    ] = None,
    set_: SetOption = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Of `--data random` and --directed.")
    ] = 0,
    input_scale: ScaleOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The bundle's folder, or one that holds a bundle for every layer; default "
            "traces/<model>--<hw>--<layer>.",
        ),
    ] = None,
) -> None:
    """Test vectors for RTL: a folder with testbenches that needs a simulator and nothing else.

    `hwsim cosim DIR` and `make -C DIR` run it; its README.md tells how to point it at other RTL.
    """
    from hwsim import simulation
    from hwsim.cli_inputs import check_overrides, inputs_of
    from hwsim.importers import model as model_files
    from hwsim.network.names import node_named
    from hwsim.vectors.waves import WaveWindow, check_waves, write_waves
    from hwsim.vectors.write import layer_cases, write_case

    window = None if waves is None else WaveWindow(*folds_of(waves))
    if window is not None and stage is not None:
        raise ConfigError.at("--waves", "folds", waves, "must go without --stage: it has no array")
    machine = simulation.load_hardware(hw, set_ or ())
    network = model_files.load(model)
    graph = network.graph
    check_overrides(machine, graph)
    nodes = graph.mac_nodes if layer is None else (node_named(graph, layer),)
    names = [node.name for node in nodes]
    folders = bundle_folders(names, f"{graph.name}--{machine.name}", layer is not None, out)
    inputs = inputs_of(network, data, limit, input_scale, seed)
    chosen: Literal["requantize", "narrow"] | None = None if stage is None else stage.value
    cases = list(layer_cases(graph, machine, inputs.X, nodes, chosen))
    if window is not None:
        for case in cases:
            check_waves(case, case.runs[0], window)
    for case, folder in zip(cases, folders, strict=True):
        manifest = write_case(case, folder, directed=directed, stage=chosen, seed=seed)
        print(line_of(manifest, folder))
        if directed and chosen is None:
            print_rich(coverage_table(folder))
        if window is not None:
            path = folder.with_name(f"{folder.name}.vcd")
            write_waves(case, case.runs[0], window, path)
            print(f"Waveform: {path}")


def folds_of(text: str) -> tuple[int, int]:
    """The folds of ``--waves``.

    >>> folds_of("0:3")
    (0, 3)
    """
    first, _, last = text.partition(":")
    if not first.isdigit() or not last.isdigit() or int(first) > int(last):
        must = "must be FIRST:LAST, two folds in order, like 0:3"
        raise ConfigError.at("--waves", "folds", text, must)
    return int(first), int(last)


def coverage_table(folder: Path) -> Group:
    """coverage.json in a line a group of bins, and what is open."""
    from rich.console import Group
    from rich.text import Text

    from hwsim.report.tables import text_table

    found = json.loads((folder / "coverage.json").read_bytes())
    headings = ["coverage", "bins", "hit", "unreachable", "open"]
    rows = [
        [name, *(str(counts[word]) for word in ("bins", "hit", "unreachable", "open"))]
        for name, counts in found["groups"].items()
    ]
    open_bins = [name for name, one in found["bins"].items() if one["state"] == "open"]
    lines = [Text(f"Open: {', '.join(open_bins)}")] if open_bins else []
    return Group(text_table(headings, rows, text_columns=1), *lines)


def bundle_folders(names: list[str], title: str, alone: bool, out: Path | None) -> list[Path]:
    """Where each layer's bundle goes; ``alone``: ``out`` is the bundle itself.

    >>> [path.as_posix() for path in bundle_folders(["a/b"], "net--hw", True, None)]
    ['traces/net--hw--0_a_b']
    """
    from hwsim.report.traces import folder_names

    if alone and out is not None:
        return [out]
    folders = list(folder_names(names).values())
    if len({name.lower() for name in folders}) != len(folders):
        raise ConfigError.at("--layer", "names", ", ".join(names), "must differ beyond their case")
    if out is not None:
        return [out / name for name in folders]
    start = re.sub(r"[^A-Za-z0-9._-]", "_", title).lstrip(".")
    return [Path("traces") / f"{start}--{name}" for name in folders]


def line_of(manifest: Manifest, folder: Path) -> str:
    """What was written, in a line."""
    runs, cycles = len(manifest.runs), sum(run.cycles for run in manifest.runs)
    beats = sum(run.output.count for run in manifest.runs)
    runs_text = f"{runs} run{'s' * (runs != 1)}"
    return f"Bundle: {folder}  {manifest.layer}: {runs_text}, {beats} beats, {cycles} cycles"
