"""Tables: requantization as thresholds or entries, and activation functions from code to code.

A table is made once, in exact integers; `threshold_table` and `lookup_table` read it, and return
``(code, event)`` as the schemes of requantize.py do, zero point included.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.arith.formats import IntFormat, signed_bits
from hwsim.arith.rounding import Rounding, round_up

Ints = NDArray[np.int64]

UNREACHABLE = 1 << 62


def round_ratio(numerator: int, denominator: int, rounding: Rounding) -> int:
    """``numerator / denominator`` rounded, in integers of any size; ``denominator > 0``.

    >>> round_ratio(-5, 2, Rounding.HALF_EVEN), round_ratio(10**30 + 1, 2, Rounding.HALF_UP) % 10
    (-2, 1)
    """
    floor, rest = divmod(numerator, denominator)
    if rest == 0:
        return floor
    versus_half = (2 * rest > denominator) - (2 * rest < denominator)
    return floor + int(round_up(floor & 1, numerator < 0, versus_half, int(rounding)))


def _lower_end(code: int, rounding: Rounding) -> tuple[int, bool]:
    """Twice the lower end of the real values that round to ``code`` or above; is it included?

    Read off `rounding.round_up`: does a value between ``code - 1`` and ``code`` go up when it is
    below one half, a tie, above it, or never?
    """
    below, tie, above = (
        round_up(code - 1, code <= 0, versus_half, int(rounding)) for versus_half in (-1, 0, 1)
    )
    if below:
        return 2 * code - 2, False
    if above:
        return 2 * code - 1, bool(tie)
    return 2 * code, True


def threshold(factor: float, code: int, rounding: Rounding) -> int:
    """The least accumulator with ``round(acc * factor) >= code``, exactly.

    Parameters
    ----------
    factor : float
        ``factor >= 0``, taken as the exact number that it is.
    code : int
        Without zero point.
    rounding : Rounding
        Any but STOCHASTIC.

    Returns
    -------
    int
        Held in +-2**62, which no accumulator reaches.

    Examples
    --------
    >>> [threshold(0.25, 1, r) for r in (Rounding.FLOOR, Rounding.HALF_UP, Rounding.HALF_DOWN)]
    [4, 2, 3]
    >>> threshold(0.25, 2, Rounding.HALF_EVEN), threshold(0.25, 3, Rounding.HALF_EVEN)  # 1.5, 2.5
    (6, 11)
    """
    twice, included = _lower_end(code, rounding)
    numerator, denominator = factor.as_integer_ratio()
    if numerator == 0:
        return -UNREACHABLE if twice < 0 or (twice == 0 and included) else UNREACHABLE
    top, bottom = twice * denominator, 2 * numerator
    least = -(-top // bottom) if included else top // bottom + 1
    return min(max(least, -UNREACHABLE), UNREACHABLE)


def thresholds(factor: float, lo: int, hi: int, zero_point: int, rounding: Rounding) -> Ints:
    """One threshold for each code ``lo..hi``, ascending: where the output becomes that code.

    >>> thresholds(0.5, -1, 2, 0, Rounding.HALF_UP).tolist()
    [-3, -1, 1, 3]
    """
    codes = range(lo - zero_point, hi - zero_point + 1)
    return np.array([threshold(factor, code, rounding) for code in codes], np.int64)


def lookup_shift(factor: float, table_bits: int, code_reach: int, acc: tuple[int, int]) -> int:
    """The least address shift at which a table covers every accumulator that matters.

    These are the accumulators in ``acc`` (least, largest) whose output, before its zero point,
    lies within ``+-code_reach``; beyond them the output saturates anyway.

    >>> lookup_shift(2.0**-10, 8, 256, (-(1 << 31), (1 << 31) - 1))
    12
    """
    numerator, denominator = factor.as_integer_ratio()
    reach = code_reach * denominator // numerator if numerator else UNREACHABLE
    return max(signed_bits(max(acc[0], -reach), min(acc[1], reach)) - table_bits, 0)


def lookup_entries(
    factor: float, table_bits: int, shift: int, zero_point: int, rounding: Rounding
) -> Ints:
    """Codes of a table addressed by ``acc >> shift``: each the code of its step's middle.

    ::

        entry[i + size/2] = round((i * 2**shift + (2**shift - 1) / 2) * factor) + zero_point

    Returns
    -------
    int64 ndarray of shape (2**table_bits,)
        Not limited to the output format: the output stage saturates.

    Examples
    --------
    >>> lookup_entries(0.25, 2, 1, 0, Rounding.HALF_UP).tolist()  # -3.5, -1.5, .5, 2.5 quarters
    [-1, 0, 0, 1]
    """
    numerator, denominator = factor.as_integer_ratio()
    half = 1 << (table_bits - 1)
    middles = (((2 * i + 1) << shift) - 1 for i in range(-half, half))  # doubled
    entries = (round_ratio(m * numerator, 2 * denominator, rounding) for m in middles)
    return np.array([min(max(e + zero_point, -UNREACHABLE), UNREACHABLE) for e in entries])


@kernel
def threshold_table(acc: int, least: int, thresholds: np.ndarray) -> tuple[int, bool]:
    """``least`` plus the number of thresholds that are not above ``acc``; found by bisection.

    ``thresholds`` ascend (`thresholds`). Source: FINN and QONNX MultiThreshold.

    >>> [threshold_table(acc, -1, np.array([-3, 4]))[0] for acc in (-4, -3, 3, 4)]
    [-1, 0, 0, 1]
    """
    below, above = 0, thresholds.size
    while below < above:
        middle = (below + above) >> 1
        if thresholds[middle] <= acc:
            below = middle + 1
        else:
            above = middle
    return least + below, False


@kernel
def lookup_table(acc: int, shift: int, table: np.ndarray) -> tuple[int, bool]:
    """A table of codes, addressed by the accumulator's upper bits.

    ::

        index = acc >> shift,  held in [-size/2, size/2 - 1]
        code  = table[index + size/2]

    Event: the index saturated. ``table`` has a power of two entries, zero point included
    (`lookup_entries`).

    >>> table = np.array([10, 11, 12, 13])
    >>> [(int(code), event) for code, event in [lookup_table(a, 1, table) for a in (-3, 1, 4)]]
    [(10, False), (12, False), (13, True)]
    """
    half = table.size >> 1
    wanted = acc >> shift
    index = min(max(wanted, -half), half - 1)
    return table[index + half], index != wanted


def _sigmoid(x: float) -> float:
    """``1 / (1 + exp(-x))`` without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _hard_swish(x: float) -> float:
    """``x * min(max(x + 3, 0), 6) / 6``."""
    return x * min(max(x + 3.0, 0.0), 6.0) / 6.0


ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "sigmoid": _sigmoid,
    "tanh": math.tanh,
    "hard_swish": _hard_swish,
}
"""Real functions that have a table, evaluated in float64."""


