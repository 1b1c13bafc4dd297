"""The exact sums of a depthwise layer, channel by channel, where its outputs lie in planes.

Each output channel reads one plane of activations (`hwsim.array.fast_source`), and its pixels lie
in it at equal distances or row by row. So a step's products of many outputs are those of one weight
and of activations side by side, and nothing needs to be packed into lanes. What lies between the
rows is added too, and not looked at.

This is the range pass (`hwsim.array.fast_tiles`) of such layers: where a sum left its register, the
layer is run as others are, store by store.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel, lean_kernel
from hwsim.array.fast_lanes import (
    ADDING,
    CHAIN,
    CHAIN_LAST,
    CHAIN_PARTIAL,
    FINAL,
    LAST,
    PARTIAL,
)
from hwsim.array.fast_layout import Layout
from hwsim.array.fast_steps import HI, LO, grow, join
from hwsim.array.gemm import Datapath, Ints

GAP = 64  # activations between rows that are worth adding in order to go on
LONGEST = 2048  # sums of a stretch, whose rows of int32 stay near the processor
TOTAL = 2  # a row of sums, behind those of their extremes


class Planes(NamedTuple):
    """A depthwise layer.

    Attributes
    ----------
    w : int32 ndarray of shape (G, K)
    start, last : int32 ndarrays of shape (G,)
        What a sum begins with, and what is added after all products.
    stretches : int64 ndarray of shape (stretches, 4)
        Rows of pixels that are added together: the first pixel, rows, pixels of each, and
        activations from one row to the next.
    inside : int32 ndarray of shape (stretches, longest span)
        -1 at pixels, else 0.
    """

    w: NDArray[np.int32]
    start: NDArray[np.int32]
    last: NDArray[np.int32]
    stretches: Ints
    inside: NDArray[np.int32]

    def rows(self) -> NDArray[np.int32]:
        """Room for the sums of a stretch and their extremes: every thread needs its own."""
        return np.empty((TOTAL + 1, self.inside.shape[1]), np.int32)


def in_planes(layout: Layout, datapath: Datapath, pixel: Ints) -> Planes | None:
    """The layer in planes; None where a group has several channels, a chain several folds, or where
    sums do not fit 32-bit lanes. ``pixel`` : of `hwsim.array.fast_lanes.Lanes`."""
    _, groups, m, k, n = layout.shape
    words = datapath.a.dtype == datapath.w.dtype == layout.dtype == np.int32
    if n != 1 or groups == 1 or k > layout.fold or not words or not m:
        return None
    if datapath.row_sum is not None:
        return None
    stretches = stretches_of(pixel)
    spans = (stretches[:, 1] - 1) * stretches[:, 3] + stretches[:, 2]
    inside = np.zeros((len(stretches), spans.max()), np.int32)
    for row, (first, rows, width, _) in zip(inside, stretches.tolist(), strict=True):
        row[pixel[first : first + rows * width] - pixel[first]] = -1
    first, last = (
        np.zeros(groups, np.int32) if bias is None else bias[:, 0].astype(np.int32)
        for bias in (datapath.preload, datapath.last)
    )
    w = np.ascontiguousarray(datapath.w[:, :, 0])
    return Planes(w, first, last, stretches, inside)


def stretches_of(pixel: Ints) -> Ints:
    """`Planes.stretches`: rows that lie evenly and near each other together.

    >>> stretches_of(np.array([0, 1, 2, 5, 6, 7, 120, 121, 122])).tolist()
    [[0, 2, 3, 5], [6, 1, 3, 3]]
    """
    breaks = [0, *(np.flatnonzero(np.diff(pixel) != 1) + 1).tolist(), len(pixel)]
    found: list[list[int]] = []
    for first, end in pairwise(breaks):
        width = end - first
        if found:
            begin, rows, wide, pitch = found[-1]
            last = int(pixel[first] - pixel[begin + (rows - 1) * wide])
            near = width <= last <= width + GAP and rows * last + width <= LONGEST
            if near and width == wide and (rows == 1 or last == pitch):
                found[-1] = [begin, rows + 1, wide, last]
                continue
        found.append([first, 1, width, width])
    return np.array(found, np.int64)


@lean_kernel
def plane_sums(  # type: ignore[no-untyped-def]
    codes, strides, pixel, step, planes, rows, registers, chained, limits, samples, exact
):  # fmt: skip
    """The exact sums of some samples, and whether any left a register.

    Parameters
    ----------
    codes, strides, pixel, step, registers, chained
        Of `hwsim.array.fast_lanes.Lanes`.
    planes, rows
        A `Planes` and its `rows`.
    limits : int64 ndarray of shape (4, G, 1, 2, R)
        Of `hwsim.array.fast_lanes.Scratch`: the first channel's are widened.
    samples : int
    exact : int64 ndarray of shape (S * G * M,), or longer
        Written.
    """
    left, pixels, stretches, w = False, pixel.shape[0], planes.stretches, planes.w
    for s in range(samples):
        for g in range(w.shape[0]):
            own, plane = limits[:, g, 0, :, 0], s * strides[0] + g * strides[1]
            for i in range(stretches.shape[0]):
                first, many, width, pitch = stretches[i]
                span = (many - 1) * pitch + width
                lo, hi, total = rows[LO, :span], rows[HI, :span], rows[TOTAL, :span]
                inside = planes.inside[i, :span]
                begin = 0 if chained else planes.start[g]
                lo[:] = hi[:] = total[:] = begin
                at = plane + pixel[first]
                add_steps(w[g], codes, at, step, total, lo, hi)
                if chained:
                    left |= widen(inside, lo, hi, own[CHAIN_PARTIAL], registers[CHAIN])
                    widen(inside, total, total, own[CHAIN_LAST], registers[CHAIN])
                    begin_with(planes.start[g], total, lo, hi)
                raise_by(planes.last[g], total, lo, hi)
                left |= widen(inside, lo, hi, own[PARTIAL], registers[ADDING])
                left |= widen(inside, total, total, own[LAST], registers[FINAL])
                out = (s * w.shape[0] + g) * pixels + first
                for y in range(many):
                    row, sums = exact[out + y * width :], total[y * pitch :]
                    for x in range(width):  # indices that count from 0: vectors
                        row[x] = sums[x]
    return left


@kernel
def add_steps(w, codes, at, step, total, lo, hi):  # type: ignore[no-untyped-def]
    """The products of all steps, three a visit."""
    kind, n = total.dtype.type, total.shape[0]
    k3 = step.shape[0] // 3 * 3
    for k in range(0, k3, 3):
        w0, w1, w2 = w[k], w[k + 1], w[k + 2]
        a0, a1, a2 = at + step[k], at + step[k + 1], at + step[k + 2]
        v0, v1, v2 = codes[a0 : a0 + n], codes[a1 : a1 + n], codes[a2 : a2 + n]
        for i in range(n):
            t, a, b = grow(total[i], w0 * v0[i], lo[i], hi[i], kind)
            t, a, b = grow(t, w1 * v1[i], a, b, kind)
            total[i], lo[i], hi[i] = grow(t, w2 * v2[i], a, b, kind)
    for k in range(k3, step.shape[0]):
        join(w[k], codes[at + step[k] : at + step[k] + n], total, lo, hi)


@kernel
def begin_with(start, total, lo, hi):  # type: ignore[no-untyped-def]
    """A sum begins with ``start``, and takes ``total`` in one store."""
    kind = total.dtype.type
    for i in range(total.shape[0]):
        total[i] = kind(total[i] + start)
        lo[i], hi[i] = min(kind(start), total[i]), max(kind(start), total[i])


@kernel
def raise_by(last, total, lo, hi):  # type: ignore[no-untyped-def]
    """What is added after all products."""
    kind = total.dtype.type
    for i in range(total.shape[0]):
        total[i] = kind(total[i] + last)
        lo[i], hi[i] = min(lo[i], total[i]), max(hi[i], total[i])


@kernel
def widen(inside, low, high, limits, register):  # type: ignore[no-untyped-def]
    """Widen a range by all pixels of a stretch; whether any lies outside the register."""
    least, largest = low[0], high[0]  # a stretch begins with a pixel
    lo, hi, kind = least, largest, low.dtype.type
    for i in range(inside.shape[0]):
        lo = kind(min(lo, kind(low[i] & inside[i] | least & ~inside[i])))
        hi = kind(max(hi, kind(high[i] & inside[i] | largest & ~inside[i])))
    limits[LO], limits[HI] = min(limits[LO], lo), max(limits[HI], hi)
    return (lo < register[LO]) | (hi > register[HI])
