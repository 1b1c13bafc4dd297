"""Where a layer's error comes from: shares of every cause, exact, with the order's sensitivity.

The error e of a layer is its hardware output less the float twin's, in LSB. Twice over: the layer
**alone**, on the twin's inputs quantized, and **accumulated**, on what the network handed it, where
``inherited`` is one more cause. Which counterfactual stands for which cause: ``causes_layer.py``;
how the shares sum exactly: ``causes_shares.py``; what mending one would gain:
``causes_changes.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.causes_layer import LayerOutputs, inputs_of
from hwsim.analysis.causes_shares import CAUSES, Decomposition, decompose
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.network.graph import Graph, Node
from hwsim.network.layers import layer_facts, refuse_float
from hwsim.network.run import Progress, batch_size

Reals = NDArray[np.float64]
BATCH_OUTPUTS = 1 << 20  # of one layer, held in about 30 arrays at once
COLUMNS = (
    "layer", "op", "inputs", "cause", "share", "share_least", "share_largest",
    "mean_lsb", "rms_lsb",
)  # fmt: skip


@dataclass(frozen=True)
class LayerCauses:
    """One layer's error by cause.

    Attributes
    ----------
    name, op : str
    alone, accumulated : Decomposition
        On true inputs, and on the network's own.
    trained : bool
        Whether the model has the layer's trained parameters. Without them the twin uses the
        dequantized ones, and nothing is known of their quantization.
    """

    name: str
    op: str
    alone: Decomposition
    accumulated: Decomposition
    trained: bool

    def to_dict(self) -> dict[str, Any]:
        """As JSON: of ``alone`` and ``accumulated`` the rms error, and every cause at work."""
        return {
            "name": self.name,
            "op": self.op,
            "trained_parameters": self.trained,
            "alone": _entry(self.alone),
            "accumulated": _entry(self.accumulated),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Rows of a table (`cause_rows`)."""
        return cause_rows(self.to_dict())


def cause_rows(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a table, one a cause at work, of `LayerCauses.to_dict`; columns are `COLUMNS`."""
    found = []
    for inputs, part in (("true", "alone"), ("network", "accumulated")):
        head = {"layer": entry["name"], "op": entry["op"], "inputs": inputs}
        found += [head | cause for cause in entry[part]["causes"]]
    return found


def _entry(parts: Decomposition) -> dict[str, Any]:
    """One decomposition as JSON; causes in default order."""
    causes = []
    for cause in CAUSES:
        if not parts.squares[cause] and not any(p[cause] for p in parts.products.values()):
            continue
        least, largest = parts.span(cause)
        causes.append(
            {
                "cause": cause,
                "share": parts.share(cause),
                "share_least": least,
                "share_largest": largest,
                "mean_lsb": parts.mean_lsb(cause),
                "rms_lsb": parts.cause_rms_lsb(cause),
            }
        )
    return {"outputs": parts.count, "rms_lsb": parts.rms_lsb, "causes": causes}


def error_by_cause(
    graph: Graph,
    machine: Machine,
    reference: Mapping[str, Reals],
    codes: Mapping[str, NDArray[np.int64]],
    *,
    samples: int | None = None,
    progress: Progress | None = None,
) -> list[LayerCauses]:
    """Every layer of the array, taken apart.

    Parameters
    ----------
    graph : Graph
    machine : Machine
    reference : mapping of str to float64 ndarray of shape (S, *shape)
        The float twin's tensors (`float_twin.run`, ``Evidence.reference``).
    codes : mapping of str to int64 ndarray of shape (S, *shape)
        The network's tensors on this machine (``NetworkRun.codes``).
    samples : int, optional
        Only the first so many.
    progress : callable, optional
        Called as ``progress(done, total, name)``.

    Returns
    -------
    list of LayerCauses
        In the order of execution; empty where the network has no layer of the array.

    Examples
    --------
    >>> from hwsim.importers import hardware, model
    >>> from hwsim.network import float_twin, run
    >>> net, machine = model.load("seed_conv"), hardware.load("edge_os_16x16")
    >>> codes = run.run(net.graph, machine, {net.graph.inputs[0]: net.data.X}).codes
    >>> twin = float_twin.run(net.graph, {net.graph.inputs[0]: net.data.real})
    >>> found = error_by_cause(net.graph, machine, twin, codes)[0].alone
    >>> sum(found.products["default"].values()) == found.total
    True
    """
    if not graph.mac_nodes:
        return []
    refuse_float(graph)
    found = []
    for i, node in enumerate(graph.mac_nodes):
        found.append(layer_causes(graph, node, machine, reference, codes, samples=samples))
        if progress is not None:
            progress(i + 1, len(graph.mac_nodes), f"{node.name} by cause")
    return found


def layer_causes(
    graph: Graph,
    node: Node,
    machine: Machine,
    reference: Mapping[str, Reals],
    codes: Mapping[str, NDArray[np.int64]],
    *,
    samples: int | None = None,
) -> LayerCauses:
    """One layer, taken apart (`error_by_cause`)."""
    assert node.layer is not None
    own = for_layer(machine, layer_facts(graph, node))
    count = len(reference[node.output])
    count = count if samples is None else min(samples, count)
    outputs = max(int(np.prod(graph.tensors[node.output].shape)), 1)
    step = max(1, min(batch_size(graph, count), BATCH_OUTPUTS // outputs))
    needed = [name for name in dict.fromkeys(node.inputs) if name not in graph.constants]
    alone: list[Decomposition] = []
    accumulated: list[Decomposition] = []
    for start in range(0, count, step) if count else [0]:
        cut = slice(start, min(start + step, count))
        true = {name: reference[name][cut] for name in needed}
        ours = {name: codes[name][cut] for name in needed}
        twin = reference[node.output][cut]
        for parts, handed in ((alone, None), (accumulated, ours)):
            whole = LayerOutputs(graph, node, own, inputs_of(graph, node, true, handed), twin)
            parts.append(decompose(whole, whole.active))
    trained = node.layer.weight is None or node.layer.float_weight is not None
    return LayerCauses(node.name, node.op, _merged(alone), _merged(accumulated), trained)


def _merged(parts: list[Decomposition]) -> Decomposition:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.merge(part)
    return whole
