"""NEMO's integer networks, as dory stores them: each layer as a small hwsim network of its own.

The ONNX files hold integers in float tensors. A layer is ``Conv``, then ``* kappa + lambda`` of
each channel (a folded batch normalization), ``* m / 2**n`` without the fraction, ``Clip``::

    y = clip(floor((acc * kappa + lambda) * m / 2**n), 0, 255)

which becomes a layer of weight scale ``kappa * m / 2**n`` and real bias ``lambda * m / 2**n``;
where kappa is negative, it and the channel's weights change sign. ``out_layerN.txt`` holds the
N-th output in the order of the file; a layer's input is the output before it, as the files say.
"""

import math
import zipfile
from dataclasses import dataclass, field, replace

import numpy as np
from golden.nemo_layers import addition, convolution, linear, pool, two

from hwsim.network.graph import Graph

CODES = (0, 255)


@dataclass(frozen=True)
class Value:
    """An ONNX tensor: an operation on finished tensors, then ``floor((v * mul + add) / div)``.

    ``shape``: one image, channels first. ``padding``: what ``Pad`` put around a finished tensor.
    ``rescale``: of a sum, the second (mul, div), after the first floor.
    """

    kind: str  # tensor, conv, linear, sum, pool
    sources: tuple[str, ...]
    shape: tuple[int, ...]
    mul: tuple = (1,)  # of a sum, one for each source; else of each channel
    add: object = 0
    div: int = 1
    padding: tuple = ((0, 0), (0, 0))
    layer: dict = field(default_factory=dict)
    rescale: tuple[int, int] | None = None
    floored: bool = False


@dataclass(frozen=True)
class Step:
    """One layer: its network, the ONNX tensors it reads, and the one it makes."""

    graph: Graph
    kind: str
    sources: tuple[str, ...]
    output: str


