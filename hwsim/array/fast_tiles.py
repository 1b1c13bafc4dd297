"""Tiles of R channels of B outputs, in two passes.

The *range* pass adds without limits and keeps the extremes of every partial sum, step by step
(`hwsim.array.fast_sums`) or in runs of one sign (`hwsim.array.fast_runs`). Where they stay
inside every register, nothing can have happened: the registers hold the exact sums. Tiles that left
a register are run *stepwise* (`hwsim.array.fast_stores`), store by store, and their events counted.
Both take the additions of one output in the same order as its plan (`hwsim.array.stepwise`); only
outputs lie side by side.
"""

from __future__ import annotations

from hwsim._jit import inlined, kernel, lean_kernel, types
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
from hwsim.array.fast_runs import add_fold_runs, add_runs, pack_quads
from hwsim.array.fast_steps import HI, KEPT, LO, join
from hwsim.array.fast_stores import store_tile
from hwsim.array.fast_sums import (
    add_ends,
    add_folds,
    add_products,
    pack,
    replaced,
    widen,
    write,
)


@kernel
def blocks_at_once(most, left):  # type: ignore[no-untyped-def]
    """How many of the blocks that are left are run next: all that there is room for, or one less,
    so that the last ones fill that too.

    >>> left, taken = 25, []
    >>> while left > 0:
    ...     taken.append(blocks_at_once(4, left))
    ...     left -= taken[-1]
    >>> taken
    [3, 3, 3, 4, 4, 4, 4]
    """
    return min(most if left % most == 0 else max(most - 1, 1), left)


@inlined
def find_lanes(lanes, places, used, block):  # type: ignore[no-untyped-def]
    """The places of a block's lanes in the first group, and which are in use; their number."""
    groups, width, pixels = lanes.w.shape[0], used.shape[0], lanes.pixels
    first = block * width
    n = min(width, lanes.samples * pixels - first)
    s, m = first // pixels, first % pixels
    for i in range(width):
        used[i] = i < n
        places[CODES, i] = s * lanes.strides[0] + lanes.pixel[m]
        places[OUTPUT, i] = (s * groups * pixels + m) * lanes.channels
        m += 1
        if m == pixels:
            s, m = s + 1, 0
    return n


@inlined
def load_block(lanes, scratch, slot, block, g):  # type: ignore[no-untyped-def]
    """The activations of one block and group, step after step, and the places of its lanes."""
    places, used = scratch.places[slot], scratch.used[slot]
    if g == 0:
        scratch.lengths[slot] = find_lanes(lanes, places, used, block)
    else:  # everything lies as in the group before, so much further
        for i in range(used.shape[0]):
            places[CODES, i] += lanes.strides[1]
            places[OUTPUT, i] += lanes.pixels * lanes.channels
    origin = places[CODES, : scratch.lengths[slot]]
    fill(scratch.quads, lanes.codes, origin, lanes.step, scratch, slot)


def fill_quads(quads, codes, origin, step, scratch, slot):  # type: ignore[no-untyped-def]
    """The same for runs."""
    pack_quads(codes, origin, step, quads, slot, scratch.used.shape[1])  # type: ignore[no-untyped-call]
    scratch.packed[slot] = 0


@replaced(fill_quads, "quads", types.uint8)
def fill(quads, codes, origin, step, scratch, slot):  # type: ignore[no-untyped-def]
    """The activations of a block's lanes."""
    pack(codes, origin, step, scratch.panels[slot])


@inlined
def run_part(lanes, scratch, slots, g, c):  # type: ignore[no-untyped-def]
    """The exact sums of the tiles of all blocks at work, by runs, and their extremes; in folds,
    those of the chains."""
    rows, quads, spans = lanes.start.shape[2], scratch.quads, scratch.spans
    at, words, first = lanes.runs
    for r in range(rows):
        own = first[g, c * rows + r]
        if lanes.chained:
            ends = scratch.ends
            add_fold_runs(quads, at, words, own, r, slots, ends, spans)  # type: ignore[no-untyped-call]
        else:
            start, used, total = lanes.start[g, c, r], scratch.used, scratch.total
            add_runs(quads, at, words, own, start, used, r, slots, total, spans)  # type: ignore[no-untyped-call]


def run_tile(quads, lanes, scratch, slot, slots, g, c):  # type: ignore[no-untyped-def]
    """By runs: of all blocks together when the first is asked for."""
    if slot == 0:
        run_part(lanes, scratch, slots, g, c)
    if lanes.chained:
        panel, ends, spans = scratch.panels[slot], scratch.ends[slot], scratch.spans[slot]
        add_ends(panel, ends, lanes.start[g, c], scratch.used[slot], scratch.total[slot], spans)


@replaced(run_tile, "quads", types.uint8)
def add_tile(quads, lanes, scratch, slot, slots, g, c):  # type: ignore[no-untyped-def]
    """The products of one tile, step by step."""
    w, start = lanes.w[g, c], lanes.start[g, c]
    panel, used = scratch.panels[slot], scratch.used[slot]
    total, spans, ends = scratch.total[0], scratch.spans[0], scratch.ends[0]
    if lanes.chained:
        add_folds(w, panel, start, used, lanes.fold, ends, total, spans)
    else:
        add_products(w, panel, start, used, total, spans[ACC])


