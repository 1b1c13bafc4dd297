"""What a network held when something was made of it: every number that a run may read.

A `Graph` is frozen, but arrays, mappings and lists inside it are not. A stamp keeps copies of them,
and is compared element for element: what was made is used again only where nothing differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from itertools import zip_longest
from typing import Any

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.network.graph import Graph

OF_THE_FLOAT_TWIN = frozenset({"float_weight", "float_bias"})  # no machine reads them
PLAIN = (str, bytes, int, bool, type(None), np.generic, Enum, IntFormat)  # never change


class Stamp:
    """A network's numbers, kept.

    Examples
    --------
    >>> weight = np.ones(3, np.int32)
    >>> graph = Graph("net", {}, (), (), (), constants={"w": weight})
    >>> stamp = Stamp(graph)
    >>> stamp.holds(graph)
    True
    >>> weight[1] = 2
    >>> stamp.holds(graph)
    False
    """

    def __init__(self, graph: Graph) -> None:
        self._kept = [
            leaf.copy() if isinstance(leaf, np.ndarray) else leaf for leaf in _of_graph(graph)
        ]

    @property
    def nbytes(self) -> int:
        """Of the copies."""
        return sum(leaf.nbytes for leaf in self._kept if isinstance(leaf, np.ndarray))

    def holds(self, graph: Graph) -> bool:
        """Whether it still is what it was: the same types, shapes and numbers in all places."""
        end = object()
        pairs = zip_longest(self._kept, _of_graph(graph), fillvalue=end)
        return all(_same(kept, found) for kept, found in pairs)


def _of_graph(graph: Graph) -> Iterator[Any]:
    """Everything in a frozen network that can change: of frozen records arrays alone."""
    yield dict(graph.tensors)
    yield from _leaves(graph.constants)
    for node in graph.nodes:
        if node.attributes:
            yield from _leaves(node.attributes)
        for name, value in vars(node.layer).items() if node.layer is not None else ():
            if isinstance(value, np.ndarray) and name not in OF_THE_FLOAT_TWIN:
                yield from _leaves(value)


def _leaves(value: Any) -> Iterator[Any]:
    """Arrays and plain values, with the length of whatever holds them; of a thing that is not
    known, something that equals nothing."""
    if isinstance(value, np.ndarray):
        yield object() if value.dtype.hasobject else value
    elif isinstance(value, float):
        yield value.hex()  # 0.0 is not -0.0
    elif isinstance(value, PLAIN):
        yield value
    elif isinstance(value, Mapping):
        yield len(value)
        for key, inside in value.items():
            yield key
            yield from _leaves(inside)
    elif isinstance(value, list | tuple):
        yield len(value)
        for inside in value:
            yield from _leaves(inside)
    elif is_dataclass(value) and not isinstance(value, type):
        yield type(value)
        yield from _leaves(vars(value))
    else:
        yield object()


def _same(kept: Any, found: Any) -> bool:
    """Two leaves; real numbers by their bits."""
    if type(kept) is not type(found):
        return False
    if not isinstance(kept, np.ndarray):
        return bool(kept == found)
    if kept.dtype != found.dtype or kept.shape != found.shape:
        return False
    if kept.dtype.kind in "iub":
        return bool((kept == found).all())
    return bool(kept.tobytes() == found.tobytes())
