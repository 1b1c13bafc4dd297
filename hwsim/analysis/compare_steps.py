"""One output's requantization step by step, so that a person can redo it with a pencil.

The steps of each scheme are those of ``arith/requantize.py``, in exact numbers; the code at the end
is the requantizer's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwsim.arith.fixed_point import high_multiply
from hwsim.arith.overflow import wrap
from hwsim.arith.requantize import INT32_HI, INT32_LO, Scheme
from hwsim.arith.rounding import Rounding, shift_right
from hwsim.array.requantizer import Requantizer
from hwsim.array.requantizer_stages import narrowed

NEAREST = (Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.HALF_EVEN)


@dataclass(frozen=True)
class Step:
    """What is done, and what comes out; ``note``: a tie, and what each rule makes of it."""

    label: str
    value: int | float
    note: str = ""


def steps(requantizer: Requantizer, accumulator: int, channel: int) -> list[Step]:
    """From the accumulator to the code.

    Parameters
    ----------
    requantizer : Requantizer
    accumulator : int
        What the register holds in the end.
    channel : int
        ``g * N + n``.
    """
    one = _One(requantizer, channel)
    before, kept = [Step("accumulator", accumulator)], accumulator
    narrow = requantizer.narrow
    if narrow is not None:
        kept = int(narrowed(np.array([accumulator]), narrow)[0][0])
        how = f"{narrow.rounding}, {narrow.overflow} at {narrow.bits} bits"
        before.append(Step(f"/ 2^{narrow.shift}, {how}", kept))
    return [
        *before,
        *SCHEMES.get(requantizer.scheme, _other)(one, kept),
        Step(f"code (zero point {requantizer.zero_point})", one.code(accumulator)),
    ]


class _One:
    """A requantizer's numbers for one channel."""

    def __init__(self, requantizer: Requantizer, channel: int) -> None:
        self.requantizer, self.channel = requantizer, channel
        self.multiplier = int(requantizer.multiplier[channel])
        self.shift = int(requantizer.shift[channel])
        self.factor = float(requantizer.factor[channel])
        self.reals = [float(value) for value in requantizer.reals[:, channel]]
        in_tail = channel >= requantizer.tail
        self.rounding = requantizer.tail_rounding if in_tail else requantizer.rounding

    def code(self, accumulator: int) -> int:
        """What the requantizer itself gives."""
        shape = (1, 1, 1, self.requantizer.multiplier.size)
        codes = self.requantizer.apply(np.full(shape, accumulator, np.int64)).codes
        return int(codes[0, 0, 0, self.channel])


def shifted(value: int, shift: int, rounding: int) -> Step:
    """A rounding shift to the right, with a note where exactly half a unit is dropped.

    >>> shifted(-6, 2, Rounding.HALF_AWAY)
    Step(label='/ 2^2, half_away', value=-2, note='a tie: half_up -1, half_away -2, half_even -2')
    """
    name = Rounding(rounding).name.lower()
    if shift <= 0:
        return Step(f"* 2^{-shift}, exact", value << -shift)
    if rounding == Rounding.STOCHASTIC:
        return Step(f"/ 2^{shift}, before {name}", value / 2**shift)
    result = int(shift_right(value, shift, rounding))
    tie = value & ((1 << shift) - 1) == 1 << (shift - 1)
    return Step(f"/ 2^{shift}, {name}", result, _each_rule(value, shift) if tie else "")


def _each_rule(value: int, shift: int) -> str:
    """What the rules to the nearest make of a tie."""
    results = {r.name.lower(): int(shift_right(value, shift, r)) for r in NEAREST}
    if len(set(results.values())) == 1:
        return f"a tie: {next(iter(results.values()))} by {', '.join(results)} alike"
    return "a tie: " + ", ".join(f"{name} {result}" for name, result in results.items())


