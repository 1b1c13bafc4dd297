"""The other side of ``hwsim verify``: a runtime, a machine or a dump, as a source of tensors."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.compare_runs import Source, machine_source, uniform_inputs
from hwsim.array.specification import Machine
from hwsim.errors import DataError
from hwsim.importers import dumps
from hwsim.importers.hardware import machine_hash
from hwsim.importers.model import Model
from hwsim.runtimes import check_format, runtime

if TYPE_CHECKING:
    from hwsim.network.graph import Graph

DEFAULT_MACHINE = "edge_ws_16x16"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the network is run on, and where it came from."""

    arrays: Arrays
    name: str
    sha256: str


@dataclass(frozen=True, eq=False)
class Other:
    """The other side.

    Attributes
    ----------
    name : str
        For titles and file names.
    source : Source
    given : Inputs
    about : dict
        What the certificate says of it: versions, hashes.
    machine : Machine or None
    unmatched : tuple of str
        Of a dump: what no tensor is named after.
    """

    name: str
    source: Source
    given: Inputs
    about: dict[str, Any]
    machine: Machine | None = None
    unmatched: tuple[str, ...] = ()

    @property
    def inputs(self) -> Arrays:
        """The network's inputs by name."""
        return self.given.arrays


def own_machine(name: str | None) -> str:
    """The machine that stands for a runtime; hwsim's default where there is none."""
    return DEFAULT_MACHINE if name is None else runtime(name).machine


def check_runtime(name: str, model: str) -> None:
    """Refuse an unknown runtime, and a model that it cannot read, before anything is loaded."""
    runtime(name)
    check_format(name, model)


def of_runtime(network: Model, name: str, model: str, inputs: Inputs) -> Other:
    """An installed runtime."""
    found = runtime(name)
    wanted = [node.output for node in network.graph.nodes]

    def tensors(start: int, stop: int) -> Arrays:
        batch = {key: values[start:stop] for key, values in inputs.arrays.items()}
        return found.run(Path(model), batch, wanted)

    host = {"python": platform.python_version(), "machine": platform.machine()}
    about = {"kind": "runtime", "name": name, "version": found.version(), **host}
    return Other(name, tensors, inputs, about)


def of_machine(network: Model, machine: Machine, inputs: Inputs) -> Other:
    """Another machine of hwsim."""
    source = machine_source(network.graph, machine, inputs.arrays)
    words = machine.model_dump(mode="json", exclude_none=True)
    about = {"kind": "machine", "name": machine.name, "sha256": machine_hash(machine)}
    return Other(machine.name, source, inputs, {**about, "machine": words}, machine)


def of_dump(
    network: Model,
    folder: str,
    map_: Path | None,
    data: str | None,
    limit: int | None,
    input_scale: str | None,
    seed: int,
) -> Other:
    """A folder of tensors; the input is among them, or given by ``--data``."""
    graph = network.graph
    dump = dumps.load(folder, graph, map_)
    absent = [name for name in graph.inputs if name not in dump.tensors]
    if data is None and absent:
        must = "must be among the dumped tensors, or given by --data"
        raise DataError.at(folder, "input", absent[0], must)
    if data is None:
        arrays = {name: dump.tensors[name][:limit] for name in graph.inputs}
        inputs = Inputs(arrays, Path(folder).name, digest(arrays))
    else:
        inputs = inputs_of(network, data, limit, input_scale, seed, dump.samples)
    count = len(next(iter(inputs.arrays.values())))
    if count > dump.samples or (data is not None and limit is None and count != dump.samples):
        must = f"must be {count}, as many as the data has"
        raise DataError.at(folder, "samples", dump.samples, must)

    def tensors(start: int, stop: int) -> Arrays:
        return {name: values[start:stop] for name, values in dump.tensors.items()}

    hashes = {str(path): file_sha256(path) for path in dump.files}
    about = {"kind": "dump", "name": folder, "files": hashes}
    return Other(Path(folder).name or "dump", tensors, inputs, about, None, dump.unmatched)


def inputs_of(
    network: Model,
    data: str | None,
    limit: int | None,
    input_scale: str | None,
    seed: int,
    samples: int,
) -> Inputs:
    """The network's inputs: ``--data``, the model's own, or uniform codes.

    A network of several inputs takes an ``.npz`` with an array for each, by name.
    """
    from hwsim import cli_inputs

    graph = network.graph
    named = data not in (None, cli_inputs.RANDOM)
    if (data is None and network.data is None) or (not named and len(graph.inputs) > 1):
        arrays = uniform_inputs(graph, limit or samples, seed)
        return Inputs(arrays, f"uniform codes, seed {seed}", digest(arrays))
    if len(graph.inputs) == 1:
        found = cli_inputs.inputs_of(network, data, limit, input_scale, seed)
        return Inputs({graph.inputs[0]: found.X}, found.name, found.sha256)
    return several(graph, str(data), limit)


def several(graph: Graph, file: str, limit: int | None) -> Inputs:
    """Every input of a network that has several, from one file."""
    dump = dumps.load(file, graph)
    for name in graph.inputs:
        if name not in dump.tensors:
            must = f"must be there: the network has {len(graph.inputs)} inputs"
            raise DataError.at(file, name, "absent", must)
    arrays = {name: dump.tensors[name][:limit] for name in graph.inputs}
    return Inputs(arrays, Path(file).stem, file_sha256(Path(file)))


def digest(arrays: Arrays) -> str:
    """SHA-256 of inputs that are in no file."""
    total = hashlib.sha256()
    for values in arrays.values():
        total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a whole file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