@inlined
def range_tile(lanes, scratch, slot, slots, block, g, c):  # type: ignore[no-untyped-def]
    """The exact sums of one tile, their extremes, and those of every fold."""
    tile, n = slot * lanes.by_runs, scratch.lengths[slot]
    total, spans = scratch.total[tile], scratch.spans[tile]
    add_tile(scratch.quads, lanes, scratch, slot, slots, g, c)
    for j in range(lanes.factor.shape[0]):
        first = block * scratch.used.shape[1]
        term = lanes.term[j, g, first : first + n]
        for r in range(total.shape[0]):
            lo, hi = spans[ACC, LO, r], spans[ACC, HI, r]
            join(lanes.factor[j, g, c, r], term, total[r, :n], lo, hi)


@inlined
def take_range(lanes, scratch, slot, g, c, limits):  # type: ignore[no-untyped-def]
    """Widen ``limits``, of `Scratch`, by one tile; which registers any of its sums left:
    ``1 << row``, added."""
    tile, registers, left = slot * lanes.by_runs, lanes.registers, scratch.left
    spans, total = scratch.spans[tile], scratch.total[tile]
    v, n, limits = scratch.panels[slot], scratch.lengths[slot], limits[:, g, c]
    left[0] = left[1] = left[2] = 0
    widen(v, spans[ACC, LO], spans[ACC, HI], n, registers[ADDING], limits[PARTIAL], left[ADDING:])
    widen(v, total, total, n, registers[FINAL], limits[LAST], left[FINAL:])
    if lanes.chained and scratch.ends.shape[1]:
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
    rows, block = scratch.total.shape[1], start
    while block < stop:
        slots = blocks_at_once(len(scratch.panels), stop - block)
        for g in range(groups):
            for slot in range(slots):
                load_block(lanes, scratch, slot, block + slot, g)
            for tile in range(parts * slots):
                c, slot = tile // slots, tile % slots
                range_tile(lanes, scratch, slot, slots, block + slot, g, c)
                if take_range(lanes, scratch, slot, g, c, scratch.limits):
                    return block
                places = scratch.places[slot, OUTPUT, : scratch.lengths[slot]]
                panel, first = scratch.panels[slot], c * rows
                most = min(rows, lanes.channels - first)
                write(panel, scratch.total[slot * lanes.by_runs], places, first, most, exact)
        block += slots
    return stop


@lean_kernel
def run_tiles(lanes, scratch, chain, acc, found, exact, out, stepped, start, stop):  # type: ignore[no-untyped-def]
    """Run every tile of blocks ``start`` to ``stop``: some at a time, all channels of each.

    ``exact, out`` : int64 ndarrays of shape (S * G * M * N,); tiles of ``out`` are written where
    the bool ndarray ``stepped`` of shape (blocks, G, parts) is set. ``start`` : what `range_tiles`
    returned.
    """
    groups, parts = stepped.shape[1], stepped.shape[2]
    rows, block = scratch.total.shape[1], start
    while block < stop:
        slots = blocks_at_once(len(scratch.panels), stop - block)
        for g in range(groups):
            for slot in range(slots):
                load_block(lanes, scratch, slot, block + slot, g)
            for tile in range(parts * slots):
                c, slot = tile // slots, tile % slots
                range_tile(lanes, scratch, slot, slots, block + slot, g, c)
                left = take_range(lanes, scratch, slot, g, c, scratch.limits)
                places = scratch.places[slot, OUTPUT, : scratch.lengths[slot]]
                panel, first = scratch.panels[slot], c * rows
                most = min(rows, lanes.channels - first)
                write(panel, scratch.total[slot * lanes.by_runs], places, first, most, exact)
                if left:
                    if lanes.by_runs and not scratch.packed[slot]:
                        origin = scratch.places[slot, CODES, : scratch.lengths[slot]]
                        pack(lanes.codes, origin, lanes.step, panel)
                        scratch.packed[slot] = 1
                    store_tile(lanes, scratch, slot, block + slot, g, c, left, chain, acc, found)
                    write(panel, scratch.kept[ACC, KEPT], places, first, most, out)
                    stepped[block + slot, g, c] = True
        block += slots


@kernel
def settle(lanes, stepped, width, exact, out):  # type: ignore[no-untyped-def]
    """The exact sums to ``out`` where no tile was run stepwise."""
    blocks, groups, parts = stepped.shape
    rows, pixels, channels = lanes.start.shape[2], lanes.pixels, lanes.channels
    for block in range(blocks):
        begin, end = block * width, min((block + 1) * width, lanes.samples * pixels)
        if groups == 1 and not stepped[block].any():  # pixels of all samples, side by side
            for i in range(begin * channels, end * channels):
                out[i] = exact[i]
            continue
        for g in range(groups):
            for c in range(parts):
                if stepped[block, g, c]:
                    continue
                for lane in range(begin, end):
                    s, m = lane // pixels, lane % pixels
                    at = ((s * groups + g) * pixels + m) * channels
                    for i in range(at + c * rows, at + min((c + 1) * rows, channels)):
                        out[i] = exact[i]
