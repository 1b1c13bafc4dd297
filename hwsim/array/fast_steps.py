"""One row of lanes: exact sums with their extremes, and stores with their events.

Lanes are int32 or int64; every value is known to fit them (`hwsim.array.fast_layout`), and the
casts below only say so to the compiler.
"""

from __future__ import annotations

from hwsim._jit import kernel
from hwsim.arith.overflow import wrap

LO, HI = range(2)  # rows of the extremes of exact sums; columns of a register
WRAPS, ONE, HALVES = range(2, 5)  # further columns of a register (`hwsim.array.fast_lanes.Lanes`)
KEPT, CHANGED = range(2)  # rows of what one register keeps, and of whether that lost something


@kernel
def grow(total, addend, lo, hi, kind):  # type: ignore[no-untyped-def]
    """One exact addition: the sum, and its extremes so far."""
    total = kind(total + addend)
    return total, min(lo, total), max(hi, total)


@kernel
def step(kept, addend, lo, hi, wraps, kind):  # type: ignore[no-untyped-def]
    """One store: what was presented, and what the register keeps (`hwsim.arith.overflow.fit`)."""
    presented = kind(kept + addend)
    stored = kind(wrap(presented, lo, hi)) if wraps else min(max(presented, lo), hi)
    return presented, stored


@kernel
def extremes(low, high, n):  # type: ignore[no-untyped-def]
    """Least of ``low`` and largest of ``high`` in the first ``n`` lanes; ``n > 0``."""
    lo, hi = low[0], high[0]
    for i in range(n):
        lo, hi = min(lo, low[i]), max(hi, high[i])
    return lo, hi


@kernel
def extend(x, v, total, lo, hi):  # type: ignore[no-untyped-def]
    """Add the products of ``x`` and ``v`` to every lane without limits, eight steps a visit."""
    steps, n, kind = x.shape[0], total.shape[0], total.dtype.type
    k8 = steps // 8 * 8
    for k in range(0, k8, 8):
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        x4, x5, x6, x7 = x[k + 4], x[k + 5], x[k + 6], x[k + 7]
        for i in range(n):
            t, a, b = grow(total[i], x0 * v[k, i], lo[i], hi[i], kind)
            t, a, b = grow(t, x1 * v[k + 1, i], a, b, kind)
            t, a, b = grow(t, x2 * v[k + 2, i], a, b, kind)
            t, a, b = grow(t, x3 * v[k + 3, i], a, b, kind)
            t, a, b = grow(t, x4 * v[k + 4, i], a, b, kind)
            t, a, b = grow(t, x5 * v[k + 5, i], a, b, kind)
            t, a, b = grow(t, x6 * v[k + 6, i], a, b, kind)
            total[i], lo[i], hi[i] = grow(t, x7 * v[k + 7, i], a, b, kind)
    for k in range(k8, steps):
        join(x[k], v[k], total, lo, hi)


@kernel
def join(x, v, total, lo, hi):  # type: ignore[no-untyped-def]
    """Add ``x * v`` to every lane, without limits."""
    kind = total.dtype.type
    for i in range(total.shape[0]):
        total[i], lo[i], hi[i] = grow(total[i], x * v[i], lo[i], hi[i], kind)


@kernel
def store_steps(x, v, kept, changed, by_step, register):  # type: ignore[no-untyped-def]
    """Store the products of ``x`` and ``v`` in every lane, four steps a visit.

    An event flips some bits of ``changed``; the number of events is returned, and added by step.
    """
    lo, hi, wraps, one, kind = limits(kept, register)
    steps, total = x.shape[0], 0
    k4 = steps // 4 * 4
    for k in range(0, k4, 4):
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        c0, c1, c2, c3 = kind(0), kind(0), kind(0), kind(0)
        for i in range(kept.shape[0]):
            p0, s0 = step(kept[i], x0 * v[k, i], lo, hi, wraps, kind)
            p1, s1 = step(s0, x1 * v[k + 1, i], lo, hi, wraps, kind)
            p2, s2 = step(s1, x2 * v[k + 2, i], lo, hi, wraps, kind)
            p3, s3 = step(s2, x3 * v[k + 3, i], lo, hi, wraps, kind)
            kept[i] = s3
            changed[i] |= (p0 ^ s0) | (p1 ^ s1) | (p2 ^ s2) | (p3 ^ s3)
            c0 = kind(c0 + one) if p0 != s0 else c0
            c1 = kind(c1 + one) if p1 != s1 else c1
            c2 = kind(c2 + one) if p2 != s2 else c2
            c3 = kind(c3 + one) if p3 != s3 else c3
        by_step[k] += c0
        by_step[k + 1] += c1
        by_step[k + 2] += c2
        by_step[k + 3] += c3
        total += c0 + c1 + c2 + c3
    for k in range(k4, steps):
        count = put_row(x[k], v[k], kept, changed, register)
        by_step[k] += count
        total += count
    return total


@kernel
def put_row(x, v, kept, changed, register):  # type: ignore[no-untyped-def]
    """One store of ``x * v`` in every lane; the number of events."""
    lo, hi, wraps, one, kind = limits(kept, register)
    count = kind(0)
    for i in range(kept.shape[0]):
        presented, stored = step(kept[i], x * v[i], lo, hi, wraps, kind)
        kept[i] = stored
        changed[i] |= presented ^ stored
        count = kind(count + one) if presented != stored else count
    return count


@kernel
def limits(kept, register):  # type: ignore[no-untyped-def]
    """A register in the lanes' own type: ``lo hi wraps 1``, and that type."""
    kind = kept.dtype.type
    return kind(register[LO]), kind(register[HI]), register[WRAPS] != 0, kind(register[ONE]), kind
