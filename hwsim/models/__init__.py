"""Embedded networks with their data, shipped as package data: ``digits`` and ``seed_conv``.

Each folder holds its files and the scripts that made them.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files

from hwsim.errors import ModelError
from hwsim.importers import data, npz
from hwsim.importers.data import Data
from hwsim.network.graph import Graph

_DATA_NAMES = {"digits": "digits-test", "seed_conv": "seed000"}


def embedded() -> tuple[str, ...]:
    """Names of the embedded networks, the default first.

    >>> embedded()
    ('digits', 'seed_conv')
    """
    return tuple(_DATA_NAMES)


def load(name: str) -> tuple[Graph, Data]:
    """An embedded network and its data.

    ``digits`` brings 497 images with labels, ``seed_conv`` one sample.

    Raises
    ------
    ModelError
        There is no such network.

    Examples
    --------
    >>> graph, inputs = load("digits")
    >>> graph.nodes[0].name, inputs.name, inputs.X.shape
    ('conv1', 'digits-test', (497, 8, 8, 1))
    """
    if name not in _DATA_NAMES:
        raise ModelError.at("hwsim", "model", name, f"must be one of {', '.join(_DATA_NAMES)}")
    folder = files("hwsim.models").joinpath(name)
    with as_file(folder.joinpath("model.npz")) as model:
        graph = npz.load(model)
    with as_file(folder.joinpath("test.npz")) as samples:
        inputs = data.load(samples, graph.tensors[graph.inputs[0]])
    return graph, replace(inputs, name=_DATA_NAMES[name])
