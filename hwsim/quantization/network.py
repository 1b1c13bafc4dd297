"""A float network and data to a quantized network.

::

    observe    the float network on data: the range of every tensor
    scale      ranges to scales and zero points; operators that only move codes keep their input's
    code       weights and biases of every layer

The trained parameters stay beside the codes, so that the float twin is the network that came in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.quantize import Affine
from hwsim.errors import DataError, UnsupportedError
from hwsim.mapping.layer import MacLayer
from hwsim.network import float_twin
from hwsim.network.graph import Graph, Node, Tensor
from hwsim.quantization.choices import Choices
from hwsim.quantization.fusion import fuse, to_float
from hwsim.quantization.observers import Observer
from hwsim.quantization.scales import (
    INT16,
    activation_affine,
    bias_codes,
    own_scale_codes,
    pure_shift_scales,
    scales_that_hold,
    weight_codes,
)

Reals = NDArray[np.float64]
Progress = Callable[[int, int, str], None]
BATCH = 64
KEEPS_SCALE = frozenset(
    {
        "average_pool_2d",
        "max_pool_2d",
        "pack",
        "pad",
        "relu",
        "relu6",
        "relu_n1_1",
        "reshape",
        "resize_nearest_neighbor",
        "strided_slice",
        "transpose",
    }
)
"""Operators whose output has its input's scale and zero point, as kernels ask (TFLite)."""
FIXED = {"softmax": (0.0, 1.0), "logistic": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Operators whose range the function fixes, the upper end not included."""


def quantize(
    graph: Graph, inputs: Reals, choices: Choices, progress: Progress | None = None
) -> Graph:
    """Quantize a float network by what it does on data.

    Parameters
    ----------
    graph : Graph
        Real-valued tensors; layers with ``float_weight``. A quantized network that has its trained
        parameters can be quantized again.
    inputs : float64 ndarray of shape (S, *shape)
        Real values of the sole input: calibration data.
    choices : Choices
    progress : callable, optional
        Called as ``progress(done, total, what)``.

    Returns
    -------
    Graph
        Node and tensor names as they came, fused ones gone.

    Raises
    ------
    UnsupportedError
        A layer without trained parameters, or a network with several inputs.
    DataError
        Data that are not finite, or none.

    Examples
    --------
    >>> from hwsim.importers.model import load
    >>> model = load("digits")
    >>> net = quantize(model.graph, model.data.real[:16], Choices(weight_bits=4))
    >>> net.nodes[0].layer.weight_format, net.nodes[0].layer.weight.min() >= -7
    (int4 narrow, np.True_)
    """
    ready = fuse(to_float(graph))
    ranges = observe(ready, inputs, choices, progress)
    tensors = dict(ready.tensors)
    for name in ready.inputs:
        tensors[name] = _coded(tensors[name], ranges[name])
    constants = dict(ready.constants)
    for name, values in constants.items():
        real = np.asarray(values, np.float64)
        affine = activation_affine((float(real.min()), float(real.max())), choices)
        tensors[name] = _coded(tensors[name], affine)
        codes = np.rint(real / affine.scale) + affine.zero_point
        constants[name] = np.clip(codes, affine.format.lo, affine.format.hi).astype(np.int64)
    nodes = []
    for node in ready.nodes:
        affine = _output(node, tensors, ranges, choices)
        tensors[node.output] = _coded(tensors[node.output], affine)
        nodes.append(_coded_node(node, tensors, choices))
    return replace(ready, tensors=tensors, nodes=tuple(nodes), constants=constants)


def observe(
    graph: Graph, inputs: Reals, choices: Choices, progress: Progress | None = None
) -> dict[str, Affine]:
    """Scale and zero point of every computed tensor and input, from data.

    Raises
    ------
    DataError
        No samples, or values that are not finite.
    """
    if len(graph.inputs) != 1:
        must = "must be one to be quantized"
        raise UnsupportedError.at(graph.name, "inputs", len(graph.inputs), must)
    if not len(inputs) or not np.isfinite(inputs).all():
        raise DataError.at("quantize", "data", f"{len(inputs)} samples", "must be finite, not none")
    observers: dict[str, Observer] = {}
    passes = 2 if Observer(choices).needs_histogram else 1
    starts = range(0, len(inputs), BATCH)
    for number in range(passes):
        for i, start in enumerate(starts):
            values = float_twin.run(graph, {graph.inputs[0]: inputs[start : start + BATCH]})
            for name, real in values.items():
                observer = observers.setdefault(name, Observer(choices))
                observer.count(real) if number else observer.see(real)
            if progress is not None:
                progress(number * len(starts) + i + 1, passes * len(starts), "calibration")
    return {name: activation_affine(o.range(), choices) for name, o in observers.items()}


def _coded(tensor: Tensor, affine: Affine) -> Tensor:
    return replace(tensor, format=affine.format, scale=affine.scale, zero_point=affine.zero_point)


def _output(
    node: Node, tensors: Mapping[str, Tensor], ranges: Mapping[str, Affine], choices: Choices
) -> Affine:
    """Scale and zero point of a node's output."""
    source = tensors[node.inputs[0]]
    if node.op in KEEPS_SCALE and source.format is not None:
        return Affine(source.scale, source.zero_point, source.format)
    if node.op in FIXED:
        lo, hi = FIXED[node.op]
        form = choices.activation_format
        scale = (hi - lo) / (1 << form.bits)
        return Affine(scale, round(form.lo - lo / scale), form)
    return ranges[node.output]


def _coded_node(node: Node, tensors: Mapping[str, Tensor], choices: Choices) -> Node:
    if node.layer is None or node.layer.op == "batch_matmul":
        return node
    source, output = tensors[node.inputs[0]], tensors[node.output]
    return replace(node, layer=quantize_layer(node.layer, source.scale, output.scale, choices))


def quantize_layer(
    layer: MacLayer, input_scale: float, output_scale: float, choices: Choices
) -> MacLayer:
    """Codes of one layer's weights and bias (`Choices.bias`, `Choices.power_of_two`)."""
    assert layer.float_weight is not None
    weight = layer.float_weight
    bias = np.zeros(len(weight)) if layer.float_bias is None else layer.float_bias
    coded = weight_codes(weight, choices)
    if choices.power_of_two == "weights":
        refit = pure_shift_scales(coded, input_scale, output_scale)
        coded = weight_codes(weight, choices, refit)
    if choices.bias == "int16_rescaled":
        grown = scales_that_hold(bias, coded.scale, input_scale)
        coded = weight_codes(weight, choices, grown)
    quantized = replace(
        layer,
        weight=coded.codes,
        weight_format=choices.weight_format,
        weight_scale=coded.scale,
        weight_zero_point=coded.zero_point,
    )
    if layer.float_bias is None:
        return quantized
    if choices.bias == "float":
        return replace(quantized, real_bias=bias)
    scale = input_scale * coded.scale
    if choices.bias == "int8_own_scale":
        codes = own_scale_codes(bias, scale)
    elif choices.bias == "int32":
        codes = bias_codes(bias, scale)
    else:
        codes = bias_codes(bias, scale, INT16)
    return replace(quantized, bias=codes, bias_bits=16 if "int16" in choices.bias else 32)
