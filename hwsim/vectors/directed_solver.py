"""Operands whose products add up to a wanted sum, or the proof that there are none.

    low <= sum over k of product(x[k] * coefficient[k]) <= high,    least <= x[k] <= largest

Few sums are enumerated whole, as bits of one integer: then the answer is certain. Many are
approached tap by tap, every product of the wanted sign, and the rest is made up by a few taps
whose sums are enumerated. The search is deterministic by its random generator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from random import Random

from hwsim.arith.rounding import drop_low_bits
from hwsim.vectors.directed_sums import Choices, backtracked, picked, spread_by, window_of

COMPLETE_BITS = 1 << 26  # taps x sums that are enumerated whole
COMPLETE_OPERANDS = 1 << 10  # values of one operand, where products are enumerated whole
FREE_TAPS = 10
FREE_REACH = 24  # steps of an operand around where it was, of a tap that makes up the rest


@dataclass(frozen=True)
class Sums:
    """All sums of some taps.

    Attributes
    ----------
    coefficients : tuple of int
        One for each tap.
    least, largest : int
        Of every operand, both included.
    drop_bits, rounding : int
        Of the product, as in `Datapath`.
    """

    coefficients: tuple[int, ...]
    least: int
    largest: int
    drop_bits: int = 0
    rounding: int = 0

    def only(self, taps: list[int]) -> Sums:
        """The sums of some of the taps."""
        return replace(self, coefficients=tuple(self.coefficients[tap] for tap in taps))

    def product(self, tap: int, operand: int) -> int:
        """One product as the PE makes it."""
        exact = self.coefficients[tap] * operand
        if self.drop_bits == 0:
            return exact
        return int(drop_low_bits(exact, self.drop_bits, self.rounding))

    def total(self, operands: Sequence[int]) -> int:
        """The sum of all products."""
        return sum(self.product(tap, x) for tap, x in enumerate(operands))

    @cached_property
    def ends(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The operands of the least and of the largest sum; of a product that is always the same,
        the neutral operand.

        >>> Sums((3, -2, 0), -1, 4).ends
        ((-1, 4, 0), (4, -1, 0))
        """
        below, above = [], []
        for tap in range(len(self.coefficients)):
            ends = (
                (self.product(tap, self.least), self.least),
                (
                    self.product(tap, self.largest),
                    self.largest,
                ),
            )
            same = ends[0][0] == ends[1][0]
            below.append(self.neutral if same else min(ends)[1])
            above.append(self.neutral if same else max(ends)[1])
        return tuple(below), tuple(above)

    @property
    def neutral(self) -> int:
        """The operand nearest to 0."""
        return min(max(0, self.least), self.largest)

    @cached_property
    def reach(self) -> tuple[int, int]:
        """Least and largest sum.

        >>> Sums((3, -2), -1, 4).reach
        (-11, 14)
        """
        below, above = self.ends
        return self.total(below), self.total(above)

    @cached_property
    def step(self) -> int:
        """A number that divides every sum; 0 where all sums are 0.

        >>> Sums((6, -4), -1, 4).step, Sums((6, -4), -1, 4, drop_bits=3).step
        (2, 8)
        """
        if self.drop_bits:
            return 1 << self.drop_bits
        return math.gcd(*self.coefficients)

    @property
    def complete(self) -> bool:
        """Whether the sums are few enough to be enumerated whole."""
        sums = self.reach[1] - self.reach[0] + 1
        few = self.drop_bits == 0 or self.largest - self.least < COMPLETE_OPERANDS
        return few and len(self.coefficients) * sums <= COMPLETE_BITS

    def impossible(self, low: int, high: int) -> str | None:
        """Why no sum lies in ``[low, high]``, or None where one may.

        >>> Sums((6, -4), -1, 4).impossible(7, 7)
        'all sums are multiples of 2'
        >>> Sums((5, 3), 0, 2).impossible(2, 2)
        'none of all sums of these weights'
        """
        least, largest = self.reach
        if low > high:
            return "no value is asked for"
        if high < least or low > largest:
            return f"sums stay in [{least}, {largest}]"
        if self.step == 0 and not low <= 0 <= high:
            return "all sums are 0"
        if self.step > 1 and high // self.step * self.step < low:
            return f"all sums are multiples of {self.step}"
        if self.complete and not window_of(_reached(self)[0], low - least, high - least):
            return "none of all sums of these weights"
        return None

    def solve(self, low: int, high: int, random: Random, tries: int = 12) -> list[int] | None:
        """Operands whose sum lies in ``[low, high]``, or None: none was found, or there are none.

        >>> sums = Sums((5, 3, -7), -8, 7)
        >>> sums.total(sums.solve(50, 50, Random(1)))
        50
        """
        if self.impossible(low, high) is not None:
            return None
        for attempt in range(tries):
            aim = self.approach(low, high, random if attempt else None)
            if low <= self.total(aim) <= high:
                return aim
            if self.complete:
                return _nearest(self, aim, low, high)
            taps = self._free_taps(random, attempt)
            found = self._made_up(aim, taps, low, high)
            if found is not None:
                return found
        return None

    def approach(self, low: int, high: int, random: Random | None) -> list[int]:
        """Operands that bring the sum near ``[low, high]``, every tap by its share.

        ``random``: shares differ from tap to tap, by chance.
        """
        neutral = [self.product(tap, self.neutral) for tap in range(len(self.coefficients))]
        start = sum(neutral)
        wanted = min(max(start, low), high) - start
        ends = self.ends[1 if wanted >= 0 else 0]
        room = [self.product(tap, x) - neutral[tap] for tap, x in enumerate(ends)]
        weight = [r * (random.uniform(0, 1) if random else 1) for r in room]
        total = sum(weight)
        operands, ahead = [], 0.0
        for tap, coefficient in enumerate(self.coefficients):
            if coefficient == 0 or total == 0:
                operands.append(self.neutral)
                continue
            share = neutral[tap] + wanted * (weight[tap] / total) + ahead
            x = min(max(round(share / coefficient), self.least), self.largest)
            operands.append(x)
            ahead = share - coefficient * x
        return operands

    def _free_taps(self, random: Random, attempt: int) -> list[int]:
        """The taps that make up the rest: at first the smallest coefficients, then any."""
        taps = [tap for tap, c in enumerate(self.coefficients) if c]
        if attempt == 0:
            taps.sort(key=lambda tap: abs(self.coefficients[tap]))
            return sorted(taps[:FREE_TAPS])
        return sorted(random.sample(taps, min(len(taps), FREE_TAPS)))

    def _made_up(self, aim: list[int], taps: list[int], low: int, high: int) -> list[int] | None:
        """``aim`` with some taps changed so that the sum lies in ``[low, high]``, or None."""
        fixed = self.total(aim) - sum(self.product(tap, aim[tap]) for tap in taps)
        choices = []
        for tap in taps:
            first = max(aim[tap] - FREE_REACH, self.least)
            last = min(aim[tap] + FREE_REACH, self.largest)
            choices.append(_choices(self, tap, first, last))
        found = picked(choices, [aim[tap] for tap in taps], low - fixed, high - fixed)
        if found is None:
            return None
        changed = list(aim)
        for tap, x in zip(taps, found, strict=True):
            changed[tap] = x
        return changed


