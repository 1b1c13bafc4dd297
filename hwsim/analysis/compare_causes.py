"""What a difference between two tensors looks like: its likely cause, from the codes alone.

Each pattern is a function of both tensors that either explains **every** difference or says
nothing; the first that explains is named, the most specific ones first. What the layer's sums add
to this stands in ``compare_layer.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from math import gcd

import numpy as np

from hwsim.arith.formats import IntFormat
from hwsim.array.gemm import Ints

FEWEST = 3  # values that must agree before a pattern is believed


@dataclass(frozen=True)
class Cause:
    """``kind``: one word; ``text``: the sentence with its numbers."""

    kind: str
    text: str


Pattern = Callable[[Ints, Ints, IntFormat], Cause | None]


def layout(ours: Ints, theirs: Ints, form: IntFormat) -> Cause | None:
    """The same values with the axes of a sample in another order.

    >>> image = np.arange(12).reshape(1, 2, 2, 3)
    >>> layout(image, image.transpose(0, 3, 1, 2).reshape(image.shape), IntFormat(8)).text
    'layout: the values are ours stored with axes in the order (2, 0, 1)'
    """
    shape, axes = ours.shape[1:], ours.ndim - 1
    if not 2 <= axes <= 4:
        return None
    for order in permutations(range(axes)):
        stored = tuple(shape[axis] for axis in order)
        back = [0, *(1 + order.index(axis) for axis in range(axes))]
        if order != tuple(range(axes)) and np.array_equal(
            theirs.reshape(-1, *stored).transpose(back), ours
        ):
            text = f"layout: the values are ours stored with axes in the order {order}"
            return Cause("layout", text)
    return None


def zero_point(ours: Ints, theirs: Ints, form: IntFormat) -> Cause | None:
    """Every code shifted by the same number, as far as the format reaches.

    >>> zero_point(np.array([[1, 126, -5, 0]]), np.array([[4, 127, -2, 3]]), IntFormat(8)).text
    'zero point: every code is shifted by 3'
    """
    shift = _shift(ours, theirs, form)
    if shift is None:
        return None
    note = "; unsigned codes of a signed tensor" if abs(shift) == 1 << (form.bits - 1) else ""
    return Cause("zero point", f"zero point: every code is shifted by {shift}{note}")


def _shift(ours: Ints, theirs: Ints, form: IntFormat) -> int | None:
    """``d != 0`` with ``theirs == saturate(ours + d)`` or ``theirs == ours + d``, or None."""
    shifts, counts = np.unique(theirs - ours, return_counts=True)
    shift = int(shifts[counts.argmax()])
    if shift == 0 or counts.max() < min(FEWEST, ours.size):
        return None
    moved = ours + shift
    kept = np.clip(moved, form.lo, form.hi)
    return shift if np.array_equal(theirs, moved) or np.array_equal(theirs, kept) else None


def bias(ours: Ints, theirs: Ints, form: IntFormat) -> Cause | None:
    """Some channels (the last axis) shifted, each by a number of its own; the others equal.

    >>> a = np.arange(12).reshape(1, 4, 3)
    >>> bias(a, a + [0, 7, 0], IntFormat(8)).text
    'bias: channel 1 is shifted by 7'
    """
    a, b = ours.reshape(-1, ours.shape[-1]), theirs.reshape(-1, ours.shape[-1])
    channels = np.flatnonzero((a != b).any(axis=0))
    if len(a) < FEWEST or not channels.size:
        return None
    shifts = {int(c): _shift(a[:, c], b[:, c], form) for c in channels}
    if None in shifts.values():
        return None
    shown = ", ".join(f"channel {c} is shifted by {d}" for c, d in list(shifts.items())[:4])
    more = f" and {len(shifts) - 4} more" if len(shifts) > 4 else ""
    return Cause("bias", f"bias: {shown}{more}")


def clamp(ours: Ints, theirs: Ints, form: IntFormat) -> Cause | None:
    """One side is the other within narrower limits: an activation, a saturation.

    >>> clamp(np.array([[-9, -3, 4, 90]]), np.array([[0, 0, 4, 90]]), IntFormat(8)).text
    'clamp: theirs are ours held in [0, 90]'
    """
    for held, free, words in ((theirs, ours, "theirs are ours"), (ours, theirs, "ours are theirs")):
        lo, hi = int(held.min()), int(held.max())
        moved = held[held != free]
        if np.array_equal(held, np.clip(free, lo, hi)) and moved.size >= 2:
            limit = " (the limit of the format)" if (lo, hi) == (form.lo, form.hi) else ""
            return Cause("clamp", f"clamp: {words} held in [{lo}, {hi}]{limit}")
    return None


def wrap(ours: Ints, theirs: Ints, form: IntFormat) -> Cause | None:
    """Every difference a multiple of the same large power of two: lost upper bits.

    >>> wrap(np.array([[300, 5, -700]]), np.array([[44, 5, 68]]), IntFormat(16)).text
    'wrap: every difference is a multiple of 256: a register of 8 bits'
    """
    different = (theirs - ours)[theirs != ours]
    common = gcd(*map(int, np.unique(different)))
    bits = (common & -common).bit_length() - 1
    if bits < 3 or different.size < 2:
        return None
    text = f"wrap: every difference is a multiple of {1 << bits}: a register of {bits} bits"
    return Cause("wrap", text)


def stuck_bit(ours: Ints, theirs: Ints, form: IntFormat) -> Cause | None:
    """All codes that differ do so in the same single bit, and theirs have it the same everywhere.

    >>> stuck_bit(np.array([[0, 5, 8, 3]]), np.array([[4, 5, 12, 7]]), IntFormat(8)).text
    'stuck bit: bit 2 of every code is 1'
    """
    changed = np.unique(ours ^ theirs)
    changed = changed[changed != 0]
    if changed.size != 1 or changed[0] <= 0 or changed[0] & (changed[0] - 1):
        return None
    held = np.unique(theirs & changed[0])
    if held.size != 1 or np.count_nonzero(ours != theirs) < FEWEST:
        return None
    bit = int(changed[0]).bit_length() - 1
    return Cause("stuck bit", f"stuck bit: bit {bit} of every code is {int(held[0] != 0)}")


def one_lsb(ours: Ints, theirs: Ints, form: IntFormat) -> Cause | None:
    """No code is off by more than one: a rounding rule.

    >>> one_lsb(np.array([[1, 2, 3]]), np.array([[1, 3, 3]]), IntFormat(8)).text
    'rounding: off by one LSB at 1 of 3, always up'
    """
    difference = theirs - ours
    if np.abs(difference).max() > 1:
        return None
    up, down = int(np.count_nonzero(difference > 0)), int(np.count_nonzero(difference < 0))
    way = "always up" if not down else "always down" if not up else f"{up} up, {down} down"
    text = f"rounding: off by one LSB at {up + down} of {difference.size}, {way}"
    return Cause("rounding", text)


PATTERNS: tuple[Pattern, ...] = (layout, zero_point, bias, stuck_bit, clamp, wrap, one_lsb)


def likely_cause(ours: Ints, theirs: Ints, form: IntFormat) -> Cause:
    """The first pattern that explains every difference.

    Parameters
    ----------
    ours, theirs : int64 ndarray of shape (S, ..., channels)
        Not equal.
    form : IntFormat
        Of the tensor.
    """
    assert not np.array_equal(ours, theirs)
    for pattern in PATTERNS:
        cause = pattern(ours, theirs, form)
        if cause is not None:
            return cause
    count = int(np.count_nonzero(ours != theirs))
    return Cause("unknown", f"no simple pattern explains the {count} differences")
