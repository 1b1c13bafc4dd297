"""Operator of the file to the function that imports it, by operator set."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hwsim.importers.onnx import (
    affine,
    dynamic,
    elementwise,
    joins,
    linear,
    quantizers,
    shapes,
    windows,
)
from hwsim.importers.onnx.builder import Builder
from hwsim.importers.onnx.folding import FOLDS
from hwsim.importers.onnx.source import Op
from hwsim.importers.onnx.trunc import trunc

Importer = Callable[[Builder, Op], None]

STANDARD: Mapping[str, Importer] = {
    "Add": elementwise.binary,
    "AveragePool": windows.average_pool,
    "BatchNormalization": affine.batch_normalization,
    "Cast": shapes.cast,
    "Clip": elementwise.clip,
    "Concat": joins.concat,
    "Conv": linear.conv,
    "ConvInteger": dynamic.conv_integer,
    "DequantizeLinear": quantizers.dequantize_linear,
    "Div": elementwise.binary,
    "Dropout": shapes.identity,
    "DynamicQuantizeLinear": dynamic.dynamic_quantize_linear,
    "Flatten": shapes.flatten,
    "Gemm": linear.gemm,
    "GlobalAveragePool": windows.global_average_pool,
    "GlobalMaxPool": windows.global_max_pool,
    "HardSwish": elementwise.table,
    "Identity": shapes.identity,
    "LogSoftmax": elementwise.softmax,
    "MatMul": linear.matmul,
    "MatMulInteger": dynamic.matmul_integer,
    "MaxPool": windows.max_pool,
    "Mul": elementwise.binary,
    "Pad": joins.pad,
    "QLinearConv": linear.qlinear_conv,
    "QLinearMatMul": linear.qlinear_matmul,
    "QuantizeLinear": quantizers.quantize_linear,
    "ReduceMean": windows.reduce_mean,
    "Relu": elementwise.relu,
    "Reshape": shapes.reshape,
    "Sigmoid": elementwise.table,
    "Softmax": elementwise.softmax,
    "Squeeze": shapes.squeeze,
    "Sub": elementwise.binary,
    "Tanh": elementwise.table,
    "Transpose": shapes.transpose,
    "Unsqueeze": shapes.unsqueeze,
}
"""ONNX's own operators."""

MICROSOFT: Mapping[str, Importer] = {
    "DequantizeLinear": quantizers.dequantize_linear,
    "QGemm": linear.qgemm,
    "QLinearAdd": elementwise.qlinear_binary,
    "QLinearAveragePool": windows.qlinear_average_pool,
    "QLinearConcat": elementwise.qlinear_concat,
    "QLinearGlobalAveragePool": windows.qlinear_global_average_pool,
    "QLinearMul": elementwise.qlinear_binary,
    "QLinearSigmoid": elementwise.qlinear_sigmoid,
    "QuantizeLinear": quantizers.quantize_linear,
}
"""ONNX Runtime's operators."""

QONNX: Mapping[str, Importer] = {
    "BipolarQuant": quantizers.bipolar_quant,
    "IntQuant": quantizers.quant,
    "Quant": quantizers.quant,
    "Trunc": trunc,
}
"""QONNX's operators, as Brevitas and qonnx write them."""

OURS: Mapping[str, Importer] = {"DynamicQuantizeLinear": dynamic.dynamic_quantize_linear}
"""ONNX's operator with a rule of ours: what PyTorch's dynamic layers become."""

DOMAINS: Mapping[str, Mapping[str, Importer]] = {
    "": STANDARD,
    "hwsim": OURS,
    "ai.onnx": STANDARD,
    "com.microsoft": MICROSOFT,
    "onnx.brevitas": QONNX,
    "qonnx.custom_op.general": QONNX,
    "finn.custom_op.general": QONNX,
}


def importer_of(op: Op) -> Importer | None:
    """The function that imports an operator; None: not imported."""
    return DOMAINS.get(op.domain, {}).get(op.kind)


def is_foldable(op: Op) -> bool:
    """Whether an operator can be computed at import where its inputs are known."""
    return op.domain in ("", "ai.onnx") and (op.kind in FOLDS or op.kind == "Shape")
