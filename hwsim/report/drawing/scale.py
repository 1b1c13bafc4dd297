"""Axes: values to places, and the values that are written beside them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Tick = tuple[float, str]
MINUS = "\N{MINUS SIGN}"


def _same(value: float) -> float:
    return value


@dataclass(frozen=True)
class Scale:
    """An axis from ``lo`` to ``hi``; ``bend`` makes it other than linear."""

    lo: float
    hi: float
    ticks: tuple[Tick, ...] = ()
    bend: Callable[[float], float] = _same

    def share(self, value: float) -> float:
        """Where a value is, 0 at ``lo`` and 1 at ``hi``.

        >>> linear(0, 8).share(2)
        0.25
        """
        low, high = self.bend(self.lo), self.bend(self.hi)
        return (self.bend(value) - low) / (high - low)


def true_minus(text: str) -> str:
    """A number's text with a true minus."""
    return text.replace("-", MINUS)


def plain(value: float) -> str:
    """A tick's text.

    >>> [plain(value) for value in (0.1 + 0.2, 5, -2.5)]
    ['0.3', '5', '−2.5']
    """
    return true_minus(f"{value:.10g}")


def linear(
    lo: float,
    hi: float,
    *,
    most: int = 9,
    whole: bool = False,
    text: Callable[[float], str] = plain,
) -> Scale:
    """Ticks at 1, 2 or 5 times a power of ten, ``most`` of them at most.

    >>> [text for _, text in linear(-3, 10, most=4).ticks]
    ['0', '5', '10']
    """
    hi = hi if hi > lo else lo + 1
    step = 10.0 ** math.floor(math.log10((hi - lo) / most))
    step = max(step, 1.0) if whole else step
    step *= next(factor for factor in (1, 2, 5, 10, 20) if (hi - lo) / (step * factor) <= most)
    first, last = math.ceil(lo / step - 1e-9), math.floor(hi / step + 1e-9)
    ticks = [step * i for i in range(first, last + 1)]
    return Scale(lo, hi, tuple((tick, text(tick)) for tick in ticks))


def logarithmic(lo: float, hi: float, text: Callable[[float], str] = plain) -> Scale:
    """Ticks at powers of ten, and between them where those are few; ``0 < lo < hi``.

    >>> [text for _, text in logarithmic(0.7, 2000).ticks]
    ['1', '10', '100', '1000']
    >>> [text for _, text in logarithmic(2000, 5000).ticks]
    ['2000', '2500', '3000', '3500', '4000', '4500', '5000']
    """
    if hi < 8 * lo:
        return Scale(lo, hi, linear(lo, hi, most=6, text=text).ticks, math.log10)
    first, last = math.floor(math.log10(lo)), math.ceil(math.log10(hi))
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    ticks = [f * 10.0**d for d in range(first, last + 1) for f in factors]
    step = max(1, math.ceil(len(ticks) / 9))
    shown = [tick for tick in ticks if lo <= tick <= hi][::step]
    return Scale(lo, hi, tuple((tick, text(tick)) for tick in shown), math.log10)


def count_label(value: float) -> str:
    """Tick text of a count.

    >>> [count_label(value) for value in (0, 950, 1000, 2_500_000)]
    ['0', '950', '1k', '2.5M']
    """
    for factor, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:g}"
