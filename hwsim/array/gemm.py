"""What an engine is given and what it gives back: plain arrays, the same for every engine.

Letters: S samples, G groups, M output pixels of one image, N output channels of one group,
K the reduction. ``out[s, g, m, n] = sum_k a[s, g, m, k] * w[g, k, n]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Codes = NDArray[np.signedinteger]  # int32; int64 only where an operand leaves int32


@dataclass(frozen=True, eq=False)
class Gemm:
    """One layer's integer problem in raw codes, before a machine is chosen.

    Attributes
    ----------
    a : int32 or int64 ndarray of shape (S, G, M, K)
        Activation codes; padding taps hold ``a_zero_point``.
    w : int32 or int64 ndarray of shape (G, K, N)
        Weight codes. Their order in memory is free, as that of `Datapath.w`.
    a_zero_point : int
    w_zero_point : int64 ndarray of shape (G, N)
    bias : int64 ndarray of shape (G, N), or None
        At scale ``s_a * s_w``.
    a_range, w_range : tuple of int
        ``lo, hi`` of the operand formats, for the type bound.
    packed : int
        Groups of the layer that stand side by side in each group here (``mapping/packing.py``).
    """

    a: Codes
    w: Codes
    a_zero_point: int
    w_zero_point: Ints
    bias: Ints | None
    a_range: tuple[int, int]
    w_range: tuple[int, int]
    packed: int = 1

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """S, G, M, K, N."""
        samples, groups, m, k = self.a.shape
        return samples, groups, m, k, self.w.shape[2]

    @property
    def macs(self) -> int:
        """Useful MACs of one image; padding taps count, weights between packed groups do not."""
        _, groups, m, k, n = self.shape
        return groups * m * k * n // self.packed


@dataclass(frozen=True)
class Register:
    """A register in numbers, for kernels: inclusive range and overflow rule."""

    bits: int
    lo: int
    hi: int
    overflow: int
    wrap_bits: int


@dataclass(frozen=True, eq=False)
class Datapath:
    """One layer on one machine: the operands as the PEs multiply them, and every register.

    Attributes
    ----------
    a : int32 or int64 ndarray of shape (S, G, M, K)
        PE operand: ``a - Za`` under ``zero_point: subtract``, raw codes under ``fold``.
    w : int32 or int64 ndarray of shape (G, K, N)
        PE operand: ``w - Zw`` under ``subtract``, raw codes under ``fold``.
    preload : int64 ndarray of shape (G, N), or None
        The stored bias, where it is the accumulator's first store (k = -1).
    row_sum : int64 ndarray of shape (S, G, M), or None
        Under ``fold`` with a weight zero point: ``sum_k a``; ``-Zw * row_sum`` is one more store
        after all products (k = K), before a bias added last.
    w_zero_point : int64 ndarray of shape (G, N)
        Zw, used with ``row_sum`` only.
    last : int64 ndarray of shape (G, N), or None
        The stored bias, where it is the accumulator's last store (k = K).
    drop_bits, product_rounding : int
        ``product = shift_right(a * w, drop_bits, product_rounding) << drop_bits``.
    chain : tuple of Register
        Empty: no chain. One: the column's register. Several: one for each level of the tree,
        leaves first.
    accumulator : Register
    check_final : bool
        The accumulator is exact until its last store and then fit once.
    ranges : two tuples of int, or None
        ``lo, hi`` of ``a`` and of ``w``, by their formats; None: not known.
    """

    a: Codes
    w: Codes
    preload: Ints | None
    row_sum: Ints | None
    w_zero_point: Ints
    last: Ints | None
    drop_bits: int
    product_rounding: int
    chain: tuple[Register, ...]
    accumulator: Register
    check_final: bool
    ranges: tuple[tuple[int, int], tuple[int, int]] | None = None

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """S, G, M, K, N."""
        samples, groups, m, k = self.a.shape
        return samples, groups, m, k, self.w.shape[2]
