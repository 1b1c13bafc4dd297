"""The float twin: the same network on real values, in float64.

Layers on the array use their trained float parameters where the model has them, else the
dequantized ones, ``w = sw * (code - zw)`` and ``b = sx * sw * code``. Activations clamp at their
exact real bounds (``network/ops/activation.py``); no format clips anything. A float graph, whose
layers have no codes, runs here and on no machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import im2col, output_shape, to_tensor, weight_matrix
from hwsim.network.graph import Graph, Node
from hwsim.network.ops import FLOAT_OPS, operator_function
from hwsim.network.ops.activation import clamp_real
from hwsim.network.ops.policy import Reals

BATCH_TAPS = 1 << 18  # operands of one layer held at once: two megabytes stay near the processor
K_ORDER = ["ky", "kx", "ic"]


def run(graph: Graph, inputs: Mapping[str, Reals]) -> dict[str, Reals]:
    """Real values of every tensor.

    Parameters
    ----------
    graph : Graph
    inputs : mapping of name to float64 ndarray of shape (S, *shape)
        Real values of the network's inputs, not rounded to codes.

    Returns
    -------
    dict of name to float64 ndarray of shape (S, *shape)
        Inputs and the output of every node; constants are not repeated.

    Raises
    ------
    UnsupportedError
        An operator without a function here; raised before anything runs.
    """
    for node in graph.nodes:
        if node.layer is None:
            operator_function(node.op, node.name, FLOAT_OPS)
    values = {name: np.asarray(x, np.float64) for name, x in inputs.items()}
    samples = len(next(iter(values.values())))
    for node in graph.nodes:
        operands = [_operand(graph, values, name, samples) for name in node.inputs]
        values[node.output] = run_node(graph, node, operands)
    return values


def run_node(graph: Graph, node: Node, operands: list[Reals]) -> Reals:
    """One node on real values, arrays of shape (S, *shape)."""
    if node.layer is None:
        function = operator_function(node.op, node.name, FLOAT_OPS)
        result: Reals = function(node, graph.tensors, operands)
        return result
    if node.layer.op == "batch_matmul":
        product: Reals = operands[0] @ operands[1]
    else:
        product = _layer(node.layer, operands[0], graph.tensors[node.inputs[0]].scale)
    return clamp_real(product, node, node.layer.clamp, graph.tensors[node.output])


def real_parameters(layer: MacLayer, input_scale: float) -> tuple[Reals, Reals]:
    """Weight and bias (zeros where there is none) in real values; channels are weight's axis 0."""
    weight = layer.float_weight
    if weight is None:
        assert layer.weight is not None
        axes = (-1,) + (1,) * (layer.weight.ndim - 1)
        steps = layer.weight.astype(np.int64) - layer.weight_zero_point.reshape(axes)
        weight = steps * layer.weight_scale.astype(np.float64).reshape(axes)
    channels = weight.shape[0]
    for real in (layer.float_bias, layer.real_bias):
        if real is not None:
            return weight, real
    if layer.bias is None:
        return weight, np.zeros(channels)
    return weight, layer.bias * (input_scale * layer.weight_scale.astype(np.float64))


def _layer(layer: MacLayer, x: Reals, input_scale: float) -> Reals:
    """A convolution or linear layer before its activation; padding taps hold real 0."""
    weight, bias = real_parameters(layer, input_scale)
    shaped: NDArray[Any] = weight  # below, a layer's weight is only asked for its shape
    layer = replace(layer, weight=shaped)
    columns = np.ascontiguousarray(weight_matrix(weight, layer, K_ORDER))
    groups, k, n = columns.shape
    shape = output_shape(layer, x.shape[1:])
    pixels = int(np.prod(shape[:-1], dtype=np.int64))
    batch = max(1, BATCH_TAPS // max(1, groups * pixels * k))
    sums = np.empty((len(x), groups, pixels, n))
    for start in range(0, len(x), batch):
        taps = im2col(x[start : start + batch], layer, K_ORDER, 0.0)
        np.matmul(taps, columns, out=sums[start : start + batch])
    sums += bias.reshape(groups, 1, n)
    return to_tensor(sums, shape)


def _operand(graph: Graph, values: Mapping[str, Reals], name: str, samples: int) -> Reals:
    """A tensor's real values: computed, or a constant given to every sample."""
    if name in values:
        return values[name]
    tensor, constant = graph.tensors[name], np.asarray(graph.constants[name])
    real = constant.astype(np.float64)
    if tensor.format is not None:
        real = (real - tensor.zero_point) * tensor.scale
    return np.broadcast_to(real, (samples, *real.shape))
