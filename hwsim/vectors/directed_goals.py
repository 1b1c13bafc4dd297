"""What a directed input is for: goals by name, inputs that reach them, reasons why none can.

::

    accumulator.largest, .least                    every product at its end
    REGISTER.hi.inside, .at, .beyond               an exact sum one step below, at, above the limit
    REGISTER.transient.positive, .negative         lost on the way; the exact final sum fits
    tie.STAGE.positive.up, .down, .negative. ..    exactly half-way, on either side of zero
    activation.lo.beyond, .at, .inside, .hi. ..    around the activation clamp's ends
    output.lo.beyond, .at, .inside, .hi. ..        around the output format's ends
    corner.*, toggle.*                             whole rows (`directed_rows`)

``REGISTER``: ``accumulator``, ``chain`` (of a tree whose levels differ in width: ``chain_1`` ..).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple, Protocol

from hwsim.vectors.directed_stores import Stores

EVERY_OUTPUT = -1
RANGE = re.compile(r"\[(-?\d+), (-?\d+)\]")


class Hit(NamedTuple):
    """An input that reaches a goal.

    Attributes
    ----------
    goal : str
    group, n : int
        The output channel that it is for; n = EVERY_OUTPUT: all of them.
    operands : list of int
        PE operands of the K taps.
    value : int
        What the goal's sum or accumulator is: an exact sum (`accumulator`, `chain`), the
        accumulator that is requantized (`tie`, `activation`, `output`), else 0.
    """

    goal: str
    group: int
    n: int
    operands: list[int]
    value: int


class Miss(NamedTuple):
    """A goal without an input in one channel; ``proven``: no input reaches it there."""

    goal: str
    group: int
    n: int
    reason: str
    proven: bool


class Aims(Protocol):
    """What tries to reach a set of goals in one channel."""

    def __call__(self, stores: Stores, g: int, n: int, random: Random) -> list[Hit | Miss]:
        """One entry a goal."""
        ...


def merged(reasons: Sequence[str]) -> str:
    """The distinct reasons of many channels, the most frequent first, at most three; ranges
    ``[a, b]`` that differ become the range that holds them.

    >>> merged(["in [1, 2]", "in [-1, 0]", "never"])
    'in [-1, 2]; never'
    """
    texts = [RANGE.sub("[]", reason) for reason in reasons]
    ranges: dict[str, list[int]] = {text: [] for text in texts}
    for text, reason in zip(texts, reasons, strict=True):
        ranges[text] += [int(end) for pair in RANGE.findall(reason) for end in pair]
    ordered = sorted(ranges, key=lambda text: (-texts.count(text), text))
    full = [
        text.replace("[]", f"[{min(ranges[text])}, {max(ranges[text])}]") if ranges[text] else text
        for text in ordered
    ]
    return "; ".join(full[:3]) + (f"; and {len(full) - 3} more" if len(full) > 3 else "")
