"""Operators beside the array: one short file each, codes in, codes out, exact integers.

Every file has ``run(node, tensors, inputs, machine)`` for codes and ``run_float(node, tensors,
inputs)`` for the float twin; its docstring lists the attributes and the policy it follows. Arrays
are (S, *shape), samples first; images (S, H, W, C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hwsim.errors import UnsupportedError
from hwsim.network.ops import (
    add,
    average_pool_2d,
    concatenation,
    dequantize,
    hard_swish,
    logistic,
    max_pool_2d,
    mean,
    mul,
    pad,
    quantize,
    relu,
    reshape,
    softmax,
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
    "hard_swish": hard_swish.run,
    "logistic": logistic.run,
    "max_pool_2d": max_pool_2d.run,
    "mean": mean.run,
    "mul": mul.run,
    "pad": pad.run,
    "quantize": quantize.run,
    "relu": relu.run,
    "relu6": relu.run,
    "relu_n1_1": relu.run,
    "reshape": reshape.run,
    "softmax": softmax.run,
    "sub": sub.run,
    "tanh": tanh.run,
    "transpose": transpose.run,
}
"""Operator to its function on codes."""

FLOAT_OPS: Mapping[str, Callable[..., Any]] = {
    "add": add.run_float,
    "average_pool_2d": average_pool_2d.run_float,
    "clamp": relu.run_float,
    "concatenation": concatenation.run_float,
    "dequantize": dequantize.run_float,
    "hard_swish": hard_swish.run_float,
    "logistic": logistic.run_float,
    "max_pool_2d": max_pool_2d.run_float,
    "mean": mean.run_float,
    "mul": mul.run_float,
    "pad": pad.run_float,
    "quantize": quantize.run_float,
    "relu": relu.run_float,
    "relu6": relu.run_float,
    "relu_n1_1": relu.run_float,
    "reshape": reshape.run_float,
    "softmax": softmax.run_float,
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
