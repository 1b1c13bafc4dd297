"""``hwsim extract``: one layer alone as a model file, so that a bug reproduces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwsim.cli_options import (
    DataOption,
    HwOption,
    LimitOption,
    ModelArgument,
    ScaleOption,
    SeedOption,
    SetOption,
)
from hwsim.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hwsim.importers.model import Model
    from hwsim.network.graph import Node


def extract(
    model: ModelArgument,
    layer: Annotated[
        str, typer.Option(metavar="NAME", help="The node; hwsim inspect MODEL lists them.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE.npz", help="The model file to write.")
    ],
    data: DataOption = None,
    limit: LimitOption = None,
    input_scale: ScaleOption = None,
    seed: SeedOption = 0,
    hw: HwOption = "edge_ws_16x16",
    set_: SetOption = None,
) -> None:
    """One layer alone, as a model file of our own.

    With --data also its true inputs and output on machine --hw, to FILE.data.npz:
    `hwsim run FILE.npz --data FILE.data.npz`, `hwsim verify FILE.npz --dump FILE.data.npz`.
    """
    from hwsim.analysis.compare_node import alone
    from hwsim.importers import model as model_files
    from hwsim.importers import npz
    from hwsim.network.names import node_named

    if out.suffix != ".npz":
        raise ConfigError.at("--out", "suffix", out.suffix or "none", "must be .npz")
    network = model_files.load(model)
    node = node_named(network.graph, layer)
    part = alone(network.graph, node)
    arrays = None
    if data is not None:
        arrays = true_tensors(network, node, hw, set_, data, limit, input_scale, seed)
    npz.save(part, out)
    print(f"Layer: {out}")
    if arrays is not None:
        from hwsim.report.files import npz_bytes, write_file

        beside = out.with_suffix(".data.npz")
        write_file(beside, npz_bytes(arrays))
        print(f"Data: {beside}")


def true_tensors(
    network: Model,
    node: Node,
    hw: str,
    set_: list[str] | None,
    data: str,
    limit: int | None,
    input_scale: str | None,
    seed: int,
) -> dict[str, NDArray[Any]]:
    """The layer's inputs in the whole network, ``X`` where it has one, and its output."""
    from hwsim.cli_inputs import check_overrides
    from hwsim.cli_verify_other import inputs_of
    from hwsim.network import run as network_run
    from hwsim.network.kept import own_dtype
    from hwsim.simulation import load_hardware

    graph = network.graph
    machine = load_hardware(hw, set_ or ())
    check_overrides(machine, graph)
    given = inputs_of(network, data, limit, input_scale, seed, 1)
    codes = network_run.run(graph, machine, given.arrays).codes
    inputs = [name for name in dict.fromkeys(node.inputs) if name not in graph.constants]
    found = {}
    for name in (*inputs, node.output):
        form = graph.tensors[name].format
        label = "X" if inputs == [name] else name
        found[label] = codes[name].astype("float32" if form is None else own_dtype(form))
    return found
