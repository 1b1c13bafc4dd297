"""Operators beside the array: one short file each, codes in, codes out, exact integers.

Every file has ``run(node, tensors, inputs, machine)`` for codes and ``run_float(node, tensors,
inputs)`` for the float twin; its docstring lists the attributes and the policy it follows. Arrays
are (S, *shape), samples first; images (S, H, W, C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hwsim.errors import UnsupportedError
from hwsim.network.graph import Node, Tensor
from hwsim.network.ops import (
    add,
    average_pool_2d,
    concatenation,
    dequantize,
    dequantize_channels,
    dynamic_quantize,
    hard_swish,
    integer_affine,
    log_softmax,
    logistic,
    max_pool_2d,
    mean,
    mul,
    pack,
    pad,
    quantize,
    relu,
    reshape,
    resize_nearest_neighbor,
    sign,
    softmax,
    strided_slice,
    sub,
    tanh,
    transpose,
)

OPS: Mapping[str, Callable[..., Any]] = {
    "add": add.run,
    "average_pool_2d": average_pool_2d.run,
    "clamp": relu.run,
    "concatenation": concatenation.run,
    "dequantize": dequantize.run,
    "dequantize_channels": dequantize_channels.run,
    "dynamic_quantize": dynamic_quantize.run,
    "dynamic_scale": dynamic_quantize.run_scale,
    "hard_swish": hard_swish.run,
    "integer_affine": integer_affine.run,
    "log_softmax": log_softmax.run,
    "logistic": logistic.run,
    "max_pool_2d": max_pool_2d.run,
    "mean": mean.run,
    "mul": mul.run,
    "pack": pack.run,
    "pad": pad.run,
    "quantize": quantize.run,
    "relu": relu.run,
    "relu6": relu.run,
    "relu_n1_1": relu.run,
    "reshape": reshape.run,
    "resize_nearest_neighbor": resize_nearest_neighbor.run,
    "sign": sign.run,
    "softmax": softmax.run,
    "strided_slice": strided_slice.run,
    "sub": sub.run,
    "tanh": tanh.run,
    "transpose": transpose.run,
}
"""Operator to its function on codes."""

OF_ANY_TYPE = frozenset({"max_pool_2d"})
"""Operators that read codes in the type in which they are kept; all others read int64."""

FLOAT_OPS: Mapping[str, Callable[..., Any]] = {
    "add": add.run_float,
    "average_pool_2d": average_pool_2d.run_float,
    "clamp": relu.run_float,
    "concatenation": concatenation.run_float,
    "dequantize": dequantize.run_float,
    "dequantize_channels": dequantize_channels.run_float,
    "dynamic_quantize": dynamic_quantize.run_float,
    "dynamic_scale": dynamic_quantize.run_scale_float,
    "hard_swish": hard_swish.run_float,
    "integer_affine": integer_affine.run_float,
    "log_softmax": log_softmax.run_float,
    "logistic": logistic.run_float,
    "max_pool_2d": max_pool_2d.run_float,
    "mean": mean.run_float,
    "mul": mul.run_float,
    "pack": pack.run_float,
    "pad": pad.run_float,
    "quantize": quantize.run_float,
    "relu": relu.run_float,
    "relu6": relu.run_float,
    "relu_n1_1": relu.run_float,
    "reshape": reshape.run_float,
    "resize_nearest_neighbor": resize_nearest_neighbor.run_float,
    "sign": sign.run_float,
    "softmax": softmax.run_float,
    "strided_slice": strided_slice.run_float,
    "sub": sub.run_float,
    "tanh": tanh.run_float,
    "transpose": transpose.run_float,
}
"""Operator to its function on real values."""


def operator_function(
    op: str, where: str, functions: Mapping[str, Callable[..., Any]] = OPS
) -> Callable[..., Any]:
    """The function of operator ``op``; an unknown one is refused by name.

    >>> operator_function("reshape", "node 3") is reshape.run
    True
    >>> operator_function("lstm", "node 3")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    hwsim.errors.UnsupportedError: node 3: operator = lstm: must be one of add, average_pool_2d, ...
    """
    if op not in functions:
        raise UnsupportedError.at(where, "operator", op, f"must be one of {', '.join(functions)}")
    return functions[op]


def operator_of(node: Node, tensors: Mapping[str, Tensor]) -> Callable[..., Any]:
    """The function of a node on a machine: on codes, or on real values where no tensor has codes.

    Between real tensors an operator is computed in binary64 and rounded once to binary32, as one
    operation of binary32 is; a mean adds in its own order.
    """
    function = operator_function(node.op, node.name)
    names = (*node.inputs, node.output)
    if node.op in OWN_REAL or any(tensors[name].format is not None for name in names):
        return function
    real = FLOAT_OPS[node.op]

    def on_reals(node: Node, tensors: Any, inputs: Any, machine: Any) -> Any:
        return real(node, tensors, inputs).astype(np.float32).astype(np.float64)

    return on_reals


OWN_REAL = frozenset({"dynamic_scale", "log_softmax"})
"""Operators on real values that state their own arithmetic."""
