"""Sets of sums as bits of one integer: bit i says that ``least + i`` is among them."""

from __future__ import annotations

Choices = tuple[tuple[int, int], ...]  # of one tap: (operand, product), ascending by product


def window_of(bits: int, low: int, high: int) -> int:
    """Bits ``low..high`` of a set of sums."""
    low, shift = max(low, 0), max(low, 0)
    return (bits >> shift) & ((1 << (high - low + 1)) - 1) if high >= low else 0


def spread_by(bits: int, products: set[int]) -> int:
    """A set of sums, each with every product added."""
    least, spread = min(products), 0
    for p in products:
        spread |= bits << (p - least)
    return spread


def picked(choices: list[Choices], aim: list[int], low: int, high: int) -> list[int] | None:
    """One choice a tap, so that they add up to ``[low, high]``; None where there are none."""
    reached, least = [1], [0]
    for choice in reversed(choices):
        reached.append(spread_by(reached[-1], {p for _, p in choice}))
        least.append(least[-1] + choice[0][1])
    return backtracked(choices, reached[::-1], least[::-1], aim, (low, high))


def backtracked(
    choices: list[Choices],
    reached: list[int],
    least: list[int],
    aim: list[int],
    window: tuple[int, int],
) -> list[int] | None:
    """One choice a tap, each as near to ``aim`` as those before it allow.

    ``reached``, ``least``: the sums of taps i, i + 1, .. and the least of them, for every i.
    """
    operands: list[int] = []
    low, high = window
    for tap, choice in enumerate(choices):
        rest = least[tap + 1]
        near = sorted(choice, key=lambda c: abs(c[0] - aim[tap]))
        fitting = (
            (x, p) for x, p in near if window_of(reached[tap + 1], low - p - rest, high - p - rest)
        )
        x, p = next(fitting, (0, None))
        if p is None:
            return None
        operands.append(x)
        low, high = low - p, high - p
    return operands
