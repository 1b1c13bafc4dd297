"""Ranges of exact sums over the pixels of each sample."""

from __future__ import annotations

from hwsim._jit import inlined, lean_kernel
from hwsim.array.fast_lanes import (
    ACC,
    CHAIN_LAST,
    CHAIN_PARTIAL,
    ENDS,
    LAST,
    LINK,
    OUTPUT,
    PARTIAL,
)
from hwsim.array.fast_steps import HI, LO, extremes
from hwsim.array.fast_sums import write
from hwsim.array.fast_tiles import blocks_at_once, load_block, range_tile, take_range


@lean_kernel
def join_pixels(low, high, lo, hi):  # type: ignore[no-untyped-def]
    """Widen ``lo`` by the least of ``low`` over its pixels, ``hi`` by the largest of ``high``.

    ``low``, ``high`` : int64 ndarrays of shape (S, G, M, N); ``lo``, ``hi`` : of shape (S, G, N).

    >>> import numpy as np
    >>> lo, hi = np.array([[[9, 0]]]), np.array([[[-9, 0]]])
    >>> sums = np.array([[[[1, -2], [3, -4]]]])
    >>> join_pixels(sums, sums, lo, hi)
    >>> lo.tolist(), hi.tolist()
    ([[[1, -4]]], [[[3, 0]]])
    """
    samples, groups, pixels, channels = low.shape
    for s in range(samples):
        for g in range(groups):
            least, largest = lo[s, g], hi[s, g]
            for m in range(pixels):
                down, up = low[s, g, m], high[s, g, m]
                for n in range(channels):
                    least[n] = min(least[n], down[n])
                    largest[n] = max(largest[n], up[n])


@lean_kernel
def range_samples(lanes, scratch, blocks, exact, limits):  # type: ignore[no-untyped-def]
    """The range pass (`hwsim.array.fast_tiles`), every sample's ranges for themselves.

    Registers are not looked at. ``exact`` : int64 ndarray of shape (S * G * M * N,), written.
    ``limits`` : int64 ndarray of shape (S, 4, G, parts, 2, R), widened: `Scratch.limits` of each
    sample.
    """
    groups, parts = lanes.start.shape[0], lanes.start.shape[1]
    rows, width, block = scratch.total.shape[1], scratch.used.shape[1], 0
    while block < blocks:
        slots = blocks_at_once(len(scratch.panels), blocks - block)
        for g in range(groups):
            for slot in range(slots):
                load_block(lanes, scratch, slot, block + slot, g)
            for tile in range(parts * slots):
                c, slot = tile // slots, tile % slots
                range_tile(lanes, scratch, slot, slots, block + slot, g, c)
                n, first = scratch.lengths[slot], (block + slot) * width
                if first // lanes.pixels == (first + n - 1) // lanes.pixels:
                    own = limits[first // lanes.pixels]
                    take_range(lanes, scratch, slot, g, c, own)
                else:
                    take_parts(lanes, scratch, slot, g, c, first, limits)
                places = scratch.places[slot, OUTPUT, :n]
                most = min(rows, lanes.channels - c * rows)
                total = scratch.total[slot * lanes.by_runs]
                write(scratch.panels[slot], total, places, c * rows, most, exact)
        block += slots


@inlined
def take_parts(lanes, scratch, slot, g, c, first, limits):  # type: ignore[no-untyped-def]
    """`take_range` where a tile, whose first lane is output ``first``, holds several samples."""
    tile, begin = slot * lanes.by_runs, 0
    spans, total = scratch.spans[tile], scratch.total[tile]
    while begin < scratch.lengths[slot]:
        s = (first + begin) // lanes.pixels
        end = min((s + 1) * lanes.pixels - first, scratch.lengths[slot])
        own = limits[s, :, g, c]
        widen_part(spans[ACC, LO], spans[ACC, HI], begin, end, own[PARTIAL])
        widen_part(total, total, begin, end, own[LAST])
        if lanes.chained and scratch.ends.shape[1]:
            widen_part(spans[LINK, LO], spans[LINK, HI], begin, end, own[CHAIN_PARTIAL])
            widen_part(spans[ENDS, LO], spans[ENDS, HI], begin, end, own[CHAIN_LAST])
        begin = end


@inlined
def widen_part(low, high, begin, end, limits):  # type: ignore[no-untyped-def]
    """Widen the range of each channel by lanes ``begin`` to ``end``."""
    for r in range(low.shape[0]):
        lo, hi = extremes(low[r, begin:end], high[r, begin:end], end - begin)
        limits[LO, r], limits[HI, r] = min(limits[LO, r], lo), max(limits[HI, r], hi)
