"""Every operator that is compared with LiteRT, its types, and what each runtime refuses.

Imports nothing from hwsim.
"""

from itertools import product

import numpy as np
from oracles import operator_cases as cases
from oracles import operator_moves as moves
from oracles.tflite_files import run_litert, run_micro

MAKERS = {
    "logistic": cases.function,
    "tanh": cases.function,
    "hard_swish": cases.function,
    "relu": cases.activation,
    "relu6": cases.activation,
    "relu_n1_1": cases.activation,
    "mean": cases.mean,
    "concatenation": cases.concatenation,
    "sub": cases.sub,
    "softmax": cases.softmax,
    "pad": moves.pad,
    "strided_slice": moves.strided_slice,
    "pack": moves.pack,
    "resize_nearest_neighbor": moves.resize_nearest_neighbor,
    "max_pool_2d": moves.pool,
    "average_pool_2d": moves.pool,
    "transpose_conv_2d": moves.transpose_conv_2d,
}
RESOLVERS = {
    "tflite_reference": "BUILTIN_REF",
    "tflite_optimized": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "tflite_xnnpack": "AUTO",
}
NAMES = {
    "tflite_reference": "LiteRT reference kernels",
    "tflite_optimized": "LiteRT optimized kernels",
    "tflite_xnnpack": "LiteRT XNNPACK",
    "tflite_micro": "TFLite Micro",
}
MACHINES = (*RESOLVERS, "tflite_micro")
NO_KERNEL = {("hard_swish", "int16"), ("relu_n1_1", "int8"), ("relu_n1_1", "int16")}
SOFTMAX_KINDS = ("int16",)  # of 8 bits: golden/semantics
COMPARED = [
    (op, kind)
    for op, kind in product(MAKERS, cases.KINDS)
    if op != "softmax" or kind in SOFTMAX_KINDS
]


def has_kernel(op, kind, machine) -> bool:
    """Whether the runtime has the operator on codes of this type; TFLite Micro has no uint8."""
    if machine == "tflite_micro" and (kind == "uint8" or op == "relu_n1_1"):
        return False
    return (op, kind) not in NO_KERNEL


def case(op, kind, number, small=False):
    """Case ``number`` of an operator and type, always the same."""
    rng = np.random.default_rng([number, *op.encode(), *kind.encode()])
    return MAKERS[op](rng, op, kind, small)


def rescaled_relu6(case) -> bool:
    """TFLite Micro's RELU6 never rescales: it clamps the input's codes to the input's 0 and 6."""
    source, output = case.inputs[0], case.output
    same = (source.scale, source.zero_point) == (output.scale, output.zero_point)
    return case.op == "relu6" and not same


def measured(case, machine) -> np.ndarray:
    """What the runtime gives, int64."""
    if machine == "tflite_micro":
        return run_micro(case.model, case.codes)[0].astype(np.int64)
    return run_litert(case.model, case.codes, RESOLVERS[machine])[0].astype(np.int64)
