"""What must hold between the parts of a graph that came from a file of our own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwsim.arith.formats import IntFormat
from hwsim.errors import HwsimError, ModelError
from hwsim.mapping.layer import MacLayer
from hwsim.mapping.lowering import output_shape
from hwsim.network.graph import Graph, Node, Tensor

_WEIGHT_AXES = {
    "conv_2d": 4,
    "depthwise_conv_2d": 4,
    "fully_connected": 2,
    "transpose_conv_2d": 4,
}


def check(graph: Graph, where: str) -> None:
    """Refuse a graph that contradicts itself: names, order, formats, shapes.

    Raises
    ------
    ModelError
        The first thing that does not hold.
    """
    for tensor in graph.tensors.values():
        check_tensor(tensor, where)
    known = set(graph.inputs) | set(graph.constants)
    for name in (*graph.inputs, *graph.constants, *graph.outputs):
        _declared(graph, name, "graph", where)
    for name, codes in graph.constants.items():
        check_constant(graph.tensors[name], codes, where)
    names: set[str] = set()
    for node in graph.nodes:
        if node.name in names:
            raise ModelError.at(where, "node", node.name, "must be there once")
        names.add(node.name)
        for name in node.inputs:
            _declared(graph, name, node.name, where)
            if name not in known:
                raise ModelError.at(where, f"{node.name}.input", name, "must be computed before")
        _declared(graph, node.output, node.name, where)
        if node.output in known:
            raise ModelError.at(where, f"{node.name}.output", node.output, "must be computed once")
        known.add(node.output)
        check_node(graph, node, where)
    for name in graph.outputs:
        if name not in known:
            raise ModelError.at(where, "graph.outputs", name, "must be computed by a node")


def _declared(graph: Graph, name: str, owner: str, where: str) -> None:
    if name not in graph.tensors:
        raise ModelError.at(where, owner, name, "must be one of the graph's tensors")


def check_tensor(tensor: Tensor, where: str) -> None:
    """A zero point is a code; real values have none."""
    if tensor.format is None:
        if (tensor.scale, tensor.zero_point) != (1.0, 0):
            raise ModelError.at(
                where, f"{tensor.name}.scale", tensor.scale, "must be 1, zero point 0: real values"
            )
    elif tensor.zero_point not in tensor.format:
        _out_of_range(where, f"{tensor.name}.zero_point", tensor.zero_point, tensor.format)


def check_constant(tensor: Tensor, codes: NDArray[np.generic], where: str) -> None:
    """A constant has its tensor's shape, and codes of its format."""
    if codes.shape != tensor.shape:
        raise ModelError.at(where, f"{tensor.name}.shape", codes.shape, f"must be {tensor.shape}")
    if tensor.format is not None:
        _codes_fit(codes, tensor.format, tensor.name, where)


def check_node(graph: Graph, node: Node, where: str) -> None:
    """A layer fits its input and output tensors."""
    layer = node.layer
    if layer is None:
        return
    if node.op != layer.op:
        raise ModelError.at(where, f"{node.name}.op", node.op, f"must be its layer's, {layer.op}")
    wanted = 1 if layer.weight is not None else 2
    if len(node.inputs) != wanted:
        raise ModelError.at(where, f"{node.name}.inputs", len(node.inputs), f"must be {wanted}")
    for name in node.inputs:
        if graph.tensors[name].format is None:
            raise ModelError.at(where, f"{node.name}.input", name, "must be codes, not real values")
    if layer.weight is None:
        if layer.op != "batch_matmul":
            raise ModelError.at(where, f"{node.name}.weight", None, f"must be there for {layer.op}")
        return
    given = shape_after(layer, graph.tensors[node.inputs[0]].shape, node.name, where)
    check_channels(layer, layer.weight.shape[0], node.name, where)
    check_float(layer, node.name, where)
    if given != graph.tensors[node.output].shape:
        raise ModelError.at(
            where, f"{node.output}.shape", graph.tensors[node.output].shape, f"must be {given}"
        )


def shape_after(layer: MacLayer, shape: tuple[int, ...], name: str, where: str) -> tuple[int, ...]:
    """One sample's output shape, once weight and input are known to go together."""
    assert layer.weight is not None
    check_weight(layer, layer.weight.shape, shape, name, where)
    try:
        return output_shape(layer, shape)
    except HwsimError:
        must = "must reach over the kernel's taps"
        raise ModelError.at(where, f"{name}.input", shape, must) from None


