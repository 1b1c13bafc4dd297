"""What a register must hold, from types and from weights, before any input is seen.

With P, N = sum over k of max(0, .) and min(0, .) of the worst products over the input format's
range, and b the bias as stored (DATAPATH.md section 7)::

    preload   hull{b, b + P, b + N}
    last      hull{0, P, N, P + b, N + b}
    chain     hull{0, P, N} of each fold

Every order of the additions, and every node of a tree, stays inside. ``type``: the same with the
worst weights of the format and the layer's largest |b|. Under ``fold`` with a weight zero point,
the row-sum store counts with its own worst case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwsim._jit import kernel
from hwsim.arith.formats import signed_bits
from hwsim.arith.rounding import drop_low_bits
from hwsim.array.dataflow import Schedule
from hwsim.array.datapath import operand_ranges
from hwsim.array.gemm import Codes, Datapath, Gemm, Ints
from hwsim.array.ledger import is_symmetric
from hwsim.array.specification import Machine

WEIGHTS_AT_ONCE = 1 << 19


@dataclass(frozen=True, eq=False)
class Hull:
    """Least and largest value of one register: int64 ndarrays of shape (G, N)."""

    lo: Ints
    hi: Ints

    def bits(self, *, symmetric: bool) -> int:
        """Smallest width that holds every channel."""
        if self.lo.size == 0:
            return 1
        return signed_bits(int(self.lo.min()), int(self.hi.max()), symmetric=symmetric)

    @property
    def reach(self) -> tuple[int, int]:
        """Least and largest value over all channels."""
        return int(self.lo.min(initial=0)), int(self.hi.max(initial=0))


@dataclass(frozen=True, eq=False)
class Bounds:
    """Guaranteed widths of one layer on one machine; ``chain`` entries None without a chain."""

    accumulator_type: Hull
    accumulator_weight: Hull
    chain_type: Hull | None
    chain_weight: Hull | None


@kernel
def _round_products(products, drop_bits, rounding):  # type: ignore[no-untyped-def]
    """``round(p / 2**drop_bits) * 2**drop_bits``, element by element."""
    rounded = np.empty_like(products)
    for i in range(products.size):
        rounded.flat[i] = drop_low_bits(products.flat[i], drop_bits, rounding)
    return rounded


def _worst_products(w: Ints, a_range: tuple[int, int], datapath: Datapath) -> tuple[Ints, Ints]:
    """Largest (>= 0) and least (<= 0) product of each weight over the input's range."""
    ends = np.stack([w * a_range[0], w * a_range[1]])
    if datapath.drop_bits:
        rule = datapath.drop_bits, datapath.product_rounding
        ends = _round_products(np.ascontiguousarray(ends), *rule)
    return np.maximum(ends.max(axis=0), 0), np.minimum(ends.min(axis=0), 0)


def _fold_sums(values: Codes, k_tile: int) -> Ints:
    """Sums over k within each fold: (G, K, N) -> (G, folds, N), at least one fold."""
    k = values.shape[1]
    if k <= k_tile:
        return np.asarray(values.sum(axis=1, keepdims=True, dtype=np.int64))
    return np.asarray(np.add.reduceat(values, np.arange(0, k, k_tile), axis=1, dtype=np.int64))


def _accumulator(p: Ints, n: Ints, b_lo: Ints, b_hi: Ints, preload: bool) -> Hull:
    """The accumulator's hull from its product sums and its bias range (see the module)."""
    if preload:
        return Hull(b_lo + n, b_hi + p)
    zero = np.zeros_like(p)
    return Hull(np.minimum.reduce([zero, n, n + b_lo]), np.maximum.reduce([zero, p, p + b_hi]))


