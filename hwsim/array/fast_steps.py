"""What happens in vector lanes: exact sums with their extremes, and stores with their events.

Lanes are int32 or int64; every value is known to fit them (`hwsim.array.fast_layout`), and the
casts below only say so to the compiler.
"""

from __future__ import annotations

from hwsim._jit import kernel
from hwsim.arith.overflow import wrap

LO, SUM, HI = range(3)  # rows of the exact sums of one register
KEPT, EVENTS = range(2)  # rows of what one register keeps, and of how often that changed a value


@kernel
def grow(total, addend, lo, hi, kind):  # type: ignore[no-untyped-def]
    """One exact addition: the sum, and its extremes so far."""
    total = kind(total + addend)
    return total, min(lo, total), max(hi, total)


@kernel
def step(kept, addend, lo, hi, wraps, kind):  # type: ignore[no-untyped-def]
    """One store: what the register keeps (`hwsim.arith.overflow.fit`), 1 where that is an event."""
    presented = kind(kept + addend)
    stored = kind(wrap(presented, lo, hi)) if wraps else min(max(presented, lo), hi)
    return stored, kind(stored != presented)


@kernel
def extend(x, v, sums):  # type: ignore[no-untyped-def]
    """Add the products of ``x`` and ``v`` to every lane without limits, eight steps a visit."""
    lo, total, hi, kind = sums[LO], sums[SUM], sums[HI], sums.dtype.type
    steps = x.shape[0]
    k8 = steps // 8 * 8
    for k in range(0, k8, 8):
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        x4, x5, x6, x7 = x[k + 4], x[k + 5], x[k + 6], x[k + 7]
        for i in range(total.shape[0]):
            t, a, b = grow(total[i], x0 * v[k, i], lo[i], hi[i], kind)
            t, a, b = grow(t, x1 * v[k + 1, i], a, b, kind)
            t, a, b = grow(t, x2 * v[k + 2, i], a, b, kind)
            t, a, b = grow(t, x3 * v[k + 3, i], a, b, kind)
            t, a, b = grow(t, x4 * v[k + 4, i], a, b, kind)
            t, a, b = grow(t, x5 * v[k + 5, i], a, b, kind)
            t, a, b = grow(t, x6 * v[k + 6, i], a, b, kind)
            total[i], lo[i], hi[i] = grow(t, x7 * v[k + 7, i], a, b, kind)
    for k in range(k8, steps):
        x0 = x[k]
        for i in range(total.shape[0]):
            total[i], lo[i], hi[i] = grow(total[i], x0 * v[k, i], lo[i], hi[i], kind)


@kernel
def join(addend, sums):  # type: ignore[no-untyped-def]
    """Add a value of its own to every lane, without limits."""
    lo, total, hi, kind = sums[LO], sums[SUM], sums[HI], sums.dtype.type
    for i in range(total.shape[0]):
        total[i], lo[i], hi[i] = grow(total[i], addend[i], lo[i], hi[i], kind)


@kernel
def advance(x, v, state, by_step, register):  # type: ignore[no-untyped-def]
    """Store the products of ``x`` and ``v`` in every lane, four steps a visit; count events."""
    kept, events, kind = state[KEPT], state[EVENTS], state.dtype.type
    lo, hi, wraps = kind(register[0]), kind(register[1]), register[2] != 0
    steps = x.shape[0]
    k4 = steps // 4 * 4
    for k in range(0, k4, 4):
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        c0, c1, c2, c3 = kind(0), kind(0), kind(0), kind(0)
        for i in range(kept.shape[0]):
            s, e0 = step(kept[i], x0 * v[k, i], lo, hi, wraps, kind)
            s, e1 = step(s, x1 * v[k + 1, i], lo, hi, wraps, kind)
            s, e2 = step(s, x2 * v[k + 2, i], lo, hi, wraps, kind)
            kept[i], e3 = step(s, x3 * v[k + 3, i], lo, hi, wraps, kind)
            events[i] += e0 + e1 + e2 + e3
            c0, c1, c2, c3 = kind(c0 + e0), kind(c1 + e1), kind(c2 + e2), kind(c3 + e3)
        by_step[k] += c0
        by_step[k + 1] += c1
        by_step[k + 2] += c2
        by_step[k + 3] += c3
    for k in range(k4, steps):
        x0, c0 = x[k], kind(0)
        for i in range(kept.shape[0]):
            kept[i], e0 = step(kept[i], x0 * v[k, i], lo, hi, wraps, kind)
            events[i] += e0
            c0 = kind(c0 + e0)
        by_step[k] += c0


@kernel
def add(state, addend, register):  # type: ignore[no-untyped-def]
    """One store of a value of its own in every lane; the number of events."""
    kept, events, kind = state[KEPT], state[EVENTS], state.dtype.type
    lo, hi, wraps, count = kind(register[0]), kind(register[1]), register[2] != 0, kind(0)
    for i in range(kept.shape[0]):
        kept[i], e = step(kept[i], addend[i], lo, hi, wraps, kind)
        events[i] += e
        count = kind(count + e)
    return count


@kernel
def survey(flat, limits, hull):  # type: ignore[no-untyped-def]
    """Widen the unit's hull by the extremes of one row; whether any left its limits."""
    kind = flat.dtype.type
    outside = kind(0)
    for i in range(flat.shape[0]):
        hull[0, i] = min(hull[0, i], flat[i])
        hull[1, i] = max(hull[1, i], flat[i])
        outside |= kind(flat[i] < limits[0, i]) | kind(flat[i] > limits[1, i])
    return outside != 0
