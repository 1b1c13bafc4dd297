"""The graph under construction: names of the file to values, tensors and nodes of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.onnx.layout import Layout, images, natural
from hwsim.importers.onnx.source import Array, Declared, Op, Source
from hwsim.importers.onnx.values import Activation, Constant, Quantization, Value
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Graph, Node, Tensor

MAX_ELEMENTS = 1 << 26
"""Elements of one activation."""
INTEGER_CODES = Quantization(IntFormat(8, signed=False), 1.0, 0)
"""What dory feeds an integer network, and what a floored average is."""


class Builder:
    """Everything that is known so far; operators read their inputs here and leave their outputs."""

    def __init__(self, source: Source, integer: bool = False) -> None:
        self.source = source
        self.integer = integer  # real tensors hold integers (integers.py)
        self.where = source.where
        self.values: dict[str, Value] = {}
        self.tensors: dict[str, Tensor] = {}
        self.layouts: dict[str, Layout] = {}
        self.constants: dict[str, Array] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []
        self.unscaled: set[str] = set()
        self.grids: dict[tuple[str, Quantization], Activation] = {}  # quantized pending results
        self.reals: dict[str, str] = {}  # tensor of codes -> its real values
        self.names: set[str] = {op.name for op in source.ops}
        self.users: dict[str, list[Op]] = {}
        self.uses = Counter(source.outputs)
        self.repeats: Counter[str] = Counter()
        stored = sum(constant.array.size for constant in source.constants.values())
        self.fold_budget = 4 * stored + (1 << 22)  # elements that folding may make
        for op in source.ops:
            for name in filter(None, op.inputs):
                self.users.setdefault(name, []).append(op)
                self.uses[name] += 1
        for name, kept in source.constants.items():
            self.values[name] = Constant(kept.array, form=kept.form, name=name)
        for declared in source.inputs:
            if self.uses[declared.name]:
                self._declare(declared)

    # Values

    def value(self, op: Op, index: int) -> Value:
        """What an input of an operator stands for."""
        name = op.input(index)
        if name is None:
            raise op.error("inputs", list(op.inputs), f"must have input {index}")
        return self.values[name]

    def constant(self, op: Op, index: int) -> Constant | None:
        """A constant input; None where it is left out."""
        if op.input(index) is None:
            return None
        value = self.value(op, index)
        if not isinstance(value, Constant):
            must = "must be a constant"
            raise op.unsupported(f"input {index}", op.inputs[index], must)
        return value

    def real_constant(self, op: Op, index: int) -> Array | None:
        """A constant of finite real numbers as float64; None where it is left out."""
        constant = self.constant(op, index)
        if constant is None:
            return None
        return op.finite(f"input {index}", constant.array)

    def integers(self, op: Op, index: int) -> list[int] | None:
        """A constant list of integers; None where it is left out."""
        constant = self.constant(op, index)
        if constant is None:
            return None
        if constant.array.dtype.kind not in "iu" or constant.array.ndim > 1:
            raise op.error(f"input {index}", constant.array.dtype, "must be a list of integers")
        return [int(value) for value in np.atleast_1d(constant.array)]

    def sole_user(self, name: str) -> bool:
        """Whether one operator alone reads a name, and the graph does not give it out."""
        return self.uses[name] == 1

    def put(self, op: Op, value: Value) -> None:
        """The result of an operator."""
        self.values[op.outputs[0]] = value

    # Tensors and nodes

    def free_name(self, name: str, taken: Any) -> str:
        """A name that nothing has yet: ``#2`` and so on appended where it is taken."""
        free = name
        while free in taken:
            self.repeats[name] += 1
            free = f"{name}#{self.repeats[name] + 1}"
        return free

    def tensor(
        self, name: str, layout: Layout, quantization: Quantization | None, op: str = ""
    ) -> str:
        """A new tensor; its name, with ``#`` appended where it is taken."""
        if prod(layout.shape) > MAX_ELEMENTS:
            must = f"must have at most {MAX_ELEMENTS} elements"
            raise ModelError.at(self.where, f"{name}.shape", layout.shape, must)
        name = self.free_name(name, self.tensors)
        self.layouts[name] = layout
        if quantization is None:
            self.tensors[name] = Tensor(name, layout.shape, None)
        else:
            q = quantization
            self.tensors[name] = Tensor(name, layout.shape, q.format, q.scale, q.zero_point)
        return name

    def node(
        self,
        name: str,
        op: str,
        inputs: tuple[str, ...],
        output: str,
        attributes: Mapping[str, Any] | None = None,
        layer: MacLayer | None = None,
    ) -> None:
        """A new node."""
        self.nodes.append(Node(name, op, inputs, output, layer, attributes or {}))

    def extra_name(self, name: str) -> str:
        """A name for a node that the file does not have."""
        free = self.free_name(name, self.names)
        self.names.add(free)
        return free

    def constant_tensor(self, name: str, array: Array, quantization: Quantization | None) -> str:
        """A constant as a tensor; ``array``: one sample as stored."""
        name = self.tensor(name, natural(array.shape), quantization)
        kind = np.float64 if quantization is None else np.int64
        self.constants[name] = np.ascontiguousarray(array, kind)
        return name

    def quantization(self, tensor: str) -> Quantization | None:
        """Of a tensor of ours; None: real values."""
        t = self.tensors[tensor]
        return None if t.format is None else Quantization(t.format, t.scale, t.zero_point)

    def set_scale(self, op: Op, activation: Activation, quantization: Quantization) -> None:
        """A consumer says what codes mean: as their producer says, or the first to say it."""
        known = self.quantization(activation.tensor)
        if activation.tensor in self.unscaled and known and known.format == quantization.format:
            self.unscaled.discard(activation.tensor)
            old = self.tensors[activation.tensor]
            self.tensors[activation.tensor] = Tensor(
                old.name, old.shape, old.format, quantization.scale, quantization.zero_point
            )
        elif known != quantization:
            must = f"must be what its producer says: {known}"
            raise op.unsupported(f"quantization of {activation.name}", quantization, must)

    def graph(self, outputs: list[str]) -> Graph:
        """What was built; tensors that nothing uses are left out."""
        used = {name for node in self.nodes for name in (*node.inputs, node.output)}
        used |= {*self.inputs, *outputs}
        return Graph(
            name=self.source.name,
            tensors={name: tensor for name, tensor in self.tensors.items() if name in used},
            nodes=tuple(self.nodes),
            inputs=tuple(self.inputs),
            outputs=tuple(outputs),
            constants={name: array for name, array in self.constants.items() if name in used},
        )

    def _declare(self, declared: Declared) -> None:
        """A graph input: real values, or codes whose scale the first consumer says."""
        if len(declared.shape) < 2 or None in declared.shape[1:]:
            must = "must be a batch and then stated extents"
            raise UnsupportedError.at(self.where, f"{declared.name}.shape", declared.shape, must)
        if declared.form is None and declared.dtype.kind != "f":
            must = "must be real or an integer of at most 32 bits"
            raise UnsupportedError.at(self.where, declared.name, declared.dtype, must)
        shape = tuple(extent for extent in declared.shape[1:] if extent is not None)
        layout = self._input_layout(declared.name, shape)
        quantization = None if declared.form is None else Quantization(declared.form, 1.0, 0)
        if self.integer and quantization is None:
            quantization = INTEGER_CODES
        name = self.tensor(declared.name, layout, quantization)
        if declared.form is not None:
            self.unscaled.add(name)
        self.inputs.append(name)
        self.values[declared.name] = Activation(name, name, layout, declared.form is None)

    def _input_layout(self, name: str, shape: tuple[int, ...]) -> Layout:
        """Images as hwsim holds them, unless the file transposes them itself."""
        first = self._first_user(name)
        if len(shape) == 3:
            transposes = first is not None and first.kind == "Transpose"
            return natural(shape) if transposes else images(shape)
        if len(shape) == 2 and first is not None and first.kind in _IMAGE_OPS:
            return images(shape)
        return natural(shape)

    def _first_user(self, name: str) -> Op | None:
        """The first operator that reads a value, behind those that keep its shape."""
        for _ in range(16):
            users = self.users.get(name)
            if not users:
                return None
            if users[0].kind not in _KEEP_SHAPE or not users[0].outputs:
                return users[0]
            name = users[0].outputs[0]
        return None


_KEEP_SHAPE = frozenset(
    {
        "Add", "Cast", "Clip", "DequantizeLinear", "Div", "DynamicQuantizeLinear", "Identity",
        "IntQuant", "Mul", "Pad", "Quant", "QuantizeLinear", "Relu", "Sub",
    }
)  # fmt: skip
_IMAGE_OPS = frozenset(
    {
        "AveragePool", "Conv", "ConvInteger", "GlobalAveragePool", "MaxPool", "QLinearAveragePool",
        "QLinearConv", "QLinearGlobalAveragePool",
    }
)  # fmt: skip
