"""What a register keeps of a value that does not fit: five rules of IEEE 1666, and trap."""

from __future__ import annotations

from enum import IntEnum

from hwsim._jit import kernel


class Overflow(IntEnum):
    """The rule by which a register of range ``[lo, hi]`` stores a value.

    ==================== ===================================================== ===============
    rule                 a value out of range becomes                          IEEE 1666
    ==================== ===================================================== ===============
    WRAP                 its low bits (``wrap_bits`` = n > 0: see `fit`)       SC_WRAP
    SATURATE             the nearest end of the range                          SC_SAT
    SATURATE_SYMMETRIC   the nearest end; signed ``lo`` itself becomes -hi     SC_SAT_SYM
    SATURATE_ZERO        0                                                     SC_SAT_ZERO
    WRAP_SIGN_MAGNITUDE  its low bits, inverted where a sign would be lost     SC_WRAP_SM
    TRAP                 an error that names the place                         -
    ==================== ===================================================== ===============
    """

    WRAP = 0
    SATURATE = 1
    SATURATE_SYMMETRIC = 2
    SATURATE_ZERO = 3
    WRAP_SIGN_MAGNITUDE = 4
    TRAP = 5


@kernel
def wrap(x: int, lo: int, hi: int) -> int:
    """Keep the low bits: the value in ``[lo, hi]`` congruent to x mod ``hi - lo + 1``.

    >>> wrap(128, -128, 127), wrap(-129, -128, 127), wrap(256, 0, 255)
    (-128, 127, 0)
    """
    return ((x - lo) & (hi - lo)) + lo


@kernel
def fit(x: int, lo: int, hi: int, overflow: int, wrap_bits: int) -> int:
    """Store ``x`` in a register whose range is ``[lo, hi]``; an event is ``fit(x) != x``.

    Parameters
    ----------
    x : int64
        The value presented: old content plus addend, exact.
    lo, hi : int64
        ``IntFormat.lo`` and ``.hi`` of a format that is not narrow; signed where ``lo < 0``.
    overflow : int
        An `Overflow`. TRAP keeps the nearest end; the engine that counts the event raises.
    wrap_bits : int
        n of SC_WRAP and SC_WRAP_SM, ``0 <= n < bits``: the number of top bits that saturate
        (sign included) while the others wrap. 0 is plain wrapping. Ignored by other rules.

    Notes
    -----
    A value in range is stored as it is, but for SATURATE_SYMMETRIC, which also turns the
    signed ``lo`` into ``-hi``. Source: IEEE 1666-2011, 7.10.9 (checked against SystemC 2.3.4).
    WRAP_SIGN_MAGNITUDE is defined for signed formats only.

    Examples
    --------
    >>> fit(130, -128, 127, Overflow.SATURATE, 0), fit(130, -128, 127, Overflow.WRAP, 0)
    (127, -126)
    >>> fit(-128, -128, 127, Overflow.SATURATE_SYMMETRIC, 0)
    -127
    >>> fit(130, -128, 127, Overflow.SATURATE_ZERO, 0)
    0
    >>> fit(130, -128, 127, Overflow.WRAP_SIGN_MAGNITUDE, 0)  # 0b0_10000010: sign 0, rest inverted
    125
    """
    if overflow == Overflow.SATURATE_SYMMETRIC and lo < 0:
        return min(max(x, -hi), hi)
    if lo <= x <= hi:
        return x
    if overflow == Overflow.WRAP:
        if wrap_bits == 0:
            return wrap(x, lo, hi)
        return _wrap_saturated(x, lo, hi, wrap_bits)
    if overflow == Overflow.SATURATE_ZERO:
        return 0
    if overflow == Overflow.WRAP_SIGN_MAGNITUDE:
        return _wrap_sign_magnitude(x, lo, hi, wrap_bits)
    return min(max(x, lo), hi)


@kernel
def _wrap_saturated(x: int, lo: int, hi: int, wrap_bits: int) -> int:
    """SC_WRAP, n > 0, x out of range: n top bits saturate with the sign kept, the rest is copied.

    >>> _wrap_saturated(130, -128, 127, 1)  # sign kept: 0, low seven bits 0000010
    2
    >>> _wrap_saturated(-300, 0, 255, 2)  # unsigned: top bits 0 below the range
    20
    """
    span = hi - lo  # 2**bits - 1
    below = span >> wrap_bits  # mask of the copied low bits
    top = span - below if x > 0 else 0  # unsigned: all ones above, zeros below
    if lo < 0:
        sign = lo if x < 0 else 0
        rest = (hi - below) if x > 0 else 0  # the other saturated bits: opposite of the sign
        return sign + rest + (x & below)
    return top + (x & below)


@kernel
def _wrap_sign_magnitude(x: int, lo: int, hi: int, wrap_bits: int) -> int:
    """SC_WRAP_SM, x out of range of a signed format.

    n = 0: the lowest deleted bit becomes the sign; where it differs from the kept sign bit, all
    kept bits are inverted. n = 1: the same with the value's own sign. n > 1: sign and n - 1
    saturated bits; the remaining bits inverted where the lowest saturated bit differs from the
    bit that stood in its place.

    >>> _wrap_sign_magnitude(-130, -128, 127, 1)
    -127
    """
    span = hi - lo
    kept = x & span
    if wrap_bits <= 1:
        sign_bit = (kept > hi) * 1
        new_sign = (x < 0) * 1 if wrap_bits == 1 else (((x - kept) // (span + 1)) & 1)
        if new_sign != sign_bit:
            kept = span - kept
        return wrap(kept, lo, hi)
    below = span >> wrap_bits
    lowest_saturated = (x > 0) * 1  # below the sign: ones above the range, zeros below it
    old = ((kept & (below + 1)) != 0) * 1
    low_bits = kept & below
    if old != lowest_saturated:
        low_bits = below - low_bits
    return (lo if x < 0 else hi - below) + low_bits
