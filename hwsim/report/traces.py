"""The traces of a run as files: overflow events, errors, every register of a window.

Layout of a trace folder::

    overflow.npz            every event of every layer (``--trace overflow``): the columns of
                            trace_files.py, `layer` (index) and `layers` (names)
    <layer>/errors.npz      ``--trace errors``: `float_reference` (the float twin's output),
                            `codes`, `difference_lsb`, and both again with `_isolated`
                            (this layer alone, on true inputs); arrays of shape (S, *shape)
    <layer>/full.npz, .vcd  ``--trace full``: every PE register, every clock of the window
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.error import difference_lsb
from hwsim.analysis.isolated import isolated_layer
from hwsim.analysis.summary import Evidence
from hwsim.array.gemm import Datapath
from hwsim.array.ledger import EventList
from hwsim.array.specification import Machine
from hwsim.errors import ConfigError, UnsupportedError
from hwsim.mapping.prepare import prepare
from hwsim.network.graph import Graph
from hwsim.network.layers import codes_of, layer_gemms, output_side
from hwsim.network.run import LayerResult
from hwsim.report.files import npz_bytes, write_file

if TYPE_CHECKING:  # the cycle engine and the writer of waveforms: of full traces alone
    from hwsim.array.trace import TraceWindow

TRACES = ("off", "overflow", "errors", "full")
WHERE = "--trace full"  # what messages name


@dataclass(frozen=True)
class TraceChoice:
    """Which part of a run ``--trace full`` records.

    ``layer``: a glob over layer names. ``clocks``: first (included) and last (not included) compute
    clock of each layer, or None: its first fold. ``sample``: which image.
    """

    layer: str = "*"
    clocks: tuple[int, int] | None = None
    sample: int = 0


def clocks_text(choice: TraceChoice) -> str:
    """Clocks as the command line spells them, the last one included.

    >>> clocks_text(TraceChoice(clocks=(0, 10))), clocks_text(TraceChoice())
    ('0:9', 'first fold')
    """
    return "first fold" if choice.clocks is None else f"{choice.clocks[0]}:{choice.clocks[1] - 1}"


def folder_names(layers: list[str]) -> dict[str, str]:
    """A file name for every layer; names that are no file names are numbered.

    >>> folder_names(["conv1", "a/b", "a:b"])
    {'conv1': 'conv1', 'a/b': '1_a_b', 'a:b': '2_a_b'}
    """
    return {
        name: name
        if re.fullmatch(r"\w[\w.-]{0,99}", name, re.ASCII)
        else f"{i}_{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[:99]}"
        for i, name in enumerate(layers)
    }


def write_overflow(folder: Path, evidence: Evidence) -> None:
    """Every event of the run in one columnar file, layer by layer."""
    layers = evidence.run.layers

    def columns() -> Iterator[tuple[str, NDArray[Any]]]:
        yield "schema", np.array("hwsim.events.1")
        yield "layers", np.array(list(layers))
        empty = np.zeros(0, np.int64)
        parts = [
            np.full(len(events.columns["k"]), i, np.int64)
            for i, result in enumerate(layers.values())
            for events in result.events
        ]
        yield "layer", np.concatenate([empty, *parts])
        for name in EventList.NAMES:
            columns = (e.columns[name] for result in layers.values() for e in result.events)
            yield name, np.concatenate([empty, *columns])

    write_file(folder / "overflow.npz", npz_bytes(columns()))


def write_errors(folder: Path, evidence: Evidence) -> None:
    """Float reference, codes and difference of every layer, accumulated and isolated."""
    names, graph, twin = (
        folder_names(list(evidence.run.layers)),
        evidence.graph,
        evidence.reference(),
    )
    for name, result in evidence.run.layers.items():
        tensor = graph.tensors[result.node.output]
        codes, reference = evidence.run.codes[tensor.name], twin[tensor.name]
        alone = isolated_layer(graph, result.node, evidence.machine, twin).codes
        arrays = {
            "schema": np.array("hwsim.errors.1"),
            "float_reference": reference,
            "codes": codes,
            "difference_lsb": difference_lsb(codes, tensor, reference),
            "codes_isolated": alone,
            "difference_lsb_isolated": difference_lsb(alone, tensor, reference),
        }
        write_file(folder / names[name] / "errors.npz", npz_bytes(arrays))


def write_full(folder: Path, evidence: Evidence, choice: TraceChoice) -> None:
    """Every PE register of the chosen window, as ``full.npz`` and ``full.vcd``."""
    from hwsim.report.trace_files import write_full_trace

    names = folder_names(list(evidence.run.layers))
    for result, datapath, window in chosen(evidence, choice):
        target = folder / names[result.node.name]
        target.mkdir(parents=True, exist_ok=True)
        files = target / "full.npz", target / "full.vcd"
        write_full_trace(*files, datapath, result.schedule, window, choice.sample)


def check_choice(
    trace: str, choice: TraceChoice, graph: Graph, machine: Machine, samples: int
) -> None:
    """Refuse a trace that there is not, or a choice that records nothing, before anything runs.

    Raises
    ------
    ConfigError, UnsupportedError
    """
    if trace not in TRACES:
        raise ConfigError.at("--trace", "trace", trace, f"must be one of: {', '.join(TRACES)}")
    if trace != "full":
        return
    if not machine.array.is_array:
        must = "must be an array: a runtime has no registers to trace"
        raise UnsupportedError.at(WHERE, "array.dataflow", machine.array.dataflow, must)
    names = [node.name for node in graph.mac_nodes]
    if not any(fnmatchcase(name, choice.layer) for name in names):
        raise ConfigError.at(WHERE, "layer", choice.layer, f"must match one of: {', '.join(names)}")
    if not 0 <= choice.sample < samples:
        raise ConfigError.at(WHERE, "sample", choice.sample, f"must be 0..{samples - 1}")
    if choice.clocks is not None and not 0 <= choice.clocks[0] < choice.clocks[1]:
        must = "must not be empty, and start at 0 or later"
        raise ConfigError.at(WHERE, "clocks", clocks_text(choice), must)


def check_windows(evidence: Evidence, choice: TraceChoice) -> None:
    """Refuse windows that hold no clock of any layer, or too many, before anything is written.

    Raises
    ------
    ConfigError
    """
    from hwsim.array.trace import check_window

    windows = 0
    for result, datapath, window in chosen(evidence, choice):
        check_window(datapath, result.schedule, window)
        windows += 1
    if not windows:
        layers = evidence.run.layers.items()
        longest = max(r.schedule.cycles for n, r in layers if fnmatchcase(n, choice.layer))
        must = f"must start before the last clock; the longest layer chosen has {longest}"
        raise ConfigError.at(WHERE, "clocks", clocks_text(choice), must)


def chosen(
    evidence: Evidence, choice: TraceChoice
) -> Iterator[tuple[LayerResult, Datapath, TraceWindow]]:
    """Chosen layers that have clocks in the window, each with the datapath of the chosen image.

    The datapath holds this image alone: it is the window's sample 0.
    """
    from hwsim.array.trace import TraceWindow

    image = slice(choice.sample, choice.sample + 1)
    codes = {name: evidence.run.part(name, image) for name in evidence.run.codes}
    for name, result in evidence.run.layers.items():
        schedule = result.schedule
        start, stop = choice.clocks or (0, schedule.fold_cycles)
        window = TraceWindow(0, start, min(stop, schedule.cycles))
        if not fnmatchcase(name, choice.layer) or window.start >= window.stop:
            continue
        inputs = [codes_of(evidence.graph, codes, tensor) for tensor in result.node.inputs]
        _, gemm = next(layer_gemms(evidence.graph, result.node, inputs, result.machine))
        side = output_side(evidence.graph, result.node)
        yield result, prepare(gemm, side, result.machine, name).datapath, window