def _choices(sums: Sums, tap: int, first: int, last: int) -> Choices:
    """What one tap can add."""
    return tuple(
        sorted(((x, sums.product(tap, x)) for x in range(first, last + 1)), key=lambda c: c[1])
    )


@lru_cache(maxsize=8)
def _reached(sums: Sums) -> list[int]:
    """Element i: the sums of taps i, i + 1, .., a set of bits from their least sum upward."""
    reached = [1]
    for tap in reversed(range(len(sums.coefficients))):
        reached.append(_with_tap(sums, tap, reached[-1]))
    return reached[::-1]


def _with_tap(sums: Sums, tap: int, bits: int) -> int:
    """A set of sums with one more tap."""
    count = sums.largest - sums.least + 1
    if sums.drop_bits:
        products = {sums.product(tap, x) for x in range(sums.least, sums.largest + 1)}
        return spread_by(bits, products)
    stride, have = abs(sums.coefficients[tap]), 1
    if stride == 0:
        return bits
    while have < count:
        more = min(have, count - have)
        bits |= bits << (stride * more)
        have += more
    return bits


def _nearest(sums: Sums, aim: list[int], low: int, high: int) -> list[int] | None:
    """The operands of an exact answer among all, each as near to ``aim`` as those before it
    allow."""
    least = [0]
    for tap in reversed(range(len(aim))):
        least.append(least[-1] + sums.product(tap, sums.ends[0][tap]))
    choices = [_choices(sums, tap, sums.least, sums.largest) for tap in range(len(aim))]
    return backtracked(choices, _reached(sums), least[::-1], aim, (low, high))
