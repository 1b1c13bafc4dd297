"""The graph under construction: what operators read of a file's tensors, and what they add.

hwsim's tensors have no batch axis: the file's leading extent (``Assembly.batch``) goes, and axes
are numbered within one sample. A tensor that does not begin with it (of a file of batch 1) is a
sample as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import HwsimError, ModelError, UnsupportedError
from hwsim.importers.tflite.file import MAX_AXES
from hwsim.importers.tflite.records import ABSENT, MAX_SHOWN, FileOperator, TfliteFile
from hwsim.importers.tflite.tensors import FORMATS, REALS, check_plain, quantization, stored
from hwsim.mapping.layer import MacLayer
from hwsim.network.graph import Node, Tensor

Shape = tuple[int, ...]


class Assembly:
    """Tensors, constants and nodes so far; ``values`` holds arrays known at import by index."""

    def __init__(self, file: TfliteFile) -> None:
        self.file = file
        self.batch = leading_extent(file)
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, NDArray[Any]] = {}
        self.nodes: list[Node] = []
        self.values: dict[int, NDArray[Any]] = {}
        self.computed: dict[int, str] = {}
        self.names = {tensor.name for tensor in file.tensors}

    def refusal(
        self,
        operator: FileOperator,
        field: str,
        value: Any,
        must: str,
        error: type[HwsimError] = UnsupportedError,
    ) -> HwsimError:
        """The error for an operator: ``<file>: operator 3 (CONV_2D).<field> = ...``."""
        place, shown = f"operator {operator.index} ({operator.kind}).{field}", str(value)
        shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
        return error.at(self.file.where, place, shown, must)

    # ---- the file's tensors ----

    def is_constant(self, index: int) -> bool:
        """Whether a tensor is known at import."""
        return index in self.values or self.file.tensors[index].data is not None

    def value(self, index: int) -> NDArray[Any]:
        """A constant as the file stores it: codes or reals in their own type, int4 as int8."""
        if index not in self.values:
            self.keep(index, stored(self.file.tensors[index], self.file.where))
        return self.values[index]

    def keep(self, index: int, values: NDArray[Any]) -> None:
        """Note a tensor's value."""
        if not values.size and values.ndim > 1:
            label = self.file.tensors[index].label
            raise UnsupportedError.at(self.file.where, label, values.shape, "must not be empty")
        self.file.buffer.count(values.nbytes, self.file.tensors[index].label)
        self.values[index] = values

    def sample_shape(self, index: int) -> Shape:
        """A tensor's shape without the batch axis."""
        shape = self.file.tensors[index].shape
        return shape[1:] if self.has_batch(index) else shape

    def has_batch(self, index: int) -> bool:
        """Whether a tensor's first axis is the batch.

        Raises
        ------
        UnsupportedError
            Another leading extent than the inputs', in a file of several samples.
        """
        shape = self.file.tensors[index].shape
        if shape and shape[0] == self.batch:
            return True
        if self.batch != 1:
            label, must = self.file.tensors[index].label, f"must begin with {self.batch}: samples"
            raise UnsupportedError.at(self.file.where, f"{label}.shape", shape, must)
        return False

    def axis(self, operator: FileOperator, axis: int, index: int) -> int:
        """An axis of a tensor of the file as one of a sample."""
        rank = len(self.file.tensors[index].shape)
        if not -rank <= axis < rank:
            raise self.refusal(
                operator, "axis", axis, f"must be in {-rank}..{rank - 1}", ModelError
            )
        sample = axis % rank - self.has_batch(index)
        if sample < 0:
            raise self.refusal(operator, "axis", axis, "must not be the batch axis")
        return sample

    def describe(self, index: int, shape: Shape, name: str) -> Tensor:
        """A tensor of activations: its format, its one scale, its zero point."""
        tensor = self.file.tensors[index]
        field, where = tensor.label, self.file.where
        check_plain(tensor, where)
        if math.prod(shape) == 0:
            raise UnsupportedError.at(where, f"{field}.shape", tensor.shape, "must not be empty")
        if tensor.kind in REALS:
            return Tensor(name, shape, None)
        if tensor.kind not in FORMATS:
            known = ", ".join((*FORMATS, *REALS))
            raise UnsupportedError.at(
                where, f"{field}.type", tensor.kind, f"must be one of {known}"
            )
        scale, zero = quantization(tensor, FORMATS[tensor.kind], where)
        if scale.size != 1:
            must = "must be 1 of an activation, and its zero point"
            raise UnsupportedError.at(where, f"{field}.scale", f"{scale.size} numbers", must)
        return Tensor(name, shape, FORMATS[tensor.kind], float(scale[0]), int(zero[0]))

    # ---- an operator's operands ----

    def operand(self, operator: FileOperator, place: int) -> int:
        """The tensor at one place of an operator's inputs, which must be there."""
        index = self.optional(operator, place)
        if index is None:
            raise self.refusal(
                operator, "inputs", operator.inputs, f"must name input {place}", ModelError
            )
        return index

    def optional(self, operator: FileOperator, place: int) -> int | None:
        """The tensor at one place of an operator's inputs, or None."""
        index = operator.inputs[place] if place < len(operator.inputs) else ABSENT
        return None if index == ABSENT else index

    def parameter(self, operator: FileOperator, place: int, name: str) -> NDArray[Any]:
        """An input that must be a constant."""
        index = self.operand(operator, place)
        if not self.is_constant(index):
            label = self.file.tensors[index].label
            raise self.refusal(operator, name, label, "must be a constant in the file")
        return self.value(index)

    def integers(self, operator: FileOperator, place: int, name: str) -> NDArray[np.int64]:
        """An input that must be a constant of a few plain integers: an axis, a shape, margins."""
        values = self.parameter(operator, place, name)
        if values.dtype not in (np.int32, np.int64) or values.size > 2 * MAX_AXES:
            given, must = (
                f"{values.dtype} {values.shape}",
                f"must be {2 * MAX_AXES} integers at most",
            )
            raise self.refusal(operator, name, given, must, ModelError)
        return values.astype(np.int64)

    def tensor(self, operator: FileOperator, place: int) -> Tensor:
        """An operand as a tensor of the graph."""
        index = self.operand(operator, place)
        if self.is_constant(index):
            return self.constant(index, self.file.tensors[index].shape)
        if index not in self.computed:
            label = self.file.tensors[index].label
            raise self.refusal(operator, "input", label, "must be computed before", ModelError)
        return self.tensors[self.computed[index]]

    def constant(self, index: int, shape: Shape) -> Tensor:
        """A constant given to every sample; its name tells apart the shapes it is used in."""
        name = self.file.tensors[index].name
        while name in self.tensors and self.tensors[name].shape != shape:
            name += f"#{len(shape)}"
        if name not in self.tensors:
            tensor = self.describe(index, shape, name)
            kind = np.float64 if tensor.format is None else np.int64
            values = self.value(index).astype(kind).reshape(shape)
            self.tensors[name], self.constants[name] = tensor, values
        return self.tensors[name]

    # ---- what an operator adds ----

    def output(self, operator: FileOperator) -> Tensor:
        """The tensor that an operator computes."""
        (index,) = operator.outputs
        return self.describe(index, self.sample_shape(index), self.file.tensors[index].name)

    def add(
        self,
        operator: FileOperator,
        op: str,
        inputs: tuple[Tensor, ...],
        shape: Shape,
        attributes: Mapping[str, Any] | None = None,
        layer: MacLayer | None = None,
    ) -> None:
        """A node; ``shape`` is what it computes, which must be what the file says."""
        output, names = self.output(operator), tuple(tensor.name for tensor in inputs)
        if shape != output.shape:
            raise self.refusal(
                operator, "output shape", output.shape, f"must be {shape}", ModelError
            )
        self._check_real(operator, op, inputs, output)
        self.computed[operator.outputs[0]] = output.name
        self.tensors[output.name] = output
        name = f"{op}_{operator.index}"
        self.nodes.append(Node(name, op, names, output.name, layer, dict(attributes or {})))

    def _check_real(
        self, operator: FileOperator, op: str, inputs: tuple[Tensor, ...], output: Tensor
    ) -> None:
        """Only quantize and dequantize go between codes and real values."""
        real = {tensor.format is None for tensor in inputs}
        given = "codes" if output.format is not None else "real values"
        if op == "dequantize" and (True in real or output.format is not None):
            raise self.refusal(operator, "output", given, "must be real values, of codes")
        if op == "quantize" and output.format is None:
            raise self.refusal(operator, "output", given, "must be codes")
        if op not in ("quantize", "dequantize") and real != {output.format is None}:
            raise self.refusal(operator, "output", given, "must be the same as all inputs")

    def reshaped(self, operator: FileOperator, source: Tensor, shape: Shape) -> Tensor:
        """A tensor in another shape, by a reshape of our own before the operator."""
        name = f"{source.name}#{operator.index}"
        while name in self.tensors or name in self.names:
            name += f"#{operator.index}"
        made = Tensor(name, shape, source.format, source.scale, source.zero_point)
        self.tensors[name] = made
        self.nodes.append(
            Node(
                f"reshape_{operator.index}", "reshape", (source.name,), name, None, {"shape": shape}
            )
        )
        return made


def leading_extent(file: TfliteFile) -> int:
    """The leading extent of the first input that is an image or a row; 1 where there is none."""
    for index in file.inputs:
        tensor = file.tensors[index]
        if len(tensor.shape) > 1 and (tensor.kind in REALS or tensor.scale.size):
            return tensor.shape[0]
    return 1
