"""ONNX files (``.onnx``): quantized or float networks.

What is read
    QDQ (DequantizeLinear, operator, QuantizeLinear), QOperator (QLinearConv, QGemm, ...), QONNX as
    Brevitas writes it (Quant, IntQuant, BipolarQuant, Trunc; any width), and float networks, which
    become a float graph that runs in the float twin and is what our own quantization starts from.
    Integer networks as dory and NEMO write them (``integers.py``). Operator sets 9 to 21;
    ``operators.py`` lists the operators. All others are refused by name before anything is built.

Names
    Tensors are named as the file spells them: the tensor of a quantized layer's output is the
    output of its QuantizeLinear. What the file has no name for has one with ``#``.

Layout
    ONNX holds images as (batch, channels, y, x), hwsim as (y, x, channels), without batch. Weights
    are transposed, the weights of a linear layer after a Flatten are put in our order, and
    transpositions of activations vanish (``layout.py``). `layouts` says where axes lie, and puts
    arrays of the file's shapes in ours.

Bias
    int32 at ``sx * sw``: ``MacLayer.bias``. Of any other scale, or real: ``MacLayer.real_bias``,
    which a machine with an integer bias makes an integer (``bias.from_real``).

ONNX Runtime
    "Equals ONNX Runtime" on the machine ``onnxruntime`` is said of integer kernels: QOperator
    files at any level, QDQ files from level ORT_ENABLE_EXTENDED on, where DQ - operator - Q is
    fused; ``onnxruntime.float_layers`` says which layers of a QDQ file it would still run in
    float.

The file is untrusted: nothing is executed, every size is checked before memory is taken, and
external data is read from the model's own folder alone (``tensor_data.py``).
"""

from __future__ import annotations

from pathlib import Path

from hwsim.errors import UnsupportedError
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.folding import fold
from hwsim.importers.onnx.inputs import naturally
from hwsim.importers.onnx.integers import INTEGERS, codes_of_weights, is_integer_network
from hwsim.importers.onnx.layout import Layout
from hwsim.importers.onnx.operators import importer_of, is_foldable
from hwsim.importers.onnx.reader import read
from hwsim.importers.onnx.settle import real_tensor, settled
from hwsim.importers.onnx.source import Source, naming
from hwsim.importers.onnx.values import Constant
from hwsim.network.graph import Graph

MAX_REFUSED = 20  # operators named in one message

__all__ = ["graph_of", "load"]


def load(path: str | Path) -> Graph:
    """Read a model file.

    Raises
    ------
    ModelError
        ``<where>: <field> = <value>: <must>``: unreadable, broken, or it contradicts itself.
    UnsupportedError
        Operators, types or shapes that hwsim does not run, by name.
    """
    return graph_of(read(Path(path)))


def layouts(path: str | Path) -> dict[str, Layout]:
    """Where the axes of each tensor of the imported graph lie in the file's tensor.

    ``layouts(path)[name].from_file(array)`` puts samples of the file's shape in ours,
    ``to_file`` puts them back: what compares with a runtime needs.
    """
    return _built(read(Path(path)))[1]


def graph_of(source: Source) -> Graph:
    """The network of a file's records; other formats write such records too.

    Raises
    ------
    ModelError, UnsupportedError
        As `load`.
    """
    return _built(source)[0]


def _built(source: Source) -> tuple[Graph, dict[str, Layout]]:
    """The graph, and the layout of each of its tensors; errors name the file."""
    with naming(source.where):
        return _graph(source)


def _graph(source: Source) -> tuple[Graph, dict[str, Layout]]:
    """The network of a file's records."""
    _refuse_unknown(source)
    b = Builder(source, is_integer_network(source))
    if b.integer:
        codes_of_weights(b)
    for op in source.ops:
        op.require(0)
        if not fold(b, op):
            importer = INTEGERS.get(op.kind) if b.integer else None
            importer = importer or importer_of(op)
            if importer is None:
                must = "must have constant inputs"
                raise op.unsupported("inputs", list(op.inputs), must)
            importer(b, op)
    outputs = []
    for name in source.outputs:
        value = b.values[name]
        if isinstance(value, Constant):
            raise UnsupportedError.at(source.where, "graph.output", name, "must not be a constant")
        result = settled(b, name, value)
        if result.layout.image is not None:
            result = naturally(b, result)
        outputs.append(real_tensor(b, result) if result.view else result.tensor)
    graph = b.graph(list(dict.fromkeys(outputs)))
    return graph, {name: b.layouts[name] for name in graph.tensors}


def _refuse_unknown(source: Source) -> None:
    """Name every operator that is not imported, before anything is built."""
    unknown = [op for op in source.ops if importer_of(op) is None and not is_foldable(op)]
    if not unknown:
        return
    lines = [
        str(UnsupportedError.at(
            source.where, f"node {op.name}", f"{op.domain}:{op.kind}".lstrip(":"), "not imported"
        ))
        for op in unknown[:MAX_REFUSED]
    ]  # fmt: skip
    if len(unknown) > MAX_REFUSED:
        lines.append(f"and {len(unknown) - MAX_REFUSED} more")
    raise UnsupportedError.all(lines)
