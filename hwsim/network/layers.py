"""One layer of a network for the array: its products in, its tensor out.

Between a `Graph`, where tensors have names and scales, and ``mapping``, where a layer is a matrix
product with an output side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.array.bounds import Bounds
from hwsim.array.conditions import LayerFacts
from hwsim.array.gemm import Gemm, Ints
from hwsim.array.memory import MemoryTiming, memory_timing
from hwsim.array.memory_tiles import Traffic
from hwsim.array.overrides import for_layer
from hwsim.array.specification import Machine
from hwsim.errors import UnsupportedError
from hwsim.mapping.lowering import kernel_size, lower, lower_matmul, per_channel, to_tensor
from hwsim.mapping.packing import pack_groups
from hwsim.mapping.prepare import OutputSide, PreparedLayer, prepare
from hwsim.network.graph import Graph, Node, Tensor


def layer_gemms(
    graph: Graph, node: Node, inputs: list[NDArray[Any]], machine: Machine
) -> Iterator[tuple[int, Gemm]]:
    """The matrix products of one layer and batch, each with its first sample's offset."""
    tensor = graph.tensors[node.inputs[0]]
    a_range = code_range(tensor, node.name)
    layer = node.layer
    assert layer is not None
    if layer.op != "batch_matmul":
        k_order: list[str] = list(machine.array.k_order)
        gemm = lower(layer, inputs[0], tensor.zero_point, a_range, k_order)
        yield 0, pack_groups(gemm, machine, node.name)
        return
    other = graph.tensors[node.inputs[1]]
    ranges = (a_range, code_range(other, node.name))
    for sample, (a, b) in enumerate(zip(inputs[0], inputs[1], strict=True)):
        yield sample, lower_matmul(a, b, (tensor.zero_point, other.zero_point), ranges)


def refuse_float(graph: Graph) -> None:
    """A network whose layers have real weights and no codes runs on no machine.

    Raises
    ------
    UnsupportedError
        In the network's name.
    """
    if graph.is_float:
        must = "must be quantized first (hwsim quantize)"
        raise UnsupportedError.at(graph.name, "model", "float", must)


def layer_facts(graph: Graph, node: Node) -> LayerFacts:
    """What a machine may know of a layer to choose its words."""
    layer, source = node.layer, graph.tensors[node.inputs[0]]
    assert layer is not None
    refuse_float(graph)
    other = layer.weight_format
    if layer.weight is None:
        other = graph.tensors[node.inputs[1]].format or other
    if source.format is None:
        raise UnsupportedError.at(node.name, source.name, "real values", "must be quantized here")
    return LayerFacts(
        name=node.name,
        op=layer.op,
        kernel=kernel_size(layer),
        padding=layer.padding,
        channels=source.shape[-1],
        outputs=graph.tensors[node.output].shape[-1],
        groups=layer.groups,
        activation=source.format,
        weight=other,
        bias_bits=layer.bias_bits,
        per_channel=layer.weight_scale.size > 1,
    )


def code_range(tensor: Tensor, where: str) -> tuple[int, int]:
    """``lo, hi`` of a quantized tensor; a real-valued one cannot enter the array."""
    if tensor.format is None:
        raise UnsupportedError.at(where, tensor.name, "real values", "must be quantized here")
    return tensor.format.lo, tensor.format.hi


def output_side(graph: Graph, node: Node) -> OutputSide:
    """Scales, zero point, format and clamp of one layer's output."""
    layer, output = node.layer, graph.tensors[node.output]
    assert layer is not None
    source = graph.tensors[node.inputs[0]]
    if output.format is None or source.format is None:
        raise UnsupportedError.at(node.name, node.output, "real values", "must be quantized here")
    if layer.weight is None:
        groups = int(np.prod(source.shape[:-2], dtype=np.int64))
        channels = groups * output.shape[-1]
        weight_scale = np.full(channels, graph.tensors[node.inputs[1]].scale)
    else:
        channels = layer.weight.shape[0]
        weight_scale = per_channel(layer.weight_scale, 1, channels).ravel()
    return OutputSide(
        op=layer.op,
        input_scale=source.scale,
        weight_scale=np.asarray(weight_scale, np.float64),
        output_scale=output.scale,
        zero_point=output.zero_point,
        output=output.format,
        clamp=layer.clamp,
        activation_bits=source.format.bits,
        activation=layer.activation,
        real_bias=layer.real_bias,
    )


def layer_output(graph: Graph, node: Node, columns: list[Ints]) -> Ints:
    """Columns (S, G, M, N) of all batches as the output tensor (S, *shape)."""
    shape = graph.tensors[node.output].shape
    if node.op == "batch_matmul":  # groups are leading axes, not channels
        return np.concatenate([part.reshape(-1, *shape) for part in columns])
    parts = [to_tensor(part, shape) for part in columns]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def codes_of(graph: Graph, codes: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """A tensor's codes: computed, or a constant given to every sample."""
    if name in codes:
        return codes[name]
    samples = len(next(iter(codes.values())))
    constant = graph.constants[name]
    kind = np.float64 if graph.tensors[name].format is None else np.int64
    return np.broadcast_to(constant, (samples, *constant.shape)).astype(kind)


def prepare_without_input(
    graph: Graph, node: Node, machine: Machine, bounds: Bounds | None = None
) -> PreparedLayer:
    """Meet of a layer and the machine, overrides applied; its product has no samples.

    A batched product, whose weights are an input, has one sample of zeros. ``bounds`` : as
    `hwsim.mapping.prepare.prepare` has them.

    Raises
    ------
    ConfigError, UnsupportedError
        They do not go together.
    """
    own = for_layer(machine, layer_facts(graph, node))
    samples = 1 if node.op == "batch_matmul" else 0
    tensors = [graph.tensors[name] for name in node.inputs]
    zeros = [np.full((samples, *tensor.shape), tensor.zero_point) for tensor in tensors]
    _, gemm = next(layer_gemms(graph, node, zeros, own))
    return prepare(gemm, output_side(graph, node), own, node.name, bounds)


def layer_memory(graph: Graph, node: Node, prepared: PreparedLayer) -> MemoryTiming | None:
    """What a layer waits for its memory; None where the machine says nothing of a memory.

    Raises
    ------
    ConfigError
        A tile that stays does not fit its buffer.
    """
    memory, layer = prepared.machine.memory, node.layer
    if memory is None or not prepared.machine.array.is_array:
        return None
    source, output = graph.tensors[node.inputs[0]], graph.tensors[node.output]
    assert layer is not None
    assert source.format is not None
    assert output.format is not None
    traffic = Traffic(
        activation_bits=prepared.machine.operands.activation.bits,
        weight_bits=prepared.machine.operands.weight.bits,
        output_bits=output.format.bits,
        activations=int(np.prod(source.shape)) // prepared.schedule.groups,
    )
    return memory_timing(prepared.schedule, traffic, memory, node.name)
