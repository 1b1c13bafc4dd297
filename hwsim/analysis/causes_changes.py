"""What mending one cause would gain at the network's output, measured: the changes worth most.

The network runs again (``causes_network.py``) with one cause taken away, in one layer or in all of
them; the error of its outputs against the float twin, and top-1, say what that was worth. Changes
are to layers of the array; operators beside it stay the machine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.analysis.causes_network import run_without
from hwsim.analysis.error import top1
from hwsim.array.gemm import Ints
from hwsim.array.specification import Machine
from hwsim.network.graph import Graph
from hwsim.network.layers import refuse_float
from hwsim.network.run import Progress

Reals = NDArray[np.float64]
CHANGES: dict[str, tuple[str, frozenset[str]]] = {
    "weights": ("finer weights", frozenset({"weight_quantization"})),
    "activations": (
        "finer output codes",
        frozenset({"output_quantization", "rounding_rule"}),
    ),
    "range": ("a wider output range", frozenset({"output_clipping"})),
    "bias": ("a bias that its register holds", frozenset({"bias_quantization", "zero_point"})),
    "product": ("whole products", frozenset({"product_rounding"})),
    "accumulator": (
        "registers wide enough for every sum",
        frozenset({"overflow_persistent", "overflow_transient"}),
    ),
    "multiplier": ("the exact requantization factor", frozenset({"multiplier"})),
    "rounding": ("rounding half even", frozenset({"rounding_rule"})),
    "requantizer": ("a requantizer that never overflows", frozenset({"requantizer_overflow"})),
}
"""What could be changed: the words, and the causes that it takes away."""


@dataclass(frozen=True)
class Change:
    """One change and what it gains at the output.

    Attributes
    ----------
    change : str
        One of `CHANGES`.
    layer : str or None
        Where; None: in every layer.
    words : str
    rms_lsb, rms_lsb_before : float
        Error of the network's output against the float twin, with and without the change.
    top1, top1_before : float or None
        Accuracy, where there are labels.
    """

    change: str
    layer: str | None
    words: str
    rms_lsb: float
    rms_lsb_before: float
    top1: float | None = None
    top1_before: float | None = None

    @property
    def gain(self) -> float:
        """Share of the output's squared error that goes; negative: it grows."""
        before = self.rms_lsb_before**2
        return 1.0 - self.rms_lsb**2 / before if before else 0.0

    @property
    def evidence(self) -> str:
        """The numbers in a sentence."""
        rms = f"output error from {self.rms_lsb_before:.3f} to {self.rms_lsb:.3f} LSB rms"
        if self.top1 is None or self.top1_before is None:
            return rms
        return f"{rms}, top-1 from {self.top1_before:.4f} to {self.top1:.4f}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"gain": self.gain, "evidence": self.evidence}


def worthwhile_changes(
    graph: Graph,
    machine: Machine,
    reference: Mapping[str, Reals],
    labels: Ints | None = None,
    *,
    most: int = 3,
    samples: int = 32,
    progress: Progress | None = None,
) -> list[Change]:
    """The changes that gain most, ranked by the output's squared error that goes.

    Every change is tried in the whole network; the one that gains most there, then in each layer.

    Parameters
    ----------
    graph : Graph
    machine : Machine
    reference : mapping of str to float64 ndarray of shape (S, *shape)
        The float twin's tensors, inputs included.
    labels : int64 ndarray of shape (S,), optional
        Reported beside, not ranked by: few samples decide little.
    most : int
        How many to give.
    samples : int
        Only the first so many.
    progress : callable, optional
        Called as ``progress(done, total, name)``.

    Returns
    -------
    list of Change
        Those that gain something; a whole-network change and its part in one layer may both stand.
    """
    if not graph.mac_nodes or not samples or not len(next(iter(reference.values()))):
        return []
    refuse_float(graph)
    reference = {name: values[:samples] for name, values in reference.items()}
    labels = None if labels is None else labels[:samples]
    names = [node.name for node in graph.mac_nodes]
    trial = _Trial(graph, machine, reference, labels)
    active: set[str] = set()
    before = trial.error({}, active)
    useful = [key for key, (_, causes) in CHANGES.items() if causes & active]
    found, total = [], len(useful) + len(names)
    for i, key in enumerate(useful):
        found.append(trial.change(key, None, before))
        if progress is not None:
            progress(i + 1, total, f"{key} in every layer")
    best = max(found, key=lambda change: change.gain, default=None)
    for i, name in enumerate(names if best is not None and len(names) > 1 else []):
        assert best is not None
        found.append(trial.change(best.change, name, before))
        if progress is not None:
            progress(len(useful) + i + 1, total, f"{best.change} in {name}")
    found = [change for change in found if change.gain > 0]
    return sorted(found, key=lambda change: -change.gain)[:most]


class _Trial:
    """One network, run again and again with causes taken away."""

    def __init__(
        self, graph: Graph, machine: Machine, reference: Mapping[str, Reals], labels: Ints | None
    ) -> None:
        self.graph, self.machine = graph, machine
        self.reference, self.labels = reference, labels

    def change(self, key: str, layer: str | None, before: tuple[float, float | None]) -> Change:
        """One change tried."""
        words, causes = CHANGES[key]
        names = [layer] if layer else [node.name for node in self.graph.mac_nodes]
        rms, accuracy = self.error(dict.fromkeys(names, causes), set())
        place = f"in {layer}" if layer else "in every layer"
        return Change(key, layer, f"{words} {place}", rms, before[0], accuracy, before[1])

    def error(
        self, removed: Mapping[str, frozenset[str]], active: set[str]
    ) -> tuple[float, float | None]:
        """Error of the outputs in LSB rms, and top-1; ``active`` gathers the causes seen."""
        values = run_without(self.graph, self.machine, self.reference, removed, active)
        squares, count = 0.0, 0
        for name in self.graph.outputs:
            tensor = self.graph.tensors[name]
            real = self.reference[name] / tensor.scale
            squares += float(np.square(values[name] - real).sum())
            count += real.size
        accuracy = None
        if self.labels is not None and len(self.labels):
            accuracy = top1(values[self.graph.outputs[0]], self.labels)
        return float(np.sqrt(squares / max(count, 1))), accuracy
