"""A quantized network: tensors by name, nodes in execution order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.mapping.layer import MacLayer


@dataclass(frozen=True)
class Tensor:
    """One activation tensor. ``real = scale * (code - zero_point)``.

    ``shape`` is one sample's (samples come first in arrays); images are (height, width, channels).
    ``format`` None: real values (float64), with scale 1 and zero point 0.
    """

    name: str
    shape: tuple[int, ...]
    format: IntFormat | None
    scale: float = 1.0
    zero_point: int = 0


@dataclass(frozen=True, eq=False)
class Node:
    """One operator. ``layer`` for those that run on the array; ``attributes`` for the others
    (``network/ops/<op>.py`` says which)."""

    name: str
    op: str
    inputs: tuple[str, ...]
    output: str
    layer: MacLayer | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_real_layer(self) -> bool:
        """Whether it is a layer with real weights and no codes: it runs beside the array."""
        layer = self.layer
        return layer is not None and layer.weight is None and layer.float_weight is not None


@dataclass(frozen=True, eq=False)
class Graph:
    """A network. ``original_float``: whether the float twin uses trained parameters (true) or
    dequantized ones. ``constants``: arrays of tensors that no node computes (codes)."""

    name: str
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def mac_nodes(self) -> tuple[Node, ...]:
        """Nodes that run on the array; of a float network those that will, once quantized."""
        layers = tuple(node for node in self.nodes if node.layer is not None)
        return tuple(node for node in layers if not node.is_real_layer) or layers

    @property
    def is_float(self) -> bool:
        """Whether there are layers, and none of them has codes."""
        return any(node.is_real_layer for node in self.mac_nodes)

    @property
    def has_original_float(self) -> bool:
        """Whether every layer brings its trained float parameters."""
        return all(
            node.layer.float_weight is not None
            for node in self.mac_nodes
            if node.layer is not None and node.layer.weight is not None
        )


def quantize_input(tensor: Tensor, values: NDArray[Any]) -> NDArray[np.int64]:
    """Real values to codes: ``clip(rint(x / s) + z)``, half even, in float64."""
    assert tensor.format is not None
    codes = np.atleast_1d(np.asarray(values, np.float64)) / tensor.scale
    np.rint(codes, out=codes)
    codes += tensor.zero_point
    np.clip(codes, tensor.format.lo, tensor.format.hi, out=codes)
    return codes.astype(np.int64).reshape(np.shape(values))
