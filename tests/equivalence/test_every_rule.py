"""Every rounding and every overflow rule through every engine, on all products of two int4.

Small enough for NUMBA_DISABLE_JIT=1; K = 2, so that registers are passed twice.
"""

import numpy as np
import pytest
import strategies
from equivalence.test_engines_agree import compare

INT4 = (-8, 7)


def all_products():
    """One product of every pair of int4 codes, then a small one."""
    a = np.stack([np.arange(-8, 8), np.arange(16) % 3 - 1], axis=1)[None, None]
    w = np.stack([np.arange(-8, 8), np.arange(16) % 5 - 2])[None]
    return strategies.gemm(a, w, a_range=INT4, w_range=INT4)


def machine(dataflow, **words):
    return strategies.machine(dataflow, 2, 16, activation=(4, True), weight=(4, True), **words)


@pytest.mark.parametrize("rounding", strategies.PRODUCT_ROUNDINGS)
@pytest.mark.parametrize("drop_bits", [1, 3])
def test_product_roundings_at_every_tie(rounding, drop_bits):
    for dataflow in ("output_stationary", "weight_stationary", "dot_product"):
        words = {"rounding": rounding, "drop_bits": drop_bits}
        truth = compare(all_products(), machine(dataflow, **words))
        assert truth.events == []


@pytest.mark.parametrize("overflow", strategies.OVERFLOWS)
@pytest.mark.parametrize("bits", [2, 5])
def test_overflow_rules_beyond_every_end(overflow, bits):
    for wrap_bits in range(bits if "wrap" in overflow else 1):
        narrow = (bits, overflow, wrap_bits)
        for dataflow in ("output_stationary", "dot_product"):
            words = {"chain": narrow} if dataflow == "dot_product" else {"accumulator": narrow}
            truth = compare(all_products(), machine(dataflow, **words))
            assert len(truth.events) > 100
