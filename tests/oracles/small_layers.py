"""Small layers on small arrays, drawn so that their registers overflow often."""

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.arith.overflow import Overflow
from hwsim.array.dataflow import Schedule
from hwsim.array.gemm import Datapath, Register
from hwsim.array.specification import ArraySpec

DATAFLOWS = ["output_stationary", "weight_stationary", "input_stationary", "dot_product"]


def register(bits, overflow=Overflow.SATURATE, wrap_bits=0):
    form = IntFormat(bits)
    return Register(bits, form.lo, form.hi, int(overflow), wrap_bits)


def schedule_of(dataflow, rows, cols, groups, m, k, n):
    array = ArraySpec(dataflow=dataflow, rows=rows, cols=cols, k_order=["ky", "kx", "ic"])
    return Schedule(array, groups, m, k, n)


def draw(dataflow, seed, wide=False):
    """A small layer on a small array whose registers are narrow enough to overflow often."""
    rng = np.random.default_rng([DATAFLOWS.index(dataflow), seed])
    samples, groups = (int(x) for x in rng.integers(1, 3, 2))
    m, n, k = (int(x) for x in (*rng.integers(1, 9, 2), rng.integers(0, 14)))
    rows, cols = int(rng.integers(1, 7)), int(rng.integers(1, 6))
    reach, bits = (1 << 17, (33, 42)) if wide else (100, (7, 15))

    def width():
        return int(rng.integers(*bits))

    rule = Overflow(int(rng.integers(0, 6)))
    wrap_bits = int(rng.integers(0, 4)) if rule in (Overflow.WRAP, 4) else 0
    levels = (rows - 1).bit_length() if dataflow == "dot_product" else 1
    chain = () if dataflow == "output_stationary" else tuple(range(levels))
    a = rng.integers(-reach, reach, (samples, groups, m, k)).astype(np.int32)
    bias = rng.integers(-200 * reach, 200 * reach, (groups, n)) if rng.random() < 0.7 else None
    preload = rng.random() < 0.5
    datapath = Datapath(
        a=a,
        w=rng.integers(-reach, reach, (groups, k, n)).astype(np.int32),
        preload=bias if preload else None,
        row_sum=a.sum(axis=3, dtype=np.int64) if rng.random() < 0.3 else None,
        w_zero_point=rng.integers(-3, 4, (groups, n)),
        last=None if preload else bias,
        drop_bits=int(rng.integers(0, 4)),
        product_rounding=int(rng.integers(0, 10)),
        chain=tuple(register(width(), rule, wrap_bits) for _ in chain),
        accumulator=register(width(), int(rng.integers(0, 6))),
        check_final=bool(rng.random() < 0.25),
    )
    return datapath, schedule_of(dataflow, rows, cols, groups, m, k, n)


def plain(dataflow, a, w, rows, bits=24, rule=Overflow.SATURATE):
    """No bias, no product rounding, one width everywhere."""
    levels = {"output_stationary": 0, "dot_product": (rows - 1).bit_length()}.get(dataflow, 1)
    blank = np.zeros((w.shape[0], w.shape[2]), np.int64)
    r = register(bits, rule)
    return Datapath(a, w, None, None, blank, None, 0, 0, (r,) * levels, r, False)
