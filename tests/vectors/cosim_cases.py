"""A small layer whose registers overflow and whose codes round, as bundles and as dumps."""

from dataclasses import replace

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.array.checks import check
from hwsim.array.gemm import Gemm
from hwsim.array.specification import Machine
from hwsim.mapping.prepare import OutputSide, prepare
from hwsim.vectors.case import LayerCase, Run

M, K, N = 7, 10, 5


def machine(dataflow="weight_stationary", **words):
    """4 x 3, chain and accumulator of 9 bits by default; ``words``: dotted keys with
    __ for dots."""
    document = {
        "name": f"small_{dataflow}",
        "array": {"dataflow": dataflow, "rows": 4, "cols": 3, "k_order": ["ky", "kx", "ic"]},
        "operands": {
            "activation": {"bits": 4, "signed": True},
            "weight": {"bits": 5, "signed": True},
            "zero_point": "subtract",
        },
        "product": {"kind": "exact", "drop_bits": 0, "rounding": "floor"},
        "chain": {"bits": 9, "overflow": "saturate"},
        "accumulator": {"kind": "integer", "bits": 9, "overflow": "saturate"},
        "bias": {"bits": 16, "overflow": "saturate", "when": "preload"},
        "requantize": {
            "default": {
                "scheme": "multiplier_shift", "multiplier_bits": 3, "rounding": "half_up",
            }
        },
        "output": {"overflow": "saturate"},
    }  # fmt: skip
    if dataflow == "output_stationary":
        del document["chain"]
    for key, value in words.items():
        *path, last = key.split("__")
        at = document
        for word in path:
            at = at[word]
        at[last] = value
    made = Machine.model_validate(document)
    assert check(made) == []
    return made


def case(dataflow="weight_stationary", runs=2, m=M, k=K, n=N, **words):
    """The layer on such a machine."""
    rng = np.random.default_rng(5)
    gemm = Gemm(
        a=rng.integers(-8, 8, (runs, 1, m, k)).astype(np.int32),
        w=rng.integers(-16, 16, (1, k, n)).astype(np.int32),
        a_zero_point=2,
        w_zero_point=np.zeros((1, n), np.int64),
        bias=rng.integers(-90, 90, (1, n)),
        a_range=(-8, 7),
        w_range=(-16, 15),
    )
    side = OutputSide(
        op="conv_2d",
        input_scale=1.0,
        weight_scale=rng.uniform(0.11, 0.2, n),
        output_scale=1.0,
        zero_point=-3,
        output=IntFormat(6),
        clamp=(None, None),
        activation_bits=8,
    )
    own = machine(dataflow, **words)
    made = []
    for number in range(runs):
        one = replace(gemm, a=gemm.a[number : number + 1])
        made.append(Run(f"image_{number}", one, prepare(one, side, own, "layer")))
    return LayerCase("small", "layer", own, side, tuple(made))
