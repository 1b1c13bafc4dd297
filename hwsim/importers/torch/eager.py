"""Eager and FX quantized modules of PyTorch to records: needs PyTorch.

``torch.fx`` traces the module; quantized modules and ``torch.ops.quantized`` become quantize,
float operator, dequantize, as ``torch.export`` would write them. Biases stay float: which engine
adds them how is the machine's affair (``pytorch_fbgemm``, ``pytorch_qnnpack``, ...).
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.errors import ModelError, UnsupportedError
from hwsim.importers.onnx.source import Declared, Op, Source, Stored, ordered
from hwsim.importers.torch.aten import OPSET
from hwsim.importers.torch.modules import (
    REAL_LAYERS,
    convolution,
    dynamic_linear,
    pool,
    real_parameters,
)

WHERE = "hwsim.from_torch"
QUINT8 = IntFormat(8, signed=False)
INT8 = IntFormat(8)
PLAIN_MODULES = {"ReLU": "Relu", "Sigmoid": "Sigmoid", "Tanh": "Tanh", "Hardswish": "HardSwish"}
FUNCTIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "hardswish": "HardSwish"}
OF_TWO = {"add": "Add", "add_relu": "Add", "mul": "Mul", "mul_relu": "Mul"}


def is_quantized(module: Any) -> bool:
    """Whether a module holds PyTorch's quantized modules, or torchao's quantized weights."""
    parts = list(module.modules())
    torchao = any(hasattr(getattr(part, "weight", None), "qdata") for part in parts)
    return torchao or any(".quantized" in type(part).__module__ for part in parts)


def trace(module: Any, example: Any) -> Source:
    """A quantized module as an ONNX file's records.

    Raises
    ------
    ModelError, UnsupportedError
        PyTorch cannot trace it, or an operator that hwsim does not import.
    """
    import torch.fx

    try:
        traced = torch.fx.symbolic_trace(module)
    except Exception as reason:  # PyTorch raises every kind
        text = str(reason).strip().splitlines()[0][:160] if str(reason) else type(reason).__name__
        name = type(module).__name__
        raise ModelError.at(WHERE, "module", name, f"cannot trace: {text}") from None
    return _Walk(traced, example).source(type(module).__name__)


class _Walk:
    """A traced graph on its way to records.

    ``real``: node to the name of its real-valued tensor; a quantized tensor's is that behind its
    dequantize.
    """

    def __init__(self, traced: Any, example: Any) -> None:
        self.traced = traced
        self.example = example
        self.modules = dict(traced.named_modules())
        self.real: dict[Any, str] = {}
        self.ops: list[Op] = []
        self.constants: dict[str, Stored] = {}
        self.outputs: tuple[str, ...] = ()

    def source(self, name: str) -> Source:
        """Walk the graph."""
        inputs = []
        for node in self.traced.graph.nodes:
            if node.op == "placeholder":
                shape = (None, *self.example.shape[1:])
                inputs.append(Declared(node.name, np.dtype(np.float32), None, shape))
                self.real[node] = node.name
            elif node.op == "output":
                self.outputs = (self.real[node.args[0]],)
            elif node.op == "call_module":
                self.module(node, self.modules[node.target])
            elif node.op in ("call_function", "call_method"):
                self.function(node)
        if len(inputs) != 1:
            raise UnsupportedError.at(WHERE, "inputs", len(inputs), "must be one tensor")
        known = [*self.constants, inputs[0].name]
        ops = ordered(self.ops, known, WHERE)
        return Source(WHERE, name, OPSET, tuple(inputs), self.outputs, self.constants, ops)

    def constant(self, name: str, value: Any, form: IntFormat | None = None) -> str:
        """A constant; its name."""
        self.constants[name] = Stored(np.asarray(value), form)
        return name

    def op(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """One operator; the name of its result."""
        self.ops.append(Op(name, kind, "", tuple(inputs), (name,), attributes))
        return name

    def codes(self, real: str, name: str, scale: Any, zero: Any) -> str:
        """A real tensor quantized to quint8 and back; the name of what comes back."""
        ends = [
            self.constant(f"{name}.scale", np.float64(scale)),
            self.constant(f"{name}.zero_point", np.int64(zero), QUINT8),
        ]
        coded = self.op("QuantizeLinear", [real, *ends], f"{name}.codes")
        return self.op("DequantizeLinear", [coded, *ends], f"{name}.real")

    def weight(self, packed: Any, name: str) -> str:
        """A quantized weight behind its dequantize."""
        import torch

        channels = packed.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric)
        scale = packed.q_per_channel_scales() if channels else packed.q_scale()
        zero = packed.q_per_channel_zero_points() if channels else packed.q_zero_point()
        axis = packed.q_per_channel_axis() if channels else 0
        inputs = [
            self.constant(f"{name}.weight", packed.int_repr().numpy(), INT8),
            self.constant(f"{name}.weight_scale", np.asarray(scale, np.float64)),
            self.constant(f"{name}.weight_zero_point", np.asarray(zero, np.int64), INT8),
        ]
        return self.op("DequantizeLinear", inputs, f"{name}.weight_real", axis=axis)

    def module(self, node: Any, module: Any) -> None:
        """A call of a module."""
        kind, name = type(module).__name__, str(node.target)
        place = type(module).__module__
        source = self.real[node.args[0]]
        if ".quantized.dynamic" in place or hasattr(getattr(module, "weight", None), "qdata"):
            dynamic_linear(module, source, name, kind).write(self.ops, self.constants)
            self.real[node] = name
        elif kind == "Quantize":
            self.real[node] = self.codes(source, name, module.scale, module.zero_point)
        elif kind in ("DeQuantize", "Identity", "Dropout"):
            self.real[node] = source
        elif ".quantized" in place and hasattr(module, "weight"):
            self.real[node] = self.layer(module, source, name, kind)
        elif kind in PLAIN_MODULES:
            self.real[node] = self.like(self.op(PLAIN_MODULES[kind], [source], name), node)
        elif kind == "ReLU6":
            ends = [self.constant(f"{name}.{v}", np.float32(v)) for v in (0, 6)]
            self.real[node] = self.like(self.op("Clip", [source, *ends], name), node)
        elif kind in ("AvgPool2d", "MaxPool2d", "AdaptiveAvgPool2d"):
            onnx, words = pool(module, name, kind)
            self.real[node] = self.like(self.op(onnx, [source], name, **words), node)
        elif kind in REAL_LAYERS:
            self.real[node] = self.real_layer(module, source, name, kind)
        elif kind == "Flatten":
            self.real[node] = self.op("Flatten", [source], name, axis=module.start_dim)
        else:
            raise UnsupportedError.at(f"{WHERE}: {name}", "module", kind, "not imported")

    def layer(self, module: Any, source: str, name: str, kind: str) -> str:
        """A quantized convolution or linear layer, its relu and its output's codes."""
        inputs = [source, self.weight(module.weight(), name)]
        if module.bias() is not None:
            inputs.append(self.constant(f"{name}.bias", module.bias().detach().numpy()))
        if "Conv" in kind:
            result = self.op("Conv", inputs, name, **convolution(module))
        else:
            result = self.op("Gemm", inputs, name, transB=1)
        if "ReLU" in kind:
            result = self.op("Relu", [result], f"{name}.relu")
        return self.codes(result, name, module.scale, module.zero_point)

    def real_layer(self, module: Any, source: str, name: str, kind: str) -> str:
        """A layer that PyTorch leaves in float."""
        onnx, parts, words = real_parameters(module, kind)
        inputs = [self.constant(f"{name}.{part}", value) for part, value in parts.items()]
        return self.op(onnx, [source, *inputs], name, **words)

    def like(self, result: str, node: Any) -> str:
        """An operator of quantized tensors gives codes of its input's scale."""
        source = self.real[node.args[0]]
        if not source.endswith(".real"):
            return result
        grid = source.removesuffix(".real")
        ends = [f"{grid}.scale", f"{grid}.zero_point"]
        coded = self.op("QuantizeLinear", [result, *ends], f"{result}.codes")
        name = f"{result}.real"
        self.constants[f"{result}.scale"] = self.constants[ends[0]]
        self.constants[f"{result}.zero_point"] = self.constants[ends[1]]
        return self.op("DequantizeLinear", [coded, *ends], name)

    def function(self, node: Any) -> None:
        """A call of a function or method."""
        text = node.target if isinstance(node.target, str) else node.target.__name__
        kind = str(text).split(".")[0]
        target = str(node.target)
        if kind == "quantize_per_tensor":
            scale, zero = (self.attribute(value) for value in node.args[1:3])
            self.real[node] = self.codes(self.real[node.args[0]], node.name, scale, zero)
        elif kind in ("dequantize", "dropout", "contiguous"):
            self.real[node] = self.real[node.args[0]]
        elif "quantized" in target and kind in OF_TWO:
            self.real[node] = self.of_two(node, kind)
        elif node.target in (operator.add, operator.iadd):
            self.real[node] = self.op("Add", [self.real[x] for x in node.args], node.name)
        elif kind in FUNCTIONS:
            made = self.op(FUNCTIONS[kind], [self.real[node.args[0]]], node.name)
            self.real[node] = self.like(made, node)
        elif kind == "flatten":
            axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("start_dim", 0)
            self.real[node] = self.op("Flatten", [self.real[node.args[0]]], node.name, axis=axis)
        else:
            raise UnsupportedError.at(f"{WHERE}: {node.name}", "function", target, "not imported")

    def of_two(self, node: Any, kind: str) -> str:
        """Add or multiply two quantized tensors."""
        names = ("qa", "qb", "scale", "zero_point")
        given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
        inputs = [self.real[value] for value in node.args[:2]]
        result = self.op(OF_TWO[kind], inputs, node.name)
        if kind.endswith("relu"):
            result = self.op("Relu", [result], f"{node.name}.relu")
        scale, zero = (self.attribute(given[name]) for name in names[2:])
        return self.codes(result, node.name, scale, zero)

    def attribute(self, value: Any) -> Any:
        """A number, or one that the module keeps."""
        if hasattr(value, "op") and value.op == "get_attr":
            owner: Any = self.traced
            for part in value.target.split("."):
                owner = getattr(owner, part)
            return owner.item()
        return value
