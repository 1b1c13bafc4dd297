"""One tile, store by store: what the registers keep, and every event counted."""

from __future__ import annotations

from hwsim._jit import inlined, kernel
from hwsim.array.fast_lanes import ACC, ADDING, CHAIN, FINAL, LINK, OUTPUT
from hwsim.array.fast_steps import CHANGED, KEPT
from hwsim.array.fast_sums import advance, classify, put, store_first


@inlined
def store_tile(lanes, scratch, slot, block, g, c, left, chain, acc, found):  # type: ignore[no-untyped-def]
    """Run one tile store by store; where only the last one can have lost something, that alone."""
    panel, state, events = scratch.panels[slot], scratch.kept[ACC], scratch.events[ACC]
    adding, by_step, addend = lanes.registers[ADDING], acc.events_by_step, scratch.addend
    start, used, steps = lanes.start[g, c], scratch.used[slot], panel.shape[0]
    total = scratch.total[slot * lanes.by_runs]
    store_first(panel, start, used, state, by_step, adding, events)
    if left & (1 << ADDING | 1 << CHAIN):
        if lanes.chained:
            store_folds(lanes, scratch, slot, g, c, left, chain, acc, found)
        else:
            advance(lanes.w[g, c], panel, 0, steps, state, by_step, adding, events)
        for j in range(lanes.factor.shape[0]):
            term = lanes.term[j, g, block * len(used) : block * len(used) + scratch.lengths[slot]]
            multiply(lanes.factor[j, g, c], term, addend)
            put(panel, addend, state, by_step, steps + 1, adding, events)
    else:
        copy(total, state[KEPT])
    if lanes.final:  # the only store that checks
        addend[:] = 0
        put(panel, addend, state, by_step, steps + 1, lanes.registers[FINAL], events)
    places, first = scratch.places[slot, OUTPUT, : scratch.lengths[slot]], c * len(events)
    register, least, hits = lanes.registers[FINAL], found.first[ACC:], found.hits[ACC]
    classes = scratch.classes
    take_events(panel, total, state, events, register, classes, places, first, acc, g, least, hits)


@inlined
def store_folds(lanes, scratch, slot, g, c, left, chain, acc, found):  # type: ignore[no-untyped-def]
    """Every fold in the chain, where that left its register, and its sum to the accumulator."""
    panel, state, link = scratch.panels[slot], scratch.kept[ACC], scratch.kept[LINK]
    adding, registers, events = lanes.registers[ADDING], lanes.registers, scratch.events
    places, first = scratch.places[slot, OUTPUT, : scratch.lengths[slot]], c * state.shape[1]
    classes, least, hits = scratch.classes, found.first[LINK:], found.hits[LINK]
    ends = scratch.ends[slot * lanes.by_runs]
    for f in range(len(ends)):
        k0, k1 = f * lanes.fold, min((f + 1) * lanes.fold, panel.shape[0])
        end = ends[f]
        if left & (1 << CHAIN):
            link[:] = 0
            events[LINK] = 0
            by_step, own, register = chain.events_by_step, events[LINK], registers[CHAIN]
            advance(lanes.w[g, c], panel, k0, k1, link, by_step, register, own)
            take_events(
                panel, end, link, own, register, classes, places, first, chain, g, least, hits
            )
            end = link[KEPT]
        put(panel, end, state, acc.events_by_step, k1, adding, events[ACC])


@kernel
def multiply(factor, term, out):  # type: ignore[no-untyped-def]
    """``factor[r] * term[i]`` to ``out`` of shape (R, B); beyond the end of ``term`` 0."""
    out[:] = 0
    for r in range(out.shape[0]):
        for i in range(term.shape[0]):
            out[r, i] = factor[r] * term[i]


@kernel
def copy(values, out):  # type: ignore[no-untyped-def]
    """``values`` of shape (R, B) to ``out``."""
    for r in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[r, i] = values[r, i]


@kernel
def take_events(v, exact, state, events, register, classes, places, first, tally, g, least, hits):  # type: ignore[no-untyped-def]
    """Take the events of a tile's outputs (chain: of one fold), by whether the final value fits.

    ``first`` : the tile's first channel; ``least``, ``hits`` : of `Found`, of one register.
    """
    changed, channels = state[CHANGED], tally.transient.shape[1]
    classify(v, exact, changed, register, classes)
    for r in range(min(events.shape[0], channels - first)):
        if events[r]:
            tally.events_by_channel[g, first + r] += events[r]
            tally.transient[g, first + r] += classes[0, r]
            tally.persistent[g, first + r] += classes[1, r]
            mark(places, first + r, changed[r], least, hits)


@kernel
def mark(places, n, changed, first, hits):  # type: ignore[no-untyped-def]
    """The least output that had an event and, where they are asked for, every one."""
    for i in range(places.shape[0]):
        if changed[i] != 0:
            output = places[i] + n
            first[0] = min(first[0], output)
            if hits.shape[0] == 0:
                return  # later lanes are later outputs
            hits[output] = 1
