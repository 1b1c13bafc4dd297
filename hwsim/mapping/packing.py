"""Groups side by side: several small products as one with a block-diagonal weight matrix.

A depthwise layer has one product of ``K = ky kx`` steps and one output a group: alone, it leaves
most of an array idle. Under ``array.group_packing: block_diagonal``, P groups become one::

    K' = P K    N' = P N    G' = G / P
    a'[m, p K + k] = a_p[m, k]
    w'[p K + k, q N + n] = w_p[k, n] where p = q, else a weight of 0 (its code is the zero point)

P is the largest divisor of G with which the pack still stands on the array at once: ``P K <= rows``
where k lies along the rows, ``P N <= cols`` where n lies along the columns. Channels keep their
order: ``g' N' + n' = g N + n``. What is added to a sum besides is products with a weight of 0, so
that a column or a PE ends with the same value and the same events; k, n and folds are counted in
the packed product. In an adder tree other products meet, and narrow nodes may overflow elsewhere.
Source: DATAPATH.md section 9, "any other mapping is a YAML key".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwsim.array.dataflow import DATAFLOWS
from hwsim.array.gemm import Gemm
from hwsim.array.specification import ArraySpec, Machine
from hwsim.errors import ConfigError


def groups_per_fold(array: ArraySpec, groups: int, k: int, n: int) -> int:
    """P: the largest divisor of ``groups`` that the array holds at once, at least 1.

    >>> spec = dict(rows=32, cols=32, k_order=["ky", "kx", "ic"], group_packing="block_diagonal")
    >>> groups_per_fold(ArraySpec(dataflow="weight_stationary", **spec), 64, 9, 1)
    2
    >>> groups_per_fold(ArraySpec(dataflow="output_stationary", **spec), 64, 9, 1)
    32
    """
    if array.group_packing is None or not array.is_array:
        return 1
    flow, most = DATAFLOWS[array.dataflow], groups
    if flow.row == "k":
        most = min(most, (array.rows or 1) // max(k, 1))
    if flow.col == "n":
        most = min(most, (array.cols or 1) // max(n, 1))
    return max((p for p in range(1, most + 1) if groups % p == 0), default=1)


def pack_groups(gemm: Gemm, machine: Machine, where: str) -> Gemm:
    """The product as the array takes it; itself where one group stands on the array at a time.

    Raises
    ------
    ConfigError
        Weight zero points are folded: the row sum of a pack is not that of its groups.
    """
    samples, groups, m, k, n = gemm.shape
    packed = groups_per_fold(machine.array, groups, k, n)
    if packed == 1:
        return gemm
    if machine.operands.zero_point == "fold" and gemm.w_zero_point.any():
        must = "must be subtract: a pack of groups has weights of 0 between them"
        raise ConfigError.at(where, "operands.zero_point", "fold", must)
    packs = groups // packed
    zero = gemm.w_zero_point.reshape(packs, 1, packed * n)
    w = np.empty((packs, packed, k, packed * n), gemm.w.dtype)
    w[...] = zero[:, None]
    for p in range(packed):
        w[:, p, :, p * n : (p + 1) * n] = gemm.w[p::packed]
    a = gemm.a.transpose(0, 1, 3, 2).reshape(samples, packs, packed * k, m)
    return replace(
        gemm,
        a=a.transpose(0, 1, 3, 2),
        w=w.reshape(packs, packed * k, packed * n),
        w_zero_point=zero[:, 0],
        bias=None if gemm.bias is None else gemm.bias.reshape(packs, packed * n),
        packed=packed,
    )
