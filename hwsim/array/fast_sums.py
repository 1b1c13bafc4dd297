"""One tile, R channels of B outputs each: the inner loops of the fast engine.

Letters: R channels and B lanes of a tile, K steps, F folds. The functions below are the definition;
where the lanes are laid out in pairs (``v`` is int16), numba calls `hwsim.array.vector` in their
place, which equals them.

::

    add_products   total = total + w[k] * v[k]                       for every k, exact
    add_folds      chain = 0; chain = chain + w[k] * v[k]            for every k of a fold, exact
                   total = total + chain                             for every fold, exact
    put            kept = fit(kept + addend)                         counted
    advance        kept = fit(kept + w[k] * v[k])                    for some k, counted
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from hwsim._jit import kernel, overload, types
from hwsim.array.fast_steps import (
    CHANGED,
    HI,
    KEPT,
    LO,
    extend,
    extremes,
    join,
    put_row,
    store_steps,
)
from hwsim.array.vector import tile as vector


def replaced(by: Any, lanes: str = "v", kind: Any = types.int16) -> Callable[[Any], Any]:
    """Let numba compile ``by`` for a function where its argument ``lanes`` is of one type: laid out
    in pairs."""

    def register(definition: Any) -> Any:
        names = signature(definition)
        at = list(names.parameters).index(lanes)

        def chosen(*arguments: Any) -> Any:
            return by if arguments[at].dtype == kind else definition

        chosen.__signature__ = names  # type: ignore[attr-defined]  # numba compares the names
        overload(definition)(chosen)
        return definition

    return register


@replaced(vector.pack, "panel")
def pack(codes, origin, step, panel):  # type: ignore[no-untyped-def]
    """Lanes to ``panel`` of shape (K, B): step k of lane i lies at ``origin[i] + step[k]`` in
    ``codes``. Lanes without an origin are 0."""
    used = origin.shape[0]
    for k in range(panel.shape[0]):
        for i in range(used):
            panel[k, i] = codes[origin[i] + step[k]]
        panel[k, used:] = 0


@kernel
def begin(start, used, total, span):  # type: ignore[no-untyped-def]
    """``start[r] * used[i]`` to ``total`` of shape (R, B), and to both of its extremes."""
    for r in range(total.shape[0]):
        for i in range(total.shape[1]):
            total[r, i] = span[LO, r, i] = span[HI, r, i] = start[r] * used[i]


@replaced(vector.add_products)
def add_products(w, v, start, used, total, span):  # type: ignore[no-untyped-def]
    """The exact sum of ``start`` and the products of all steps, and the extremes on the way.

    Parameters
    ----------
    w : ndarray of shape (K, 1, R)
        Weights; in pairs, of shape (K, 3, R).
    v : ndarray of shape (K, B)
        Activations.
    start, used : ndarrays of shapes (R,) and (B,)
        A sum begins with ``start[r] * used[i]``.
    total : ndarray of shape (R, B)
        Written.
    span : ndarray of shape (2, R, B)
        Written: the extremes of ``total``.
    """
    begin(start, used, total, span)
    for r in range(total.shape[0]):
        extend(w[:, 0, r], v, total[r], span[LO, r], span[HI, r])


@replaced(vector.add_folds)
def add_folds(w, v, start, used, fold, ends, total, spans):  # type: ignore[no-untyped-def]
    """The same in folds: the products of each in a chain that begins with 0, and its sum to
    ``total``.

    Parameters
    ----------
    w, v, start, used, total : as in `add_products`
    fold : int
        Reduction steps of one fold.
    ends : ndarray of shape (F, R, B)
        Written: the sum of each fold.
    spans : ndarray of shape (3, 2, R, B)
        Written: the extremes of ``total``, of the chain and of the folds' sums.
    """
    link_span = spans[1]
    link_span[:] = 0
    for f in range(ends.shape[0]):
        k0, k1 = f * fold, min((f + 1) * fold, v.shape[0])
        for r in range(total.shape[0]):
            end = ends[f, r]
            end[:] = 0
            extend(w[k0:k1, 0, r], v[k0:k1], end, link_span[LO, r], link_span[HI, r])
    add_ends(v, ends, start, used, total, spans)


@replaced(vector.add_ends)
def add_ends(v, ends, start, used, total, spans):  # type: ignore[no-untyped-def]
    """The sum of every fold to ``total``, arrays as in `add_folds`; the chain's own extremes were
    written before."""
    span, end_span = spans[0], spans[2]
    begin(start, used, total, span)
    for f in range(ends.shape[0]):
        for r in range(total.shape[0]):
            end = ends[f, r]
            join(1, end, total[r], span[LO, r], span[HI, r])
            for i in range(end.shape[0]):
                end_span[LO, r, i] = min(end_span[LO, r, i], end[i]) if f else end[i]
                end_span[HI, r, i] = max(end_span[HI, r, i], end[i]) if f else end[i]


@replaced(vector.widen)
def widen(v, low, high, n, register, limits, left):  # type: ignore[no-untyped-def]
    """Widen the range of each channel by the least of ``low`` and the largest of ``high``, both of
    shape (R, B), in the first ``n`` lanes.

    ``limits`` : int64 ndarray of shape (2, R). ``left[0]`` is set where any value lies outside the
    register.
    """
    for r in range(low.shape[0]):
        lo, hi = extremes(low[r], high[r], n)
        limits[LO, r], limits[HI, r] = min(limits[LO, r], lo), max(limits[HI, r], hi)
        if lo < register[LO] or hi > register[HI]:
            left[0] = 1


@replaced(vector.store_first)
def store_first(v, start, used, state, by_step, register, events):  # type: ignore[no-untyped-def]
    """A register that held 0 stores ``start[r] * used[i]``; everything is written anew but
    ``by_step[0]``, to which the events are added. The rest is as in `advance`."""
    state[:] = 0
    for r in range(events.shape[0]):
        kept, changed = state[KEPT, r], state[CHANGED, r]
        events[r] = put_row(start[r], used, kept, changed, register)
        by_step[0] += events[r]


@replaced(vector.put)
def put(v, addend, state, by_step, at, register, events):  # type: ignore[no-untyped-def]
    """One store of ``addend`` of shape (R, B), its events added at ``by_step[at]`` and by channel;
    ``state``, ``register`` and ``events`` are as in `advance`."""
    for r in range(events.shape[0]):
        count = put_row(1, addend[r], state[KEPT, r], state[CHANGED, r], register)
        events[r] += count
        by_step[at] += count


@replaced(vector.advance)
def advance(w, v, k0, k1, state, by_step, register, events):  # type: ignore[no-untyped-def]
    """Store the products of steps ``k0 <= k < k1``, and count.

    Parameters
    ----------
    w, v : as in `add_products`
    state : ndarray of shape (2, R, B)
        `KEPT` and `CHANGED`: what the register keeps; not 0 where it ever lost something.
    by_step : int64 ndarray of shape (K + 2,)
        Events are added at ``k + 1``.
    register : int64 ndarray of shape (5,)
        A row of `hwsim.array.fast_lanes.Lanes.registers`.
    events : int64 ndarray of shape (R,)
        Events are added, by channel.
    """
    steps = by_step[k0 + 1 : k1 + 1]
    for r in range(events.shape[0]):
        x, kept, changed = w[k0:k1, 0, r], state[KEPT, r], state[CHANGED, r]
        events[r] += store_steps(x, v[k0:k1], kept, changed, steps, register)


@replaced(vector.classify)
def classify(v, exact, changed, register, pair):  # type: ignore[no-untyped-def]
    """Count the outputs of each channel that lost something, in ``pair``, int64 of shape (2, R):
    those whose final value ``exact``, of shape (R, B), fits the register, and the others."""
    kind = exact.dtype.type
    lo, hi = kind(register[LO]), kind(register[HI])
    for r in range(exact.shape[0]):
        transient = persistent = kind(0)
        for i in range(exact.shape[1]):
            hit, fits = changed[r, i] != 0, (exact[r, i] >= lo) & (exact[r, i] <= hi)
            transient += kind(hit & fits)
            persistent += kind(hit & (not fits))
        pair[0, r], pair[1, r] = transient, persistent


@replaced(vector.write)
def write(v, values, places, first, rows, out):  # type: ignore[no-untyped-def]
    """``rows`` channels of ``values`` of shape (R, B), from channel ``first`` on, to ``out``, where
    lane i has its channels from ``places[i]`` on."""
    for i in range(places.shape[0]):
        at = places[i] + first
        for r in range(rows):
            out[at + r] = values[r, i]
