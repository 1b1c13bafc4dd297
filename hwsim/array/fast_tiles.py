"""Tiles of R channels of B outputs, in two passes.

The *range* pass adds without limits and keeps the extremes of every partial sum. Where they stay
inside every register, nothing can have happened: the registers hold the exact sums. Tiles that left
a register are run *stepwise* (`hwsim.array.fast_stores`), store by store, and their events counted.
Both take the additions of one output in the same order as its plan (`hwsim.array.stepwise`); only
outputs lie side by side.
"""

from __future__ import annotations

from hwsim._jit import inlined, kernel, lean_kernel
from hwsim.array.fast_lanes import (
    ACC,
    ADDING,
    CHAIN,
    CHAIN_LAST,
    CHAIN_PARTIAL,
    CODES,
    ENDS,
    FINAL,
    LAST,
    LINK,
    OUTPUT,
    PARTIAL,
)
from hwsim.array.fast_steps import HI, KEPT, LO, join
from hwsim.array.fast_stores import store_tile
from hwsim.array.fast_sums import add_folds, add_products, pack, widen, write


@inlined
def load_block(lanes, scratch, slot, block, g):  # type: ignore[no-untyped-def]
    """The activations of one block and group, step after step, and the places of its lanes."""
    places, used, pixels = scratch.places[slot], scratch.used[slot], lanes.pixels
    groups, width = lanes.w.shape[0], used.shape[0]
    first = block * width
    n = min(width, lanes.samples * pixels - first)
    scratch.lengths[slot] = n
    s, m = first // pixels, first % pixels
    for i in range(width):
        used[i] = i < n
        places[CODES, i] = s * lanes.strides[0] + g * lanes.strides[1] + lanes.pixel[m]
        places[OUTPUT, i] = ((s * groups + g) * pixels + m) * lanes.channels
        m += 1
        if m == pixels:
            s, m = s + 1, 0
    pack(lanes.codes, places[CODES, :n], lanes.step, scratch.panels[slot])


@inlined
def range_tile(lanes, scratch, slot, block, g, c):  # type: ignore[no-untyped-def]
    """The exact sums of one tile, their extremes, and those of every fold."""
    panel, total, spans, w = scratch.panels[slot], scratch.total, scratch.spans, lanes.w[g, c]
    start, used, n = lanes.start[g, c], scratch.used[slot], scratch.lengths[slot]
    if lanes.chained:
        add_folds(w, panel, start, used, lanes.fold, scratch.ends, total, spans)
    else:
        add_products(w, panel, start, used, total, spans[ACC])
    for j in range(lanes.factor.shape[0]):
        term = lanes.term[j, g, block * len(used) : block * len(used) + n]
        for r in range(total.shape[0]):
            lo, hi = spans[ACC, LO, r], spans[ACC, HI, r]
            join(lanes.factor[j, g, c, r], term, total[r, :n], lo, hi)


@inlined
def take_range(lanes, scratch, slot, g, c):  # type: ignore[no-untyped-def]
    """Widen the ranges by one tile; which registers any of its sums left: ``1 << row``, added."""
    spans, total, registers, left = scratch.spans, scratch.total, lanes.registers, scratch.left
    v, n, limits = scratch.panels[slot], scratch.lengths[slot], scratch.limits[:, g, c]
    left[0] = left[1] = left[2] = 0
    widen(v, spans[ACC, LO], spans[ACC, HI], n, registers[ADDING], limits[PARTIAL], left[ADDING:])
    widen(v, total, total, n, registers[FINAL], limits[LAST], left[FINAL:])
    if lanes.chained and len(scratch.ends):
        lo, hi, register = spans[LINK, LO], spans[LINK, HI], registers[CHAIN]
        widen(v, lo, hi, n, register, limits[CHAIN_PARTIAL], left[CHAIN:])
        lo, hi = spans[ENDS, LO], spans[ENDS, HI]
        widen(v, lo, hi, n, register, limits[CHAIN_LAST], left[CHAIN:])
    return left[ADDING] << ADDING | left[FINAL] << FINAL | left[CHAIN] << CHAIN


@lean_kernel
def range_tiles(lanes, scratch, start, stop, exact):  # type: ignore[no-untyped-def]
    """The range pass alone on blocks from ``start`` on, up to the first of which a tile left a
    register: that block's number, or ``stop``. A layer that never overflows needs no other kernel
    compiled.

    ``exact`` : int64 ndarray of shape (S * G * M * N,), written.
    """
    groups, parts = lanes.start.shape[0], lanes.start.shape[1]
    at_once, rows = len(scratch.panels), scratch.total.shape[0]
    for block in range(start, stop, at_once):
        for g in range(groups):
            slots = min(at_once, stop - block)
            for slot in range(slots):
                load_block(lanes, scratch, slot, block + slot, g)
            for tile in range(parts * slots):
                c, slot = tile // slots, tile % slots
                range_tile(lanes, scratch, slot, block + slot, g, c)
                if take_range(lanes, scratch, slot, g, c):
                    return block
                places = scratch.places[slot, OUTPUT, : scratch.lengths[slot]]
                panel, first = scratch.panels[slot], c * rows
                most = min(rows, lanes.channels - first)
                write(panel, scratch.total, places, first, most, exact)
    return stop


@lean_kernel
def run_tiles(lanes, scratch, chain, acc, found, exact, out, stepped, start, stop):  # type: ignore[no-untyped-def]
    """Run every tile of blocks ``start`` to ``stop``: some at a time, all channels of each.

    ``exact, out`` : int64 ndarrays of shape (S * G * M * N,); tiles of ``out`` are written where
    the bool ndarray ``stepped`` of shape (blocks, G, parts) is set. ``start`` : what `range_tiles`
    returned.
    """
    groups, parts = stepped.shape[1], stepped.shape[2]
    at_once, rows = len(scratch.panels), scratch.total.shape[0]
    for block in range(start, stop, at_once):
        for g in range(groups):
            slots = min(at_once, stop - block)
            for slot in range(slots):
                load_block(lanes, scratch, slot, block + slot, g)
            for tile in range(parts * slots):
                c, slot = tile // slots, tile % slots
                range_tile(lanes, scratch, slot, block + slot, g, c)
                left = take_range(lanes, scratch, slot, g, c)
                places = scratch.places[slot, OUTPUT, : scratch.lengths[slot]]
                panel, first = scratch.panels[slot], c * rows
                most = min(rows, lanes.channels - first)
                write(panel, scratch.total, places, first, most, exact)
                if left:
                    store_tile(lanes, scratch, slot, block + slot, g, c, left, chain, acc, found)
                    write(panel, scratch.kept[ACC, KEPT], places, first, most, out)
                    stepped[block + slot, g, c] = True


@kernel
def settle(lanes, stepped, width, exact, out):  # type: ignore[no-untyped-def]
    """The exact sums to ``out`` where no tile was run stepwise."""
    blocks, groups, parts = stepped.shape
    rows, pixels = lanes.start.shape[2], lanes.pixels
    for block in range(blocks):
        for g in range(groups):
            for c in range(parts):
                if stepped[block, g, c]:
                    continue
                for lane in range(block * width, min((block + 1) * width, lanes.samples * pixels)):
                    s, m = lane // pixels, lane % pixels
                    at = ((s * groups + g) * pixels + m) * lanes.channels
                    for n in range(c * rows, min((c + 1) * rows, lanes.channels)):
                        out[at + n] = exact[at + n]
