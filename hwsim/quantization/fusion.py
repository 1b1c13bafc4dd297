"""Float graphs made ready: codes taken away, normalizations folded, activations fused.

The last two change no real value beyond float rounding; they decide where codes are made: a tensor
that disappears here is never quantized.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import UnsupportedError
from hwsim.mapping.layer import Activation
from hwsim.network.graph import Graph, Node, Tensor

Reals = NDArray[np.float64]
ACTIVATIONS: dict[str, Activation] = {a: a for a in get_args(Activation) if a != "none"}
FUSES_ACTIVATION = ("add", "sub", "mul", "average_pool_2d", "max_pool_2d")
FOLDS = ("add", "sub", "mul")


def to_float(graph: Graph) -> Graph:
    """The network with real tensors and trained parameters only; quantize nodes vanish.

    Raises
    ------
    UnsupportedError
        A layer without trained parameters: its codes are all there is.
    """
    same: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple(same.get(name, name) for name in node.inputs)
        if node.op in ("quantize", "dequantize"):
            same[node.output] = inputs[0]
            continue
        nodes.append(_float_node(replace(node, inputs=inputs), graph.tensors[node.output]))
    tensors = {name: Tensor(name, t.shape, None) for name, t in graph.tensors.items()}
    constants = {}
    for name, values in graph.constants.items():
        t = graph.tensors[name]
        real = np.asarray(values, np.float64)
        constants[name] = real if t.format is None else (real - t.zero_point) * t.scale
    outputs = tuple(same.get(name, name) for name in graph.outputs)
    return replace(graph, nodes=tuple(nodes), tensors=tensors, constants=constants, outputs=outputs)


def _float_node(node: Node, output: Tensor) -> Node:
    """A node on real values; a clamp in codes becomes the activation that it stands for."""
    layer = node.layer
    clamp = node.attributes.get("clamp", (None, None)) if layer is None else layer.clamp
    if clamp != (None, None) and output.format is not None:
        named = "none" if layer is None else layer.activation
        named = node.attributes.get("activation", named)
        if named == "none" and clamp != (output.zero_point, None):
            must = "must be absent or that of relu to be quantized"
            raise UnsupportedError.at(node.name, "clamp", clamp, must)
        named = "relu" if named == "none" else named
    else:
        named = node.attributes.get("activation", "none") if layer is None else layer.activation
    if layer is None:
        attributes = {key: value for key, value in node.attributes.items() if key != "clamp"}
        if named != "none":
            attributes["activation"] = named
        return replace(node, attributes=attributes)
    if layer.float_weight is None:
        must = "must have its trained float parameters to be quantized"
        raise UnsupportedError.at(node.name, "layer", "integers only", must)
    bias = layer.float_bias if layer.float_bias is not None else layer.real_bias
    bare = replace(layer, weight=None, bias=None, real_bias=None, float_bias=bias)
    return replace(node, layer=replace(bare, clamp=(None, None), activation=named))


def fold_batch_norm(
    weight: Reals,
    bias: Reals,
    gamma: Reals,
    beta: Reals,
    mean: Reals,
    variance: Reals,
    epsilon: float,
) -> tuple[Reals, Reals]:
    """Batch normalization behind a layer, as that layer's own weight and bias.

    ::

        g = gamma / sqrt(variance + epsilon)
        w' = w * g,   b' = (b - mean) * g + beta            channels are axis 0 of w

    >>> one = np.ones(1)
    >>> w, b = fold_batch_norm(np.full((1, 2), 3.0), one, 2 * one, one, one, 4 * one, 0.0)
    >>> w.tolist(), b.tolist()
    ([[3.0, 3.0]], [1.0])
    """
    gain = gamma / np.sqrt(variance + epsilon)
    scaled = weight * gain.reshape(-1, *(1,) * (weight.ndim - 1))
    return scaled, (bias - mean) * gain + beta


def fuse(graph: Graph) -> Graph:
    """The same network with constant gains and offsets folded and activations fused.

    - ``mul``, ``add`` or ``sub`` of a layer's output with one constant a channel: into the layer;
    - ``relu``, ``relu6``, ``relu_n1_1`` behind a layer or an elementwise operator: its activation.

    Only where nobody else reads the tensor between.
    """
    nodes = list(graph.nodes)
    while True:
        readers = Counter(name for node in nodes for name in node.inputs)
        readers.update(graph.outputs)
        for place in range(len(nodes)):
            fused = _fused(graph, nodes, place, readers)
            if fused is not None:
                producer, merged = fused
                nodes[producer] = merged
                del nodes[place]
                break
        else:
            used = {name for node in nodes for name in (*node.inputs, node.output)}
            used |= {*graph.inputs, *graph.outputs}
            return replace(
                graph,
                nodes=tuple(nodes),
                tensors={name: t for name, t in graph.tensors.items() if name in used},
                constants={name: c for name, c in graph.constants.items() if name in used},
            )


def _fused(
    graph: Graph, nodes: list[Node], place: int, readers: Counter[str]
) -> tuple[int, Node] | None:
    """The producer's place and the producer with ``nodes[place]`` inside, or None."""
    node = nodes[place]
    computed = [name for name in node.inputs if name not in graph.constants]
    if len(computed) != 1 or readers[computed[0]] != 1:
        return None
    for i, producer in enumerate(nodes[:place]):
        if producer.output == computed[0]:
            merged = _with_activation(producer, node) or _with_constant(graph, producer, node)
            return None if merged is None else (i, replace(merged, output=node.output))
    return None


def _plain(node: Node) -> bool:
    """Whether the node has no activation yet."""
    own = node.layer.activation if node.layer else node.attributes.get("activation", "none")
    return own == "none" and "clamp" not in node.attributes


def _with_activation(producer: Node, node: Node) -> Node | None:
    if node.op not in ACTIVATIONS or not _plain(producer):
        return None
    if producer.layer is not None and producer.layer.op != "batch_matmul":
        named = ACTIVATIONS[node.op]
        return replace(producer, layer=replace(producer.layer, activation=named))
    if producer.op in FUSES_ACTIVATION:
        return replace(producer, attributes={**producer.attributes, "activation": node.op})
    return None


def _with_constant(graph: Graph, producer: Node, node: Node) -> Node | None:
    layer = producer.layer
    if node.op not in FOLDS or layer is None or layer.float_weight is None or not _plain(producer):
        return None
    if "clamp" in node.attributes:
        return None
    (name,) = [name for name in node.inputs if name in graph.constants]
    channels = len(layer.float_weight)
    constant = _per_channel(graph.constants[name], channels)
    if constant is None or (node.op == "sub" and node.inputs[0] == name):
        return None
    zero, one = np.zeros(channels), np.ones(channels)
    gain = constant if node.op == "mul" else one
    offset = {"mul": zero, "add": constant, "sub": -constant}[node.op]
    bias = zero if layer.float_bias is None else layer.float_bias
    weight, bias = fold_batch_norm(layer.float_weight, bias, gain, offset, zero, one, 0.0)
    activation: Any = node.attributes.get("activation", "none")
    folded = replace(layer, float_weight=weight, float_bias=bias, activation=activation)
    return replace(producer, layer=folded)


def _per_channel(constant: NDArray[Any], channels: int) -> Reals | None:
    """A constant as one number a channel; None where it varies otherwise."""
    flat = np.asarray(constant, np.float64).reshape(-1)
    if flat.size == 1:
        return np.full(channels, flat[0])
    last_axis_only = flat.size == channels == np.shape(constant)[-1]
    return flat if last_axis_only else None