def text_codes(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """The integers of a .txt file; its first line is a title."""
    lines = archive.read(name).decode().splitlines()[1:]
    values = np.array([float(line.strip(" \\,")) for line in lines if line.strip(" \\,")])
    return integers(values)


def integers(array) -> np.ndarray:
    codes = np.asarray(array).astype(np.int64)
    assert (codes == array).all()
    return codes


class Reader:
    """Walks an ONNX graph once; ``steps`` are its layers in order."""

    def __init__(self, model, helper, numpy_helper):
        self.attribute, self.array = helper.get_attribute_value, numpy_helper.to_array
        self.constants = {i.name: self.array(i) for i in model.graph.initializer}
        source = next(i for i in model.graph.input if i.name not in self.constants)
        self.input = source.name
        shape = tuple(d.dim_value for d in source.type.tensor_type.shape.dim)[1:]
        self.values = {source.name: Value("tensor", (source.name,), shape)}
        self.steps: list[Step] = []
        self.casts = {i for node in model.graph.node if node.op_type == "Cast" for i in node.input}
        for node in model.graph.node:
            if node.op_type in ("LogSoftmax", "Sigmoid"):
                break  # real arithmetic, and no file holds its result
            words = {a.name: self.attribute(a) for a in node.attribute}
            getattr(self, node.op_type.lower())(node, words)

    def operands(self, node):
        """The one computed operand, and the constant beside it."""
        (name,) = [i for i in node.input if i in self.values]
        (constant,) = [self.constants[i] for i in node.input if i in self.constants]
        return self.values[name], integers(constant).ravel()

    def constant(self, node, words):
        self.constants[node.output[0]] = self.array(words["value"])

    def cast(self, node, words):
        self.values[node.output[0]] = self.values[node.input[0]]

    def flatten(self, node, words):
        value = self.values[node.input[0]]
        self.values[node.output[0]] = replace(value, shape=(math.prod(value.shape),))

    def pad(self, node, words):
        value, pads = self.values[node.input[0]], words["pads"]
        half = len(pads) // 2
        assert words["value"] == 0
        assert value.kind == "tensor"
        padding = tuple(
            (before + a, after + b)
            for (before, after), a, b in zip(
                value.padding, two(pads[2:half], 0), two(pads[half + 2 :], 0), strict=True
            )
        )
        self.values[node.output[0]] = replace(value, padding=padding)

    def conv(self, node, words):
        value, weight = self.values[node.input[0]], integers(self.constants[node.input[1]])
        assert value.kind == "tensor"
        if weight.ndim == 3:  # along time
            weight = weight[:, :, None]
        pads, half = words["pads"], len(words["pads"]) // 2
        given = zip(two(pads[:half], 0), two(pads[half:], 0), strict=True)
        padding = tuple((a + c, b + d) for (a, b), (c, d) in zip(value.padding, given, strict=True))
        layer = {
            "weight": weight.transpose(0, 2, 3, 1),
            "stride": two(words["strides"], 1),
            "dilation": two(words["dilations"], 1),
            "padding": padding,
            "groups": words["group"],
        }
        sizes = [
            (n + sum(p) - (k - 1) * d - 1) // s + 1
            for n, p, k, d, s in zip(
                two(value.shape[1:], 1), padding, weight.shape[2:], layer["dilation"],
                layer["stride"], strict=True,
            )
        ]  # fmt: skip
        bias = integers(self.constants[node.input[2]]) if len(node.input) > 2 else 0
        self.values[node.output[0]] = Value(
            "conv", value.sources, (len(weight), *sizes), add=bias, layer=layer
        )

    def mul(self, node, words):
        value, factor = self.operands(node)
        if value.floored:
            value = replace(value, rescale=(int(factor[0]), 1))
        else:
            value = replace(
                value, mul=tuple(np.multiply(value.mul, factor)), add=value.add * factor
            )
        self.values[node.output[0]] = value

    def add(self, node, words):
        if all(i in self.values for i in node.input):
            a, b = (self.values[i] for i in node.input)
            self.values[node.output[0]] = Value(
                "sum", a.sources + b.sources, a.shape, a.mul + b.mul
            )
            return
        value, addend = self.operands(node)
        self.values[node.output[0]] = replace(value, add=value.add + addend)

    def div(self, node, words):
        value, (divisor,) = self.operands(node)
        power = 1 << (int(divisor) - 1).bit_length()
        assert power - divisor in (0, 1)  # some exports hold 2**n - 1; dory shifts by n
        if value.floored:
            value = replace(value, rescale=(value.rescale[0], power))
        else:
            value = replace(value, div=value.div * power)
        self.values[node.output[0]] = value

    def averagepool(self, node, words):
        value, window = self.values[node.input[0]], tuple(words["kernel_shape"])
        assert value.shape[1:] == window
        self.values[node.output[0]] = Value(
            "pool", value.sources, (value.shape[0], 1, 1), layer={"window": window}
        )

    def floor(self, node, words):
        value = replace(self.values[node.input[0]], floored=True)
        self.values[node.output[0]] = value
        if node.output[0] not in self.casts:
            self.finish(node.output[0], value, None)

    def clip(self, node, words):
        assert (words["min"], words["max"]) == CODES
        self.finish(node.output[0], self.values[node.input[0]], CODES)

    def matmul(self, node, words):
        self.linear(node, integers(self.constants[node.input[1]]).T)

    def gemm(self, node, words):
        assert (words["alpha"], words["beta"], words["transB"]) == (1, 1, 1)
        bias = integers(self.constants[node.input[2]])
        self.linear(node, integers(self.constants[node.input[1]]), bias)

    def linear(self, node, weight, bias=None):
        value = self.values[node.input[0]]
        layer = {"weight": weight, "bias": bias}
        self.finish(
            node.output[0], Value("linear", value.sources, (len(weight),), layer=layer), None
        )

    def finish(self, name, value, clamp):
        make = {"conv": convolution, "linear": linear, "sum": addition, "pool": pool}[value.kind]
        shapes = [self.values[source].shape for source in value.sources]
        nodes, tensors = make(value, shapes, clamp)
        graph = Graph(name, {t.name: t for t in tensors}, nodes, tuple("ab"[: len(shapes)]), ("y",))
        self.steps.append(Step(graph, value.kind, value.sources, name))
        self.values[name] = Value("tensor", (name,), value.shape)