def activation_table(
    function: str,
    source: IntFormat,
    source_scale: float,
    source_zero_point: int,
    target: IntFormat,
    target_scale: float,
    target_zero_point: int,
    rounding: Rounding,
) -> Ints:
    """An activation function as a table from code to code.

    ::

        out[q - source.lo] = saturate(round(f((q - Zs) * Ss) / St) + Zt)

    ``f`` and the quotient are evaluated in float64; the quotient is then rounded exactly.

    Parameters
    ----------
    function : str
        One of `ACTIVATIONS`.
    source, target : IntFormat
    source_scale, target_scale : float
    source_zero_point, target_zero_point : int
    rounding : Rounding
        Any but STOCHASTIC.

    Returns
    -------
    int64 ndarray of shape (2**source.bits,)
        Codes in ``[target.lo, target.hi]``.

    Examples
    --------
    >>> t = IntFormat(8)
    >>> table = activation_table("sigmoid", t, 1 / 16, 0, t, 1 / 256, -128, Rounding.HALF_AWAY)
    >>> table[[0, 128, 255]].tolist()
    [-128, 0, 127]
    """
    f = ACTIVATIONS[function]
    codes = []
    for q in range(source.lo, source.hi + 1):
        quotient = f((q - source_zero_point) * source_scale) / target_scale
        code = round_ratio(*quotient.as_integer_ratio(), rounding) + target_zero_point
        codes.append(min(max(code, target.lo), target.hi))
    return np.array(codes, np.int64)