def _double(one: _One, acc: int) -> list[Step]:
    left, right = max(31 - one.shift, 0), max(one.shift - 31, 0)
    kept = int(wrap(acc << left, INT32_LO, INT32_HI))
    high = int(high_multiply(kept, one.multiplier))
    found = [Step(f"* 2^{left} in 32 bits", kept)] if left else []
    found.append(Step(f"* {one.multiplier} / 2^31, half_up", high))
    return [*found, shifted(high, right, one.rounding)] if right else found


def _single(one: _One, acc: int) -> list[Step]:
    scaled = acc * one.multiplier
    return [Step(f"* {one.multiplier}", scaled), shifted(scaled, one.shift, one.rounding)]


def _reduced(one: _One, acc: int) -> list[Step]:
    scaled = acc * one.multiplier
    label = f"* {one.multiplier} (15 bits)"
    return [Step(label, scaled), shifted(scaled, one.shift, Rounding.HALF_UP)]


def _shift_only(one: _One, acc: int) -> list[Step]:
    return [shifted(acc, one.shift, one.rounding)]


def _with_addend(one: _One, acc: int) -> list[Step]:
    add = int(one.requantizer.add[one.channel])
    scaled = acc * one.multiplier + add
    label = f"* {one.multiplier} + {add}"
    return [Step(label, scaled), shifted(scaled, one.shift, one.rounding)]


def _float32(one: _One, acc: int) -> list[Step]:
    product = np.float32(acc) * np.float32(one.factor)
    label = f"* {np.float32(one.factor)!s} in float32"
    return [Step(label, float(product)), _nearest(float(product), Rounding.HALF_EVEN)]


def _float64(one: _One, acc: int) -> list[Step]:
    product = float(acc) * one.factor
    label = f"* {one.factor!r} in float64"
    return [Step(label, product), _nearest(product, Rounding.HALF_AWAY)]


def _float32_bias(one: _One, acc: int) -> list[Step]:
    factor, bias = (np.float32(value) for value in one.reals[:2])
    total = np.float32(acc) + bias
    product = float(total * factor)
    return [
        Step(f"+ bias {bias!s} in float32", float(total)),
        Step(f"* {factor!s} in float32", product),
        _nearest(product, Rounding.HALF_EVEN),
    ]


def _dequantized(one: _One, acc: int) -> list[Step]:
    unit, weight, bias, scale = (np.float32(value) for value in one.reals[:4])
    real = np.float32(acc) * unit * weight + bias
    code = float(real * scale + np.float32(one.requantizer.zero_point))
    return [
        Step(f"* {unit!s} * {weight!s} + bias {bias!s} in float32", float(real)),
        Step(f"* {scale!s} + zero point in float32", code),
        _nearest(code, Rounding.HALF_EVEN),
    ]


def _nearest(value: float, rounding: Rounding) -> Step:
    """A real number rounded to an integer; far values are what saturates later.

    >>> _nearest(2.5, Rounding.HALF_EVEN).note
    'a tie: half_up 3, half_away 3, half_even 2'
    """
    label = f"to an integer, {rounding.name.lower()}"
    held = min(max(value, -(2.0**60)), 2.0**60)
    if held % 1 != 0.5:
        return Step(label, round(held))
    step = shifted(int(held * 2), 1, rounding)
    return Step(label, step.value, step.note)


def _other(one: _One, acc: int) -> list[Step]:
    """A scheme without steps of its own here: its factor."""
    name = one.requantizer.scheme.name.lower()
    return [Step(f"* {one.factor!r} by {name}", acc * one.factor)]


SCHEMES: dict[Scheme, Callable[[_One, int], list[Step]]] = {
    Scheme.MULTIPLIER_SHIFT_DOUBLE: _double,
    Scheme.MULTIPLIER_SHIFT: _single,
    Scheme.REDUCED_16: _reduced,
    Scheme.SHIFT_ONLY: _shift_only,
    Scheme.MULTIPLY_ADD_SHIFT: _with_addend,
    Scheme.FLOAT32: _float32,
    Scheme.FLOAT64: _float64,
    Scheme.FLOAT32_BIAS: _float32_bias,
    Scheme.FLOAT32_DEQUANTIZED: _dequantized,
    Scheme.FIXED_FRACTION: _single,
}
