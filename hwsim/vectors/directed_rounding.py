"""The requantizer of one channel: its roundings, their ties as windows of sums, its inverse.

A rounding drops ``shift`` bits of an integer x that follows from the sum; a tie is
``x mod 2**shift == 2**(shift - 1)``. Of the integer schemes::

    narrow            x = sum                         (the register before the scheme)
    scheme            x = value * multiplier + add    (value: sum, or what `narrow` left)
    scheme (double)   x = high half of the doubled product, by shift - 31

and ``high``, the first rounding of multiplier_shift_double, by 31 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.arith.requantize import Scheme
from hwsim.arith.rounding import Rounding, round_up, shift_right
from hwsim.array.gemm import Ints
from hwsim.array.requantizer import Requantizer
from hwsim.array.requantizer_limits import INTEGER_SCHEMES
from hwsim.array.specification import rounding_code

MOST = 1 << 12  # candidates of one goal that are looked at
HIGH_SHIFT = 31
DOUBLE = Scheme.MULTIPLIER_SHIFT_DOUBLE
HALF_UP_SCHEMES = frozenset({Scheme.REDUCED_16, Scheme.REDUCED_16_NARROW})
Window = tuple[int, int]


@dataclass(frozen=True)
class Stage:
    """One rounding of a channel: ``x = value * multiplier + add``, then ``shift`` bits dropped.

    ``value``: the sum (``of_narrow`` False) or what the narrow register keeps of it.
    """

    name: str
    multiplier: int
    add: int
    shift: int
    rounding: int
    of_narrow: bool
    after_high: bool = False


@dataclass(frozen=True, eq=False)
class ChannelRequantizer:
    """One channel.

    Attributes
    ----------
    whole : Requantizer
        The layer's.
    channel : int
        g * N + n.
    """

    whole: Requantizer
    channel: int

    @cached_property
    def rounding(self) -> Rounding:
        """The rule of this channel."""
        late = self.channel >= self.whole.tail
        return self.whole.tail_rounding if late else self.whole.rounding

    @cached_property
    def _alone(self) -> Requantizer:
        """The channel as a layer of its own, without clamp and format; chance rounds down."""
        whole, c = self.whole, slice(self.channel, self.channel + 1)
        floor = Rounding.FLOOR if self.rounding == Rounding.STOCHASTIC else self.rounding
        return replace(
            whole, rounding=floor, multiplier=whole.multiplier[c], shift=whole.shift[c],
            add=whole.add[c], factor=whole.factor[c], reals=whole.reals[:, c],
            real_scale=whole.real_scale[c], table=whole.table[c], clamp=(None, None),
            output=IntFormat(64), lfsr=None, tail=1, tail_lanes=0,
        )  # fmt: skip

    def values(self, sums: list[int]) -> tuple[Ints, Ints]:
        """After the scheme and the zero point, before clamp and format; and its events (0, 1)."""
        column = np.array(sums, np.int64).reshape(1, 1, -1, 1)
        result = self._alone.apply(column)
        return result.codes.reshape(-1), result.events.reshape(-1).astype(np.int64)

    def value(self, total: int) -> int:
        """`values` of one sum."""
        return int(self.values([total])[0][0])

    def lossless(self, lo: int, hi: int) -> bool:
        """Whether nothing wraps or saturates over ``[lo, hi]``: not at its ends, so nowhere."""
        return not self.values([lo, hi])[1].any()

    def monotone(self, lo: int, hi: int) -> bool:
        """Whether values follow from sums alone, and ascend with them over ``[lo, hi]``."""
        chance = self.rounding == Rounding.STOCHASTIC or self.whole.tail_lanes > 0
        return not chance and self.lossless(lo, hi)

    def sums_of(self, least: int | None, largest: int | None, lo: int, hi: int) -> Window:
        """The sums in ``[lo, hi]`` whose values lie in ``[least, largest]``, where values ascend;
        None: no bound. The window's ends cross where there are none."""
        first = lo if least is None else first_at(self.value, least, lo, hi)
        last = hi if largest is None else first_at(self.value, largest + 1, lo, hi) - 1
        return first, last

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The roundings, in order; empty where the scheme is none of integers."""
        whole, narrow = self.whole, self.whole.narrow
        found = []
        if narrow is not None:
            rule = rounding_code(narrow.rounding)
            found.append(Stage("narrow", 1, 0, narrow.shift, rule, of_narrow=False))
        if whole.scheme not in INTEGER_SCHEMES:
            return tuple(found)
        m, add = int(whole.multiplier[self.channel]), int(whole.add[self.channel])
        shift, rule, behind = int(whole.shift[self.channel]), self.rounding, narrow is not None
        if whole.scheme == DOUBLE:
            left, right = max(HIGH_SHIFT - shift, 0), max(shift - HIGH_SHIFT, 0)
            up = int(Rounding.HALF_UP)
            found.append(Stage("high", m << left, 0, HIGH_SHIFT, up, behind))
            found.append(Stage("scheme", m << left, 0, right, int(rule), behind, after_high=True))
            return tuple(found)
        if whole.scheme == Scheme.SHIFT_ONLY:
            m = 1
        if whole.scheme in HALF_UP_SCHEMES:
            rule = Rounding.HALF_UP
        if whole.scheme != Scheme.MULTIPLY_ADD_SHIFT:
            add = 0
        found.append(Stage("scheme", m, add, shift, int(rule), behind))
        return tuple(found)

    def narrowed(self, total: int) -> int:
        """What the narrow register's rounding gives, its limits apart."""
        narrow = self.whole.narrow
        if narrow is None:
            return total
        return int(shift_right(total, narrow.shift, rounding_code(narrow.rounding)))

    def ties(self, stage: Stage, negative: bool, up: bool, lo: int, hi: int) -> Iterator[Window]:
        """Windows of sums in ``[lo, hi]`` that are ties of a stage on one side of zero, rounded up
        or down; nearest to zero first, at most MOST of them are looked at."""
        below, above = (lo, hi) if not stage.of_narrow else (self.narrowed(lo), self.narrowed(hi))
        for first, last in _tie_values(stage, negative, up, below, above):
            if stage.of_narrow:
                first, last = (
                    first_at(self.narrowed, first, lo, hi),
                    first_at(self.narrowed, last + 1, lo, hi) - 1,
                )
            first, last = max(first, lo), min(last, hi)
            if first <= last:
                yield first, last


