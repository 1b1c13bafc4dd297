"""Exact sums of single folds of single outputs."""

from __future__ import annotations

from hwsim._jit import kernel
from hwsim.arith.rounding import drop_low_bits


@kernel
def fold_sums(a, w, outputs, tile, drop_bits, rounding, sums):  # type: ignore[no-untyped-def]
    """Exact sums of the products of single folds; ``outputs``: (4, count), rows g, m, n, fold."""
    for i in range(outputs.shape[1]):
        g, m, n, fold = outputs[:, i]
        total = 0
        for k in range(fold * tile, min((fold + 1) * tile, a.shape[2])):
            product = int(a[g, m, k]) * int(w[g, k, n])
            total += drop_low_bits(product, drop_bits, rounding)
        sums[i] = total