def layer_bounds(gemm: Gemm, machine: Machine, datapath: Datapath, schedule: Schedule) -> Bounds:
    """Type and weight bounds of both registers; looks at weights and bias, never at inputs."""
    _, groups, _, k, n = gemm.shape
    a_range, w_range = operand_ranges(gemm, machine)
    step = max(1, WEIGHTS_AT_ONCE // max(groups * k, 1))
    parts = [
        _reaches(datapath.w[:, :, start : start + step], a_range, datapath, schedule.k_tile)
        for start in range(0, max(n, 1), step)
    ]
    sums_p, sums_q, chain_lo, chain_hi = (
        np.concatenate(x, axis=1) for x in zip(*parts, strict=True)
    )
    ends = np.array([w_range], np.int64).reshape(1, 2, 1)
    type_p, type_q = _worst_products(ends, a_range, datapath)
    p_type = np.full((1, k, 1), type_p.max(), np.int64)
    q_type = np.full((1, k, 1), type_q.min(), np.int64)
    bias = datapath.preload if datapath.preload is not None else datapath.last
    b = np.zeros((groups, n), np.int64) if bias is None else bias
    largest = np.full_like(b, np.abs(b).max(initial=0))
    preload = datapath.preload is not None
    corr_lo, corr_hi = _row_sum_range(datapath, a_range, k)
    sums_p, sums_q = sums_p + corr_hi, sums_q + corr_lo
    type_sums_p, type_sums_q = p_type.sum(axis=1) + corr_hi, q_type.sum(axis=1) + corr_lo
    has_chain = bool(datapath.chain)
    return Bounds(
        accumulator_type=_accumulator(type_sums_p, type_sums_q, -largest, largest, preload),
        accumulator_weight=_accumulator(sums_p, sums_q, b, b, preload),
        chain_type=_chain_type(p_type, q_type, schedule.k_tile, b) if has_chain else None,
        chain_weight=Hull(chain_lo, chain_hi) if has_chain else None,
    )


def _reaches(
    w: Codes, a_range: tuple[int, int], datapath: Datapath, k_tile: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Of some channels: the sums of the largest and of the least products; the least and largest
    sum of a fold. Arrays of shape (G, N).

    Products that keep all their bits are worst at the inputs' ends, and where these have one sign,
    at 0: sums of the positive and of the negative weights say all.
    """
    if datapath.drop_bits:
        p, q = _worst_products(w.astype(np.int64), a_range, datapath)
        fold_p, fold_q = _fold_sums(p, k_tile), _fold_sums(q, k_tile)
    else:
        least, largest = min(a_range[0], 0), max(a_range[1], 0)
        above = _fold_sums(np.maximum(w, 0), k_tile)
        below = _fold_sums(w, k_tile) - above
        fold_p, fold_q = above * largest + below * least, above * least + below * largest
    return fold_p.sum(axis=1), fold_q.sum(axis=1), fold_q.min(axis=1), fold_p.max(axis=1)


def _chain_type(p: Ints, q: Ints, k_tile: int, like: Ints) -> Hull:
    """The chain's hull over all folds, which start at 0, for any weights."""
    ends = _fold_sums(q, k_tile).min(axis=1), _fold_sums(p, k_tile).max(axis=1)
    lo, hi = (np.broadcast_to(end, like.shape) for end in ends)
    return Hull(lo, hi)


def _row_sum_range(datapath: Datapath, a_range: tuple[int, int], k: int) -> tuple[Ints, Ints]:
    """Range (<= 0, >= 0) of the ``-Zw * row_sum`` store under ``fold``; zeros without it."""
    zw = datapath.w_zero_point
    if datapath.row_sum is None:
        return np.zeros_like(zw), np.zeros_like(zw)
    ends = np.stack([-zw * k * a_range[0], -zw * k * a_range[1]])
    return np.minimum(ends.min(axis=0), 0), np.maximum(ends.max(axis=0), 0)


def requantizer_range(bounds: Bounds, datapath: Datapath) -> tuple[int, int]:
    """Least and largest value the requantizer can meet, in hardware and in the exact run.

    The weight bound where every register holds it; else also the accumulator's own range.
    """
    lo, hi = bounds.accumulator_weight.reach
    register = datapath.accumulator
    fits = register.lo <= lo and hi <= register.hi
    if bounds.chain_weight is not None:
        chain_lo, chain_hi = bounds.chain_weight.reach
        fits = fits and all(r.lo <= chain_lo and chain_hi <= r.hi for r in datapath.chain)
    return (lo, hi) if fits else (min(lo, register.lo), max(hi, register.hi))


def accumulator_symmetric(datapath: Datapath) -> bool:
    """Whether the accumulator's ladder counts widths of ``+-(2**(bits-1) - 1)``."""
    return is_symmetric(datapath.accumulator)
