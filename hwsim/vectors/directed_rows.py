"""Rows that are for all outputs at once: zero points, padding, ends of the format, toggling.

::

    corner.zero_point    every tap holds the zero point, as a tap of padding does
    corner.zero          every operand of the PEs is 0 (where a code for it exists)
    corner.lo, .hi       every code at an end of its format
    corner.border_<i>    taps that hold the zero point in every image, at one pixel or another;
                         the others at the ends, in turn (lo, hi)
    corner.product       a product that is a tie of its own rounding (`product.drop_bits`)
    toggle.rows.*        from one row to the next every operand goes from end to end (`ends`), or
                         every bit of it changes (`bits`)
    toggle.taps.*        the same from one tap to the next, and from row to row
"""

from __future__ import annotations

import numpy as np

from hwsim.array.gemm import Ints
from hwsim.vectors.directed_stores import Stores

BORDERS = 12  # patterns of a kernel: 3 x 3 taps have eight and the whole
TOGGLES = 6  # rows of a set
NamedRow = tuple[str, Ints]  # codes of shape (G, K)


def corners(stores: Stores) -> list[NamedRow]:
    """Single rows."""
    gemm = stores.case.runs[0].gemm
    groups, taps, _ = stores.weights.shape
    lo, hi = gemm.a_range

    def filled(code: int) -> Ints:
        return np.full((groups, taps), code, np.int64)

    rows = [("corner.zero_point", filled(gemm.a_zero_point))]
    if stores.operands[0] <= 0 <= stores.operands[1]:
        rows.append(("corner.zero", filled(stores.code_of_zero)))
    rows += [("corner.lo", filled(lo)), ("corner.hi", filled(hi))]
    for i, padded in enumerate(border_patterns(stores)):
        for code in (lo, hi):
            row = np.where(padded, gemm.a_zero_point, code)
            rows.append((f"corner.border_{i}", row.astype(np.int64)))
    return rows


def border_patterns(stores: Stores) -> list[Ints]:
    """Which taps hold the zero point in every image at a pixel, (G, K) each: at borders, those
    of padding; at most BORDERS, fewest taps first."""
    images = [run for run in stores.case.runs if run.name.startswith("image_")]
    if not images:
        return []
    zero = images[0].gemm.a_zero_point
    padded = np.logical_and.reduce([run.gemm.a[0] == zero for run in images])
    distinct = np.unique(padded.transpose(1, 0, 2).astype(np.int64), axis=0)
    some = [p for p in distinct if p.any() and not p.all()]
    some.sort(key=lambda p: int(p.sum()))
    picked = {i * (len(some) - 1) // (BORDERS - 1) for i in range(BORDERS)} if some else set()
    return [some[i] for i in sorted(picked)]


def product_ties(stores: Stores) -> tuple[list[NamedRow], list[tuple[str, str]]]:
    """Rows with products that are ties of the product's rounding, of both signs, and (goal,
    reason) where there are none."""
    datapath = stores.case.runs[0].datapath
    if datapath.drop_bits == 0:
        return [], []
    rows, missed = [], []
    half = 1 << (datapath.drop_bits - 1)
    for sign, side in ((1, "positive"), (-1, "negative")):
        row = np.full(stores.weights.shape[:2], stores.code_of_zero, np.int64)
        found = False
        for g, k in np.ndindex(*row.shape):
            weights = stores.weights[g, k]
            for x in range(stores.operands[0], min(stores.operands[1], 2 * half) + 1):
                products = weights * x
                if ((products % (2 * half) == half) & (products * sign > 0)).any():
                    row[g, k], found = x + stores.code_of_zero, True
                    break
        if found:
            rows.append((f"corner.product.{side}", row))
        else:
            missed.append((f"corner.product.{side}", "no product of these weights is a tie"))
    return rows, missed


def toggles(stores: Stores) -> list[NamedRow]:
    """Rows in an order that toggles what moves; what stays in the PEs changes from fold to
    fold."""
    gemm = stores.case.runs[0].gemm
    groups, taps, _ = stores.weights.shape
    rows: list[NamedRow] = []
    for name, pair in (("ends", gemm.a_range), ("bits", complements(stores))):
        codes = np.array(pair, np.int64)
        k = np.arange(taps)
        for axis, turn in (("rows", 0 * k), ("taps", k)):
            for m in range(TOGGLES):
                row = np.broadcast_to(codes[(m + turn) % 2], (groups, taps))
                rows.append((f"toggle.{axis}.{name}", row))
    return rows


def complements(stores: Stores) -> tuple[int, int]:
    """Two codes whose operands differ in every bit, or, of operands of one sign, in as many as
    their format has: x and -1 - x, x as large as can be; 0 and the largest ``2**i - 1``."""
    lo, hi = stores.operands
    zero = stores.code_of_zero
    if lo <= -1 and hi >= 0:
        x = min(hi, -1 - lo)
        return -1 - x + zero, x + zero
    if lo >= 0:
        ones = (1 << ((hi + 1).bit_length() - 1)) - 1
        return (lo + zero, hi + zero) if ones < lo else (max(lo, 0) + zero, ones + zero)
    return lo + zero, hi + zero
