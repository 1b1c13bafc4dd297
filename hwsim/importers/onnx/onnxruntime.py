"""Which layers ONNX Runtime would run in float.

Of a QDQ file, ONNX Runtime (x86 CPU, level ORT_ENABLE_EXTENDED or ALL) fuses DequantizeLinear,
operator, QuantizeLinear into an integer kernel only under conditions; a layer that does not meet
them runs on dequantized float32 values, and 1e-5 to 1e-4 of its codes differ from the integers'
by 1. Below that level every layer does. Source: SEMANTICS.md section 3, measured with 1.31.1.
"""

from __future__ import annotations

from hwsim.network.graph import Graph, Node

SESSION_LEVEL = "ORT_ENABLE_EXTENDED"
"""The least graph optimization level at which QDQ files run on integers."""


def float_layers(graph: Graph) -> dict[str, str]:
    """The layers that ONNX Runtime would run in float, each with the reason.

    Parameters
    ----------
    graph : Graph
        A network on codes. QOperator files run on integers as they are: what their operators
        cannot say (a real bias) they do not have.

    Examples
    --------
    >>> from hwsim.models import load
    >>> float_layers(load("digits")[0])["conv1"]
    'int8 activations with int8 weights: needs session.qdqisint8allowed = 1'
    """
    reasons = {node.name: _reason(graph, node) for node in graph.mac_nodes}
    return {name: reason for name, reason in reasons.items() if reason}


def _reason(graph: Graph, node: Node) -> str:
    """Why a layer runs in float; empty where it does not."""
    layer, source = node.layer, graph.tensors[node.inputs[0]]
    output = graph.tensors[node.output]
    assert layer is not None
    if source.format is None or layer.weight is None or output.format is None:
        return ""
    weight = layer.weight_format
    if source.format.bits != 8 or weight.bits != 8:
        return f"{source.format} activations with {weight} weights: 8 bits alone are fused"
    if layer.real_bias is not None:
        return "its bias is not int32 at input_scale * weight_scale"
    if layer.activation != "none" and output.zero_point > output.format.lo:
        return f"its {layer.activation} is not the least code: zero point {output.zero_point}"
    if source.format.signed and weight.signed:
        both = f"{source.format} activations with {weight} weights"
        return f"{both}: needs session.qdqisint8allowed = 1"
    return ""
