"""``hwsim quantize`` for the console: a line a layer."""

from __future__ import annotations

import numpy as np
from rich.console import Group
from rich.text import Text

from hwsim.arith.formats import signed_bits
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node
from hwsim.report import words
from hwsim.report.tables import text_table

_HEADINGS = ["layer", "operator", "output", "zero point", "weights", "SQNR dB", "bias bits"]


def table(graph: Graph) -> Group:
    """Formats and scales of every layer.

    ``SQNR``: of the weights' codes against the trained weights; ``bias bits``: that the largest
    bias code needs at the accumulator's scale.
    """
    rows = [_row(graph, node) for node in graph.mac_nodes]
    return Group(
        Text(words.printable(graph.name), style="bold"),
        text_table(_HEADINGS, rows, text_columns=3),
    )


def _row(graph: Graph, node: Node) -> list[str | Text]:
    layer, output = node.layer, graph.tensors[node.output]
    assert layer is not None
    own: list[str | Text] = [node.name, node.op, f"{output.format} * {output.scale:.3g}"]
    own.append(str(output.zero_point))
    if layer.weight is None:
        return [*own, words.NONE, words.NONE, words.NONE]
    return [*own, str(layer.weight_format), _sqnr(layer), _bias_bits(layer)]


def _sqnr(layer: MacLayer) -> str:
    assert layer.weight is not None
    assert layer.float_weight is not None
    ones = (1,) * (layer.weight.ndim - 1)
    zero, scale = layer.weight_zero_point.reshape(-1, *ones), layer.weight_scale.reshape(-1, *ones)
    noise = np.sum(((layer.weight - zero) * scale - layer.float_weight) ** 2)
    signal = np.sum(layer.float_weight**2)
    return f"{10 * np.log10(signal / noise):.1f}" if signal and noise else words.NONE


def _bias_bits(layer: MacLayer) -> str:
    if layer.real_bias is not None:
        return "float"
    if layer.bias is None or not layer.bias.size:
        return words.NONE
    return str(signed_bits(int(layer.bias.min()), int(layer.bias.max())))
