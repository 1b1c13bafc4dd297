"""A network and the samples that go into it, in whatever form the caller has them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError, UnsupportedError
from hwsim.importers.data import Data, of_array
from hwsim.importers.model import Model
from hwsim.network.graph import Graph


def graph_and_data(model: Model | Graph, inputs: Data | NDArray[Any] | None) -> tuple[Graph, Data]:
    """The graph and its input; ``inputs`` None: the model's own data.

    Raises
    ------
    UnsupportedError
        A network of several inputs.
    DataError
        There is no data, or it does not go with the network.
    """
    graph, own = (model.graph, model.data) if isinstance(model, Model) else (model, None)
    if len(graph.inputs) != 1:
        raise UnsupportedError.at(
            graph.name, "inputs", len(graph.inputs), "networks of one input are simulated"
        )
    if inputs is None:
        if own is None:
            raise DataError.at(graph.name, "data", "none", "must be given: --data FILE")
        return graph, own
    if isinstance(inputs, Data):
        return graph, inputs
    return graph, of_array(np.asarray(inputs), graph.tensors[graph.inputs[0]])


def check_labels(graph: Graph, data: Data) -> None:
    """Refuse class labels that are no index of the output."""
    if data.Y is None or not len(data.Y):
        return
    classes = math.prod(graph.tensors[graph.outputs[0]].shape)
    least, largest = int(data.Y.min()), int(data.Y.max())
    if least < 0 or largest >= classes:
        wrong = least if least < 0 else largest
        raise DataError.at(data.name, "Y", wrong, f"must be a class, 0..{classes - 1}")
