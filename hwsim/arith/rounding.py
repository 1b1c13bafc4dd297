"""Which integer a value between two integers becomes: seven rules of IEEE 1666, and four more."""

from __future__ import annotations

from enum import IntEnum

from hwsim._jit import kernel


class Rounding(IntEnum):
    """The rule for dropped bits; a tie is exactly half.

    ================= ================================== ============= =====================
    rule              result                             IEEE 1666     elsewhere
    ================= ================================== ============= =====================
    FLOOR             toward -inf: drop the bits         SC_TRN        RDN, TRN
    TOWARD_ZERO       toward zero                        SC_TRN_ZERO   C's integer division
    HALF_UP           nearest, ties toward +inf          SC_RND        RNU, gemmlowp SRDHM
    HALF_DOWN         nearest, ties toward -inf          SC_RND_MIN_INF
    HALF_TOWARD_ZERO  nearest, ties toward zero          SC_RND_ZERO
    HALF_AWAY         nearest, ties away from zero       SC_RND_INF    gemmlowp RDBP, C round()
    HALF_EVEN         nearest, ties to the even integer  SC_RND_CONV   RNE, rint()
    CEIL              toward +inf                        -
    AWAY              away from zero                     -
    ODD               inexact: the odd neighbour (jam)   -             ROD
    STOCHASTIC        floor(x + random in [0, 1))        -             see arith/lfsr.py
    ================= ================================== ============= =====================
    """

    FLOOR = 0
    TOWARD_ZERO = 1
    HALF_UP = 2
    HALF_DOWN = 3
    HALF_TOWARD_ZERO = 4
    HALF_AWAY = 5
    HALF_EVEN = 6
    CEIL = 7
    AWAY = 8
    ODD = 9
    STOCHASTIC = 10


@kernel
def round_up(floor: int, negative: bool, versus_half: int, rounding: int) -> int:
    """Whether to add one to ``floor``, given where an inexact value lies: the one table of rules.

    Parameters
    ----------
    floor : int64
        The largest integer below the value.
    negative : bool
        Whether the value is below zero.
    versus_half : int
        The dropped part against one half: -1 less (but not zero), 0 a tie, 1 more.
    rounding : int
        A `Rounding` other than STOCHASTIC.

    Returns
    -------
    int
        0 or 1.

    Examples
    --------
    >>> rules = Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.HALF_DOWN
    >>> [round_up(2, False, 0, rule) for rule in rules]
    [1, 0, 0]
    >>> round_up(-3, True, 0, Rounding.HALF_AWAY)  # -2.5 becomes -3
    0
    """
    if rounding == Rounding.FLOOR:
        return 0
    if rounding == Rounding.CEIL:
        return 1
    if rounding == Rounding.TOWARD_ZERO:
        return 1 if negative else 0
    if rounding == Rounding.AWAY:
        return 0 if negative else 1
    if rounding == Rounding.ODD:
        return 1 - (floor & 1)
    if versus_half != 0:
        return 1 if versus_half > 0 else 0
    if rounding == Rounding.HALF_UP:
        return 1
    if rounding == Rounding.HALF_TOWARD_ZERO:
        return 1 if negative else 0
    if rounding == Rounding.HALF_AWAY:
        return 0 if negative else 1
    if rounding == Rounding.HALF_EVEN:
        return floor & 1
    return 0


@kernel
def shift_right(x: int, shift: int, rounding: int) -> int:
    """``x / 2**shift`` rounded to an integer; ``0 <= shift <= 62``.

    >>> shift_right(10, 2, Rounding.HALF_EVEN), shift_right(-10, 2, Rounding.HALF_AWAY)  # +-2.5
    (2, -3)
    >>> shift_right(9, 2, Rounding.ODD), shift_right(8, 2, Rounding.ODD)
    (3, 2)
    """
    floor = x >> shift
    rest = x - (floor << shift)  # 0 <= rest < 2**shift
    if rest == 0:
        return floor
    half = 1 << (shift - 1)
    versus_half = (rest > half) * 1 - (rest < half) * 1
    return floor + round_up(floor, x < 0, versus_half, rounding)


@kernel
def drop_low_bits(x: int, bits: int, rounding: int) -> int:
    """``round(x / 2**bits) * 2**bits``: what a multiplier that drops low bits keeps of a product.

    Bits keep their weight, so bias, scales and bounds are unchanged (DATAPATH.md section 3).

    >>> drop_low_bits(15, 2, Rounding.FLOOR), drop_low_bits(14, 2, Rounding.HALF_UP)
    (12, 16)
    """
    return shift_right(x, bits, rounding) << bits


@kernel
def shift_right_stochastic(x: int, shift: int, random: int) -> int:
    """``floor((x + r) / 2**shift)``, r the low ``shift`` bits of ``random``; ``0 <= shift <= 32``.

    >>> shift_right_stochastic(10, 2, 1), shift_right_stochastic(10, 2, 2)  # 2.5 + 0.25, + 0.5
    (2, 3)
    """
    return (x + (random & ((1 << shift) - 1))) >> shift


@kernel
def divide(x: int, divisor: int, rounding: int) -> int:
    """``x / divisor`` rounded to an integer; ``divisor > 0``.

    >>> divide(-5, 2, Rounding.HALF_AWAY), divide(-5, 2, Rounding.HALF_UP)
    (-3, -2)
    """
    floor = x // divisor
    rest = x - floor * divisor
    if rest == 0:
        return floor
    twice = 2 * rest
    versus_half = (twice > divisor) * 1 - (twice < divisor) * 1
    return floor + round_up(floor, x < 0, versus_half, rounding)
