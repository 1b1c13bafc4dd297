"""Machines and problems from few words, for tests."""

import numpy as np

from hwsim.array.gemm import Gemm
from hwsim.array.specification import Machine

ARRAYS = ("output_stationary", "weight_stationary", "input_stationary", "dot_product")


def machine(
    dataflow="output_stationary",
    rows=4,
    cols=4,
    *,
    activation=(8, True),
    weight=(8, True),
    zero_point="subtract",
    drop_bits=0,
    rounding="floor",
    chain=None,
    accumulator=(32, "saturate"),
    check="each_add",
    bias=(32, "saturate", 0, "preload"),
) -> Machine:
    """A machine from its words; registers are (bits, overflow[, wrap_bits])."""
    array = {"dataflow": dataflow, "k_order": ["ky", "kx", "ic"]}
    if dataflow != "none":
        array |= {"rows": rows, "cols": cols}
    if chain is None and dataflow in ARRAYS[1:]:
        chain = (48, "saturate")
    return Machine(
        name="made",
        array=array,
        operands={
            "activation": {"bits": activation[0], "signed": activation[1]},
            "weight": {"bits": weight[0], "signed": weight[1]},
            "zero_point": zero_point,
        },
        product={"kind": "exact", "drop_bits": drop_bits, "rounding": rounding},
        chain=None if chain is None else register(*chain),
        accumulator={"kind": "integer", "check": check, **register(*accumulator)},
        bias={**register(*bias[:3]), "when": bias[3]},
        requantize={"default": {"scheme": "float32", "rounding": "half_even"}},
        output={"overflow": "saturate"},
    )


def register(bits, overflow, wrap_bits=0, length=None) -> dict:
    """The YAML words of one register; ``length``: of a runtime's chain."""
    words = {"bits": bits, "overflow": overflow, "wrap_bits": wrap_bits}
    return words if length is None else {**words, "length": length}


def gemm(a, w, za=0, zw=0, bias=None, a_range=(-128, 127), w_range=(-128, 127)) -> Gemm:
    """A problem from nested lists or arrays: a (S, G, M, K), w (G, K, N)."""
    a, w = np.asarray(a, np.int32), np.asarray(w, np.int32)
    shape = (w.shape[0], w.shape[2])
    zw = np.broadcast_to(np.asarray(zw, np.int64), shape).copy()
    bias = None if bias is None else np.broadcast_to(np.asarray(bias, np.int64), shape).copy()
    return Gemm(a, w, int(za), zw, bias, a_range, w_range)
