"""What one clock does to a row of registers: multiply, store, follow exact sums, count events."""

from __future__ import annotations

from hwsim._jit import kernel
from hwsim.arith.overflow import Overflow, fit
from hwsim.arith.rounding import drop_low_bits
from hwsim.array.fast_steps import grow, step


@kernel
def multiply(a, w, drop_bits, rounding, products):  # type: ignore[no-untyped-def]
    """The product of every PE."""
    for p in range(products.size):
        products[p] = a[p] * w[p]
    if drop_bits > 0:
        for p in range(products.size):
            products[p] = drop_low_bits(products[p], drop_bits, rounding)


@kernel
def store_sums(stored, products, presented, limits, overflow, wrap_bits):  # type: ignore[no-untyped-def]
    """``sum = fit(sum + product)`` in every PE; ``presented`` keeps what came before the fit.

    Saturating and plainly wrapping registers run in vector lanes.
    """
    lo, hi, kind = limits[0], limits[1], stored.dtype.type
    wraps = overflow == Overflow.WRAP and wrap_bits == 0
    if wraps or overflow == Overflow.SATURATE:
        for p in range(products.size):
            presented[p], stored[p] = step(stored[p], products[p], lo, hi, wraps, kind)
        return
    for p in range(products.size):
        presented[p] = stored[p] + products[p]
        stored[p] = fit(presented[p], lo, hi, overflow, wrap_bits)


@kernel
def clock_results(a, w, stored, limits, wraps):  # type: ignore[no-untyped-def]
    """Multiply and store in every PE, where registers saturate or plainly wrap: one vector loop."""
    kind = stored.dtype.type
    lo, hi = limits[0], limits[1]
    for p in range(stored.size):
        stored[p] = step(stored[p], a[p] * w[p], lo, hi, wraps, kind)[1]


@kernel
def clock_ledger(a, w, stored, exact, low, high, presented, limits, wraps):  # type: ignore[no-untyped-def]
    """The same with the exact sums beside; whether any store changed its value."""
    kind = stored.dtype.type
    lo, hi, lost = limits[0], limits[1], kind(0)
    for p in range(stored.size):
        addend = kind(a[p] * w[p])
        shown, kept = step(stored[p], addend, lo, hi, wraps, kind)
        presented[p], stored[p] = shown, kept
        lost |= shown ^ kept
        exact[p], low[p], high[p] = grow(exact[p], addend, low[p], high[p], kind)
    return lost != 0


@kernel
def follow_exact(exact, low, high, products):  # type: ignore[no-untyped-def]
    """The same sums without a limit, and the least and largest value that each has had."""
    for p in range(products.size):
        exact[p] += products[p]
        low[p] = min(low[p], exact[p])
        high[p] = max(high[p], exact[p])


@kernel
def count_events(stored, count, first, steps, presented, clocks_left):  # type: ignore[no-untyped-def]
    """One more event with every sum and every weight register whose store changed its value.

    ``first`` keeps the largest ``clocks_left`` at an event: the earliest one.
    """
    for p in range(presented.size):
        presented[p] = stored[p] != presented[p]
    for p in range(presented.size):
        count[p] += presented[p]
        steps[p] += presented[p]
    for p in range(presented.size):
        first[p] = max(first[p], presented[p] * clocks_left)
