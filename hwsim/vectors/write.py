"""From a network to bundles: the layers' cases, checked all before the first is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.importers import hardware as hardware_files
from hwsim.importers.data import Data
from hwsim.importers.model import Model
from hwsim.importers.samples import graph_and_data
from hwsim.network.graph import Graph, Node
from hwsim.network.names import node_named
from hwsim.vectors.bundle import check, write
from hwsim.vectors.case import LayerCase, layer_case
from hwsim.vectors.directed import directed_runs
from hwsim.vectors.entries import Stage
from hwsim.vectors.manifest import Manifest


def write_vectors(
    model: Model | Graph,
    hardware: Machine | str,
    layer: str,
    out: str | Path,
    *,
    inputs: Data | NDArray[Any] | None = None,
    directed: bool = False,
    stage: Stage | None = None,
    seed: int = 0,
) -> Manifest:
    """Write the vector bundle of one layer: ``hwsim vectors`` in Python.

    Parameters
    ----------
    model : Model or Graph
        From `load_model`.
    hardware : Machine or str
        From `load_hardware`, or its name; it must have RTL.
    layer : str
        The node's name, or its output's.
    out : str or Path
        The bundle's folder; an older bundle is replaced.
    inputs : Data or ndarray of shape (S, *shape), optional
        A run of each sample; integer arrays are codes. Default: the first of the model's own data.
    directed : bool
        Add runs that are made to reach the layer's corners.
    stage : {"requantize", "narrow"}, optional
        This stage alone: accumulators in, codes (or narrowed sums) out.
    seed : int
        Of the directed runs.

    Returns
    -------
    Manifest
        What manifest.json says.

    Raises
    ------
    UnsupportedError
        The machine or the layer has no RTL; the message names the word.
    DataError
        The folder holds something else, or the system refused; nothing is half written.

    Examples
    --------
    >>> import hwsim, tempfile
    >>> digits, out = hwsim.load_model("digits"), tempfile.mkdtemp()
    >>> hwsim.write_vectors(digits, "edge_ws_16x16", "conv1", out).ports["k"]
    9
    """
    graph, data = graph_and_data(model, inputs)
    machine = hardware_files.load(hardware) if isinstance(hardware, str) else hardware
    samples = data.X[:1] if inputs is None else data.X
    node = node_named(graph, layer, "layer")
    case = layer_case(graph, machine, samples, node)
    return write_case(case, Path(out), directed=directed, stage=stage, seed=seed)


def layer_cases(
    graph: Graph, machine: Machine, inputs: Ints, nodes: Sequence[Node], stage: Stage | None
) -> Iterator[LayerCase]:
    """The cases of several layers, each of which can be written.

    Raises
    ------
    UnsupportedError
        As `write_vectors`.
    """
    for node in nodes:
        case = layer_case(graph, machine, inputs, node)
        if stage is None:
            check(case)
        yield case


def write_case(
    case: LayerCase, out: Path, *, directed: bool, stage: Stage | None, seed: int
) -> Manifest:
    """Write one layer's bundle, its directed runs made first where they are asked."""
    if stage is None:
        check(case)
    extra = directed_runs(case, seed) if directed else None
    return write(case, out, seed=seed, directed=extra, stage=stage)
