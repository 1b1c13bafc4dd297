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

import numpy as np

from hwsim.analysis.error import difference_lsb
from hwsim.analysis.summary import Evidence
from hwsim.array import datapath as datapaths
from hwsim.array.gemm import Datapath
from hwsim.array.ledger import EventList
from hwsim.array.trace import TraceWindow, record
from hwsim.errors import ConfigError, UnsupportedError
from hwsim.network.run import LayerResult, layer_gemms
from hwsim.report.files import npz_bytes, write_file
from hwsim.report.trace_files import write_trace
from hwsim.report.waveform import write_waveform


@dataclass(frozen=True)
class TraceChoice:
    """Which part of a run ``--trace full`` records.

    ``layer``: a glob over layer names. ``clocks``: first (included) and last (not included) compute
    clock of each layer, or None: its first fold. ``sample``: which image.
    """

    layer: str = "*"
    clocks: tuple[int, int] | None = None
    sample: int = 0


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
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("layer", *EventList.NAMES)}
    for i, result in enumerate(evidence.run.layers.values()):
        for events in result.events:
            parts["layer"].append(np.full(len(events.columns["k"]), i, np.int64))
            for name in EventList.NAMES:
                parts[name].append(events.columns[name])
    columns = {
        name: np.concatenate(part) if part else np.zeros(0, np.int64)
        for name, part in parts.items()
    }
    names = np.array(list(evidence.run.layers))
    schema = np.array("hwsim.events.1")
    write_file(folder / "overflow.npz", npz_bytes({"schema": schema, "layers": names, **columns}))


def write_errors(folder: Path, evidence: Evidence) -> None:
    """Float reference, codes and difference of every layer, accumulated and isolated."""
    names = folder_names(list(evidence.run.layers))
    for name, result in evidence.run.layers.items():
        tensor = evidence.graph.tensors[result.node.output]
        reference = evidence.reference[tensor.name]
        codes, alone = evidence.run.codes[tensor.name], evidence.isolated[name].codes
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
    names = folder_names(list(evidence.run.layers))
    for result, datapath in chosen(evidence, choice):
        schedule = result.schedule
        start, stop = choice.clocks or (0, schedule.fold_cycles)
        window = TraceWindow(0, start, min(stop, schedule.cycles))
        trace = record(datapath, schedule, window)
        target = folder / names[result.node.name]
        write_trace(target / "full.npz", trace)
        write_waveform(target / "full.vcd", trace)


def check_choice(evidence: Evidence, choice: TraceChoice) -> None:
    """Refuse a choice that records nothing, before anything is written."""
    if not evidence.machine.array.is_array:
        raise UnsupportedError.at(
            "--trace full", "array.dataflow", "none", "a runtime has no registers to trace"
        )
    layers = evidence.run.layers
    if not any(fnmatchcase(name, choice.layer) for name in layers):
        raise ConfigError.at(
            "--trace full", "layer", choice.layer, f"must match one of: {', '.join(layers)}"
        )
    samples = len(evidence.run.codes[evidence.graph.inputs[0]])
    if not 0 <= choice.sample < samples:
        raise ConfigError.at("--trace full", "sample", choice.sample, f"must be 0..{samples - 1}")


def chosen(evidence: Evidence, choice: TraceChoice) -> Iterator[tuple[LayerResult, Datapath]]:
    """Chosen layers that have clocks, each with the datapath of the chosen sample."""
    for name, result in evidence.run.layers.items():
        if not fnmatchcase(name, choice.layer) or not result.schedule.cycles:
            continue
        sample = slice(choice.sample, choice.sample + 1)
        inputs = [
            evidence.run.codes[tensor][sample]
            if tensor in evidence.run.codes
            else evidence.graph.constants[tensor][None]
            for tensor in result.node.inputs
        ]
        _, gemm = next(layer_gemms(evidence.graph, result.node, inputs, result.machine))
        yield result, datapaths.build(gemm, result.machine, name)[0]