def _tie_values(stage: Stage, negative: bool, up: bool, lo: int, hi: int) -> Iterator[Window]:
    """`ChannelRequantizer.ties` in terms of the stage's own value."""
    if stage.shift <= 0:
        return
    m = stage.multiplier
    if stage.after_high:
        if m <= 0:
            return
        x_lo, x_hi = (((v * m) + (1 << 30)) >> HIGH_SHIFT for v in (lo, hi))
        for x in _half_way(stage, negative, up, 0, 1, x_lo, x_hi):
            least = (x << HIGH_SHIFT) - (1 << 30)
            yield -(-least // m), (least + (1 << HIGH_SHIFT) - 1) // m
        return
    half, whole = 1 << (stage.shift - 1), 1 << stage.shift
    common = math.gcd(m, whole)
    if (half - stage.add) % common:
        return
    period = whole // common
    first = (half - stage.add) // common * pow(m // common, -1, period) % period
    for value in _half_way(stage, negative, up, first, period, lo, hi):
        yield value, value


def _half_way(
    stage: Stage, negative: bool, up: bool, first: int, period: int, lo: int, hi: int
) -> Iterator[int]:
    """The values ``first + i * period`` in ``[lo, hi]`` whose x is a tie of that side and way."""
    m, add, whole = stage.multiplier, stage.add, 1 << stage.shift
    if stage.after_high:
        m, add, first, period = 1, 0, whole >> 1, whole
    if m > 0:
        zero = -(add // m)  # the least value with x >= 0
        lo, hi = (lo, min(hi, zero - 1)) if negative else (max(lo, zero), hi)
    start = lo + (first - lo) % period
    count = (hi - start) // period + 1 if start <= hi else 0
    nearest = min(max(-(start // period) if start < 0 else 0, 0), max(count - 1, 0))
    for i in _outward(nearest, count):
        x = (start + i * period) * m + add
        if x % whole != whole >> 1 or (x < 0) != negative:
            continue
        rises, falls = way(x, stage.shift, stage.rounding)
        if rises if up else falls:
            yield start + i * period


def way(x: int, shift: int, rounding: int) -> tuple[bool, bool]:
    """Whether a tie is rounded up, and whether down; by chance: both.

    >>> way(6, 2, Rounding.HALF_EVEN), way(-6, 2, Rounding.HALF_AWAY)  # 1.5, -1.5
    ((True, False), (False, True))
    """
    if rounding == Rounding.STOCHASTIC:
        return True, True
    rises = bool(round_up((x >> shift) & 1, x < 0, 0, rounding))
    return rises, not rises


def ways(negative: bool, rounding: int) -> set[bool]:
    """The ways that a rule can round ties on one side of zero: True is up.

    >>> ways(False, Rounding.HALF_UP), sorted(ways(True, Rounding.HALF_EVEN))
    ({True}, [False, True])
    """
    sign = -1 if negative else 1
    pairs = [way(sign * x, 1, rounding) for x in (1, 3)]
    return {True for rises, _ in pairs if rises} | {False for _, falls in pairs if falls}


def _outward(middle: int, count: int) -> Iterator[int]:
    """0..count-1 from the middle to both sides, at most MOST."""
    for distance in range(min(count, MOST)):
        for i in {middle - distance, middle + distance}:
            if 0 <= i < count:
                yield i


def first_at(function: Callable[[int], int], wanted: int, lo: int, hi: int) -> int:
    """The least x in ``[lo, hi]`` with ``function(x) >= wanted``; hi + 1 where there is none.

    >>> first_at(lambda x: x // 4, 2, 0, 100)
    8
    """
    below, above = lo, hi + 1
    while below < above:
        middle = (below + above) // 2
        if function(middle) >= wanted:
            above = middle
        else:
            below = middle + 1
    return below
