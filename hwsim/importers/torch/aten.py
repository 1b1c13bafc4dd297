"""A PyTorch program as the records of an ONNX file: one table of operators, then one importer.

ATen's operators and ``quantized_decomposed``'s have ONNX counterparts with the same meaning; only
names and the places of arguments differ. Scales keep their double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hwsim.errors import ModelError
from hwsim.importers.onnx.source import Declared, Source, ordered
from hwsim.importers.torch.decomposed import (
    choose_parameters,
    dequantize,
    dequantize_channels,
    quantize,
)
from hwsim.importers.torch.dynamic import DynamicLinear
from hwsim.importers.torch.program import Call, Program, Ref
from hwsim.importers.torch.translation import Translation

OPSET = 21
QUANTIZED = "quantized_decomposed"
MAX_EXTENT = 1 << 20


def source_of(program: Program) -> Source:
    """The program as an ONNX file's records.

    Raises
    ------
    UnsupportedError
        An operator that hwsim does not import, by name; before anything is computed.
    """
    translation = Translation(program)
    for call in program.calls:
        if call.target not in OPERATORS:
            raise call.unsupported("operator", call.target, "not imported")
    for call in program.calls:
        OPERATORS[call.target](translation, call)
    computed = {name for op in translation.ops for name in op.outputs}
    for name in program.outputs:
        if name not in computed:
            raise ModelError.at(program.where, "output", name, "must be computed")
    if not program.outputs or not all(0 < extent <= MAX_EXTENT for extent in program.shape):
        must = f"must be extents of 1..{MAX_EXTENT}, and there must be outputs"
        raise ModelError.at(program.where, f"{program.input}.shape", program.shape, must)
    shape = (None, *program.shape[1:])
    declared = Declared(program.input, np.dtype(np.float32), None, shape)
    return Source(
        program.where,
        program.name,
        OPSET,
        (declared,),
        program.outputs,
        translation.constants,
        ordered(translation.ops, [*translation.constants, program.input], program.where),
    )


def _conv(t: Translation, call: Call) -> None:
    y, x = call.pair("padding", 0)
    bias = call.arguments.get("bias")
    inputs = [call.tensor("input"), call.tensor("weight")]
    t.add(
        call,
        "Conv",
        inputs + ([bias.name] if isinstance(bias, Ref) else []),
        strides=call.pair("stride", 1),
        dilations=call.pair("dilation", 1),
        pads=[y, x, y, x],
        group=call.integer("groups", 1),
    )


def _dynamic_linear(t: Translation, call: Call) -> None:
    """A linear layer of activations that are quantized at run time."""
    weight = next((op for op in t.ops if op.outputs == (call.tensor("weight"),)), None)
    if weight is None or weight.kind != "DequantizeLinear" or weight.inputs[0] not in t.constants:
        raise call.unsupported("weight", call.tensor("weight"), "must be constant codes")
    codes, scale, zero = (t.constants[name].array for name in weight.inputs)
    bias = call.arguments.get("bias")
    if isinstance(bias, Ref) and bias.name not in t.constants:
        raise call.unsupported("bias", bias.name, "must be a constant")
    DynamicLinear(
        name=call.outputs[0],
        source=t.dynamic[call.tensor("input")],
        codes=codes,
        scale=scale,
        zero_point=zero,
        bias=t.constants[bias.name].array if isinstance(bias, Ref) else None,
        rule="decomposed",
    ).write(t.ops, t.constants)


def _linear(t: Translation, call: Call) -> None:
    if call.tensor("input") in t.dynamic:
        _dynamic_linear(t, call)
        return
    bias = call.arguments.get("bias")
    inputs = [call.tensor("input"), call.tensor("weight")]
    t.add(call, "Gemm", inputs + ([bias.name] if isinstance(bias, Ref) else []), transB=1)


def _batch_norm(t: Translation, call: Call) -> None:
    names = ("input", "weight", "bias", "running_mean", "running_var")
    call.only("training", False)
    epsilon = call.real("eps", 1e-5)
    t.add(call, "BatchNormalization", [call.tensor(name) for name in names], epsilon=epsilon)


def _of_two(kind: str) -> Callable[[Translation, Call], None]:
    def add(t: Translation, call: Call) -> None:
        call.only("alpha", 1)
        other = call.arguments.get("other")
        if isinstance(other, Ref):
            second = other.name
        else:
            second = t.constant(call, "other", np.float32(call.real("other")))
        t.add(call, kind, [call.tensor("self"), second])

    return add


def _of_one(kind: str, name: str = "self") -> Callable[[Translation, Call], None]:
    return lambda t, call: t.add(call, kind, [call.tensor(name)])


def _softmax(t: Translation, call: Call) -> None:
    t.add(call, "Softmax", [call.tensor("self")], axis=call.integer("dim"))


def _clip(t: Translation, call: Call) -> None:
    low, high = ("min_val", "max_val") if "hardtanh" in call.target else ("min", "max")
    defaults = (-1.0, 1.0) if "hardtanh" in call.target else (None, None)
    inputs = [call.tensor("self")]
    for name, default in zip((low, high), defaults, strict=True):
        absent = call.arguments.get(name) is None and default is None
        value = None if absent else np.float32(call.real(name, default))
        inputs.append("" if value is None else t.constant(call, name, value))
    t.add(call, "Clip", inputs)


def _relu6(t: Translation, call: Call) -> None:
    ends = [t.constant(call, name, np.float32(v)) for name, v in (("least", 0), ("largest", 6))]
    t.add(call, "Clip", [call.tensor("self"), *ends])


def _pool(kind: str) -> Callable[[Translation, Call], None]:
    def add(t: Translation, call: Call) -> None:
        call.only("ceil_mode", False)
        call.only("divisor_override", None)
        call.only("dilation", [1, 1], [1], 1)
        window = call.pair("kernel_size", 1)
        stride = call.integers("stride", window) or window
        y, x = call.pair("padding", 0)
        words: dict[str, Any] = {"kernel_shape": window, "strides": stride * (3 - len(stride))}
        if kind == "AveragePool":
            words["count_include_pad"] = int(bool(call.arguments.get("count_include_pad", True)))
        t.add(call, kind, [call.tensor("self")], pads=[y, x, y, x], **words)

    return add


def _global_pool(t: Translation, call: Call) -> None:
    call.only("output_size", [1, 1], [1], 1)
    t.add(call, "GlobalAveragePool", [call.tensor("self")])


def _mean(t: Translation, call: Call) -> None:
    axes = t.constant(call, "axes", np.array(call.integers("dim"), np.int64))
    keep = int(bool(call.arguments.get("keepdim", False)))
    t.add(call, "ReduceMean", [call.tensor("self"), axes], keepdims=keep)


def _flatten(t: Translation, call: Call) -> None:
    call.only("end_dim", -1)
    t.add(call, "Flatten", [call.tensor("self")], axis=call.integer("start_dim", 0))


def _reshape(t: Translation, call: Call) -> None:
    name = "shape" if "shape" in call.arguments else "size"
    wanted = call.arguments.get(name)
    first, *rest = wanted if isinstance(wanted, list) and wanted else [None]
    if not rest or not all(isinstance(extent, int) for extent in rest):
        raise call.unsupported(name, wanted, "must keep the samples and be of known extents")
    batch = -1 if first == -1 and -1 not in rest else 0
    shape = t.constant(call, "shape", np.array([batch, *rest], np.int64))
    t.add(call, "Reshape", [call.tensor("self"), shape])


def _permute(t: Translation, call: Call) -> None:
    t.add(call, "Transpose", [call.tensor("self")], perm=call.integers("dims"))


def _concatenate(t: Translation, call: Call) -> None:
    parts = call.arguments.get("tensors")
    if not isinstance(parts, list) or not all(isinstance(part, Ref) for part in parts):
        raise call.error("tensors", parts, "must be a list of tensors")
    axis = call.integer("dim", 0)
    t.add(call, "Concat", [part.name for part in parts], axis=axis)


OPERATORS: dict[str, Callable[[Translation, Call], None]] = {
    f"{QUANTIZED}.quantize_per_tensor.default": quantize,
    f"{QUANTIZED}.quantize_per_tensor.tensor": quantize,
    f"{QUANTIZED}.dequantize_per_tensor.default": dequantize,
    f"{QUANTIZED}.dequantize_per_tensor.tensor": dequantize,
    f"{QUANTIZED}.dequantize_per_channel.default": dequantize_channels,
    f"{QUANTIZED}.choose_qparams.tensor": choose_parameters,
    "aten.conv2d.default": _conv,
    "aten.linear.default": _linear,
    "aten.batch_norm.default": _batch_norm,
    "aten._native_batch_norm_legit_no_training.default": _batch_norm,
    "aten.add.Tensor": _of_two("Add"),
    "aten.add_.Tensor": _of_two("Add"),
    "aten.sub.Tensor": _of_two("Sub"),
    "aten.mul.Tensor": _of_two("Mul"),
    "aten.matmul.default": _of_two("MatMul"),
    "aten.relu.default": _of_one("Relu"),
    "aten.relu_.default": _of_one("Relu"),
    "aten.relu6.default": _relu6,
    "aten.hardtanh.default": _clip,
    "aten.hardtanh_.default": _clip,
    "aten.clamp.default": _clip,
    "aten.sigmoid.default": _of_one("Sigmoid"),
    "aten.tanh.default": _of_one("Tanh"),
    "aten.hardswish.default": _of_one("HardSwish"),
    "aten.softmax.int": _softmax,
    "aten.avg_pool2d.default": _pool("AveragePool"),
    "aten.max_pool2d.default": _pool("MaxPool"),
    "aten.adaptive_avg_pool2d.default": _global_pool,
    "aten.mean.dim": _mean,
    "aten.flatten.using_ints": _flatten,
    "aten.view.default": _reshape,
    "aten.reshape.default": _reshape,
    "aten.permute.default": _permute,
    "aten.cat.default": _concatenate,
    "aten.dropout.default": _of_one("Identity", "input"),
    "aten.alias.default": _of_one("Identity"),
    "aten.contiguous.default": _of_one("Identity"),
}
"""PyTorch's operator to the function that writes its ONNX counterpart."""
