"""A bin of coverage, and one run as bins are counted from it."""

from __future__ import annotations

from typing import NamedTuple

from hwsim.array.ledger import Execution
from hwsim.array.requantizer_kernel import Flags
from hwsim.array.requantizer_stages import Requantized
from hwsim.vectors.case import Run

NOT_HIT = "not hit"


class Bin(NamedTuple):
    """One corner.

    Attributes
    ----------
    group : str
        ``overflow``, ``tie``, ``clamp``, ``tile``, ``pe``, ``lane`` or ``operand``.
    name : str
        Begins with the group.
    hits : int
    proof : str or None
        Why no input reaches it; None where that is not proven.
    """

    group: str
    name: str
    hits: int
    proof: str | None

    @property
    def state(self) -> str:
        """``hit``, ``unreachable`` or ``open``.

        >>> Bin("lane", "lane.3", 0, "N = 2 leaves it empty").state
        'unreachable'
        """
        if self.hits:
            return "hit"
        return "open" if self.proof is None else "unreachable"

    @property
    def reason(self) -> str:
        """Why it has no hit; empty where it has."""
        return "" if self.hits else self.proof or NOT_HIT


class Ran(NamedTuple):
    """One run, executed.

    Attributes
    ----------
    run : Run
    execution : Execution
        Of the cycle engine, with its events.
    values : Requantized
        Its codes before activation clamp and format, and events of the requantizer.
    exact_events : bool ndarray of shape (1, G, M, N)
        The requantizer's events on the exact sums.
    """

    run: Run
    execution: Execution
    values: Requantized
    exact_events: Flags
