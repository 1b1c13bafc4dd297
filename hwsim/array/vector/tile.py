"""The functions of `hwsim.array.fast_sums` on lanes in pairs, as numba calls them."""

from __future__ import annotations

from hwsim._jit import kernel
from hwsim.array.fast_steps import HALVES, HI, LO, WRAPS
from hwsim.array.vector import kernels, stores
from hwsim.array.vector.emission import CHANNELS, LANES, RUN, WORDS

FULL = (1 << 16) - 1  # of a 16-bit register: from its least to its largest value


def pack(codes, origin, step, panel):  # type: ignore[no-untyped-def]
    """Quick where the lanes of each run lie side by side."""
    if are_runs(origin):
        kernels.pack(codes, origin, step, panel)
    else:
        panel[:] = 0
        for k in range(panel.shape[0]):
            for i in range(origin.shape[0]):
                panel[k, 2 * (i % WORDS) + i // WORDS] = codes[origin[i] + step[k]]


@kernel
def are_runs(origin):  # type: ignore[no-untyped-def]
    """Whether all lanes are there, and `RUN` by `RUN` lie side by side."""
    same = origin.shape[0] == LANES
    for i in range(origin.shape[0]):
        same &= origin[i] == origin[i // RUN * RUN] + i % RUN
    return same


def add_products(w, v, start, used, total, span):  # type: ignore[no-untyped-def]
    """All steps in registers."""
    kernels.add_products(w, v, start, used, total, span)


def add_folds(w, v, start, used, fold, ends, total, spans):  # type: ignore[no-untyped-def]
    """First all chains, then their sums."""
    kernels.add_chain(w, v, fold, ends, spans[1])
    kernels.add_ends(ends, start, used, total, spans[0], spans[2])


def add_ends(v, ends, start, used, total, spans):  # type: ignore[no-untyped-def]
    """Where the chains were added before."""
    kernels.add_ends(ends, start, used, total, spans[0], spans[2])


def widen(v, low, high, n, register, limits, left):  # type: ignore[no-untyped-def]
    """Lanes that are not in use are left out by a mask."""
    kernels.widen(low, high, n, register[LO], register[HI], limits, left)


def store_first(v, start, used, state, by_step, register, events):  # type: ignore[no-untyped-def]
    """Two vectors a channel."""
    lo, hi, wraps = register[LO], register[HI], register[WRAPS]
    stores.store_first(start, used, state, by_step, lo, hi, wraps, events)


def put(v, addend, state, by_step, at, register, events):  # type: ignore[no-untyped-def]
    """Two vectors a channel."""
    lo, hi, wraps = register[LO], register[HI], register[WRAPS]
    stores.put(addend, state, by_step, at, lo, hi, wraps, events)


def advance(w, v, k0, k1, state, by_step, register, events):  # type: ignore[no-untyped-def]
    """In 16-bit lanes where products and register fit them."""
    lo, hi = register[LO], register[HI]
    if register[HALVES]:
        if register[WRAPS]:
            stores.wrap_halves(w, v, k0, k1, state, by_step, lo, hi, events)
        elif hi - lo == FULL:
            stores.full_halves(w, v, k0, k1, state, by_step, lo, hi, events)
        else:
            stores.saturate_halves(w, v, k0, k1, state, by_step, lo, hi, events)
    elif register[WRAPS]:
        stores.wrap_words(w, v, k0, k1, state, by_step, lo, hi, events)
    else:
        stores.saturate_words(w, v, k0, k1, state, by_step, lo, hi, events)


def classify(v, exact, changed, register, pair):  # type: ignore[no-untyped-def]
    """Two vectors a channel."""
    stores.classify(exact, changed, register[LO], register[HI], pair)


def write(v, values, places, first, rows, out):  # type: ignore[no-untyped-def]
    """All channels of a lane in one store, where the tile is full; one channel's runs of lanes."""
    if rows == CHANNELS and places.shape[0] == LANES:
        kernels.write(values, places, first, out)
    elif rows == 1 and are_runs(places):
        for run in range(0, LANES, RUN):
            at = places[run] + first
            for i in range(RUN):
                out[at + i] = values[0, run + i]
    else:
        for i in range(places.shape[0]):
            at = places[i] + first
            for r in range(rows):
                out[at + r] = values[r, i]