def check_weight(
    layer: MacLayer, weight: tuple[int, ...], shape: tuple[int, ...], name: str, where: str
) -> None:
    """The weight's shape goes with operator, groups and input channels."""
    axes = _WEIGHT_AXES.get(layer.op)
    if axes is None or len(weight) != axes or 0 in weight:
        must = f"must have {axes} axes, none of them 0" if axes else f"must be absent: {layer.op}"
        raise ModelError.at(where, f"{name}.weight.shape", weight, must)
    if (axes == 4 and len(shape) != 3) or not shape:
        raise ModelError.at(where, f"{name}.input.shape", shape, "must be (y, x, channels)")
    channels = weight[-1] * layer.groups
    if shape[-1] != channels:
        raise ModelError.at(
            where, f"{name}.input.shape", shape, f"must end in {channels}, as the weight does"
        )
    if weight[0] % layer.groups or (axes == 2 and layer.groups != 1):
        raise ModelError.at(where, f"{name}.groups", layer.groups, f"must divide {weight[0]}")
    if layer.op == "depthwise_conv_2d" and weight[-1] != 1:
        raise ModelError.at(where, f"{name}.weight.shape", weight, "must end in 1: depthwise")
    transposed = layer.op == "transpose_conv_2d"
    if transposed and (layer.groups, layer.dilation) != (1, (1, 1)):
        value = (layer.groups, layer.dilation)
        raise ModelError.at(where, f"{name}.groups, dilation", value, "must be 1: transposed")
    if not transposed and min(margin for pair in layer.padding for margin in pair) < 0:
        raise ModelError.at(where, f"{name}.padding", layer.padding, "must be 0 or more")


def check_channels(layer: MacLayer, channels: int, name: str, where: str) -> None:
    """Scales, zero points and bias are one for all channels or one each; codes fit the format."""
    assert layer.weight is not None
    _codes_fit(layer.weight, layer.weight_format, f"{name}.weight", where)
    for field in ("weight_scale", "weight_zero_point"):
        shape = getattr(layer, field).shape
        if shape not in ((1,), (channels,)):
            raise ModelError.at(
                where, f"{name}.{field}.shape", shape, f"must be (1,) or ({channels},)"
            )
    _codes_fit(layer.weight_zero_point, layer.weight_format, f"{name}.weight_zero_point", where)
    bad = ~(np.isfinite(layer.weight_scale) & (layer.weight_scale > 0))
    if bad.any():
        value = layer.weight_scale[bad][0]
        raise ModelError.at(where, f"{name}.weight_scale", value, "must be positive and finite")
    if layer.bias is not None and layer.bias.shape != (channels,):
        raise ModelError.at(where, f"{name}.bias.shape", layer.bias.shape, f"must be ({channels},)")
    lo, hi = layer.clamp
    if lo is not None and hi is not None and lo > hi:
        raise ModelError.at(where, f"{name}.clamp", layer.clamp, "must be lo <= hi")


def check_float(layer: MacLayer, name: str, where: str) -> None:
    """Trained parameters have the shape of their codes."""
    assert layer.weight is not None
    pairs = (
        ("float_weight", layer.float_weight, layer.weight.shape),
        ("float_bias", layer.float_bias, layer.weight.shape[:1]),
        ("real_bias", layer.real_bias, layer.weight.shape[:1]),
    )
    if layer.bias is not None and layer.real_bias is not None:
        raise ModelError.at(where, f"{name}.real_bias", "there", "must be absent beside bias")
    for field, values, shape in pairs:
        if values is None:
            continue
        if values.shape != shape:
            raise ModelError.at(where, f"{name}.{field}.shape", values.shape, f"must be {shape}")
        if not np.isfinite(values).all():
            raise ModelError.at(where, f"{name}.{field}", "not finite", "must be finite")


def _codes_fit(codes: NDArray[np.generic], form: IntFormat, field: str, where: str) -> None:
    if codes.size and not (codes.min() in form and codes.max() in form):
        value = codes.min() if codes.min() not in form else codes.max()
        _out_of_range(where, field, value, form)


def _out_of_range(where: str, field: str, value: object, form: IntFormat) -> None:
    raise ModelError.at(where, field, value, f"must be in [{form.lo}, {form.hi}] ({form})")
